"""志愿活动 and seats 名额: their life-cycles, clocks and what time means in them. Source: lifecycles, chapter C."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.activity_words import (
    ActivityClock,
    ActivityMove,
    ActivityStanding,
    ActivityState,
    AddingMove,
    AddingStanding,
    AddingState,
    Every,
    SeatMove,
    SeatStanding,
    SeatState,
)
from api.rules.clocks import Limit, hours, minutes, natural_days
from api.rules.content import ContentState

MOST_SEATS, MOST_WAITING, MOST_REPEATS = 500, 500, 52
LONGEST = timedelta(hours=24)
"""Of one activity; what goes on for days is a series."""
LATE = timedelta(hours=24)
"""Who cancels a confirmed seat so shortly before the start cancels late."""
STRIKES_ALLOWED, STRIKES_DAYS, SUSPENDED_DAYS = 3, 90, 30
"""No-shows and late cancellations that keep somebody from signing up, within how long, and for how long."""
OPENS_BEFORE = CLOSES_AFTER = timedelta(hours=2)
"""Of checking in and out, around the activity."""
PAIRS_A_DAY = 3
"""Check-in and check-out, a seat and day."""
RADIUS_M = 500
PUBLICITY: Limit = natural_days(3)
"""公示 of the minutes before they count."""
ANSWER, ANSWER_SOON = hours(12), hours(1)
"""How long a freed seat is kept for the next of the waiting list; less on the activity's last day."""


class ActivityOver(Problem):
    status, code, title = 409, "activity_over", "活动已开始或已结束"


class ActivityFull(Problem):
    status, code, title = 409, "activity_full", "名额和候补都已满"


class ActivityNotReady(Problem):
    status, code, title = 409, "activity_not_ready", "活动内容还没有通过审核"


class AlreadySignedUp(Problem):
    status, code, title = 409, "already_signed_up", "您已报过名"


class DoubleBooked(Problem):
    status, code, title = 409, "double_booked", "您在同一时间已有别的活动"
    advice = "先取消时间重叠的另一个活动，再报名这个。"


class NotEligible(Problem):
    status, code, title = 403, "not_eligible", "您还不符合这个活动的要求"
    advice = "lacking 列出还差什么；在志愿者登记中补充并经社区核实后再报名。"


class SignUpSuspended(Problem):
    status, code, title = 409, "sign_up_suspended", "您暂时不能报名"
    advice = "90 天内 3 次未到场或临期取消，30 天内不能报名；情有可原的请组织者核销。"


class CheckinClosed(Problem):
    status, code, title = 409, "checkin_closed", "不在签到时间内"
    advice = "活动开始前 2 小时至结束后 2 小时可以签到、签退。"


class CheckinsSpent(Problem):
    status, code, title = 409, "checkins_spent", "今天的签到次数已用完"


class OwnSeat(Problem):
    status, code, title = 403, "own_seat", "不能处理自己的名额"


class OwnHours(Problem):
    status, code, title = 403, "own_hours", "不能补录或复核自己的时长，复核人也不能是提出人"


@dataclass(frozen=True, slots=True)
class ActivityFacts:
    """What the guards of an activity look at."""

    content: ContentState = ContentState.pending
    begun: bool = False


@dataclass(frozen=True, slots=True)
class SeatFacts:
    """What the guards of a seat look at."""

    begun: bool = False
    late: bool = False
    """Less than LATE to the start."""
    open: bool = False
    """Checking in and out is possible now."""
    pairs_today: int = 0
    own: bool = False
    """The actor's own seat."""


_A, _AB, _AM = ActivityState, ActivityStanding, ActivityMove


def _may_publish(facts: ActivityFacts) -> Problem | None:
    if facts.begun:
        return ActivityOver()
    return None if facts.content is ContentState.passed else ActivityNotReady()


def _not_begun(facts: ActivityFacts) -> Problem | None:
    return ActivityOver() if facts.begun else None


ACTIVITIES: Lifecycle[ActivityState, ActivityStanding, ActivityFacts] = Lifecycle(
    "activity",
    "志愿活动",
    _A.draft,
    [
        Move(_AM.revise, "修改", (_A.draft,), _A.draft, frozenset({_AB.organiser, _AB.staff}),
             note="改过的文字重新审核"),
        Move(_AM.publish, "发布", (_A.draft,), _A.published, frozenset({_AB.staff}), _may_publish,
             "审核通过之后；时间、地点和要求从此不变，要改期请取消后另发"),
        Move(_AM.enlarge, "增加名额", (_A.published,), _A.published, frozenset({_AB.staff}), _not_begun,
             "多出的名额先给候补的人"),
        Move(_AM.cancel, "取消活动", (_A.draft, _A.published), _A.cancelled, frozenset({_AB.organiser, _AB.staff}),
             _not_begun, "写明原因，已报名的人都会收到通知"),
        Move(_AM.end, "签退截止", (_A.published,), _A.ended, frozenset({_AB.system}),
             note="结束 2 小时后：没有签到的记未到场，签到的进入时长公示"),
    ],
)  # fmt: skip

_S, _SB, _SM = SeatState, SeatStanding, SeatMove
_SELF, _ORGANISER, _SYSTEM = frozenset({_SB.self}), frozenset({_SB.organiser}), frozenset({_SB.system})


def _before(facts: SeatFacts) -> Problem | None:
    return ActivityOver() if facts.begun else None


def _may_check_in(facts: SeatFacts) -> Problem | None:
    if not facts.open:
        return CheckinClosed()
    return CheckinsSpent() if facts.pairs_today >= PAIRS_A_DAY else None


def _may_check_out(facts: SeatFacts) -> Problem | None:
    return None if facts.open else CheckinClosed()


def _not_own(facts: SeatFacts) -> Problem | None:
    return OwnSeat() if facts.own else None


SEATS: Lifecycle[SeatState, SeatStanding, SeatFacts] = Lifecycle(
    "seat",
    "活动名额",
    _S.confirmed,
    [
        Move(_SM.offer, "轮到候补", (_S.waitlisted,), _S.offered, _SYSTEM,
             note="空出的名额按报名先后留给下一位；12 小时（最后一天 1 小时）内答复"),
        Move(_SM.accept, "接受", (_S.offered,), _S.confirmed, _SELF, _before, "同一时间不能有两个活动"),
        Move(_SM.decline, "放弃", (_S.offered,), _S.lapsed, _SELF, note="名额转给下一位"),
        Move(_SM.expire, "逾期未答复", (_S.offered,), _S.lapsed, _SYSTEM, note="名额转给下一位"),
        Move(_SM.cancel, "取消报名", (_S.waitlisted, _S.offered), _S.cancelled, _SELF, _before),
        Move(_SM.cancel, "取消报名", (_S.confirmed,), _S.cancelled_late, _SELF, _before,
             "开始前 24 小时以内算临期取消，之前不算；名额转给候补",
             lambda facts: _S.cancelled_late if facts.late else _S.cancelled),
        Move(_SM.check_in, "签到", (_S.confirmed, _S.checked_out), _S.checked_in, _SELF, _may_check_in,
             "动态二维码或定位；开始前 2 小时至结束后 2 小时，每天最多 3 次"),
        Move(_SM.check_out, "签退", (_S.checked_in,), _S.checked_out, _SELF, _may_check_out),
        Move(_SM.remove, "移出", (_S.waitlisted, _S.offered, _S.confirmed, _S.checked_in, _S.checked_out, _S.hours_pending),
             _S.removed, _ORGANISER, _not_own, "写明原因"),
        Move(_SM.excuse, "核销", (_S.no_show, _S.cancelled_late), _S.cancelled, _ORGANISER, _not_own,
             "写明原因；不再计入未到场和临期取消"),
        Move(_SM.miss, "没有轮到", (_S.waitlisted, _S.offered), _S.lapsed, _SYSTEM, note="活动已开始"),
        Move(_SM.no_show, "未到场", (_S.confirmed,), _S.no_show, _SYSTEM,
             note="90 天内 3 次未到场或临期取消，30 天内不能报名"),
        Move(_SM.settle, "时长公示", (_S.checked_in, _S.checked_out), _S.hours_pending, _SYSTEM,
             note="只算签到到签退之间、活动时间之内的整分钟；没有签退的那一段不算"),
        Move(_SM.credit, "计入时长", (_S.hours_pending,), _S.credited, _SYSTEM, note="公示 3 天后；同时给积分"),
        Move(_SM.call_off, "活动取消", (_S.waitlisted, _S.offered, _S.confirmed, _S.checked_in, _S.checked_out),
             _S.called_off, _SYSTEM),
    ],
)  # fmt: skip

_H = AddingState

ADDINGS: Lifecycle[AddingState, AddingStanding, None] = Lifecycle(
    "added_hours",
    "补录时长",
    _H.proposed,
    [
        Move(AddingMove.confirm, "复核通过", (_H.proposed,), _H.confirmed, frozenset({AddingStanding.second}),
             note="与自动时长合计不超过活动的长度"),
        Move(AddingMove.refuse, "复核不通过", (_H.proposed,), _H.refused, frozenset({AddingStanding.second}),
             note="写明原因"),
    ],
)  # fmt: skip


def is_open(starts: datetime, ends: datetime, now: datetime) -> bool:
    """Whether one may check in and out at `now`."""
    return starts - OPENS_BEFORE <= now <= ends + CLOSES_AFTER


def answer_within(starts: datetime, now: datetime) -> Limit | None:
    """How long a freed seat waits for the next in the list; never beyond the start, None when it is too late."""
    left = int((starts - now).total_seconds() // 60)
    if left < 1:
        return None
    wanted = ANSWER_SOON if left < 24 * 60 else ANSWER
    return minutes(min(wanted.amount, left))


def clocks_of(starts: datetime, ends: datetime) -> dict[ActivityClock, datetime]:
    """When each clock of a published activity runs out; the publicity begins with the settling."""
    return {
        ActivityClock.remind: starts - LATE,
        ActivityClock.begin: starts,
        ActivityClock.settle: ends + CLOSES_AFTER,
    }


def served(pairs: list[tuple[datetime, datetime | None]], starts: datetime, ends: datetime) -> int:
    """Whole minutes between check-ins and check-outs, within the activity: never more than it lasts."""
    spent = timedelta()
    for came, left in pairs:
        if left is not None:
            spent += max(timedelta(), min(left, ends) - max(came, starts))
    return int(spent.total_seconds() // 60)


def repeated(starts: datetime, every: Every, times: int) -> list[datetime]:
    """`times` beginnings, the first of them `starts`, at the same hour on the wall.

    A month without the day (the 31st) has none and is passed over. China has no summer time.
    """
    steps = {Every.day: 1, Every.week: 7, Every.fortnight: 14}
    if every in steps:
        return [starts + timedelta(days=steps[every] * n) for n in range(times)]
    found: list[datetime] = []
    month = starts.year * 12 + starts.month - 1
    while len(found) < times:
        with suppress(ValueError):
            found.append(starts.replace(year=month // 12, month=month % 12 + 1))
        month += 1
    return found


def old_enough(born: int | None, least: int, on: date) -> bool:
    """By the year alone, so nobody is taken for older than he is: the birthday may lie ahead."""
    return born is not None and on.year - born - 1 >= least


def young_enough(born: int | None, most: int, on: date) -> bool:
    """By the year alone, so nobody is taken for younger than he is."""
    return born is not None and on.year - born <= most
