"""处置完毕: what was assigned is finished by its handler, what a grid worker found is settled on the spot in one move.

Either way somebody else checks it; the words are public, the pictures show the state before and after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.models.cases import MessageKind
from api.rules.case_guards import NoUnit, PhotosMissing
from api.rules.cases import (
    OUTCOME_TITLES,
    RESIDENT_CLOCKS,
    CaseCategory,
    CaseClock,
    CaseKind,
    CaseMove,
    Outcome,
)
from api.rules.content import UploadPurpose
from api.rules.limits import STEPS
from api.rules.property import photos_owed
from api.services import deadlines, uploads
from api.services.access import Viewer
from api.services.cases.finding import CaseSubject, find
from api.services.cases.handling import restart_clock, say
from api.services.cases.routing import grid_team

FINISHED_WITH = (
    CaseClock.finish,
    CaseClock.unit,
    CaseClock.planning,
    CaseClock.to_town,
    CaseClock.supervising,
)
"""Clocks that finishing meets; a failed check lets all of them go on as if they had never stopped."""
_SETTLED_WITH = (CaseClock.screening, *RESIDENT_CLOCKS)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, and how it looked before and after."""

    outcome: Outcome
    reply: str
    before: Sequence[UUID] = ()
    after: Sequence[UUID] = ()


async def finish(tx: AsyncSession, actor: Viewer, case_id: UUID, done: Done) -> None:
    """办结: with a public reply and, for field work, the pictures before and after.

    Raises NotFound, NotAllowed, WrongMoment, NobodyContacted, TasksOpen, PhotosMissing, UploadNotUsable.
    """
    case = await find(tx, actor, case_id)
    case.require(CaseMove.finish)
    matter = CaseKind(case.row["kind"]), CaseCategory(case.row["category"])
    if photos_owed(*matter, done.outcome) and not (done.before and done.after):
        raise PhotosMissing(moves=case.moves())
    await _handled(tx, case, CaseMove.finish, "已处置", done, FINISHED_WITH)


async def settle(tx: AsyncSession, actor: Viewer, case_id: UUID, done: Done) -> None:
    """自行处置, in the name of the grid's team. What was photographed when it was found is the state before.

    Raises NotFound, NotAllowed, WrongMoment, ReportedAlready, PhotosMissing, NoUnit, UploadNotUsable.
    """
    case = await find(tx, actor, case_id)
    case.require(CaseMove.settle)
    if not done.after:
        raise PhotosMissing("请附处置后的照片")
    way = await grid_team(tx, case.row)
    if way.unit is None:
        raise NoUnit(moves=case.moves())
    await _handled(
        tx,
        case,
        CaseMove.settle,
        "网格员自行处置",
        done,
        _SETTLED_WITH,
        unit_id=way.unit.id,
        handler_id=actor.person_id,
        routing_rule=way.rule.value,
        dispatched_at=clock.now(),
    )


async def _handled(
    tx: AsyncSession,
    case: CaseSubject,
    move: CaseMove,
    how: str,
    done: Done,
    met: Iterable[CaseClock],
    **columns: Any,
) -> None:
    """The move with what is said of it, its pictures and its clocks; the check is due from here."""
    assert case.actor_id is not None
    await case.move(
        tx,
        move,
        text=f"{how}：{OUTCOME_TITLES[done.outcome]}",
        data={"outcome": done.outcome.value},
        outcome=done.outcome,
        handled_at=clock.now(),
        **columns,
    )
    say(tx, case, MessageKind.reply, done.reply)
    for purpose, taken in ((UploadPurpose.before, done.before), (UploadPurpose.after, done.after)):
        await uploads.attach(
            tx, case.actor_id, taken, subject_kind="case", subject_id=case.id, purpose=purpose
        )
    await deadlines.meet(tx, case.id, met)
    await restart_clock(tx, case, CaseClock.checking, STEPS[CaseClock.checking])
