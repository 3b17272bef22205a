"""单上的申请: what is asked for on a case and decided by somebody else. Source: docs/lifecycles.md, chapter A.

A request is never a state of the case and stops no clock while it is pending; what it asks for happens with its
approval, in one transaction.
"""

from dataclasses import dataclass
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.cases import CaseState, Standing
from api.rules.clocks import Limit, working_days, working_hours


class RequestKind(StrEnum):
    """申请种类：退单、延期、挂账、协同、督办、不予受理、申诉"""

    give_back = "return"
    extend = "extend"
    suspend = "suspend"
    assist = "assist"
    supervise = "supervise"
    reject = "reject"
    appeal = "appeal"


REQUEST_TITLES: dict[RequestKind, str] = {
    RequestKind.give_back: "退单",
    RequestKind.extend: "延期",
    RequestKind.suspend: "挂账",
    RequestKind.assist: "协同",
    RequestKind.supervise: "督办",
    RequestKind.reject: "不予受理",
    RequestKind.appeal: "申诉",
}


class RequestState(StrEnum):
    """申请状态"""

    pending = "pending"
    approved = "approved"
    refused = "refused"
    lapsed = "lapsed"


REQUEST_STATE_TITLES: dict[RequestState, str] = {
    RequestState.pending: "待审批",
    RequestState.approved: "已批准",
    RequestState.refused: "未批准",
    RequestState.lapsed: "失效",
}


class RequestMove(StrEnum):
    """申请上的操作"""

    approve = "approve"
    refuse = "refuse"
    lapse = "lapse"


class RequestStanding(StrEnum):
    """与申请的关系"""

    decider = "decider"
    system = "system"


REQUEST_STANDING_TITLES: dict[RequestStanding, str] = {
    RequestStanding.decider: "审批人（申请人以外）",
    RequestStanding.system: "系统",
}


class RejectReason(StrEnum):
    """不予受理的理由"""

    other_area = "other_area"
    in_court = "in_court"
    police_matter = "police_matter"
    labour_dispute = "labour_dispute"
    petition_concluded = "petition_concluded"
    emergency = "emergency"
    private_affair = "private_affair"
    unclear = "unclear"


REJECT_ROUTES: dict[RejectReason, tuple[str, str]] = {
    RejectReason.other_area: ("不属于本辖区", "请向事发地的村（社区）或 12345 反映"),
    RejectReason.in_court: ("已经或应当通过诉讼、仲裁、行政复议解决", "请向受理的法院、仲裁或复议机关反映"),
    RejectReason.police_matter: ("属于公安机关处理的案件", "请拨打 110 或到辖区派出所反映"),
    RejectReason.labour_dispute: ("劳动争议", "请拨打 12333 或向劳动人事争议仲裁机构申请"),
    RejectReason.petition_concluded: ("信访事项已经复核终结", "请以复核意见为准，新情况可另行提出"),
    RejectReason.emergency: ("正在发生的紧急险情", "请立即拨打 110、119 或 120"),
    RejectReason.private_affair: ("民事主体之间的私人事务", "请申请人民调解或拨打 12348 法律援助"),
    RejectReason.unclear: ("内容无法辨认或没有具体事项", "请写明时间、地点和事项后重新提交"),
}
"""Why, and the right route for the resident."""


class SuspendReason(StrEnum):
    """挂账的理由"""

    funding = "funding"
    season = "season"
    programme = "programme"
    appraisal = "appraisal"
    third_party = "third_party"
    legacy = "legacy"


SUSPEND_TITLES: dict[SuspendReason, str] = {
    SuspendReason.funding: "资金须列入预算",
    SuspendReason.season: "受季节或天气限制不能施工",
    SuspendReason.programme: "已列入改造或建设计划",
    SuspendReason.appraisal: "等待检测、鉴定或司法结论",
    SuspendReason.third_party: "等待外部单位",
    SuspendReason.legacy: "历史遗留问题，须专题研究",
}


class TaskState(StrEnum):
    """协同任务状态"""

    open = "open"
    finished = "finished"
    waived = "waived"


TASK_TITLES: dict[TaskState, str] = {
    TaskState.open: "进行中",
    TaskState.finished: "已完成",
    TaskState.waived: "已免除",
}


class TaskMove(StrEnum):
    """协同任务上的操作"""

    finish = "finish"
    waive = "waive"


class TaskStanding(StrEnum):
    """与协同任务的关系"""

    unit_member = "unit_member"
    dispatcher = "dispatcher"


TASK_STANDING_TITLES: dict[TaskStanding, str] = {
    TaskStanding.unit_member: "协同单位成员",
    TaskStanding.dispatcher: "派单员",
}


class OwnRequest(Problem):
    status, code, title = 409, "own_request", "自己提出的申请须由他人审批"


class RequestPending(Problem):
    status, code, title = 409, "request_pending", "同类申请正在审批"


class AskedTooLate(Problem):
    status, code, title = 409, "asked_too_late", "已超过可以申请的时间"


class ExtendedEnough(Problem):
    status, code, title = 409, "extended_enough", "延期的次数或天数已用完"
    advice = "社区批准一次，不超过 5 个工作日；街道批准一次，不超过 10 个工作日。"


class AppealedBefore(Problem):
    status, code, title = 409, "appealed_before", "已经申诉过一次"


class SuspendedEnough(Problem):
    status, code, title = 409, "suspended_enough", "挂账的天数已用完"
    advice = "每次不超过 30 天，合计不超过 90 天。"


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the guards look at."""

    viewer_asked: bool


@dataclass(frozen=True, slots=True)
class RequestRule:
    """Who may ask in which states of the case, who decides, and in what time."""

    asked_by: frozenset[Standing]
    states: frozenset[CaseState]
    decided_by: Standing
    deciding: Limit


_S = CaseState
_WORKED_ON = frozenset({_S.dispatched, _S.in_progress, _S.waiting_resident, _S.suspended})
_HANDLED_BY = frozenset({_S.in_progress, _S.waiting_resident})

REQUEST_RULES: dict[RequestKind, RequestRule] = {
    RequestKind.give_back: RequestRule(
        frozenset({Standing.unit_member}),
        frozenset({_S.dispatched, _S.in_progress}),
        Standing.dispatcher,
        working_hours(4),
    ),
    RequestKind.extend: RequestRule(
        frozenset({Standing.handler}), _HANDLED_BY, Standing.dispatcher, working_days(1)
    ),
    RequestKind.suspend: RequestRule(
        frozenset({Standing.dispatcher}), frozenset({_S.in_progress}), Standing.overseer, working_days(1)
    ),
    RequestKind.assist: RequestRule(
        frozenset({Standing.handler}), _HANDLED_BY, Standing.dispatcher, working_hours(4)
    ),
    RequestKind.supervise: RequestRule(
        frozenset({Standing.dispatcher}), _WORKED_ON, Standing.overseer, working_days(1)
    ),
    RequestKind.reject: RequestRule(
        frozenset({Standing.dispatcher}), frozenset({_S.submitted}), Standing.dispatcher, working_hours(4)
    ),
    RequestKind.appeal: RequestRule(
        frozenset({Standing.reporter}), frozenset({_S.rejected}), Standing.overseer, working_days(5)
    ),
}


def _two_persons(facts: RequestFacts) -> Problem | None:
    return OwnRequest() if facts.viewer_asked else None


REQUESTS: Lifecycle[RequestState, RequestStanding, RequestFacts] = Lifecycle(
    "case_request",
    "单上的申请",
    RequestState.pending,
    [
        Move(RequestMove.approve, "批准", (RequestState.pending,), RequestState.approved,
             frozenset({RequestStanding.decider}), _two_persons, note="申请的事项随批准发生"),
        Move(RequestMove.refuse, "不批准", (RequestState.pending,), RequestState.refused,
             frozenset({RequestStanding.decider}), _two_persons),
        Move(RequestMove.lapse, "失效", (RequestState.pending,), RequestState.lapsed,
             frozenset({RequestStanding.system}), note="诉求已离开可以申请的状态"),
    ],
)  # fmt: skip

TASKS: Lifecycle[TaskState, TaskStanding, None] = Lifecycle(
    "case_task",
    "协同任务",
    TaskState.open,
    [
        Move(TaskMove.finish, "完成", (TaskState.open,), TaskState.finished, frozenset({TaskStanding.unit_member})),
        Move(TaskMove.waive, "免除", (TaskState.open,), TaskState.waived, frozenset({TaskStanding.dispatcher}),
             note="附理由"),
    ],
)  # fmt: skip
