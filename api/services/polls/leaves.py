"""The leaf of a ballot, hashed by the engine: the canonical JSON of records.ballot_content put together in key order."""

import os
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock


def leaf_sql(poll: str, slot: str, turn: str, own: str, choices: str, salt: str) -> str:
    """SQL for the leaf hash; the arguments are SQL: poll's id as text, slot and salt bytea, choices canonical."""
    return f"""sha256('\\x00'::bytea || convert_to('{{"choices":' || {choices} || ',"elector":"' || encode({slot}, 'hex')
      || '","own":' || {own}::text || ',"poll":"' || {poll} || '","salt":"' || encode({salt}, 'hex')
      || '","turn":' || {turn} || ',"type":"ballot"}}', 'UTF8'))"""


_WRITE = text(f"""
with given as (
  select * from unnest(:electors, :slots, :choices, :salts) as g(elector_id, slot, choices, salt)),
marked as (
  insert into marks (poll_id, elector_id, turn) select :poll, elector_id, 1 from given
  on conflict (poll_id, elector_id) do update set turn = marks.turn + 1
  returning elector_id, turn)
insert into ballots (poll_id, slot, turn, own, choices, salt, leaf, cast_at)
select :poll, g.slot, m.turn, false, g.choices, g.salt,
  {leaf_sql("cast(:poll as uuid)::text", "g.slot", "m.turn", "false", "g.choices", "g.salt")}, clock_timestamp() + :shift
from given g join marked m using (elector_id)""").bindparams(  # noqa: S608
    bindparam("poll", type_=Uuid()),
    bindparam("electors", type_=ARRAY(Uuid)),
    bindparam("slots", type_=ARRAY(LargeBinary)),
    bindparam("choices", type_=ARRAY(Text)),
    bindparam("salts", type_=ARRAY(LargeBinary)),
)


async def write_entered(tx: AsyncSession, poll_id: UUID, papers: Sequence[tuple[UUID, bytes, str]]) -> None:
    """Ballots that two persons entered: `(elector, slot, canonical choices)`, each elector once.

    Each takes the next turn of its slot like any other vote. The caller holds the poll open.
    """
    electors, slots, choices = zip(*papers, strict=True)
    await tx.execute(
        _WRITE,
        {
            "poll": poll_id,
            "electors": list(electors),
            "slots": list(slots),
            "choices": list(choices),
            "salts": [os.urandom(16) for _ in papers],
            "shift": clock.shift(),
        },
    )
