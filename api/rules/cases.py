"""诉求/工单: the life-cycle of a matter that somebody must handle. Source: docs/lifecycles.md, chapter A."""

from collections.abc import Callable, Collection, Iterator
from enum import StrEnum
from uuid import UUID

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules import case_guards as guards
from api.rules.case_guards import CaseFacts


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
    """诉求类别：咨询、求助、建议、投诉；危及生命、急修、一般报修、公共部位大修、物业投诉；代办；预约服务"""

    consult = "consult"
    help = "help"
    suggest = "suggest"
    complain = "complain"
    danger = "danger"
    urgent_repair = "urgent_repair"
    ordinary_repair = "ordinary_repair"
    overhaul = "overhaul"
    property_complaint = "property_complaint"
    errand = "errand"
    booking = "booking"


CATEGORY_TITLES: dict[CaseCategory, str] = {
    CaseCategory.consult: "咨询",
    CaseCategory.help: "求助",
    CaseCategory.suggest: "建议",
    CaseCategory.complain: "投诉",
    CaseCategory.danger: "危及生命安全",
    CaseCategory.urgent_repair: "急修",
    CaseCategory.ordinary_repair: "一般报修",
    CaseCategory.overhaul: "公共部位大修",
    CaseCategory.property_complaint: "物业投诉",
    CaseCategory.errand: "代办",
    CaseCategory.booking: "预约服务",
}


class Visibility(StrEnum):
    """公开范围"""

    public = "public"
    community = "community"
    private = "private"


class Channel(StrEnum):
    """来源渠道：小程序、当面代录、来电代录、主动发现、批量导入"""

    miniprogram = "miniprogram"
    recorded = "recorded"
    phone = "phone"
    found = "found"
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
OVER: frozenset[CaseState] = frozenset(
    {CaseState.closed, CaseState.rejected, CaseState.merged, CaseState.withdrawn, CaseState.referred}
)
"""Nobody works on it any more, though some ways lead back."""


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
    reject = "reject"
    readmit = "readmit"
    refer = "refer"
    transfer = "transfer"
    give_back = "return"
    suspend = "suspend"
    resume = "resume"
    reopen = "reopen"
    confirm = "confirm"
    call_back = "call_back"
    plan = "plan"
    report_up = "report_up"
    mark_hazard = "mark_hazard"
    settle = "settle"
    assign = "assign"
    merge = "merge"
    unmerge = "unmerge"
    object = "object"


class Standing(StrEnum):
    """What a person is to a case. 与诉求的关系"""

    reporter = "reporter"
    unit_member = "unit_member"
    handler = "handler"
    dispatcher = "dispatcher"
    verifier = "verifier"
    system = "system"
    unit_lead = "unit_lead"
    caller = "caller"
    overseer = "overseer"
    approver = "approver"
    finder = "finder"
    proxy = "proxy"


STANDING_TITLES: dict[Standing, str] = {
    Standing.reporter: "反映人",
    Standing.unit_member: "承办单位成员",
    Standing.handler: "承办人",
    Standing.dispatcher: "派单员",
    Standing.verifier: "核查人（非承办人）",
    Standing.system: "系统",
    Standing.unit_lead: "承办单位负责人",
    Standing.caller: "回访人（非承办单位）",
    Standing.overseer: "街道督办",
    Standing.approver: "批准申请的人",
    Standing.finder: "发现人（网格员）",
    Standing.proxy: "代录人，或承办人以外的派单员（反映人尚未认领时）",
}


class CaseClock(StrEnum):
    """诉求上的期限：受理、签收、首次联系、办结、单位承办、补充、核查、评价，以及升级与复核的各环节"""

    screening = "screening"
    sign = "sign"
    contact = "contact"
    finish = "finish"
    asking = "asking"
    checking = "checking"
    rating = "rating"
    unit = "unit"
    confirming = "confirming"
    calling_back = "calling_back"
    planning = "planning"
    to_town = "to_town"
    supervising = "supervising"
    reviewing = "reviewing"
    deciding = "deciding"


CLOCK_TITLES: dict[CaseClock, str] = {
    CaseClock.screening: "受理派单",
    CaseClock.sign: "签收",
    CaseClock.contact: "首次联系",
    CaseClock.finish: "办结",
    CaseClock.asking: "反映人补充",
    CaseClock.checking: "办结核查",
    CaseClock.rating: "反映人评价",
    CaseClock.unit: "单位承办",
    CaseClock.confirming: "不认可的确认",
    CaseClock.calling_back: "回访",
    CaseClock.planning: "责任人与新方案",
    CaseClock.to_town: "社区解决",
    CaseClock.supervising: "街道督办",
    CaseClock.reviewing: "挂账复核",
    CaseClock.deciding: "申请审批",
}

RESIDENT_CLOCKS: tuple[CaseClock, ...] = (CaseClock.contact, CaseClock.finish)
"""Run from submission, paused only while we wait for the resident and while the case is suspended."""
PAUSED_CLOCKS: tuple[CaseClock, ...] = (*RESIDENT_CLOCKS, CaseClock.unit)
"""What stands still then: the resident's clocks and the unit's own."""

LOW_RISK = frozenset({CaseCategory.consult, CaseCategory.suggest})
"""Checked by the system when nobody did in time, but for the sample below and for what was disputed."""


def drawn_for_a_person(case_id: UUID) -> bool:
    """抽查: one in ten, by the id's random bits, is left for a human check; anybody can draw again."""
    return case_id.int % 10 == 0


def is_low_risk(category: CaseCategory, cycle: int, case_id: UUID) -> bool:
    return category in LOW_RISK and cycle == 1 and not drawn_for_a_person(case_id)


_S = CaseState
_BY = Standing
_WORKED_ON = (_S.dispatched, _S.in_progress, _S.waiting_resident, _S.suspended)

CaseRow = Move[CaseState, Standing, CaseFacts]


def _rated_or_closed(facts: CaseFacts) -> CaseState:
    """Nobody is asked to rate what nobody reported."""
    return CaseState.closed if facts.found else CaseState.awaiting_rating


def _stays(
    name: str,
    title: str,
    states: Collection[CaseState],
    by: Standing,
    guard: Callable[[CaseFacts], Problem | None],
    note: str = "",
) -> Iterator[CaseRow]:
    """Something done to a case that leaves it where it is."""
    return (Move(name, title, (state,), state, frozenset({by}), guard, note) for state in states)


CASES: Lifecycle[CaseState, Standing, CaseFacts] = Lifecycle(
    "case",
    "诉求",
    CaseState.submitted,
    [
        Move(CaseMove.dispatch, "派单", (_S.submitted,), _S.dispatched,
             frozenset({_BY.dispatcher, _BY.system, _BY.finder}),
             note="按路由规则自动派单，或由派单员指定单位；记下规则与版本；开始签收计时。自行处置不了的，由发现人按规则上报"),
        Move(CaseMove.settle, "自行处置", (_S.submitted,), _S.handled, frozenset({_BY.finder}), guards.may_settle,
             note="网格员主动发现、当场处置：附处置前后照片与说明，由他人核查"),
        Move(CaseMove.sign, "签收", (_S.dispatched,), _S.in_progress, frozenset({_BY.unit_member}),
             note="签收不算与居民联系"),
        Move(CaseMove.assign, "指派", (_S.dispatched,), _S.dispatched,
             frozenset({_BY.unit_lead, _BY.dispatcher, _BY.system}),
             note="指定承办单位的一名成员；不指定则按轮派次序，人人相差不超过一件"),
        Move(CaseMove.assign, "指派", (_S.in_progress,), _S.in_progress, frozenset({_BY.unit_lead, _BY.dispatcher}),
             note="换人承办；时限不变"),
        Move(CaseMove.ask, "请反映人补充", (_S.in_progress,), _S.waiting_resident, frozenset({_BY.handler}), guards.may_ask,
             note="最多 2 次，每次 3 个工作日；期间时钟暂停"),
        Move(CaseMove.answer, "补充说明", (_S.waiting_resident,), _S.in_progress,
             frozenset({_BY.reporter, _BY.proxy}),
             note="代录而尚未认领的，由代录人或接到电话的派单员代为补充，记下联系的方式；评价不能代为"),
        Move(CaseMove.expire, "逾期未补充", (_S.waiting_resident,), _S.in_progress, frozenset({_BY.system})),
        Move(CaseMove.finish, "办结", (_S.in_progress,), _S.handled, frozenset({_BY.handler}), guards.may_finish,
             note="本轮须已有人与反映人联系，协同任务全部完成或免除；附公开答复与办理结果；"
                  "现场处置的附处置前后照片"),
        Move(CaseMove.pass_check, "核查通过", (_S.handled,), _S.awaiting_rating, frozenset({_BY.verifier, _BY.system}),
             guards.may_pass, leads=_rated_or_closed,
             note="核查人不能是承办人；低风险的 1 个工作日后由系统通过，其中至少十分之一抽给人工；"
                  "主动发现的没有反映人，核查通过即结案"),
        Move(CaseMove.fail_check, "核查退回", (_S.handled,), _S.in_progress, frozenset({_BY.verifier}), guards.other_hands,
             note="核查期间的时间计回承办时钟"),
        Move(CaseMove.rate, "评价", (_S.awaiting_rating,), _S.closed, frozenset({_BY.reporter}), note="三星及以上"),
        Move(CaseMove.expire, "逾期未评价", (_S.awaiting_rating,), _S.closed, frozenset({_BY.system}),
             note="7 天未评价按“未评价”结案，不算满意"),
        Move(CaseMove.dispute, "不认可", (_S.awaiting_rating,), _S.in_progress, frozenset({_BY.reporter}),
             guards.may_dispute,
             note="“未解决”或一、二星；进入下一轮，社区 1 个工作日内确认，由承办单位以外的人回访"),
        Move(CaseMove.withdraw, "撤回", (_S.submitted, _S.dispatched, _S.in_progress, _S.waiting_resident), _S.withdrawn,
             frozenset({_BY.reporter}), note="通知承办单位；安全隐患作为网格事件继续办理"),
        Move(CaseMove.reject, "不予受理", (_S.submitted,), _S.rejected, frozenset({_BY.approver}),
             note="派单员提出、另一人批准；理由取自清单，并指明该找谁"),
        Move(CaseMove.readmit, "恢复受理", (_S.rejected,), _S.submitted, frozenset({_BY.approver}),
             note="反映人 5 个工作日内申诉一次，由街道决定"),
        Move(CaseMove.refer, "转外部", (_S.submitted,), _S.referred, frozenset({_BY.dispatcher}),
             note="记下外部系统和它的编号"),
        Move(CaseMove.transfer, "转办", (_S.dispatched, _S.in_progress), _S.dispatched,
             frozenset({_BY.unit_lead, _BY.dispatcher}), guards.may_transfer,
             note="承办单位负责人最多 2 次，此后只由社区；第 3 次升级至街道"),
        Move(CaseMove.give_back, "退单", (_S.dispatched, _S.in_progress), _S.submitted, frozenset({_BY.approver}),
             note="到达后 1 个工作日内申请，社区 4 个工作小时内决定；时间退还给单位时钟，居民时钟不停"),
        Move(CaseMove.suspend, "挂账", (_S.in_progress,), _S.suspended, frozenset({_BY.approver}),
             note="社区提出、街道决定；理由公开；30 天内复核，合计不超过 90 天"),
        Move(CaseMove.resume, "恢复办理", (_S.suspended,), _S.in_progress, frozenset({_BY.system, _BY.overseer})),
        Move(CaseMove.reopen, "重新办理", (_S.closed,), _S.in_progress, frozenset({_BY.reporter, _BY.verifier}),
             guards.may_reopen, note="反映人 15 天内，质量检查 90 天内；进入下一轮，第三轮升级至街道"),
        *_stays(CaseMove.confirm, "确认重办", (*_WORKED_ON, _S.handled), _BY.dispatcher, guards.may_confirm,
                "1 个工作日内；确认人不能是承办人"),
        *_stays(CaseMove.call_back, "回访", (*_WORKED_ON, _S.handled, _S.awaiting_rating, _S.closed), _BY.caller,
                guards.call_back_owed, "低分之后由承办单位以外的人回访"),
        *_stays(CaseMove.plan, "定责任人与方案", (_S.submitted, *_WORKED_ON), _BY.dispatcher, guards.climbed_to(2),
                "升级至社区后 4 个工作小时内"),
        *_stays(CaseMove.report_up, "上报", (_S.submitted, *_WORKED_ON, _S.handled), _BY.overseer, guards.climbed_to(4),
                "转区级或 12345 协调，保留其编号；诉求继续办理"),
        *_stays(CaseMove.mark_hazard, "标为安全隐患", (_S.submitted, *_WORKED_ON), _BY.dispatcher, guards.no_hazard_yet,
                "反映人撤回后仍要办理"),
        Move(CaseMove.merge, "并单", (_S.submitted, _S.dispatched, _S.in_progress), _S.merged,
             frozenset({_BY.dispatcher, _BY.handler}),
             note="并入同一社区仍在办理、自身未并单、公开范围不更宽的诉求；各反映人都得到通知，各自评价"),
        Move(CaseMove.unmerge, "撤销并单", (_S.merged,), _S.submitted, frozenset({_BY.dispatcher, _BY.system}),
             note="恢复单独办理，居民时钟如同从未并单；所并入的诉求撤回时由系统撤销"),
        Move(CaseMove.object, "对并单有异议", (_S.merged,), _S.submitted, frozenset({_BY.reporter}), guards.may_object,
             note="并单后 3 天内"),
    ],
)  # fmt: skip
