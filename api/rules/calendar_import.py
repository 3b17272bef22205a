"""An administrator's holiday file 放假安排: csv with 日期,类型,名称, whole years, faults told by line."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import StringIO

from api.rules.calendar import DayKind, SpecialDay, WorkingCalendar, arrangement_year

FESTIVALS = ("元旦", "春节", "清明", "劳动节", "端午", "中秋", "国庆")
"""A year is known when each is named; one row may name two (国庆节、中秋节)."""

_HEADS = (["date", "kind", "name"], ["日期", "类型", "名称"])
_KINDS = {
    "holiday": DayKind.holiday,
    "放假": DayKind.holiday,
    "节假日": DayKind.holiday,
    "makeup": DayKind.makeup,
    "上班": DayKind.makeup,
    "调休上班": DayKind.makeup,
}
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", re.ASCII)
_WEEKDAYS = "一二三四五六日"
_NAME_LENGTH = 20
_MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in `line` of the file (the head is line 1)."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"第 {self.line} 行：{self.text}"


@dataclass(frozen=True, slots=True)
class CalendarImport:
    """The days of a file and its faults. Only a file without faults may become a version."""

    days: dict[date, SpecialDay]
    faults: tuple[Fault, ...]

    @property
    def years(self) -> list[int]:
        """The years whose arrangements it states."""
        return sorted({arrangement_year(day, special) for day, special in self.days.items()})


def parse_calendar(text: str, calendar: WorkingCalendar) -> CalendarImport:
    """Read a csv with the head `date,kind,name` (or 日期,类型,名称), one named day a row.

    `date` is 2027-01-01 or 2027/1/1, `kind` holiday / 放假 or makeup / 上班. A file states whole years: each year
    in it replaces what `calendar` knew of that year, and must join its known years.
    """
    days: dict[date, SpecialDay] = {}
    lines: dict[date, int] = {}
    faults: list[Fault] = []
    rows = csv.reader(StringIO(text.removeprefix("\ufeff")))
    try:
        head = [cell.strip().lower() for cell in next(rows, [])]
        if head not in _HEADS:
            return CalendarImport({}, (Fault(1, "第一行应为表头：日期,类型,名称"),))
        for row in rows:
            line = rows.line_num
            if len(faults) >= _MOST_FAULTS:
                faults.append(Fault(line, "错误太多，此行起未再检查"))
                break
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            day, special, wrong = _read(cells)
            faults += [Fault(line, what) for what in wrong]
            if day is None:
                continue
            if day in lines:
                faults.append(Fault(line, f"{day} 在第 {lines[day]} 行已经列出"))
                continue
            lines[day] = line
            if special is not None:
                days[day] = special
    except csv.Error:
        faults.append(Fault(rows.line_num, "不是有效的 CSV 内容"))
    if not days and not faults:
        faults.append(Fault(1, "文件中没有任何日期"))
    if not faults:  # a year that lacks days because a row was refused would only be told twice
        faults += _year_faults(days, lines, calendar)
    return CalendarImport(days, tuple(faults))


def _read(cells: list[str]) -> tuple[date | None, SpecialDay | None, list[str]]:
    if len(cells) != 3:
        return None, None, [f"应有 3 列（日期、类型、名称），实有 {len(cells)} 列"]
    wrong = []
    day = _date(cells[0])
    if day is None:
        wrong.append(f"日期“{cells[0]}”不存在或格式不对，应如 2027-01-01")
    kind = _KINDS.get(cells[1].lower())
    if kind is None:
        wrong.append(f"类型“{cells[1]}”不认识，应为“放假”或“上班”")
    if not cells[2]:
        wrong.append("缺少节日名称")
    elif len(cells[2]) > _NAME_LENGTH:
        wrong.append(f"节日名称不能超过 {_NAME_LENGTH} 个字")
    if day is not None and kind is DayKind.makeup and day.weekday() < 5:
        wrong.append(f"{day} 是星期{_WEEKDAYS[day.weekday()]}，本来就上班，不能列为调休上班")
    if wrong or kind is None:
        return day, None, wrong
    return day, SpecialDay(kind, cells[2]), []


def _date(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _year_faults(
    days: dict[date, SpecialDay], lines: dict[date, int], calendar: WorkingCalendar
) -> Iterator[Fault]:
    named: dict[int, list[str]] = {}
    first: dict[int, int] = {}
    for day, special in days.items():
        year = arrangement_year(day, special)
        first[year] = min(first.get(year, lines[day]), lines[day])
        if special.kind is DayKind.holiday:
            named.setdefault(year, []).append(special.name)
    for year in sorted(first):
        names = "、".join(named.get(year, []))
        if missing := [festival for festival in FESTIVALS if festival not in names]:
            yield Fault(first[year], f"{year} 年的安排不完整，缺少放假：{'、'.join(missing)}")
    if gap := calendar.missing_years(first):
        years = f"{gap[0]} 年" if len(gap) == 1 else f"{gap[0]} 至 {gap[-1]} 年"
        yield Fault(min(first.values()), f"与已有日历之间缺少 {years}的安排，请一并导入")
