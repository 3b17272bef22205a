"""封存: takes what is not sealed yet into Merkle batches with chained, signed heads. Casting never waits for it.

A log is a poll, or the events. One transaction a batch; an advisory lock keeps a second sealer, and the close
that rewrites a secret poll's ballots, out of a log at work.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, LargeBinary, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock, merkle
from api.kit.db import Database
from api.kit.events import Event
from api.kit.ids import born, new_id
from api.kit.paging import FIRST, LAST, page, read_cursor
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import EventLeaf, Seal
from api.rules.polls import PollState
from api.rules.voting.records import EVENTS, ZERO, head_content, leaf_of, salted
from api.rules.voting.rule import canonical, digest
from api.services.polls import counting

PURPOSE = "seal"
SMALLEST = 10
"""Ballots a batch of a secret poll waits for while the poll is open."""
LARGEST = 20_000
OVERLAP = timedelta(minutes=10)
"""Longer than any transaction that writes an event."""

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('seal:' || :log, 0))")
_DUE = text("""select p.id, p.state, p.secret from polls p
  where p.state in ('open', 'closed') or p.id in (select poll_id from poll_records where batch is null)
  order by p.id""")
_BALLOTS = text("""select leaf from ballots where poll_id = :poll and batch is null limit :most""")
_RECORDS = text("""select id, leaf from poll_records where poll_id = :poll and batch is null order by id""")
_TAKE = text("""update ballots set batch = :number where poll_id = :poll and batch is null and leaf = any(:leaves)""").bindparams(
    bindparam("leaves", type_=ARRAY(LargeBinary))
)  # fmt: skip
_TAKE_RECORDS = text("update poll_records set batch = :number where id = any(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)
_KEEP = text("""insert into sealed_leaves (log_id, leaf, number, position)
  select :log, leaf, :number, position - 1 from unnest(:leaves) with ordinality l(leaf, position)""").bindparams(
    bindparam("leaves", type_=ARRAY(LargeBinary)),
    bindparam("log", type_=Uuid()),
    bindparam("number", type_=Integer()),
)
_EVENTS = text("""select e.id from events e where e.id > :since
  and not exists (select 1 from event_leaves l where l.event_id = e.id) order by e.id limit :most""")
_LAST_EVENT = text("select event_id from event_leaves order by event_id desc limit 1")


def public_key(vault: Vault) -> str:
    """The Ed25519 key that checks heads and receipts, hex."""
    return vault.signer(PURPOSE).public_key().public_bytes_raw().hex()


def sign(vault: Vault, content: dict[str, Any]) -> str:
    """Ed25519 over the canonical form, hex."""
    return vault.signer(PURPOSE).sign(canonical(content)).hex()


async def lock(tx: AsyncSession, log: UUID) -> None:
    """Until the end of the transaction nobody else seals this log."""
    await tx.execute(_LOCK, {"log": str(log)})


async def append(tx: AsyncSession, vault: Vault, log: UUID, leaves: Sequence[bytes]) -> Seal:
    """One batch, sorted by hash. The caller holds the lock and marks what it took with the batch's number."""
    ordered = sorted(leaves)
    last = (
        await tx.execute(
            select(Seal).where(col(Seal.log_id) == log).order_by(col(Seal.number).desc()).limit(1)
        )
    ).scalar_one_or_none()
    number, total, previous = (last.number + 1, last.total, last.hash) if last is not None else (1, 0, ZERO)
    day = clock.now().date()
    root = merkle.root(ordered).hex()
    head = head_content(log, number, len(ordered), total + len(ordered), root, previous, day.isoformat())
    seal = Seal(
        id=new_id(),
        log_id=log,
        number=number,
        size=len(ordered),
        total=total + len(ordered),
        root=root,
        previous=previous,
        hash=digest(head),
        signature=sign(vault, head),
        day=day,
    )
    tx.add(seal)
    await tx.flush()
    await tx.execute(_KEEP, {"log": log, "number": number, "leaves": ordered})
    return seal


class Sealer:
    """The worker's step: seals what is due, poll by poll, then events; tallies a closed poll that is all sealed."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def run_once(self) -> bool:
        """Seal one batch of each log that has enough. True when there may be more at once."""
        async with self._db.reading() as tx:
            due = (await tx.execute(_DUE)).all()
        more = False
        for poll_id, state, secret in due:
            more |= await self._poll(poll_id, PollState(state), secret)
        return await self._events() or more

    async def _poll(self, poll_id: UUID, state: PollState, secret: bool) -> bool:
        async with self._db.transaction() as tx:
            await lock(tx, poll_id)
            records = (await tx.execute(_RECORDS, {"poll": poll_id})).all()
            found = await tx.execute(_BALLOTS, {"poll": poll_id, "most": LARGEST})
            ballots = [bytes(leaf) for (leaf,) in found]
            if secret and state is PollState.open and len(ballots) < SMALLEST:
                ballots = []
            if records or ballots:
                # The opening stands alone in the first batch, so that ballots never share it with their rule.
                if records and state is PollState.open:
                    ballots = []
                seal = await append(tx, self._vault, poll_id, [bytes(r.leaf) for r in records] + ballots)
                await tx.execute(_TAKE_RECORDS, {"number": seal.number, "ids": [r.id for r in records]})
                if ballots:
                    await tx.execute(_TAKE, {"number": seal.number, "poll": poll_id, "leaves": ballots})
                return True
            if state is PollState.closed:
                await counting.tally(tx, None, poll_id)
                return True
        return False

    async def _events(self) -> bool:
        async with self._db.transaction() as tx:
            await lock(tx, EVENTS)
            last = (await tx.execute(_LAST_EVENT)).scalar_one_or_none()
            ids = list((await tx.execute(_EVENTS, {"since": _since(last), "most": 1000})).scalars())
            if not ids:
                return False
            found = await tx.execute(select(Event).where(col(Event.id).in_(ids)).order_by(col(Event.id)))
            made = [event_leaf(event) for event in found.scalars()]
            tx.add_all(made)
            await append(tx, self._vault, EVENTS, [leaf.leaf for leaf in made])
            return len(ids) == 1000


def event_leaf(event: Event) -> EventLeaf:
    """The leaf of an event, with a salt of its own."""
    salt = os.urandom(16)
    return EventLeaf(event_id=event.id, salt=salt, leaf=leaf_of(event_content(event, salt)))


def event_content(event: Event, salt: bytes) -> dict[str, Any]:
    """What an event says in full; whom and what it names only as salted hashes."""
    shown = shown_of(event)

    def hidden(name: str) -> str | None:
        return salted(salt.hex(), name, shown[name]) if shown[name] is not None else None

    return {
        "type": "event",
        "id": str(event.id),
        "subject_kind": event.subject_kind,
        "subject": str(event.subject_id),
        "move": event.move,
        "from": event.from_state,
        "to": event.to_state,
        "actor_kind": str(event.actor_kind),
        "actor": hidden("actor"),
        "text": hidden("text"),
        "data": hidden("data"),
        "at": event.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "salt": salt.hex(),
    }


def shown_of(event: Event) -> dict[str, Any]:
    """What stands behind the salted hashes of an event."""
    return {
        "actor": str(event.actor_id) if event.actor_id is not None else None,
        "text": event.text,
        "data": event.data,
    }


def _since(last: UUID | None) -> UUID:
    """Ids are born before their transactions end: what came within the last while is looked through again."""
    if last is None:
        return LAST
    return UUID(int=max(0, int((born(last) - OVERLAP).timestamp() * 1000)) << 80)


async def heads(
    tx: AsyncSession, *, limit: int, after: str | None, log: UUID | None = None
) -> dict[str, Any]:
    """Signed heads, newest first."""
    wanted = [col(Seal.id) < read_cursor(after, FIRST)]
    if log is not None:
        wanted.append(col(Seal.log_id) == log)
    found = await tx.execute(select(Seal).where(*wanted).order_by(col(Seal.id).desc()).limit(limit + 1))
    return page([{"id": seal.id, **head_of(seal)} for seal in found.scalars()], limit)


def head_of(seal: Seal) -> dict[str, Any]:
    """A head with its hash and signature, as published."""
    content = head_content(
        seal.log_id, seal.number, seal.size, seal.total, seal.root, seal.previous, seal.day.isoformat()
    )
    return {**content, "hash": seal.hash, "signature": seal.signature}


_PLACE = text("select number, position from sealed_leaves where log_id = :log and leaf = :leaf")
_BATCH = text("select leaf from sealed_leaves where log_id = :log and number = :number order by position")


async def proof(tx: AsyncSession, log: UUID, leaf: bytes) -> dict[str, Any]:
    """The inclusion path of a leaf and the head it leads to. Raises NotFound for one not sealed (yet)."""
    place = (await tx.execute(_PLACE, {"log": log, "leaf": leaf})).first()
    if place is None:
        raise NotFound("尚未封存，或不在这一本中；封存每隔几秒进行，无记名表决须满十张")
    batch = [bytes(row) for row in (await tx.execute(_BATCH, {"log": log, "number": place.number})).scalars()]
    seal = (
        await tx.execute(select(Seal).where(col(Seal.log_id) == log, col(Seal.number) == place.number))
    ).scalar_one()
    return {
        "leaf": leaf.hex(),
        "position": place.position,
        "path": [{"side": side, "hash": other.hex()} for side, other in merkle.path(batch, place.position)],
        "head": head_of(seal),
    }
