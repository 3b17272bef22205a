"""社区派单: the life-cycle of a batch, what it weighs, and its words. Source: lifecycles, chapter B, "Dispatch".

A batch is worked out in the background, looked at by a dispatcher, and applied proposal by proposal. The
arithmetic is api/rules/dispatch_costs.py, which loads numpy; what is here every process may load.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.rules.clocks import hours
from api.rules.need_words import NeedKind, Urgency
from api.rules.people import ServiceTime

PREVIEW_LIVES = hours(24)
"""A proposal older than that rests on facts of another day."""
ASKED_AT_MOST = 5
"""Members asked for one need from one batch: offers go to few, or volunteers go quiet."""
TRIES = 3
"""Workers that may fail on a batch before it is given up."""
RECENT_DAYS = 180
"""How far back answers to offers count."""


class BatchState(StrEnum):
    """派单批次状态：待计算、待确认、派单中、已派出、已放弃、未算成、已过期"""

    queued = "queued"
    ready = "ready"
    applying = "applying"
    applied = "applied"
    discarded = "discarded"
    failed = "failed"
    expired = "expired"


BATCH_TITLES: dict[BatchState, str] = {
    BatchState.queued: "待计算",
    BatchState.ready: "待确认",
    BatchState.applying: "派单中",
    BatchState.applied: "已派出",
    BatchState.discarded: "已放弃",
    BatchState.failed: "未算成",
    BatchState.expired: "已过期",
}


class BatchMove(StrEnum):
    """派单批次上的操作：算出、计算失败、重新计算、派出、派完、放弃、过期"""

    compute = "compute"
    fail = "fail"
    retry = "retry"
    apply = "apply"
    finish = "finish"
    discard = "discard"
    expire = "expire"


class BatchStanding(StrEnum):
    """与派单批次的关系：派单员、系统"""

    dispatcher = "dispatcher"
    system = "system"


BATCH_STANDING_TITLES: dict[BatchStanding, str] = {
    BatchStanding.dispatcher: "派单员",
    BatchStanding.system: "系统",
}

_S, _BY, _M = BatchState, BatchStanding, BatchMove
_DISPATCHER, _SYSTEM = frozenset({_BY.dispatcher}), frozenset({_BY.system})

BATCHES: Lifecycle[BatchState, BatchStanding, None] = Lifecycle(
    "dispatch_batch",
    "派单批次",
    _S.queued,
    [
        Move(_M.compute, "算出派单方案", (_S.queued,), _S.ready, _SYSTEM, note="在后台计算；24 小时内确认"),
        Move(_M.fail, "计算失败", (_S.queued,), _S.failed, _SYSTEM, note="三次没有算成"),
        Move(_M.retry, "重新计算", (_S.failed,), _S.queued, _DISPATCHER),
        Move(_M.apply, "按方案派出", (_S.ready,), _S.applying, frozenset({_BY.dispatcher, _BY.system}),
             note="可去掉不派的；逐件派出，情况已变的一一列明"),
        Move(_M.finish, "派完", (_S.applying,), _S.applied, _SYSTEM),
        Move(_M.discard, "放弃", (_S.queued, _S.ready, _S.failed), _S.discarded, _DISPATCHER),
        Move(_M.expire, "逾期未确认", (_S.ready,), _S.expired, _SYSTEM),
    ],
)  # fmt: skip


class BatchClock(StrEnum):
    """派单批次上的期限：确认"""

    apply = "apply"


class LineState(StrEnum):
    """派单方案中一行的状态：拟派、已派出、情况已变、已去掉、无人可派"""

    proposed = "proposed"
    offered = "offered"
    stale = "stale"
    dropped = "dropped"
    unmatched = "unmatched"


class DispatchMode(StrEnum):
    """定时派单方式：不定时、只算方案、算好即派"""

    off = "off"
    preview = "preview"
    apply = "apply"


@dataclass(frozen=True, slots=True)
class Weights:
    """派单权重: what one step of each weighs, whole numbers; less is better. Versioned by place."""

    distance: int = 12
    """Each step of the tree apart: building, community, town, county."""
    skill: int = 15
    """Each skill wished for that the member has not."""
    refusals: int = 4
    """Each tenth of the recent offers that were not taken."""
    unsure: int = 6
    """The member has not said when he can serve."""
    stranger: int = 10
    """The member has never served this household well (结对)."""
    load: int = 20
    """Each task of the member's in this month, and each further one of the batch."""
    alone: int = 160
    """Leaving an ordinary need in the pool."""
    urgent: int = 120
    """More for each degree of urgency."""
    day: int = 15
    """More for each day a need has waited."""


WEIGHT_TITLES: dict[str, str] = {
    "distance": "距离（每远一层）",
    "skill": "特长（每缺一项）",
    "refusals": "近期未接派单（每一成）",
    "unsure": "未登记可服务时间",
    "stranger": "未曾结对帮扶",
    "load": "负担（本月每多一单）",
    "alone": "无人可派的代价",
    "urgent": "紧急程度（每级）",
    "day": "等待（每天）",
}
MOST_WEIGHT = 1_000
MOST_DAYS = 60
"""Days of waiting that still count."""
URGENCY_STEPS: dict[Urgency, int] = {Urgency.normal: 0, Urgency.soon: 1, Urgency.urgent: 2}


class Cause(StrEnum):
    """无人可派的原因：没有成员、都是本户或已认领、缺资质、年龄、保险、时间、都已婉拒、都已满、派给了更急的"""

    nobody = "nobody"
    own_household = "own_household"
    qualification = "qualification"
    age = "age"
    insurance = "insurance"
    time = "time"
    asked = "asked"
    busy = "busy"
    outbid = "outbid"


@dataclass(frozen=True, slots=True)
class Asked:
    """A need as the dispatch looks at it."""

    kind: NeedKind
    urgency: Urgency
    path: str
    skills: tuple[str, ...]
    qualifications: tuple[str, ...]
    min_age: int | None
    insured: bool
    due_on: date | None
    days: frozenset[ServiceTime]
    """The kinds of days between now and its end; empty where any will do."""
    waited: int
    """Days since it was first published."""


@dataclass(frozen=True, slots=True)
class Served:
    """A member as the dispatch looks at him, in one community and kind."""

    path: str
    """The building lived in, or the community where none is known."""
    skills: frozenset[str]
    qualifications: frozenset[str]
    """Those that hold today."""
    age: int | None
    """Completed years for sure."""
    insured: bool
    times: frozenset[ServiceTime]
    """When he can serve; empty where not told."""
    month: int
    """Tasks taken since the month began."""
    room: int
    """Claims he may still take: the limit less live claims and open offers."""
    taken: int
    """Recent offers taken."""
    refused: int
    """Recent offers passed or left without an answer."""


_TIME_WORDS = {
    ServiceTime.weekday: "工作日白天有空",
    ServiceTime.evening: "工作日晚间有空",
    ServiceTime.weekend: "周末有空",
    ServiceTime.holiday: "节假日有空",
}
_APART = ("同楼栋", "同社区", "同街道（乡镇）", "同县（区）")
_WEEKDAYS = "一二三四五六日"
_PEOPLE = {NeedKind.wish: "党员", NeedKind.help: "志愿者"}
_REGISTERED = {NeedKind.wish: "本社区还没有已核实报到的党员", NeedKind.help: "本社区还没有已核实的志愿者"}


def refusal_tenths(member: Served) -> int:
    """Tenths of offers not taken, as one would guess after few: between 0 and 10, five for who was never asked."""
    return (member.refused + 1) * 10 // (member.taken + member.refused + 2)


def levels_apart(one: str, other: str, community: int) -> int:
    """Steps of the tree between two places' paths: 0 the same building or grid, 1 the same community, then town,
    county; `community` is the length of a community's path."""
    if one == other and len(one) > community:
        return 0
    for level, length in enumerate((community, community - 4, community - 8), start=1):
        if one[:length] == other[:length]:
            return level
    return len(_APART)


def reasons(need: Asked, member: Served, apart: int, stars: int | None, load: int) -> list[str]:
    """Why this member, in words for a person; `load` counts his tasks of the month before this one."""
    found = [_APART[apart] if apart < len(_APART) else "住得较远"]
    found += [f"会{skill}" for skill in need.skills if skill in member.skills]
    found += [f"有{name}" for name in need.qualifications]
    if stars is not None:
        found.append(f"曾帮过这户，评 {stars} 星")
    suits = sorted(member.times & need.days)
    if suits:
        found.append(_TIME_WORDS[suits[0]])
    if load == 0:
        found.append("本月还没接过单")
    else:
        found.append(f"本月只接过 {load} 单" if load <= 2 else f"本月已接 {load} 单")
    return found


def explain(cause: Cause, need: Asked, before: int) -> str:
    """Why nobody, in words: the filter after which nobody was left, and how many there were until then."""
    people = _PEOPLE[need.kind]
    match cause:
        case Cause.nobody:
            return _REGISTERED[need.kind]
        case Cause.own_household:
            return f"{before} 名{people}都是提出人本户的人或已认领这件"
        case Cause.qualification:
            return f"{_by(need)}{before} 名{people}中没有人有有效的{'、'.join(need.qualifications)}"
        case Cause.age:
            return f"符合其他条件的 {before} 人都未能确认年满 {need.min_age} 周岁"
        case Cause.insurance:
            return f"符合其他条件的 {before} 人都没有有效的志愿者保险"
        case Cause.time:
            what = "、".join((*need.qualifications, *need.skills))
            return (
                f"{_by(need)}无有空的人{f'（{what}）' if what else ''}：符合其他条件的 {before} 人都另有时间"
            )
        case Cause.asked:
            return f"符合条件的 {before} 人都已婉拒或没有答复"
        case Cause.busy:
            return f"符合条件的 {before} 人手上的单都已满"
        case Cause.outbid:
            return f"符合条件的 {before} 人本次都派给了更急或更合适的需求"


def _by(need: Asked) -> str:
    if need.due_on is None:
        return ""
    return f"周{_WEEKDAYS[need.due_on.weekday()]}（{need.due_on.month}月{need.due_on.day}日）前"
