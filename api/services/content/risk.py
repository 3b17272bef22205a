"""用户风险等级 (getuserriskrank): asked at registration and when somebody writes; shown to reviewers, blocks nobody."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.backoff import backoff
from api.kit.db import Database
from api.kit.mishaps import told
from api.models import ContentCheck, RiskRating
from api.models.people import PersonId

log = logging.getLogger("linli.content")

FRESH = timedelta(hours=24)
"""A rating so young is not asked for again."""
MOST_ATTEMPTS = 5
LEASE = timedelta(minutes=1)

Rate = Callable[[str, str], Awaitable[int]]
"""(openid, client address) → rank 0–4. Raises where there is none to be had now."""


def _stale(now: Any) -> Any:
    return or_(col(RiskRating.rated_at).is_(None), col(RiskRating.rated_at) < now - FRESH)


async def note_login(tx: AsyncSession, person_id: PersonId, openid: str, client_ip: str) -> None:
    """Somebody logged in from this address: rate who has no fresh rating."""
    now = clock.now()
    await tx.execute(
        insert(RiskRating)
        .values(person_id=person_id, openid=openid, client_ip=client_ip, next_at=now)
        .on_conflict_do_update(
            index_elements=["person_id"],
            set_={
                "openid": openid,
                "client_ip": client_ip,
                "attempts": 0,
                "next_at": case((_stale(now), now), else_=col(RiskRating.next_at)),
            },
        )
    )


async def note_writing(tx: AsyncSession, check_id: UUID) -> None:
    """The author of a check writes: rate anew whose rating is old; who never logged in here is not asked for."""
    now = clock.now()
    author = select(col(ContentCheck.author_id)).where(col(ContentCheck.id) == check_id).scalar_subquery()
    await tx.execute(
        update(RiskRating)
        .where(col(RiskRating.person_id) == author, col(RiskRating.next_at).is_(None), _stale(now))
        .values(next_at=now, attempts=0)
    )


_TAKE = text(
    """with due as (
         select person_id from risk_ratings where next_at <= :now
         order by next_at limit 1 for update skip locked)
       update risk_ratings r set attempts = attempts + 1, next_at = :until
       from due where r.person_id = due.person_id
       returning r.person_id, r.openid, r.client_ip, r.attempts"""
)


class Rater:
    """Asks for the ratings that are due through `rate`."""

    def __init__(self, db: Database, rate: Rate) -> None:
        self._db = db
        self._rate = rate

    async def run_one(self) -> bool:
        """Rate one person. False when nobody is due."""
        now = clock.now()
        async with self._db.transaction() as tx:
            taken = (await tx.execute(_TAKE, {"now": now, "until": now + LEASE})).first()
        if taken is None:
            return False
        columns: dict[str, Any]
        try:
            rank = await self._rate(taken.openid, taken.client_ip)
            columns = {"rank": min(max(rank, 0), 4), "rated_at": clock.now(), "next_at": None}
        except Exception as error:
            log.warning("no risk rank", extra={"error": told(error), "attempt": taken.attempts})
            wait = timedelta(seconds=backoff(taken.attempts, first=5.0, factor=4.0, longest=600.0))
            columns = {"next_at": None if taken.attempts >= MOST_ATTEMPTS else clock.now() + wait}
        async with self._db.transaction() as tx:
            await tx.execute(
                update(RiskRating)
                .where(
                    col(RiskRating.person_id) == taken.person_id,
                    col(RiskRating.attempts) == taken.attempts,
                )
                .values(**columns)
            )
        return True
