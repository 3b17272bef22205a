"""取消报名, 移出, 核销: what becomes of the seat, of who waits for it, and of the person's record."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.activity_words import SeatState
from api.rules.content import CheckScene
from api.services import deadlines
from api.services.access import Viewer
from api.services.activities import strikes
from api.services.activities.finding import SeatSubject, count, find_seat, lock
from api.services.activities.queueing import freed
from api.services.content import moderation

_HELD = (SeatState.offered, SeatState.confirmed)


async def cancel(tx: AsyncSession, actor: Viewer, seat_id: UUID, reason: str | None) -> None:
    """取消报名: less than a day before the start it counts against the person."""
    seat = await find_seat(tx, actor, seat_id)
    before = seat.state
    await _leave(tx, seat, "cancel", "取消报名", reason)
    if before is SeatState.confirmed and seat.state is SeatState.cancelled_late:
        await strikes.struck(tx, actor.person_id)


async def remove(tx: AsyncSession, actor: Viewer, seat_id: UUID, reason: str) -> None:
    """移出: by who organises, never from one's own seat; minutes of it are not credited."""
    await _leave(tx, await find_seat(tx, actor, seat_id), "remove", "组织者移出", reason)


async def excuse(tx: AsyncSession, actor: Viewer, seat_id: UUID, reason: str) -> None:
    """核销: a good reason for not having come."""
    seat = await find_seat(tx, actor, seat_id)
    await seat.move(tx, "excuse", text="组织者核销", reason=reason, reason_passed_at=None)
    await _watch(tx, seat, reason)
    await strikes.excused(tx, seat.row["person_id"])


async def _watch(tx: AsyncSession, seat: SeatSubject, reason: str | None) -> None:
    await moderation.watch(
        tx,
        subject_kind="seat_reason",
        subject_id=seat.id,
        author_id=seat.actor_id,
        texts=[reason],
        path=seat.row["path"],
        scene=CheckScene.comment,
    )


async def _leave(tx: AsyncSession, seat: SeatSubject, move: str, text: str, reason: str | None) -> None:
    seat.require(move)
    activity_id, before = seat.row["activity_id"], seat.state
    await lock(tx, activity_id)
    await seat.move(
        tx, move, text=text, reason=reason, reason_passed_at=None, offered_until=None, ended_at=clock.now()
    )
    await _watch(tx, seat, reason)
    await deadlines.cancel(tx, seat.id)
    if before is SeatState.waitlisted:
        await count(tx, activity_id, waiting=-1)
    elif before in _HELD and not seat.facts.begun:
        await freed(tx, activity_id)
