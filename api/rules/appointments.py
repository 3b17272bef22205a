"""预约接待: the life-cycle of an appointment with a secretary, and the slots that office hours are cut into."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from api.kit.clock import CHINA
from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.calendar import DayKind, WorkingCalendar

AHEAD_DAYS = 28
"""How far ahead slots are open."""
BOOKINGS_ALLOWED = 2
"""Live appointments of one person with one secretary: no one takes a whole morning."""


class AppointmentState(StrEnum):
    """预约状态"""

    requested = "requested"
    proposed = "proposed"
    confirmed = "confirmed"
    accepted = "accepted"
    met = "met"
    no_show = "no_show"
    cancelled = "cancelled"


APPOINTMENT_TITLES: dict[AppointmentState, str] = {
    AppointmentState.requested: "待确认",
    AppointmentState.proposed: "已另约时间",
    AppointmentState.confirmed: "已确认",
    AppointmentState.accepted: "已接受另约",
    AppointmentState.met: "已接待",
    AppointmentState.no_show: "未到",
    AppointmentState.cancelled: "已取消",
}

LIVE: tuple[AppointmentState, ...] = (
    AppointmentState.requested,
    AppointmentState.proposed,
    AppointmentState.confirmed,
    AppointmentState.accepted,
)
"""In these it holds its slot."""


class AppointmentMove(StrEnum):
    """预约上的操作"""

    confirm = "confirm"
    propose = "propose"
    accept = "accept"
    meet = "meet"
    miss = "miss"
    cancel = "cancel"
    expire = "expire"


class AppointmentStanding(StrEnum):
    """What a person is to an appointment. 与预约的关系"""

    visitor = "visitor"
    secretary = "secretary"
    delegate = "delegate"
    system = "system"


APPOINTMENT_STANDING_TITLES: dict[AppointmentStanding, str] = {
    AppointmentStanding.visitor: "预约人",
    AppointmentStanding.secretary: "书记本人",
    AppointmentStanding.delegate: "书记的代理人",
    AppointmentStanding.system: "系统",
}


class AppointmentClock(StrEnum):
    """预约上的期限：确认或另约、接受另约"""

    reply = "reply"
    accepting = "accepting"


class SlotTaken(Problem):
    status, code, title = 409, "slot_taken", "这个时段已被预约"
    advice = "请另选一个时段。"


class SlotPast(Problem):
    status, code, title = 409, "slot_past", "这个时段已经开始"


class SlotAhead(Problem):
    status, code, title = 409, "slot_ahead", "接待时间还没有到"


class BookedEnough(Problem):
    status, code, title = 409, "booked_enough", "与这位书记的预约已达上限"
    advice = "请先完成或取消已有的预约。"


@dataclass(frozen=True, slots=True)
class AppointmentFacts:
    """What the guards look at."""

    begun: bool
    """The slot it stands on has begun."""


def _not_begun(facts: AppointmentFacts) -> Problem | None:
    return SlotPast() if facts.begun else None


def _begun(facts: AppointmentFacts) -> Problem | None:
    return None if facts.begun else SlotAhead()


_S = AppointmentState
_BY = AppointmentStanding
_OFFICE = frozenset({_BY.secretary, _BY.delegate})

APPOINTMENTS: Lifecycle[AppointmentState, AppointmentStanding, AppointmentFacts] = Lifecycle(
    "appointment",
    "预约接待",
    AppointmentState.requested,
    [
        Move(AppointmentMove.confirm, "确认", (_S.requested,), _S.confirmed, _OFFICE, _not_begun,
             note="1 个工作日内确认或另约，逾期升级"),
        Move(AppointmentMove.propose, "另约时间", (_S.requested, _S.confirmed, _S.accepted), _S.proposed, _OFFICE,
             note="换到另一个空闲时段，原时段即刻放开；预约人 1 个工作日内接受，否则取消"),
        Move(AppointmentMove.accept, "接受另约", (_S.proposed,), _S.accepted, frozenset({_BY.visitor}), _not_begun),
        Move(AppointmentMove.meet, "已接待", (_S.confirmed, _S.accepted), _S.met, _OFFICE, _begun),
        Move(AppointmentMove.miss, "未到", (_S.confirmed, _S.accepted), _S.no_show, _OFFICE, _begun),
        Move(AppointmentMove.cancel, "取消", LIVE, _S.cancelled, frozenset({_BY.visitor, _BY.secretary, _BY.delegate}),
             note="书记方取消须说明原因"),
        Move(AppointmentMove.expire, "逾期未接受", (_S.proposed,), _S.cancelled, frozenset({_BY.system})),
    ],
)  # fmt: skip


class Stretch(NamedTuple):
    """One recurring stretch of office hours, as its row has it."""

    id: UUID
    place_id: UUID
    weekday: int
    opens: int
    closes: int
    minutes: int
    since: date
    until: date | None


class Slot(NamedTuple):
    """时段: [starts_at, ends_at), UTC. Its id follows from the stretch and the moment, the same each time."""

    id: UUID
    place_id: UUID
    starts_at: datetime
    ends_at: datetime


def slots(
    stretches: Iterable[Stretch], calendar: WorkingCalendar, now: datetime, days: int = AHEAD_DAYS
) -> list[Slot]:
    """The slots that begin after `now` within `days` local days, in order; none on statutory holidays."""
    today = now.astimezone(CHINA).date()
    found: dict[datetime, Slot] = {}
    for stretch in sorted(stretches):
        for day in (today + timedelta(days=n) for n in range(days)):
            if day.isoweekday() != stretch.weekday or calendar.kind(day) is DayKind.holiday:
                continue
            if day < stretch.since or (stretch.until is not None and day > stretch.until):
                continue
            for slot in _cut(stretch, day):
                if slot.starts_at > now:
                    found.setdefault(slot.starts_at, slot)
    return [found[start] for start in sorted(found)]


def _cut(stretch: Stretch, day: date) -> Iterator[Slot]:
    midnight = datetime.combine(day, time.min, CHINA).astimezone(UTC)
    length = timedelta(minutes=stretch.minutes)
    for minute in range(stretch.opens, stretch.closes - stretch.minutes + 1, stretch.minutes):
        starts = midnight + timedelta(minutes=minute)
        yield Slot(uuid5(stretch.id, starts.isoformat()), stretch.place_id, starts, starts + length)
