"""The clock that acts: deadlines whose time has come, one at a time, in the transaction that marks them fired."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.backoff import backoff
from api.kit.db import Database
from api.kit.faults import as_problem
from api.kit.metrics import FIRED
from api.kit.mishaps import told, trail
from api.kit.problems import Problem, Unavailable
from api.models import Deadline

log = logging.getLogger("linli.due")

RanOut = Callable[[AsyncSession, Deadline], Awaitable[None]]
"""Acts as the system on a deadline that passed, in the transaction that fired it; one that has not fired has
only reached a rung of its ladder, and whoever acts moves it on to the next."""

LIMIT = 10.0
"""Seconds that acting on one deadline may take."""
LOCK_WAIT = "250ms"
"""A person's move locks its subject, then the deadlines; here it is the other way round. Giving up sooner than
PostgreSQL looks for deadlocks (1 s) makes the clock the one who yields, never the person."""
FIRST_REST, LONGEST_REST, GROWTH = 2.0, 600.0, 4.0
"""Seconds a deadline whose action failed is left alone by this process."""

_NEXT = func.least(col(Deadline.warn_at), col(Deadline.due_at))
"""The next rung of the ladder, or the due time."""
_DUE = (
    select(Deadline)
    .where(
        col(Deadline.met_at).is_(None),
        col(Deadline.cancelled_at).is_(None),
        col(Deadline.fired_at).is_(None),
        bindparam("now") >= _NEXT,
        col(Deadline.id) != func.all(bindparam("resting", type_=ARRAY(Uuid))),
    )
    .order_by(_NEXT)
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
)
_YIELD = select(func.set_config("lock_timeout", LOCK_WAIT, True))


@dataclass(slots=True)
class _Rest:
    failures: int
    until: float
    """Of the monotonic clock."""


class DueClock:
    """Fires what is due through `ran_out`. A deadline whose action fails holds up no other."""

    def __init__(self, db: Database, ran_out: RanOut) -> None:
        self._db = db
        self._ran_out = ran_out
        self._resting: dict[UUID, _Rest] = {}

    async def run_one(self) -> bool:
        """Act on the deadline that passed first. False when there is none.

        Raises only when PostgreSQL is not there; then nothing has happened.
        """
        found: tuple[UUID, str] | None = None
        try:
            async with self._db.transaction() as tx:
                row = await tx.execute(_DUE, {"now": clock.now(), "resting": self._at_rest()})
                deadline = row.scalar_one_or_none()
                if deadline is None:
                    return False
                found = deadline.id, deadline.kind
                if deadline.due_at is not None and deadline.due_at <= clock.now():
                    deadline.fired_at = clock.now()
                await tx.execute(_YIELD)
                async with asyncio.timeout(LIMIT):
                    await self._ran_out(tx, deadline)
        except Exception as error:
            if found is None:
                raise
            self._let_rest(*found, error)
            return True
        self._resting.pop(found[0], None)
        FIRED.labels(found[1]).inc()
        return True

    def _at_rest(self) -> list[UUID]:
        """Those not to be tried yet; the long forgotten (met by somebody meanwhile) are dropped."""
        now = time.monotonic()
        self._resting = {i: rest for i, rest in self._resting.items() if rest.until > now - LONGEST_REST}
        return [i for i, rest in self._resting.items() if rest.until > now]

    def _let_rest(self, deadline_id: UUID, kind: str, error: Exception) -> None:
        rest = self._resting.setdefault(deadline_id, _Rest(0, 0.0))
        problem = error if isinstance(error, Problem) else as_problem(error)
        yielded = isinstance(problem, Unavailable)
        if not yielded:
            rest.failures += 1
        seconds = backoff(max(1, rest.failures), first=FIRST_REST, factor=GROWTH, longest=LONGEST_REST)
        rest.until = time.monotonic() + seconds
        log.log(
            logging.INFO if yielded else logging.ERROR,
            "a deadline %s",
            "yields" if yielded else "failed",
            extra={
                "deadline_id": str(deadline_id),
                "kind": kind,
                "failures": rest.failures,
                "error": told(error),
                "trail": [] if yielded else trail(error),
            },
        )
