"""What the worker does to all seats of an activity after its clock or its cancelling, some at a time.

Each batch is a transaction of its own, begun by an event; the event of the next batch is written with it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.models import Attendance, Seat
from api.rules.activities import served
from api.rules.activity_words import WAITING, SeatMove, SeatState
from api.services import deadlines
from api.services.activities import strikes
from api.services.activities.finding import SeatSubject, count, find_seat, lock
from api.services.hours import recording

AT_A_TIME = 40
SWEEP = "sweep"
"""The event that asks for the next batch; `data.of` names what it goes on with."""


async def _miss(tx: AsyncSession, seat: SeatSubject) -> None:
    """没有轮到: the activity begins without who still waits."""
    waited = seat.state is SeatState.waitlisted
    await seat.move(
        tx, SeatMove.miss, text="活动开始，没有轮到候补", offered_until=None, ended_at=clock.now()
    )
    await deadlines.cancel(tx, seat.id)
    await count(tx, seat.row["activity_id"], waiting=-1 if waited else 0, free=0 if waited else 1)


async def _settle(tx: AsyncSession, seat: SeatSubject) -> None:
    """未到场, or the minutes between check-ins and check-outs, made public before they count."""
    if seat.state is SeatState.confirmed:
        await seat.move(tx, SeatMove.no_show, text="没有签到", ended_at=clock.now())
        await strikes.struck(tx, seat.row["person_id"])
        return
    minutes = await _minutes(tx, seat)
    await seat.move(
        tx, SeatMove.settle, text=f"自动记录 {minutes} 分钟，公示 3 天", minutes_automatic=minutes
    )


async def _minutes(tx: AsyncSession, seat: SeatSubject) -> int:
    pairs = await tx.execute(
        select(col(Attendance.came_at), col(Attendance.left_at)).where(col(Attendance.seat_id) == seat.id)
    )
    return served([(came, left) for came, left in pairs], seat.row["starts_at"], seat.row["ends_at"])


async def _credit(tx: AsyncSession, seat: SeatSubject) -> None:
    """公示期满: the minutes count."""
    await seat.move(tx, SeatMove.credit, text=f"计入 {seat.row['minutes_automatic']} 分钟")
    await recording.credit(tx, seat.row)


async def _call_off(tx: AsyncSession, seat: SeatSubject) -> None:
    await seat.move(tx, SeatMove.call_off, text="活动取消", offered_until=None, ended_at=clock.now())
    await deadlines.cancel(tx, seat.id)


@dataclass(frozen=True, slots=True)
class Round:
    """Seats in which states, and what becomes of each."""

    states: tuple[SeatState, ...]
    act: Callable[[AsyncSession, SeatSubject], Awaitable[None]]


ROUNDS: dict[str, Round] = {
    "begin": Round(WAITING, _miss),
    "end": Round((SeatState.confirmed, SeatState.checked_in, SeatState.checked_out), _settle),
    "credit": Round((SeatState.hours_pending,), _credit),
    "cancel": Round((*WAITING, SeatState.confirmed, SeatState.checked_in, SeatState.checked_out), _call_off),
}
"""By the move of the activity's event."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """One batch of what the event asks for."""
    of = event.data.get("of", event.move) if event.move == SWEEP else event.move
    round_ = ROUNDS.get(of)
    if round_ is None:
        return
    await lock(tx, event.subject_id)
    seats = await _batch(tx, event.subject_id, round_)
    for seat_id in seats:
        seat = await find_seat(tx, None, seat_id)
        if seat.state in round_.states:
            await round_.act(tx, seat)
    if len(seats) == AT_A_TIME:
        record(
            tx,
            subject_kind="activity",
            subject_id=event.subject_id,
            move=SWEEP,
            actor_id=None,
            actor_title="系统",
            data={"of": of},
        )


async def _batch(tx: AsyncSession, activity_id: UUID, round_: Round) -> list[UUID]:
    found = await tx.execute(
        select(col(Seat.id))
        .where(col(Seat.activity_id) == activity_id, col(Seat.state).in_(round_.states))
        .order_by(col(Seat.ticket))
        .limit(AT_A_TIME)
    )
    return list(found.scalars())
