"""候补: a freed seat is kept for the next in the queue, until they answer or their time is over; then for the next.

Every function here expects the activity to be held (finding.lock).
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Deadline, Seat
from api.rules.activities import answer_within
from api.rules.activity_words import SEAT_CLOCK, SeatState
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.activities.finding import SeatSubject, count, find_seat, lock, nowhere_else
from api.services.activities.strikes import pass_through


async def freed(tx: AsyncSession, activity_id: UUID, seats: int = 1) -> None:
    """So many seats nobody holds any more: each for the next who waits, or for whoever signs up."""
    left = seats
    while left and await _offer_next(tx, activity_id):
        left -= 1
    if left:
        await count(tx, activity_id, free=left)


async def _offer_next(tx: AsyncSession, activity_id: UUID) -> bool:
    """False where nobody waits, or the activity is about to begin."""
    found = await tx.execute(
        select(col(Seat.id))
        .where(col(Seat.activity_id) == activity_id, col(Seat.state) == SeatState.waitlisted)
        .order_by(col(Seat.ticket))
        .limit(1)
    )
    seat_id = found.scalar_one_or_none()
    if seat_id is None:
        return False
    seat = await find_seat(tx, None, seat_id)
    within = answer_within(seat.row["starts_at"], clock.now())
    if within is None:
        return False
    started = deadlines.start(tx, "seat", seat_id, SEAT_CLOCK, within, await calendars.current(tx))
    await seat.move(tx, "offer", text=f"空出名额，请在{within.text}内答复", offered_until=started.due_at)
    await count(tx, activity_id, waiting=-1)
    return True


async def accept(tx: AsyncSession, actor: Viewer, seat_id: UUID) -> None:
    """接受: the seat was kept. Raises DoubleBooked where the person is elsewhere at that time."""
    seat = await find_seat(tx, actor, seat_id)
    seat.require("accept")
    await lock(tx, seat.row["activity_id"])
    await pass_through(tx, actor.person_id)
    with nowhere_else():
        await seat.move(tx, "accept", text="接受候补名额", offered_until=None)
    await deadlines.meet(tx, seat_id, [SEAT_CLOCK])


async def decline(tx: AsyncSession, actor: Viewer, seat_id: UUID) -> None:
    """放弃: for the next."""
    await _pass_on(tx, await find_seat(tx, actor, seat_id), "decline", "放弃候补名额")


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """逾期未答复: for the next. Who has answered meanwhile keeps what was decided."""
    seat = await find_seat(tx, None, deadline.subject_id)
    if seat.state is SeatState.offered:
        await _pass_on(tx, seat, "expire", "逾期未答复，名额转给下一位")


async def _pass_on(tx: AsyncSession, seat: SeatSubject, move: str, text: str) -> None:
    seat.require(move)
    await lock(tx, seat.row["activity_id"])
    await seat.move(tx, move, text=text, offered_until=None, ended_at=clock.now())
    await deadlines.cancel(tx, seat.id)
    await freed(tx, seat.row["activity_id"])
