"""Casting: eligibility, ballot and event in one statement, with the poll's row locked FOR SHARE.

The mark's key is the guard: of two posts of one elector the second waits for the first and gets the next turn, so
exactly one ballot is the last. The statement reads the engine's clock after it has the lock; the close takes the
row FOR UPDATE, so whoever got a receipt is counted. After the closing time nobody asks for the lock any more, so
that the close cannot be starved.
"""

import hmac
import os
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Boolean, Interval, LargeBinary, Text, Uuid, bindparam, select, text
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database, Statement
from api.kit.idempotency import KeyReused, StillRunning
from api.kit.ids import new_id
from api.kit.problems import NotFound, WrongMoment
from api.kit.secrets import Vault
from api.models import Poll, PollKey
from api.rules.polls import (
    AlreadyVoted,
    NotOnRoll,
    PollClosed,
    PollNotOpen,
    PollState,
    WhichElector,
)
from api.rules.voting.ballots import Choices, checked, read_choices
from api.rules.voting.rule import Option, Rule
from api.services.access import Viewer
from api.services.polls import sealing
from api.services.polls.finding import find
from api.services.polls.leaves import leaf_sql

KEY_PURPOSE = "poll-key"
KNOWN_S = 60.0
"""Seconds a process keeps a poll's rule and key in memory; a key destroyed at close is gone everywhere after them."""
MOST_KNOWN = 256

_CAST = Statement(
    text(f"""
with p as (
  select id, closes_at from polls
  where id = :poll and state = 'open' and clock_timestamp() + :shift < closes_at for share),
t as (select p.id, p.closes_at, clock_timestamp() + :shift as at from p),
mine as (
  select elector_id, as_proxy, count(*) over () as entries from casters
  where poll_id = :poll and person_id = :person and (cast(:elector as uuid) is null or elector_id = :elector)),
known as (
  select turn, slot, own, choices, salt, leaf, cast_at from ballots where poll_id = :poll and once = :once),
marked as (
  insert into marks (poll_id, elector_id, turn)
  select t.id, mine.elector_id, 1 from t, mine
  where mine.entries = 1 and t.at < t.closes_at and not exists (select from known)
  on conflict (poll_id, elector_id) do update set turn = marks.turn + 1 where :change
  returning elector_id, turn),
filled as (
  select m.turn, not mine.as_proxy as own, t.at,
    case when :secret then sha256(:outer || sha256(:inner || uuid_send(m.elector_id)))
         else uuid_send(m.elector_id) end as slot
  from marked m, mine, t),
cast_ as (
  insert into ballots (poll_id, slot, turn, own, choices, salt, leaf, once, cast_at)
  select :poll, f.slot, f.turn, f.own, :choices, :salt,
    {leaf_sql(":poll_text", "f.slot", "f.turn", "f.own", ":choices", ":salt")},
    :once, f.at
  from filled f
  on conflict (poll_id, once) where once is not null do nothing
  returning turn, slot, own, choices, salt, leaf, cast_at),
told as (
  insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, data, at)
  select :event, 'poll', :poll, 'cast', 'open', :actor_kind, cast(:actor as uuid), '选民',
    jsonb_build_object('first', c.turn = 1), c.cast_at from cast_ c)
select 1 as found, turn, slot, own, choices, salt, leaf, cast_at, null::uuid[] as electors from known
union all select 2, turn, slot, own, choices, salt, leaf, cast_at, null from cast_
union all select case when exists (select from marked) then 4 else 3 end, null, null, null, null, null, null, null,
  (select array_agg(elector_id) from mine)
order by found limit 1
""").bindparams(  # noqa: S608
        *(bindparam(name, type_=Uuid()) for name in ("poll", "person", "elector", "event", "actor")),
        *(bindparam(name, type_=Text()) for name in ("choices", "poll_text", "actor_kind")),
        *(bindparam(name, type_=LargeBinary()) for name in ("once", "outer", "inner", "salt")),
        *(bindparam(name, type_=Boolean()) for name in ("change", "secret")),
        bindparam("shift", type_=Interval()),
    )
)
_DEFINITION = Statement(
    select(
        col(Poll.state),
        col(Poll.rule),
        col(Poll.options),
        col(Poll.allow_change),
        col(Poll.secret),
        col(PollKey.sealed),
    )
    .outerjoin(PollKey, col(PollKey.poll_id) == col(Poll.id))
    .where(col(Poll.id) == bindparam("poll", type_=Uuid()))
)
_NEW_KEY = Statement(
    text("""insert into poll_keys (poll_id, sealed)
  select id, :sealed from polls where id = :poll and state = 'open' and secret for share
  on conflict do nothing returning 1""").bindparams(
        bindparam("poll", type_=Uuid()), bindparam("sealed", type_=LargeBinary())
    )
)
_WHY = Statement(
    text("""select p.state, p.closes_at,
  (select cast_at from ballots b where b.poll_id = p.id and b.slot = :slot order by turn desc limit 1) as cast_at
  from polls p where p.id = :poll""").bindparams(
        bindparam("poll", type_=Uuid()), bindparam("slot", type_=LargeBinary())
    )
)


@dataclass(frozen=True, slots=True)
class Definition:
    """What of a poll never changes while it is open."""

    rule: Rule
    options: tuple[Option, ...]
    change: bool
    secret: bool
    key: bytes
    """Of a secret poll; empty of an open one."""
    inner: bytes
    outer: bytes
    """The blocks HMAC-SHA256 makes of the key, so that the statement can finish it."""
    until: float


class Booth:
    """Casts, keeping for a minute what a process knows of open polls."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._known: dict[UUID, Definition] = {}

    async def definition(self, poll_id: UUID) -> Definition:
        """Raises NotFound for a poll that is not, or not yet, open to anybody."""
        known = self._known.get(poll_id)
        if known is not None and known.until > time.monotonic():
            return known
        self._forget()
        row = await self._db.fetch_one(_DEFINITION, poll=poll_id)
        if row is None or row["state"] == PollState.draft:
            raise NotFound("没有这次表决，或不在您的查看范围内")
        if row["state"] == PollState.open and row["secret"] and row["sealed"] is None:
            sealed = self._vault.seal(KEY_PURPOSE, os.urandom(32).hex())
            await self._db.fetch_one(_NEW_KEY, poll=poll_id, sealed=sealed)
            row = await self._db.fetch_one(_DEFINITION, poll=poll_id)
            assert row is not None
        key = b""
        if row["sealed"] is not None:
            key = bytes.fromhex(self._vault.open(KEY_PURPOSE, bytes(row["sealed"])))
        found = Definition(
            Rule.model_validate(row["rule"]),
            tuple(Option.model_validate(option) for option in row["options"]),
            row["allow_change"],
            row["secret"],
            key,
            bytes(b ^ 0x36 for b in key.ljust(64, b"\0")),
            bytes(b ^ 0x5C for b in key.ljust(64, b"\0")),
            time.monotonic() + KNOWN_S,
        )
        # Without its key a secret poll is not open: who keeps nothing asks again, and is told why.
        if row["state"] == PollState.open and bool(key) == row["secret"]:
            self._known[poll_id] = found
        return found

    def _forget(self) -> None:
        now = time.monotonic()
        alive = {i: d for i, d in self._known.items() if d.until > now}
        self._known = alive if len(alive) < MOST_KNOWN else {}

    async def cast(
        self, viewer: Viewer, poll_id: UUID, elector_id: UUID | None, choices: Choices, key: str | None
    ) -> tuple[dict[str, Any], bool]:
        """The receipt, and whether it was given before for this key. One round trip once the poll is known.

        Raises NotFound, NotOnRoll, PollNotOpen, PollClosed, AlreadyVoted, WhichElector, BadChoices, KeyReused.
        """
        poll = await self.definition(poll_id)
        text = checked(poll.rule, poll.options, choices)
        if poll.secret and not poll.key:
            await self._refuse(viewer, poll_id, poll, None)
        values: dict[str, Any] = {
            "poll": poll_id,
            "poll_text": str(poll_id),
            "person": viewer.person_id,
            "elector": elector_id,
            "shift": clock.shift(),
            "once": once(poll.key, viewer, key) if key is not None else None,
            "change": poll.change,
            "secret": poll.secret,
            "inner": poll.inner,
            "outer": poll.outer,
            "choices": text,
            "salt": os.urandom(16),
            "event": new_id(),
            "actor_kind": "system" if poll.secret else "person",
            "actor": None if poll.secret else viewer.person_id,
        }
        row = await self._db.fetch_one(_CAST, **values)
        assert row is not None
        if row["found"] == 4:  # a twin with the same key had the slot: its ballot is there now
            row = await self._db.fetch_one(_CAST, **values)
            assert row is not None
            if row["found"] == 4:
                raise StillRunning(retry_after=1)
        if row["found"] == 3:
            await self._refuse(viewer, poll_id, poll, row["electors"])
        if row["found"] == 1 and row["choices"] != text:
            raise KeyReused
        return receipt(self._vault, poll_id, row), row["found"] == 1

    async def _refuse(
        self, viewer: Viewer, poll_id: UUID, poll: Definition, electors: list[UUID] | None
    ) -> None:
        """Say why the statement cast nothing. Off the hot path."""
        async with self._db.reading() as tx:
            await find(tx, viewer, poll_id)
        slot = None
        if electors:
            slot = hmac.digest(poll.key, electors[0].bytes, "sha256") if poll.secret else electors[0].bytes
        why = await self._db.fetch_one(_WHY, poll=poll_id, slot=slot)
        assert why is not None
        state, closes_at = PollState(why["state"]), why["closes_at"]
        if state in (PollState.draft, PollState.announced):
            raise PollNotOpen
        if state is not PollState.open or clock.now() >= closes_at:
            told = (
                "表决已作废"
                if state is PollState.void
                else f"表决已于 {clock.local(closes_at):%m月%d日 %H:%M} 截止"
            )
            raise PollClosed(told, closes_at=_text(closes_at))
        if not electors:
            raise NotOnRoll
        if len(electors) > 1:
            raise WhichElector(electors=[str(e) for e in sorted(electors)])
        if not poll.change:
            raise AlreadyVoted(cast_at=_text(why["cast_at"]) if why["cast_at"] is not None else None)
        raise WrongMoment("表决刚刚变动，请重试")


def once(key: bytes, viewer: Viewer, name: str) -> bytes:
    """What stands for an Idempotency-Key beside the ballot: keyed, so that in a secret poll it names nobody."""
    said = viewer.person_id.bytes + name.encode()
    return hmac.digest(key, said, "sha256") if key else sha256(said).digest()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def receipt(vault: Vault, poll_id: UUID, row: asyncpg.Record) -> dict[str, Any]:
    """What the voter keeps: enough to work out the leaf again, signed."""
    choices = read_choices(row["choices"])
    content = {
        "type": "receipt",
        "poll": str(poll_id),
        "elector": bytes(row["slot"]).hex(),
        "turn": row["turn"],
        "own": row["own"],
        "choices": dict(choices) if choices and isinstance(choices[0], tuple) else list(choices),
        "salt": bytes(row["salt"]).hex(),
        "leaf": bytes(row["leaf"]).hex(),
        "at": _text(row["cast_at"]),
    }
    return {**content, "signature": sealing.sign(vault, content)}
