"""The queue: PostgreSQL's `deliveries`, one row for each event whose consequences are still to be carried out.

A delivery is taken, its consequences written and its row deleted in one transaction, so each event has its
effect exactly once, whenever and however often a worker dies (docs/adr/0002). Order is not promised, neither
between subjects nor within one: a failing event holds back nobody, so consequences speak from the event
itself, never from what else may have happened by now.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, literal_column, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.backoff import backoff
from api.kit.db import Database
from api.kit.events import Delivery, Event, EventWords, whole
from api.kit.faults import as_problem
from api.kit.ids import born
from api.kit.metrics import HANDLED
from api.kit.mishaps import told, trail
from api.kit.problems import NotFound, Problem, Unavailable

log = logging.getLogger("linli.queue")

Follow = Callable[[AsyncSession, Event], Awaitable[None]]
"""Carries out the consequences of an event in the given transaction. Never commits, calls nobody outside."""

ATTEMPTS = 8
FIRST_WAIT, LONGEST_WAIT, GROWTH = 1.0, 600.0, 4.0
"""Seconds: 1, 4, 16, 64, 256, 600, 600, then dead: a fault mended within 25 minutes costs nothing."""
LIMIT = 10.0
"""Seconds the consequences of one event may take; below the server's idle-in-transaction time-out."""
AFTER_A_FAULT = 10.0
"""Seconds a row waits after a fault of an engine, which is no attempt of its own."""

_alive = not_(col(Delivery.dead))
_due = (
    select(col(Delivery.event_id))
    .where(_alive, col(Delivery.next_at) <= bindparam("now"))
    .order_by(col(Delivery.next_at), col(Delivery.event_id))
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_taken = (
    delete(Delivery)
    .where(col(Delivery.event_id) == _due.c.event_id)
    .returning(col(Delivery.event_id), col(Delivery.attempts))
    .cte("taken")
)
_TAKE = (
    select(Event, EventWords, _taken.c.attempts)
    .join(_taken, _taken.c.event_id == col(Event.id))
    .outerjoin(EventWords, col(EventWords.event_id) == col(Event.id))
)

_STATE = select(
    select(func.count()).select_from(Delivery).where(_alive).scalar_subquery().label("waiting"),
    select(func.count()).select_from(Delivery).where(col(Delivery.dead)).scalar_subquery().label("dead"),
    select(col(Delivery.event_id))
    .where(_alive)
    .order_by(col(Delivery.event_id))
    .limit(literal_column("1"))
    .scalar_subquery()
    .label("oldest"),
)


class NoSuchDelivery(NotFound):
    code, title = "no_such_delivery", "没有这条待办投递，可能已经处理完成"


@dataclass(frozen=True, slots=True)
class State:
    """How the queue is doing."""

    waiting: int
    """Events whose consequences are to come, those that wait for another attempt among them."""
    oldest: timedelta | None
    """Age of the oldest of them."""
    dead: int
    """Given up; they wait for `retry`."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What must be remembered of a delivery when its transaction is gone."""

    event_id: UUID
    move: str
    attempts: int


class Queue:
    """Empties `deliveries` of `db` through `follow`; any number of processes and tasks at once."""

    def __init__(self, db: Database, follow: Follow, *, limit: float = LIMIT) -> None:
        self._db = db
        self._follow = follow
        self._limit = limit

    async def run_one(self) -> bool:
        """Carry out what has been due longest. False when nothing is due.

        A failure is written down and counted. Raises only when PostgreSQL is not there to write to; then
        nothing has happened and the row is where it was.
        """
        taken: _Taken | None = None
        try:
            async with self._db.transaction() as tx:
                row = (await tx.execute(_TAKE, {"now": clock.now()})).one_or_none()
                if row is None:
                    return False
                event, kept, attempts = row
                taken = _Taken(event.id, event.move, attempts)
                async with asyncio.timeout(self._limit):
                    await self._follow(tx, whole(event, kept))
        except Exception as error:
            if taken is None:
                raise
            await self._put_off(taken, error)
        else:
            HANDLED.labels(taken.move, "done").inc()
        return True

    async def _put_off(self, taken: _Taken, error: Exception) -> None:
        """In a transaction of its own, since the failed one has given the row back.

        Another worker may have had the row in between: then it is gone, or has been put off as far as here.
        """
        counted = not _is_fault_of_an_engine(error)
        attempts = taken.attempts + counted
        dead = attempts >= ATTEMPTS
        if counted:
            wait = backoff(attempts, first=FIRST_WAIT, factor=GROWTH, longest=LONGEST_WAIT)
        else:
            wait = backoff(1, first=AFTER_A_FAULT, longest=AFTER_A_FAULT)
        async with self._db.transaction() as tx:
            await tx.execute(
                update(Delivery)
                .where(col(Delivery.event_id) == taken.event_id)
                .values(
                    attempts=attempts,
                    next_at=clock.now() + timedelta(seconds=wait),
                    dead=dead,
                    error=told(error),
                )
            )
        outcome = "dead" if dead else "failed" if counted else "postponed"
        HANDLED.labels(taken.move, outcome).inc()
        log.log(
            logging.ERROR if dead else logging.WARNING,
            "consequences of an event %s",
            outcome,
            extra={
                "event_id": str(taken.event_id),
                "move": taken.move,
                "attempt": attempts,
                "error": told(error),
                "trail": trail(error),
            },
        )


def _is_fault_of_an_engine(error: Exception) -> bool:
    """A bare OSError is not one: in here the connection is made, so it is a fault of the consequence."""
    problem = error if isinstance(error, Problem) else as_problem(error)
    return isinstance(problem, Unavailable) and not isinstance(error, OSError)


async def retry(tx: AsyncSession, event_id: UUID) -> None:
    """Make a delivery due at once, with all its attempts before it. NoSuchDelivery when there is none."""
    changed = await tx.execute(
        update(Delivery)
        .where(col(Delivery.event_id) == event_id)
        .values(attempts=0, next_at=clock.now(), dead=False)
        .returning(col(Delivery.event_id))
    )
    if changed.one_or_none() is None:
        raise NoSuchDelivery


async def state(tx: AsyncSession) -> State:
    """What waits, for how long, and what was given up."""
    row = (await tx.execute(_STATE)).one()
    oldest = None if row.oldest is None else clock.now() - born(row.oldest)
    return State(waiting=row.waiting, oldest=oldest, dead=row.dead)
