"""同一设施反复报修: three cases on one asset in 30 days are no accident; what is still open of them is the town's."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Case
from api.rules.cases import OVER, CaseState
from api.services.cases import ladder

CASES_OF_THE_TOWN, WITHIN = 3, timedelta(days=30)
_NOT_COUNTED = (CaseState.merged, CaseState.withdrawn, CaseState.rejected)
"""One matter told twice, or none."""


async def lift(tx: AsyncSession, case: Case) -> None:
    """After a case was handed in. Of several at once the last to be looked at sees them all; a rung is climbed once.

    The rows are locked before their states are looked at, so that none ends on its way up; in the order of their
    ids, as everything that locks several. Hence the first thing in its transaction, before it has locked one.
    """
    if case.asset_id is None:
        return
    found = await tx.execute(
        select(col(Case.id), col(Case.state))
        .where(
            col(Case.asset_id) == case.asset_id,
            col(Case.created_at) > clock.now() - WITHIN,
            col(Case.state).not_in(_NOT_COUNTED),
        )
        .order_by(col(Case.id))
        .with_for_update(key_share=True)
    )
    cases = found.all()
    if len(cases) < CASES_OF_THE_TOWN:
        return
    for case_id, state in cases:
        if state not in OVER:
            await ladder.climb(tx, case_id, 3, f"同一设施 {WITHIN.days} 天内 {len(cases)} 件")
