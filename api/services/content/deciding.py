"""A verdict on a check: the one place where it changes its state and its subject shows or hides."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.models import ContentCheck
from api.rules.content import (
    CHECKS,
    CONTENT_OF,
    CheckMove,
    CheckStanding,
    CheckState,
    Ruling,
    drawn_for_sampling,
    policy_of,
    ruling,
)
from api.services.content.subjects import SUBJECTS
from api.services.moves import Subject

CheckSubject = Subject[CheckState, CheckStanding, None]
_BY_MACHINE = "未通过平台的内容安全检测（{title}）"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the platform says of a text or picture."""

    suggest: str
    """pass, review or risky."""
    label: int | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """No verdict is to be had: a person judges. `error` is one line for the reviewer, nothing private."""

    error: str


async def by_system(tx: AsyncSession, check: ContentCheck, found: Verdict | Doubt) -> None:
    """Carry out what the policy makes of the platform's word. Raises WrongMoment where it is decided already."""
    subject = as_found(
        check, frozenset({CheckStanding.system}), actor_id=None, actor_title="系统", look_again=_nothing
    )
    if isinstance(found, Doubt):
        await decide(tx, subject, CheckMove.doubt, error=found.error[:200])
        return
    columns: dict[str, Any] = {"suggest": found.suggest, "label": found.label}
    if found.trace_id:
        columns["trace_id"] = found.trace_id
    match ruling(found.suggest, found.label):
        case Ruling.passes:
            move = CheckMove.sample if drawn_for_sampling(check.id) else CheckMove.clear
        case Ruling.review:
            move = CheckMove.doubt
        case Ruling.refuse:
            move = CheckMove.block
            columns["reason"] = _BY_MACHINE.format(title=policy_of(found.label).title)
    await decide(tx, subject, move, **columns)


async def _nothing() -> list[str]:
    return []


def as_found(
    check: ContentCheck,
    standings: frozenset[CheckStanding],
    *,
    actor_id: UUID | None,
    actor_title: str,
    look_again: Any,
) -> CheckSubject:
    """The check as an actor found it."""
    return CheckSubject(
        CHECKS,
        ContentCheck,
        check.id,
        check.state,
        check.version,
        standings,
        None,
        actor_id,
        actor_title,
        look_again,
        check,
    )


async def decide(tx: AsyncSession, subject: CheckSubject, move: CheckMove, **columns: Any) -> None:
    """Make the move, and show or hide what was judged.

    The subject's own row comes before the check's, as with an author who writes anew: nobody waits in a circle.
    """
    check: ContentCheck = subject.row
    target = CHECKS.decide(move, subject.state, subject.standings, None).target
    if target is CheckState.passed:
        columns["texts"] = []
    if target in (CheckState.passed, CheckState.refused, CheckState.sampled):
        columns["decided_at"] = clock.now()
    await SUBJECTS[check.subject_kind](tx, check, CONTENT_OF[target])
    await subject.move(
        tx,
        move,
        told=columns.get("reason"),
        data={
            "subject_kind": check.subject_kind,
            "subject_id": str(check.subject_id),
            "label": columns.get("label", check.label),
        },
        **columns,
    )
