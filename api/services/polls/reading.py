"""Polls as people see them: one poll with the own entry and turnout, the result, the bulletin, the roll."""

import time
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.db import Database, Statement
from api.kit.problems import NotAllowed, NotFound, Problem
from api.kit.secrets import Vault
from api.models import Poll, Seal
from api.rules.poll_picture import drawn
from api.rules.roles import Permission
from api.services.access import Viewer, params
from api.services.polls import sealing
from api.services.polls.finding import POLL_ID, READ_ONE, carries, read_row, readable_polls
from api.services.polls.view import view

VOTED = text("select count(*) as voted from marks where poll_id = :poll").bindparams(
    bindparam("poll", type_=Uuid())
)
_TURNOUT = Statement(VOTED)
_READ_ONE = Statement(READ_ONE)
_RESULT = Statement(
    select(
        col(Poll.state), col(Poll.counted_at), col(Poll.outcome), col(Poll.options), col(Poll.turnout)
    ).where(readable_polls(), col(Poll.id) == POLL_ID)
)


class NotCounted(Problem):
    status, code, title = 409, "not_counted", "尚未计票"
    advice = "截止后全部选票封存，随即计票，一般不超过一分钟。"


async def read(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> dict[str, Any]:
    """One poll, with how many have voted. Raises NotFound."""
    row = await read_row(tx, viewer, poll_id)
    voted = row["voted"]
    if voted is None and row["roll_hash"]:
        voted = (await tx.execute(VOTED, {"poll": poll_id})).scalar_one()
    return {**view(row), "turnout": voted}


class Turnout:
    """How many have voted in open polls, remembered by a process for a moment: nothing is counted at a cast.

    A count may be as old as a hundred times what it took (88 ms for a million), at least `AGE_S`.
    """

    AGE_S = 2.0
    MOST = 256

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[UUID, tuple[float, int]] = {}

    async def read(self, viewer: Viewer, poll_id: UUID) -> dict[str, Any]:
        """One poll, with about how many have voted; exactly, once it is closed. Raises NotFound."""
        row = await self._db.fetch_one(_READ_ONE, poll_id=poll_id, **params(viewer))
        if row is None:
            raise NotFound("没有这次表决，或不在您的查看范围内")
        voted = row["voted"]
        if voted is None and row["roll_hash"]:
            voted = await self._about(poll_id)
        return {**view(row), "turnout": voted}

    async def _about(self, poll_id: UUID) -> int:
        until, voted = self._known.get(poll_id, (0.0, 0))
        started = time.monotonic()
        if until > started:
            return voted
        row = await self._db.fetch_one(_TURNOUT, poll=poll_id)
        assert row is not None
        if len(self._known) >= self.MOST:
            self._known.clear()
        done = time.monotonic()
        self._known[poll_id] = (done + max(self.AGE_S, 100 * (done - started)), row["voted"])
        return int(row["voted"])


async def result(db: Database, viewer: Viewer, poll_id: UUID) -> dict[str, Any]:
    """The outcome, and how the votes came in. Raises NotFound, NotCounted."""
    row = await db.fetch_one(_RESULT, poll_id=poll_id, **params(viewer))
    if row is None:
        raise NotFound("没有这次表决，或不在您的查看范围内")
    if row["outcome"] is None:
        raise NotCounted
    return {"poll_id": poll_id, **row, "turnout": row["turnout"] or []}


async def picture(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> str:
    """The result as SVG. Raises NotFound, NotCounted."""
    row = await read_row(tx, viewer, poll_id)
    if row["outcome"] is None:
        raise NotCounted
    return drawn(row["title"], row["options"], row["outcome"])


_RECORDS = text("select content, batch from poll_records where poll_id = :poll order by id")
_ROLL = text("""select encode(uuid_send(id), 'hex') as elector, number, persons, area_m2::text as area
  from electors where poll_id = :poll order by number""")
_BALLOTS = text("""select choices, encode(slot, 'hex') as elector, own, turn, encode(salt, 'hex') as salt,
  encode(leaf, 'hex') as leaf, batch from ballots where poll_id = :poll order by batch, leaf""")


async def bulletin(tx: AsyncSession, vault: Vault, viewer: Viewer, poll_id: UUID) -> bytes:
    """Everything a verifier needs, as one JSON document. Raises NotFound, NotCounted."""
    row = await read_row(tx, viewer, poll_id)
    records = (await tx.execute(_RECORDS, {"poll": poll_id})).mappings().all()
    if row["outcome"] is None or any(record["batch"] is None for record in records):
        raise NotCounted
    seals = await tx.execute(select(Seal).where(col(Seal.log_id) == poll_id).order_by(col(Seal.number)))
    whole: dict[str, Any] = {
        "version": 1,
        "poll": str(poll_id),
        "public_key": sealing.public_key(vault),
        "heads": [sealing.head_of(seal) for seal in seals.scalars()],
        "records": [{**orjson.loads(r["content"]), "batch": r["batch"]} for r in records],
        "roll": [dict(r) for r in (await tx.execute(_ROLL, {"poll": poll_id})).mappings()],
        "ballots": [
            {**b, "choices": orjson.Fragment(b["choices"])}
            for b in (await tx.execute(_BALLOTS, {"poll": poll_id})).mappings()
        ],
    }
    return orjson.dumps(whole, default=str, option=orjson.OPT_INDENT_2)


_VOTED = text("""select e.id, e.number, e.label, e.persons, e.area_m2 as area, m.poll_id is not null as voted,
  (select count(*) from casters c where c.elector_id = e.id) as casters
  from electors e left join marks m on m.poll_id = e.poll_id and m.elector_id = e.id
  where e.poll_id = :poll and e.number > :after order by e.number limit :most""")


def may_watch(row: Any) -> bool:
    """Staff in reach watch over a poll: its roll, and who has voted."""
    return carries(row, Permission.poll_read)


async def roll(tx: AsyncSession, viewer: Viewer, poll_id: UUID, *, limit: int, after: int) -> dict[str, Any]:
    """The frozen roll with who has voted. Raises NotFound, NotAllowed."""
    if not may_watch(await read_row(tx, viewer, poll_id)):
        raise NotAllowed
    found = await tx.execute(_VOTED, {"poll": poll_id, "after": after, "most": limit + 1})
    rows = [dict(entry) for entry in found.mappings()]
    return {"items": rows[:limit], "next": rows[limit - 1]["number"] if len(rows) > limit else None}
