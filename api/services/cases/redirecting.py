"""Sending a case elsewhere: to another unit, back to the dispatcher, to an outside system, or home."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.models.cases import MessageKind
from api.rules.case_requests import REJECT_ROUTES, RejectReason
from api.rules.cases import CaseClock
from api.rules.limits import STEPS
from api.services import deadlines
from api.services.access import Viewer
from api.services.cases import ladder
from api.services.cases.finding import CaseSubject, find
from api.services.cases.handling import arrived, restart_clock, say, unit_for

_OF_THE_UNIT = (CaseClock.sign, CaseClock.unit)


async def transfer(tx: AsyncSession, actor: Viewer, case_id: UUID, unit_id: UUID, reason: str) -> None:
    """转办: another unit's clocks begin; the resident's go on. The third brings it to the town."""
    case = await find(tx, actor, case_id)
    case.require("transfer")
    unit = await unit_for(tx, case, unit_id)
    count = case.row["transfers"] + 1
    await case.move(
        tx,
        "transfer",
        text=f"已转办至{unit.name}",
        data={"from": str(case.row["unit_id"]), "unit_id": str(unit.id)},
        unit_id=unit.id,
        handler_id=None,
        transfers=count,
        routing_rule="transfer",
        dispatched_at=clock.now(),
    )
    say(tx, case, MessageKind.note, reason)
    await arrived(tx, case, unit)
    if count >= ladder.TRANSFERS_OF_THE_TOWN:
        await ladder.climb(tx, case_id, 3, f"第 {count} 次转办")


async def refer(tx: AsyncSession, actor: Viewer, case_id: UUID, *, system: str, number: str) -> None:
    """转外部: with the number by which it is found there; nothing is due here any more."""
    case = await find(tx, actor, case_id)
    await case.move(
        tx,
        "refer",
        text="已转外部系统办理",
        told=f"已转{system}办理，编号 {number}",
        outside_system=system,
        outside_number=number,
    )
    await deadlines.meet(tx, case_id, [CaseClock.screening])
    await deadlines.cancel(tx, case_id)


async def reject(tx: AsyncSession, case: CaseSubject, reason: RejectReason) -> None:
    """不予受理, as approved: the resident is told why and where to go."""
    title, route = REJECT_ROUTES[reason]
    await case.move(tx, "reject", text=f"不予受理：{title}。{route}。", reject_reason=reason)
    await deadlines.meet(tx, case.id, [CaseClock.screening])
    await deadlines.cancel(tx, case.id)


async def readmit(tx: AsyncSession, case: CaseSubject) -> None:
    """恢复受理 after an appeal: screened anew. The resident's clocks count as if they had never stopped."""
    await case.move(tx, "readmit", text="申诉成立，恢复受理", reject_reason=None)
    await deadlines.revive(tx, case.id, case.row["cycle"])
    await restart_clock(tx, case, CaseClock.screening, STEPS[CaseClock.screening])


async def give_back(tx: AsyncSession, case: CaseSubject) -> None:
    """退单, as approved: the unit's time does not count against it, the resident's was never stopped."""
    count = case.row["returns"] + 1
    await case.move(
        tx,
        "return",
        text="承办单位退单，等待重新派单",
        data={"from": str(case.row["unit_id"])},
        unit_id=None,
        handler_id=None,
        returns=count,
    )
    await deadlines.cancel(tx, case.id, _OF_THE_UNIT)
    await restart_clock(tx, case, CaseClock.screening, STEPS[CaseClock.screening])
    if count >= ladder.RETURNS_OF_THE_COMMUNITY:
        await ladder.climb(tx, case.id, 2, f"第 {count} 次退单")
