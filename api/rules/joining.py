"""并单与附和: several people, one matter. Merged cases form a forest of depth 1."""

from datetime import datetime, timedelta

from api.kit.problems import Problem
from api.rules.cases import CaseState, Visibility

OBJECTION = timedelta(days=3)
"""So long a reporter may object to the merging of his case."""
RATING = timedelta(days=7)
"""So long after a case was closed those who joined it may still rate."""

PARENTS: frozenset[CaseState] = frozenset(
    {
        CaseState.submitted,
        CaseState.dispatched,
        CaseState.in_progress,
        CaseState.waiting_resident,
        CaseState.suspended,
    }
)
"""Into which a case may be merged, and which may be supported: still to be dealt with."""
GONE: frozenset[CaseState] = frozenset({CaseState.withdrawn, CaseState.rejected, CaseState.referred})
"""Ends without a result: what was merged into such a case goes on by itself."""

_WIDTH = (Visibility.private, Visibility.community, Visibility.public)


class NotMergeable(Problem):
    status, code, title = 409, "not_mergeable", "不能并入这件诉求"
    advice = "请选择同一社区、仍在办理、自身未并单、公开范围不更宽的另一件诉求。"


class AlreadySupported(Problem):
    status, code, title = 409, "already_supported", "您已经附和过这件诉求"


class OwnCase(Problem):
    status, code, title = 403, "own_case", "这是您自己反映的诉求"


class AlreadyRated(Problem):
    status, code, title = 409, "already_rated", "您已评价过这一轮办理"


def wider(parent: Visibility, child: Visibility) -> bool:
    """Merging would show the child's matter to more people than its reporter chose."""
    return _WIDTH.index(parent) > _WIDTH.index(child)


def objection_open(merged_at: datetime | None, now: datetime) -> bool:
    """The reporter may still object."""
    return merged_at is not None and now < merged_at + OBJECTION
