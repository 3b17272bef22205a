"""Carrying checks to the platform: take one, ask outside of any transaction, settle what was said.

A check that is taken is leased: whoever dies between leaves a row that is due again after a minute, and asking
twice is harmless. A picture's verdict is pushed later; it is kept by its trace and met here, so that it may
come before we know whose it is, twice, out of order, or never: then a person judges.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.backoff import backoff
from api.kit.db import Database
from api.kit.mishaps import told, trail
from api.kit.problems import WrongMoment
from api.models import ContentCheck, MediaVerdict
from api.rules.content import MEDIA_PATIENCE, MOST_ATTEMPTS, CheckState
from api.services.content import deciding
from api.services.content.deciding import Doubt, Verdict
from api.services.content.risk import note_writing

log = logging.getLogger("linli.content")

LEASE = timedelta(minutes=1)
"""A call takes seconds; a check taken for so long has lost its worker."""
FIRST_WAIT, LONGEST_WAIT, GROWTH = 2.0, 300.0, 4.0
"""Seconds until the platform is asked again: 2, 8, 32, 128, 300 …, within the author's two-hour window."""
VERDICTS_KEPT = timedelta(days=7)
REFUSED_KEPT = timedelta(days=30)
"""How long the words of a refused check are kept for a second opinion."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The platform took a picture and will push its verdict under this trace."""

    trace_id: str


@dataclass(frozen=True, slots=True)
class Again:
    """The platform could not be asked now; `wait`: seconds it wants to be left alone."""

    error: str
    wait: float | None = None


Answer = Verdict | Doubt | Ordered | Again
Ask = Callable[[ContentCheck], Awaitable[Answer]]
"""Asks the platform about one check. What it raises counts as Again."""

_TAKE = text(
    """with due as (
         select id from content_checks where state = 'pending' and next_at <= :now
         order by next_at, id limit 1 for update skip locked)
       update content_checks c set attempts = attempts + 1, next_at = :until
       from due where c.id = due.id returning c.id"""
)
_MET = text(
    """select c.id, v.suggest, v.label, v.errcode
       from content_checks c join media_verdicts v on v.trace_id = c.trace_id
       where c.state = 'pending' order by c.next_at limit 1"""
)


async def hear(tx: AsyncSession, *, trace_id: str, suggest: str, label: int, errcode: int) -> bool:
    """Keep the platform's pushed verdict on a picture; False for one that is known already."""
    kept = await tx.execute(
        insert(MediaVerdict)
        .values(trace_id=trace_id, suggest=suggest, label=label, errcode=errcode, heard_at=clock.now())
        .on_conflict_do_nothing()
        .returning(col(MediaVerdict.trace_id))
    )
    return kept.first() is not None


class Moderator:
    """Works off checks through `ask`; any number of processes and tasks at once."""

    def __init__(self, db: Database, ask: Ask) -> None:
        self._db = db
        self._ask = ask

    async def run_one(self) -> bool:
        """Meet one pushed verdict, or ask about one check. False when nothing is due."""
        return await self._meet() or await self._check()

    async def _meet(self) -> bool:
        async with self._db.reading() as tx:
            met = (await tx.execute(_MET)).first()
            if met is None:
                return False
            check = await _look(tx, met.id)
        failed = Doubt(f"平台没有看成图片（{met.errcode}）")
        await self._settle(check, failed if met.errcode else Verdict(met.suggest, met.label))
        return True

    async def _check(self) -> bool:
        check = await self._take()
        if check is None:
            return False
        await self._settle(check, await self._answer(check))
        return True

    async def _settle(self, check: ContentCheck, answer: Answer) -> None:
        try:
            async with self._db.transaction() as tx:
                await _write_down(tx, check, answer)
        except WrongMoment:
            log.info("a check was replaced while it was asked about", extra={"check_id": str(check.id)})

    async def _take(self) -> ContentCheck | None:
        now = clock.now()
        async with self._db.transaction() as tx:
            taken = (await tx.execute(_TAKE, {"now": now, "until": now + LEASE})).scalar_one_or_none()
            if taken is None:
                return None
            await note_writing(tx, taken)
            return await _look(tx, taken)

    async def _answer(self, check: ContentCheck) -> Answer:
        if check.trace_id is not None:
            return Doubt("平台没有按时给出图片结果")
        if check.openid is None:
            return Doubt("作者没有小程序身份，平台不能检测")
        if check.attempts > MOST_ATTEMPTS:
            return Doubt(f"平台 {MOST_ATTEMPTS} 次没有给出结果：{check.error or ''}")
        try:
            return await self._ask(check)
        except Exception as error:
            log.error("a check failed", extra={"error": told(error), "trail": trail(error)})
            return Again(told(error))


async def _look(tx: AsyncSession, check_id: UUID) -> ContentCheck:
    found = await tx.execute(select(ContentCheck).where(col(ContentCheck.id) == check_id))
    return found.scalar_one()


async def _write_down(tx: AsyncSession, check: ContentCheck, answer: Answer) -> None:
    """What became of the attempt; nothing where the check has been decided, replaced or taken anew meanwhile."""
    columns: dict[str, Any]
    match answer:
        case Ordered():
            columns = {"trace_id": answer.trace_id, "error": None, "next_at": clock.now() + MEDIA_PATIENCE}
        case Again():
            wait = backoff(check.attempts, first=FIRST_WAIT, factor=GROWTH, longest=LONGEST_WAIT)
            soonest = timedelta(seconds=max(wait, answer.wait or 0.0))
            columns = {"error": answer.error[:200], "next_at": clock.now() + soonest}
        case _:
            await deciding.by_system(tx, check, answer)
            return
    await tx.execute(
        update(ContentCheck)
        .where(
            col(ContentCheck.id) == check.id,
            col(ContentCheck.state) == CheckState.pending,
            col(ContentCheck.attempts) == check.attempts,
        )
        .values(**columns)
    )


async def forget_old(tx: AsyncSession) -> None:
    """Verdicts nobody waits for any more, and the words of what was refused long ago."""
    now = clock.now()
    await tx.execute(delete(MediaVerdict).where(col(MediaVerdict.heard_at) < now - VERDICTS_KEPT))
    await tx.execute(
        update(ContentCheck)
        .where(
            col(ContentCheck.state) == CheckState.refused,
            col(ContentCheck.decided_at) < now - REFUSED_KEPT,
            col(ContentCheck.texts) != [],
        )
        .values(texts=[])
    )
