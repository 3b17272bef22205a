"""自行处置: what a grid worker found and dealt with on the spot, in one move; somebody else checks it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.models.cases import MessageKind
from api.rules.case_guards import NoUnit, PhotosMissing
from api.rules.cases import OUTCOME_TITLES, RESIDENT_CLOCKS, CaseClock, Outcome
from api.rules.content import UploadPurpose
from api.rules.limits import STEPS
from api.services import deadlines, uploads
from api.services.access import Viewer
from api.services.cases.finding import find
from api.services.cases.handling import restart_clock, say
from api.services.cases.routing import grid_team


async def settle(
    tx: AsyncSession,
    actor: Viewer,
    case_id: UUID,
    *,
    outcome: Outcome,
    reply: str,
    before: Sequence[UUID] = (),
    after: Sequence[UUID] = (),
) -> None:
    """处置完毕, in the name of the grid's team. What was photographed when it was found is the state before.

    Raises NotFound, NotAllowed, ReportedAlready, PhotosMissing, NoUnit, UploadNotUsable.
    """
    case = await find(tx, actor, case_id)
    case.require("settle")
    if not after:
        raise PhotosMissing("请附处置后的照片")
    way = await grid_team(tx, case.row)
    if way.unit is None:
        raise NoUnit(moves=case.moves())
    now = clock.now()
    await case.move(
        tx,
        "settle",
        text=f"网格员自行处置：{OUTCOME_TITLES[outcome]}",
        outcome=outcome,
        unit_id=way.unit.id,
        handler_id=actor.person_id,
        routing_rule=way.rule.value,
        dispatched_at=now,
        handled_at=now,
    )
    say(tx, case, MessageKind.reply, reply)
    for purpose, taken in ((UploadPurpose.before, before), (UploadPurpose.after, after)):
        await uploads.attach(
            tx, actor.person_id, taken, subject_kind="case", subject_id=case_id, purpose=purpose
        )
    await deadlines.meet(tx, case_id, [CaseClock.screening, *RESIDENT_CLOCKS])
    await restart_clock(tx, case, CaseClock.checking, STEPS[CaseClock.checking])
