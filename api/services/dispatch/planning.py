"""The worker's part of a batch: work it out, and offer it line by line.

Nothing is held while numbers are worked out: a batch is leased, read in one transaction, and what came of it is
written in another, by one conditional move. A worker that dies leaves a batch as it found it.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.ids import new_id
from api.kit.problems import Problem, WrongMoment
from api.models import DispatchBatch, DispatchLine
from api.models.dispatch import BatchId
from api.models.needs import OfferId
from api.rules.dispatch import (
    PREVIEW_LIVES,
    TRIES,
    BatchClock,
    BatchMove,
    LineState,
    Weights,
    explain,
    reasons,
)
from api.rules.dispatch_costs import Group, Plan, plan
from api.services import calendars, deadlines
from api.services.dispatch import gathering, settings
from api.services.dispatch.batches import SUBJECT, begin_applying, find
from api.services.dispatch.room import has_room
from api.services.imports.bulk import copy_rows
from api.services.needs import offering

log = logging.getLogger("linli.dispatch")

LEASE = timedelta(minutes=3)
"""Longer than any batch takes; a worker that died is missed after it."""
READING_TIMEOUT = "60s"

_TAKE = text("""
update dispatch_batches set leased_until = :until, tries = tries + 1 where id = (
  select id from dispatch_batches where state = 'queued' and (leased_until is null or leased_until < :now)
  order by id limit 1 for update skip locked)
returning id, tries""")
_NEXT_LINE = text("""
select l.id, l.batch_id, l.need_id, l.member_id, l.reasons
from dispatch_batches b join dispatch_lines l on l.batch_id = b.id and l.state = 'proposed'
where b.state = 'applying' order by b.id, l.id limit 1 for update of l skip locked""")
_DONE = text("""
select b.id from dispatch_batches b where b.state = 'applying' and not exists (
  select 1 from dispatch_lines l where l.batch_id = b.id and l.state = 'proposed')
order by b.id limit 1""")


class Dispatcher:
    """Works out what was ordered; any number of processes at once."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_one(self) -> bool:
        """One batch. False when none waits. Raises what went wrong: the batch is tried again when its lease ends."""
        now = clock.now()
        async with self._db.transaction() as tx:
            taken = (await tx.execute(_TAKE, {"now": now, "until": now + LEASE})).first()
            if taken is not None and taken.tries > TRIES:
                batch = await find(tx, None, taken.id)
                await batch.move(tx, BatchMove.fail, text="派单方案没有算成", leased_until=None)
                return True
        if taken is None:
            return False
        groups, weights, version = await self._read(taken.id)
        # Seconds for a large town: in a thread, so that the worker's other loops go on.
        found = await asyncio.to_thread(plan, groups, weights)
        try:
            async with self._db.transaction() as tx:
                await _keep(tx, taken.id, found, version)
        except WrongMoment:
            log.info("batch was given up while it was worked out", extra={"batch": str(taken.id)})
        return True

    async def _read(self, batch_id: UUID) -> tuple[list[Group], Weights, int]:
        async with self._db.transaction() as tx:
            await tx.execute(text(f"set local statement_timeout = '{READING_TIMEOUT}'"))
            found = await tx.execute(
                select(col(DispatchBatch.path), col(DispatchBatch.kind)).where(
                    col(DispatchBatch.id) == batch_id
                )
            )
            path, kind = found.one()
            held = await settings.in_force(tx, path)
            version = held.version if held is not None else 0
            return await gathering.in_place(tx, path, kind), settings.weights_of(held), version


async def _keep(tx: AsyncSession, batch_id: UUID, found: Plan, version: int) -> None:
    """The plan and its lines, all or nothing. Raises WrongMoment when the batch is no longer waited for."""
    batch = await find(tx, None, batch_id)
    await batch.move(
        tx,
        BatchMove.compute,
        text=f"拟派 {len(found.proposals)} 件，{len(found.alone)} 件无人可派",
        needs=len(found.proposals) + len(found.alone),
        members=found.members,
        matched=len(found.proposals),
        cost=found.cost,
        gini=found.gini,
        settings_version=version,
        computed_at=clock.now(),
        leased_until=None,
    )
    await copy_rows(tx, DispatchLine, _lines(BatchId(batch_id), found))
    deadlines.start(
        tx,
        SUBJECT,
        batch_id,
        BatchClock.apply.value,
        PREVIEW_LIVES,
        await calendars.current(tx),
        cycle=batch.version,
    )
    if batch.row.at_once:
        await tx.flush()
        await begin_applying(tx, batch, [])


def _lines(batch_id: BatchId, found: Plan) -> list[dict[str, Any]]:
    same: dict[str, Any] = {"batch_id": batch_id, "offer_id": None, "created_at": clock.now()}
    proposed = [
        {
            **same,
            "id": new_id(),
            "need_id": p.need_id,
            "member_id": p.person_id,
            "state": LineState.proposed.value,
            "cost": p.cost,
            "reasons": reasons(p.need, p.member, p.apart, p.stars, p.load),
            "cause": None,
            "note": None,
        }
        for p in found.proposals
    ]
    return proposed + [
        {
            **same,
            "id": new_id(),
            "need_id": a.need_id,
            "member_id": None,
            "state": LineState.unmatched.value,
            "cost": 0,
            "reasons": [],
            "cause": a.cause.value,
            "note": explain(a.cause, a.need, a.before),
        }
        for a in found.alone
    ]


class Applier:
    """Offers what was applied; any number of processes at once, a line in a transaction of its own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_one(self) -> bool:
        """One line, or the end of a batch. False when there is nothing."""
        async with self._db.transaction() as tx:
            line = (await tx.execute(_NEXT_LINE)).first()
            if line is not None:
                await _offer(tx, line.id, line.batch_id, line.need_id, line.member_id, line.reasons)
                return True
            done = (await tx.execute(_DONE)).scalar_one_or_none()
            if done is None:
                return False
            with suppress(WrongMoment):  # another worker was at the end of it too
                batch = await find(tx, None, done)
                await batch.move(tx, BatchMove.finish, text="派单完毕", finished_at=clock.now())
            return True


async def _offer(
    tx: AsyncSession, line_id: UUID, batch_id: UUID, need_id: UUID, member_id: UUID, why: list[str]
) -> None:
    """Offer as a dispatcher would; what no longer holds makes the line stale, with the reason."""
    offer_id, note = None, None
    try:
        async with tx.begin_nested():
            await has_room(tx, member_id)
            offer_id = await offering.offer(tx, None, need_id, member_id, reasons=why, batch_id=batch_id)
    except Problem as problem:
        note = problem.detail or problem.title
    await tx.execute(
        update(DispatchLine)
        .where(col(DispatchLine.id) == line_id, col(DispatchLine.state) == LineState.proposed)
        .values(
            state=LineState.offered if offer_id is not None else LineState.stale,
            offer_id=OfferId(offer_id) if offer_id is not None else None,
            note=note,
        )
    )
