"""What the moves of a case ask of its facts, and how they refuse. Source: docs/lifecycles.md, chapter A."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from api.kit.clock import CHINA, local
from api.kit.problems import Problem

ASKS_ALLOWED = 2
TRANSFERS_ALLOWED = 2
"""By the unit's lead; after them only the community transfers."""
SUSPENDED_AT_ONCE, SUSPENDED_IN_ALL = 30, 90
"""挂账: days to the review, and in all."""
REOPEN_DAYS, QUALITY_DAYS = 15, 90
"""Until when the reporter, and the quality check, may reopen: the end of the N-th day after closing."""
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


class TooLateToObject(Problem):
    status, code, title = 409, "too_late_to_object", "已过提出异议的期限"
    advice = "并单后 3 天内可以提出；此后请联系社区撤销并单。"


class DisputedEnough(Problem):
    status, code, title = 409, "disputed_enough", "重新办理的次数已用完，请直接联系街道"


class TransferredEnough(Problem):
    status, code, title = 409, "transferred_enough", "承办单位转办的次数已用完"
    advice = "再转办须由社区决定。"


class TasksOpen(Problem):
    status, code, title = 409, "tasks_open", "协同任务尚未全部完成"
    advice = "每项协同任务完成或免除之后才能办结。"


class TooLateToReopen(Problem):
    status, code, title = 409, "too_late_to_reopen", "已超过可以重新办理的期限"
    advice = "反映人在结案后 15 天内、质量检查在 90 天内可以重新办理；请另行提交诉求。"


class NothingToConfirm(Problem):
    status, code, title = 409, "nothing_to_confirm", "没有等待确认的不认可"


class NoCallBackOwed(Problem):
    status, code, title = 409, "no_call_back_owed", "这件诉求不需要回访"


class NotThatHigh(Problem):
    status, code, title = 409, "not_that_high", "诉求尚未升级到这一层级"


class AlreadyHazard(Problem):
    status, code, title = 409, "already_hazard", "已经标为安全隐患"


class NeedsAPerson(Problem):
    status, code, title = 409, "needs_a_person", "这件诉求须由人工核查"


class ReportedAlready(Problem):
    status, code, title = 409, "reported_already", "已上报的事件由承办单位处置"


class PhotosMissing(Problem):
    status, code, title = 422, "photos_missing", "须附处置前和处置后的照片"


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
    contacted_cycle: int = 1
    """The last cycle in which a person contacted the resident; each cycle needs a contact of its own."""
    tasks_open: int = 0
    transfers: int = 0
    dispatches: bool = False
    """The viewer acts for the community, not for the unit alone."""
    level: int = 0
    hazard: bool = False
    confirm_owed: bool = False
    callback_owed: bool = False
    may_reopen: bool = True
    """The viewer's time to reopen is not over."""
    by_system: bool = False
    low_risk: bool = True
    """The system may check it."""
    found: bool = False
    """主动发现: nobody reported it, so nobody is contacted or asked for a rating."""
    self_handled: bool = False
    objection_open: bool = False
    """Merged so short a time ago that its reporter may still object."""


def days_after(moment: datetime, days: int) -> datetime:
    """The end of the `days`-th day after the day of `moment`, in China."""
    last = local(moment).date() + timedelta(days=days + 1)
    return datetime.combine(last, time.min, CHINA)


def may_settle(facts: CaseFacts) -> Problem | None:
    return None if facts.self_handled else ReportedAlready()


def may_finish(facts: CaseFacts) -> Problem | None:
    if not facts.found and (facts.first_contact_at is None or facts.contacted_cycle < facts.cycle):
        return NobodyContacted()
    return TasksOpen(f"还有 {facts.tasks_open} 项协同任务") if facts.tasks_open else None


def may_transfer(facts: CaseFacts) -> Problem | None:
    return None if facts.dispatches or facts.transfers < TRANSFERS_ALLOWED else TransferredEnough()


def may_reopen(facts: CaseFacts) -> Problem | None:
    return may_dispute(facts) if facts.may_reopen else TooLateToReopen()


def may_confirm(facts: CaseFacts) -> Problem | None:
    return other_hands(facts) if facts.confirm_owed else NothingToConfirm()


def call_back_owed(facts: CaseFacts) -> Problem | None:
    return None if facts.callback_owed else NoCallBackOwed()


def climbed_to(level: int) -> Callable[[CaseFacts], Problem | None]:
    return lambda facts: None if facts.level >= level else NotThatHigh(f"升级到第 {level} 级之后才能进行")


def no_hazard_yet(facts: CaseFacts) -> Problem | None:
    return AlreadyHazard() if facts.hazard else None


def may_pass(facts: CaseFacts) -> Problem | None:
    if facts.by_system:
        return None if facts.low_risk else NeedsAPerson()
    return other_hands(facts)


def may_ask(facts: CaseFacts) -> Problem | None:
    return None if facts.asks < ASKS_ALLOWED else AskedEnough(f"每件诉求最多询问 {ASKS_ALLOWED} 次")


def may_dispute(facts: CaseFacts) -> Problem | None:
    return None if facts.cycle < CYCLES_ALLOWED else DisputedEnough()


def may_object(facts: CaseFacts) -> Problem | None:
    return None if facts.objection_open else TooLateToObject()


def other_hands(facts: CaseFacts) -> Problem | None:
    return SameHands() if facts.viewer_handled else None
