"""What follows in a dispatch: who hears of a batch, and whom a need is offered to when somebody has passed it."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.kit.problems import Problem
from api.models import DispatchBatch, Need, Offer
from api.models.people import PersonId
from api.rules.dispatch import ASKED_AT_MOST, BatchMove, reasons
from api.rules.dispatch_costs import plan
from api.rules.roles import Permission, roles_with
from api.services import notices
from api.services.dispatch import gathering, settings
from api.services.dispatch.room import has_room
from api.services.needs import offering

_TOLD = {
    BatchMove.compute: ("派单方案已算好", "{text}，请在 24 小时内确认。"),
    BatchMove.finish: ("派单完毕", "已逐件派出，情况已变的见方案。"),
    BatchMove.fail: ("派单方案没有算成", "请重新计算，或与管理员联系。"),
    BatchMove.expire: ("派单方案已作废", "24 小时内没有派出。"),
}
NEXT = "上一位未接"


async def follow(tx: AsyncSession, event: Event) -> None:
    """Who ordered or applied a batch hears how it went; of one made by schedule, who dispatches there."""
    told = _TOLD.get(BatchMove(event.move)) if event.move in _MOVES else None
    if told is None:
        return
    found = await tx.execute(select(DispatchBatch).where(col(DispatchBatch.id) == event.subject_id))
    batch = found.scalar_one()
    if batch.at_once and event.move == BatchMove.compute:
        return
    who = batch.applied_by or batch.made_by
    people: list[PersonId] = [who] if who is not None else []
    if not people:
        people = list(await notices.holders(tx, roles_with(Permission.need_dispatch), batch.place_id))
    title, text = told
    await notices.tell(
        tx, event, people, kind=f"dispatch.{event.move}", title=title, text=text.format(text=event.text or "")
    )


_MOVES = frozenset(BatchMove)


async def next_candidate(tx: AsyncSession, event: Event) -> bool:
    """After a pass or a silence: offer the need to the best of those not asked yet. False where there is none, it was
    offered by hand, or enough have been asked: then a dispatcher decides."""
    last = await tx.execute(
        select(col(Offer.batch_id))
        .where(col(Offer.need_id) == event.subject_id)
        .order_by(col(Offer.id).desc())
        .limit(1)
    )
    batch_id = last.scalar_one_or_none()
    if batch_id is None or await _asked(tx, event.subject_id, batch_id) >= ASKED_AT_MOST:
        return False
    path = await tx.execute(select(col(Need.path)).where(col(Need.id) == event.subject_id))
    weights = settings.weights_of(await settings.in_force(tx, path.scalar_one()))
    found = plan(await gathering.of_need(tx, event.subject_id), weights)
    for best in found.proposals:
        why = [NEXT, *reasons(best.need, best.member, best.apart, best.stars, best.load)]
        try:
            async with tx.begin_nested():
                await has_room(tx, best.person_id)
                await offering.offer(tx, None, best.need_id, best.person_id, reasons=why, batch_id=batch_id)
        except Problem:  # somebody was faster with the need or with the member
            return False
        return True
    return False


async def _asked(tx: AsyncSession, need_id: UUID, batch_id: UUID) -> int:
    found = await tx.execute(
        select(func.count()).where(col(Offer.need_id) == need_id, col(Offer.batch_id) == batch_id)
    )
    return int(found.scalar_one())
