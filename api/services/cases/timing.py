"""What happens when a clock of a case runs out: the system moves on, or more people are told."""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Case, Deadline
from api.rules.cases import CLOCK_TITLES, CaseCategory, CaseClock, CaseState
from api.services.cases import handling

LOW_RISK = frozenset({CaseCategory.consult, CaseCategory.suggest})
"""Passed by the system when nobody checked in time, but for the sample below."""

LEVEL_AFTER = {
    CaseClock.screening: 2,
    CaseClock.sign: 1,
    CaseClock.contact: 2,
    CaseClock.finish: 2,
    CaseClock.checking: 1,
}
"""To which rung a case climbs at least when the clock breaks."""


def drawn_for_a_person(case: Case) -> bool:
    """One in ten, by the id's random bits, is left for a human check."""
    return case.id.int % 10 == 0


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
        case CaseClock.checking, CaseState.handled if case.category in LOW_RISK and not drawn_for_a_person(
            case
        ):
            await handling.pass_check(tx, None, case.id)
        case CaseClock.asking | CaseClock.rating, _:
            return
        case _:
            await _climb(tx, case, kind)


async def _climb(tx: AsyncSession, case: Case, kind: CaseClock) -> None:
    """Add people; time is never reset, and the resident sees the rung."""
    await tx.execute(
        update(Case)
        .where(col(Case.id) == case.id)
        .values(level=func.greatest(col(Case.level), LEVEL_AFTER[kind]), updated_at=clock.now())
    )
    handling.note_event(tx, case.id, "overdue", f"{CLOCK_TITLES[kind]}超时", data={"clock": kind.value})
