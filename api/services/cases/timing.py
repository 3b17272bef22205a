"""What happens when a clock of a case runs out, or a part of it is used: the system moves on, or people are added."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Case, Deadline
from api.rules.cases import CLOCK_TITLES, CaseClock, CaseState, is_low_risk
from api.rules.limits import LADDER_PERCENTS
from api.services import deadlines
from api.services.cases import handling, holding, ladder, rating

LEVEL_AFTER = {
    CaseClock.screening: 2,
    CaseClock.sign: 1,
    CaseClock.contact: 2,
    CaseClock.finish: 2,
    CaseClock.unit: 2,
    CaseClock.checking: 1,
    CaseClock.confirming: 2,
    CaseClock.calling_back: 2,
    CaseClock.planning: 2,
    CaseClock.to_town: 3,
    CaseClock.supervising: 4,
}
"""To which rung a case climbs at least when the clock breaks."""


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Act on a broken clock of a case, as the system."""
    case = (await tx.execute(select(Case).where(col(Case.id) == deadline.subject_id))).scalar_one()
    kind = CaseClock(deadline.kind)
    if deadline.cycle != case.cycle:
        return
    match kind, case.state:
        case CaseClock.asking, CaseState.waiting_resident:
            await handling.expire(tx, case.id)
        case CaseClock.rating, CaseState.awaiting_rating:
            await handling.expire(tx, case.id)
        case CaseClock.reviewing, CaseState.suspended:
            await holding.resume(tx, None, case.id)
        case CaseClock.checking, CaseState.handled if is_low_risk(case.category, case.cycle, case.id):
            await rating.pass_check(tx, None, case.id)
        case CaseClock.asking | CaseClock.rating | CaseClock.reviewing, _:
            return
        case _:
            told = f"{CLOCK_TITLES[kind]}超时"
            handling.note_event(tx, case.id, "overdue", told, data={"clock": kind.value})
            await ladder.climb(tx, case.id, LEVEL_AFTER[kind], told)


async def warned(tx: AsyncSession, deadline: Deadline) -> None:
    """A part of a clock is used: at half of it the handler is reminded, at 80% the unit's lead is added."""
    percent = await deadlines.reached(tx, deadline)
    title = CLOCK_TITLES[CaseClock(deadline.kind)]
    if percent == LADDER_PERCENTS[0]:
        data = {"clock": deadline.kind, "percent": percent}
        handling.note_event(tx, deadline.subject_id, "remind", None, data=data)
    else:
        await ladder.climb(tx, deadline.subject_id, 1, f"{title}期限已用去 {percent}%")
