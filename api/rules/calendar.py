"""Which days are worked, and when: statutory holidays 法定节假日, make-up workdays 调休上班, opening hours.

A calendar is a versioned value. Days it does not name are worked Monday to Friday; outside its known years
that is only an assumption, and whatever rests on it is provisional.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from api.kit.clock import CHINA

K = TypeVar("K")
V = TypeVar("V")

Run = tuple[datetime, datetime]
"""A stretch of open time [start, end), both aware UTC."""

WARN_DAYS = 60
"""The next year's arrangement is published about this long before the year ends (early November)."""

_CACHED_DAYS = 4096
_DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"(\d{1,2}):(\d{2})[-–—~](\d{1,2}):(\d{2})")


class DayKind(StrEnum):
    """日期类别"""

    workday = "workday"
    weekend = "weekend"
    holiday = "holiday"
    makeup = "makeup"


KIND_TITLES: dict[DayKind, str] = {
    DayKind.workday: "工作日",
    DayKind.weekend: "周末",
    DayKind.holiday: "节假日放假",
    DayKind.makeup: "调休上班",
}


class SpecialDay(NamedTuple):
    """A day named by an arrangement: off (`holiday`) or worked though a weekend (`makeup`), and for what."""

    kind: DayKind
    name: str


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours 办公时间 on the wall clock, the same each open day: minutes after midnight, in order.

    `Hours(((540, 720), (840, 1080)))` is 09:00-12:00 and 14:00-18:00; 1440 is 24:00. Night hours are written
    as two spans. Raises ValueError (in Chinese: an administrator typed them) when empty, crossed or out of order.
    """

    spans: tuple[tuple[int, int], ...]
    length: timedelta = field(init=False, repr=False, compare=False)
    """Open time of one day."""
    _offsets: tuple[tuple[timedelta, timedelta], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        before = 0
        for opens, closes in self.spans:
            if not before <= opens < closes <= _DAY_MINUTES:
                raise ValueError("营业时间须按先后排列、互不重叠，且在 00:00 至 24:00 之间")
            before = closes
        if not self.spans:
            raise ValueError("营业时间不能为空")
        offsets = tuple((timedelta(minutes=opens), timedelta(minutes=closes)) for opens, closes in self.spans)
        object.__setattr__(self, "_offsets", offsets)
        object.__setattr__(self, "length", sum((closes - opens for opens, closes in offsets), timedelta()))

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """From `09:00-12:00,14:00-18:00`, as settings and forms write it; ValueError in Chinese."""
        spans = []
        for part in re.split(r"[,，、\s]+", text.strip()):
            match = _SPAN.fullmatch(part)
            if match is None or int(match[2]) > 59 or int(match[4]) > 59:
                raise ValueError("营业时间应写作 09:00-12:00,14:00-18:00")
            hour, minute, last_hour, last_minute = map(int, match.groups())
            spans.append((hour * 60 + minute, last_hour * 60 + last_minute))
        return cls(tuple(spans))

    def __str__(self) -> str:
        return ",".join(
            f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
            for opens, closes in self.spans
        )

    def on(self, day: date) -> tuple[Run, ...]:
        """The open stretches of the local `day`, in UTC. China has kept one offset since 1991."""
        midnight = datetime.combine(day, time.min, CHINA).astimezone(UTC)
        return tuple((midnight + opens, midnight + closes) for opens, closes in self._offsets)


OFFICE_HOURS = Hours.parse("09:00-12:00,14:00-18:00")
"""A community's office: the hours of government counters in Nanjing; seven hours, like 8:30-12:00, 14:00-17:30."""

SERVICE_HOURS = Hours.parse("08:00-20:00")
"""A property company's service desk, every day of the year: twelve hours, our default; each company sets its own."""


@dataclass(frozen=True)
class WorkingCalendar:
    """工作日历: the named days of the years `known_from`…`known_through`, and two sets of opening hours.

    Both ends are whole years. `with_hours` gives a unit its own hours under the same version of days.
    """

    version: int
    exceptions: Mapping[date, SpecialDay]
    known_from: date
    known_through: date
    office_hours: Hours = OFFICE_HOURS
    service_hours: Hours = SERVICE_HOURS
    _office: dict[date, tuple[Run, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _service: dict[date, tuple[Run, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _terms: dict[Hashable, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if (self.known_from.month, self.known_from.day) != (1, 1) or (
            self.known_through.month,
            self.known_through.day,
        ) != (12, 31):
            raise ValueError("a calendar knows whole years")
        if self.known_from > self.known_through:
            raise ValueError("a calendar knows at least one year")
        for day, special in self.exceptions.items():
            if special.kind not in (DayKind.holiday, DayKind.makeup):
                raise ValueError(f"{day} is named as {special.kind}: only holidays and make-up days are")
            if special.kind is DayKind.makeup and day.weekday() < 5:
                raise ValueError(f"{day} is worked anyway and cannot be a make-up day")
            if not self.known_from.year <= arrangement_year(day, special) <= self.known_through.year:
                raise ValueError(f"{day} belongs to the arrangement of an unknown year")
        object.__setattr__(self, "exceptions", MappingProxyType(dict(self.exceptions)))

    def kind(self, day: date) -> DayKind:
        special = self.exceptions.get(day)
        if special is not None:
            return special.kind
        return DayKind.workday if day.weekday() < 5 else DayKind.weekend

    def name(self, day: date) -> str:
        """The holiday `day` belongs to or makes up for, or an empty text."""
        special = self.exceptions.get(day)
        return special.name if special is not None else ""

    def is_workday(self, day: date) -> bool:
        return self.kind(day) in (DayKind.workday, DayKind.makeup)

    def is_provisional(self, day: date) -> bool:
        """True where no arrangement is known and Monday to Friday is assumed 暂按周一至周五."""
        return not self.known_from <= day <= self.known_through

    def office_runs(self, day: date) -> tuple[Run, ...]:
        """When the office is open on `day`; nothing on a day off."""
        runs = self._office.get(day)
        if runs is None:
            runs = self.office_hours.on(day) if self.is_workday(day) else ()
            _remember(self._office, day, runs)
        return runs

    def service_runs(self, day: date) -> tuple[Run, ...]:
        """When the service desk is open on `day`: every day."""
        runs = self._service.get(day)
        if runs is None:
            runs = self.service_hours.on(day)
            _remember(self._service, day, runs)
        return runs

    def remembered(self, key: Hashable, work_out: Callable[[], V]) -> V:
        """What follows from this calendar and `key` alone, worked out once."""
        found: V | None = self._terms.get(key)
        if found is None:
            found = work_out()
            _remember(self._terms, key, found)
        return found

    def with_hours(self, *, office: Hours | None = None, service: Hours | None = None) -> "WorkingCalendar":
        """The same days under a unit's own hours. Keep the value: it remembers the days it worked out."""
        return replace(
            self, office_hours=office or self.office_hours, service_hours=service or self.service_hours
        )

    def with_years(self, version: int, days: Mapping[date, SpecialDay]) -> "WorkingCalendar":
        """A new version in which the arrangement of each year that `days` names is replaced as a whole.

        Raises ValueError for a version that is not newer, or for years that leave a gap to the known ones.
        """
        if version <= self.version:
            raise ValueError(f"version {version} is not newer than {self.version}")
        years = {arrangement_year(day, special) for day, special in days.items()}
        if self.missing_years(years):
            raise ValueError("years are missing between the known ones and the new ones")
        kept = {
            d: special for d, special in self.exceptions.items() if arrangement_year(d, special) not in years
        }
        return replace(
            self,
            version=version,
            exceptions=kept | dict(days),
            known_from=date(min(self.known_from.year, *years), 1, 1),
            known_through=date(max(self.known_through.year, *years), 12, 31),
        )

    def missing_years(self, years: Iterable[int]) -> list[int]:
        """The years that would stay unknown between the known ones and `years`."""
        known = set(range(self.known_from.year, self.known_through.year + 1)) | set(years)
        return [year for year in range(min(known), max(known)) if year not in known]


def arrangement_year(day: date, special: SpecialDay) -> int:
    """The year whose arrangement names `day`: the last days of December may belong to the next 元旦."""
    return day.year + 1 if day.month == 12 and "元旦" in special.name else day.year


def provisional_warning(calendar: WorkingCalendar, today: date) -> str | None:
    """What an administrator must be told in the last 60 days of the known years, and after them."""
    left = (calendar.known_through - today).days
    if left > WARN_DAYS:
        return None
    last, coming = calendar.known_through, calendar.known_through.year + 1
    ask = f"请导入国务院办公厅公布的 {coming} 年放假安排"
    if left < 0:
        return f"工作日历只到 {last:%Y-%m-%d}，已经用完：期限正暂按周一至周五计算，不含节假日和调休。{ask}。"
    return f"工作日历只到 {last:%Y-%m-%d}，还剩 {left} 天：此后的期限暂按周一至周五计算，不含节假日和调休。{ask}。"


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= _CACHED_DAYS:
        cache.clear()
    cache[key] = value
