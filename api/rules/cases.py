"""诉求/工单: the life-cycle of a matter that somebody must handle. Source: docs/lifecycles.md, chapter A."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem


class CaseKind(StrEnum):
    """诉求种类"""

    secretary = "secretary"
    property = "property"
    grid = "grid"
    errand = "errand"
    merchant = "merchant"


KIND_TITLES: dict[CaseKind, str] = {
    CaseKind.secretary: "找书记",
    CaseKind.property: "找物业",
    CaseKind.grid: "网格事件",
    CaseKind.errand: "帮办代办",
    CaseKind.merchant: "找商家",
}


class CaseCategory(StrEnum):
    """书记信箱类别：咨询、求助、建议、投诉"""

    consult = "consult"
    help = "help"
    suggest = "suggest"
    complain = "complain"


CATEGORY_TITLES: dict[CaseCategory, str] = {
    CaseCategory.consult: "咨询",
    CaseCategory.help: "求助",
    CaseCategory.suggest: "建议",
    CaseCategory.complain: "投诉",
}


class Visibility(StrEnum):
    """公开范围"""

    public = "public"
    community = "community"
    private = "private"


class Channel(StrEnum):
    """来源渠道"""

    miniprogram = "miniprogram"
    recorded = "recorded"
    imported = "imported"


class Outcome(StrEnum):
    """办理结果：解决、部分解决、已作解释、无法解决"""

    solved = "solved"
    partly = "partly"
    explained = "explained"
    impossible = "impossible"


OUTCOME_TITLES: dict[Outcome, str] = {
    Outcome.solved: "已解决",
    Outcome.partly: "部分解决",
    Outcome.explained: "已作解释",
    Outcome.impossible: "无法解决",
}


class CaseState(StrEnum):
    """诉求状态"""

    submitted = "submitted"
    dispatched = "dispatched"
    in_progress = "in_progress"
    waiting_resident = "waiting_resident"
    suspended = "suspended"
    handled = "handled"
    awaiting_rating = "awaiting_rating"
    closed = "closed"
    rejected = "rejected"
    merged = "merged"
    withdrawn = "withdrawn"
    referred = "referred"


STATE_TITLES: dict[CaseState, str] = {
    CaseState.submitted: "待受理",
    CaseState.dispatched: "待签收",
    CaseState.in_progress: "处置中",
    CaseState.waiting_resident: "待补充",
    CaseState.suspended: "挂账",
    CaseState.handled: "已处置待核查",
    CaseState.awaiting_rating: "待评价",
    CaseState.closed: "已结案",
    CaseState.rejected: "不予受理",
    CaseState.merged: "并单",
    CaseState.withdrawn: "撤回",
    CaseState.referred: "转外部",
}

ACTIVE: frozenset[CaseState] = frozenset(
    {
        CaseState.dispatched,
        CaseState.in_progress,
        CaseState.waiting_resident,
        CaseState.suspended,
        CaseState.handled,
    }
)
"""While active a case has exactly one owner unit."""


class CaseMove(StrEnum):
    """诉求上的操作"""

    dispatch = "dispatch"
    sign = "sign"
    ask = "ask"
    answer = "answer"
    expire = "expire"
    finish = "finish"
    pass_check = "pass_check"  # noqa: S105  (a move, no password)
    fail_check = "fail_check"
    rate = "rate"
    dispute = "dispute"
    withdraw = "withdraw"


class Standing(StrEnum):
    """What a person is to a case. 与诉求的关系"""

    reporter = "reporter"
    unit_member = "unit_member"
    handler = "handler"
    dispatcher = "dispatcher"
    verifier = "verifier"
    system = "system"


STANDING_TITLES: dict[Standing, str] = {
    Standing.reporter: "反映人",
    Standing.unit_member: "承办单位成员",
    Standing.handler: "承办人",
    Standing.dispatcher: "派单员",
    Standing.verifier: "核查人（非承办人）",
    Standing.system: "系统",
}


class CaseClock(StrEnum):
    """诉求上的期限：受理、签收、首次联系、办结、补充、核查、评价"""

    screening = "screening"
    sign = "sign"
    contact = "contact"
    finish = "finish"
    asking = "asking"
    checking = "checking"
    rating = "rating"


CLOCK_TITLES: dict[CaseClock, str] = {
    CaseClock.screening: "受理派单",
    CaseClock.sign: "签收",
    CaseClock.contact: "首次联系",
    CaseClock.finish: "办结",
    CaseClock.asking: "补充说明",
    CaseClock.checking: "核查",
    CaseClock.rating: "评价",
}

RESIDENT_CLOCKS: tuple[CaseClock, ...] = (CaseClock.contact, CaseClock.finish)
"""Run from submission, paused only while we wait for the resident."""

ASKS_ALLOWED = 2
CYCLES_ALLOWED = 9
DISPUTED_BELOW = 3
"""Fewer stars than this are a dispute, not a rating."""


class NobodyContacted(Problem):
    status, code, title = 409, "resident_not_contacted", "办结前须先与反映人联系"
    advice = "先公开答复反映人，或登记一次电话、上门联系，再办结。"


class AskedEnough(Problem):
    status, code, title = 409, "asked_enough", "向反映人询问的次数已用完"


class SameHands(Problem):
    status, code, title = 409, "same_hands", "核查人不能是承办人本人"


class DisputedEnough(Problem):
    status, code, title = 409, "disputed_enough", "重新办理的次数已用完，请直接联系街道"


class NoUnit(Problem):
    status, code, title = 409, "no_unit", "没有可以承办的单位"
    advice = "请在派单时指定 unit_id，或先在该社区建立书记台。"


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the guards look at; read with the row in one statement."""

    cycle: int
    asks: int
    first_contact_at: datetime | None
    viewer_handled: bool
    """The viewer is the one who handled it: two persons are needed to check."""


def _contacted(facts: CaseFacts) -> Problem | None:
    return None if facts.first_contact_at is not None else NobodyContacted()


def _may_ask(facts: CaseFacts) -> Problem | None:
    return None if facts.asks < ASKS_ALLOWED else AskedEnough(f"每件诉求最多询问 {ASKS_ALLOWED} 次")


def _may_dispute(facts: CaseFacts) -> Problem | None:
    return None if facts.cycle < CYCLES_ALLOWED else DisputedEnough()


def _other_hands(facts: CaseFacts) -> Problem | None:
    return SameHands() if facts.viewer_handled else None


_S = CaseState
_BY = Standing

CASES: Lifecycle[CaseState, Standing, CaseFacts] = Lifecycle(
    "case",
    "诉求",
    CaseState.submitted,
    [
        Move(CaseMove.dispatch, "派单", (_S.submitted,), _S.dispatched, frozenset({_BY.dispatcher, _BY.system}),
             note="按路由规则自动派单，或由派单员指定单位；记下规则与版本；开始签收计时"),
        Move(CaseMove.sign, "签收", (_S.dispatched,), _S.in_progress, frozenset({_BY.unit_member}),
             note="签收不算与居民联系"),
        Move(CaseMove.ask, "请反映人补充", (_S.in_progress,), _S.waiting_resident, frozenset({_BY.handler}), _may_ask,
             note="最多 2 次，每次 3 个工作日；期间居民时钟暂停"),
        Move(CaseMove.answer, "补充说明", (_S.waiting_resident,), _S.in_progress, frozenset({_BY.reporter})),
        Move(CaseMove.expire, "逾期未补充", (_S.waiting_resident,), _S.in_progress, frozenset({_BY.system})),
        Move(CaseMove.finish, "办结", (_S.in_progress,), _S.handled, frozenset({_BY.handler}), _contacted,
             note="须已有人与反映人联系；附公开答复与办理结果"),
        Move(CaseMove.pass_check, "核查通过", (_S.handled,), _S.awaiting_rating, frozenset({_BY.verifier, _BY.system}),
             _other_hands, note="核查人不能是承办人；低风险的 1 个工作日后由系统通过"),
        Move(CaseMove.fail_check, "核查退回", (_S.handled,), _S.in_progress, frozenset({_BY.verifier}), _other_hands,
             note="核查期间的时间计回承办时钟"),
        Move(CaseMove.rate, "评价", (_S.awaiting_rating,), _S.closed, frozenset({_BY.reporter}), note="三星及以上"),
        Move(CaseMove.expire, "逾期未评价", (_S.awaiting_rating,), _S.closed, frozenset({_BY.system}),
             note="7 天未评价按“未评价”结案，不算满意"),
        Move(CaseMove.dispute, "不认可", (_S.awaiting_rating,), _S.in_progress, frozenset({_BY.reporter}),
             guard=_may_dispute,
            note="“未解决”或一、二星；进入下一轮，由承办人以外的人核查"),
        Move(CaseMove.withdraw, "撤回", (_S.submitted, _S.dispatched, _S.in_progress, _S.waiting_resident), _S.withdrawn,
             frozenset({_BY.reporter})),
    ],
)  # fmt: skip
