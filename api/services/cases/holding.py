"""挂账: a case that cannot be solved now is suspended with a public reason and a day of review."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.case_guards import SUSPENDED_IN_ALL
from api.rules.case_requests import SUSPEND_TITLES, SuspendedEnough, SuspendReason
from api.rules.cases import PAUSED_CLOCKS, CaseClock
from api.rules.clocks import natural_days
from api.services import deadlines
from api.services.access import Viewer
from api.services.cases.finding import CaseSubject, find
from api.services.cases.handling import restart_clock


async def suspend(tx: AsyncSession, case: CaseSubject, reason: SuspendReason, days: int) -> None:
    """As approved: both clocks stand still until the review. Raises SuspendedEnough beyond the days in all."""
    in_all = case.row["suspended_days"] + days
    if in_all > SUSPENDED_IN_ALL:
        raise SuspendedEnough(f"已挂账 {case.row['suspended_days']} 天", moves=case.moves())
    review = clock.local(clock.now()) + timedelta(days=days)
    await case.move(
        tx,
        "suspend",
        text=f"挂账（{SUSPEND_TITLES[reason]}），{review:%Y-%m-%d} 前复核",
        data={"reason": reason.value, "days": days},
        suspended_days=in_all,
    )
    await deadlines.pause(tx, case.id, PAUSED_CLOCKS)
    await restart_clock(tx, case, CaseClock.reviewing, natural_days(days))


async def resume(tx: AsyncSession, actor: Viewer | None, case_id: UUID) -> None:
    """恢复办理, at the review by the system or before it by the town: the clocks go on."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "resume", text="恢复办理" if actor else "复核期到，恢复办理")
    await deadlines.meet(tx, case_id, [CaseClock.reviewing])
    await deadlines.resume(tx, case_id, PAUSED_CLOCKS)
