"""Polls as people see them: lists, one poll with the own entry and turnout, the result, the bulletin."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.paging import page, read_cursor
from api.kit.problems import NotAllowed, Problem
from api.kit.secrets import Vault
from api.models import Poll, Seal
from api.rules.poll_picture import drawn
from api.rules.polls import POLLS, PollState
from api.rules.roles import Permission
from api.services.access import Viewer, params
from api.services.places.finding import find_place
from api.services.polls import sealing
from api.services.polls.finding import carries, facts, polls_seen, read_row, standings

_TURNOUT = text("select count(*) from marks where poll_id = :poll")
_OVER_TIME = text("""select date_trunc('hour', at) as hour, count(*) as first_votes from events
  where subject_id = :poll and move = 'cast' and data @> '{"first": true}' group by 1 order by 1""")


class NotCounted(Problem):
    status, code, title = 409, "not_counted", "尚未计票"
    advice = "截止后全部选票封存，随即计票，一般不超过一分钟。"


def view(row: Any) -> dict[str, Any]:
    """The wire shape of one poll."""
    state = PollState(row["state"])
    entries = row["entries"] or []
    return {
        "id": row["id"],
        "title": row["title"],
        "text": row["text"],
        "state": state,
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "topic_id": row["topic_id"],
        "stage_id": row["stage_id"],
        "basis": row["basis"],
        "secret": row["secret"],
        "allow_change": row["allow_change"],
        "options": row["options"],
        "rule": row["rule"],
        "rule_hash": row["rule_hash"],
        "opens_at": row["opens_at"],
        "closes_at": row["closes_at"],
        "opened_at": row["opened_at"],
        "closed_at": row["closed_at"],
        "roll": {"size": row["roll_size"], "area": row["roll_area"], "hash": row["roll_hash"]}
        if row["roll_hash"]
        else None,
        "electors": entries,
        "on_roll": bool(entries) if row["roll_hash"] else None,
        "passed": row["outcome"]["passed"] if row["outcome"] else None,
        "previous_id": row["previous_id"],
        "moves": POLLS.open(state, standings(row), facts(row)),
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


async def read(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> dict[str, Any]:
    """One poll, with how many have voted. Raises NotFound."""
    row = await read_row(tx, viewer, poll_id)
    voted = (await tx.execute(_TURNOUT, {"poll": poll_id})).scalar_one() if row["roll_hash"] else None
    return {**view(row), "turnout": voted}


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    limit: int,
    after: str | None,
    place_id: UUID | None = None,
    open_now: bool | None = None,
    topic_id: UUID | None = None,
) -> dict[str, Any]:
    """Polls, newest first. Raises NotFound for a place that is none."""
    wanted = [col(Poll.id) < read_cursor(after)]
    if place_id is not None:
        top = (await find_place(tx, place_id)).path
        wanted += [col(Poll.path) >= top, col(Poll.path) < f"{top[:-1]}0"]
    if topic_id is not None:
        wanted.append(col(Poll.topic_id) == topic_id)
    if open_now is not None:
        now_open = (col(Poll.state) == PollState.open) & (col(Poll.closes_at) > clock.now())
        wanted.append(now_open if open_now else ~now_open)
    found = await tx.execute(
        polls_seen().where(*wanted).order_by(col(Poll.id).desc()).limit(limit + 1), params(viewer)
    )
    return page([view(row) for row in found.mappings()], limit)


async def result(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> dict[str, Any]:
    """The outcome and the turnout over time. Raises NotFound, NotCounted."""
    row = await read_row(tx, viewer, poll_id)
    if row["outcome"] is None:
        raise NotCounted
    hours = (await tx.execute(_OVER_TIME, {"poll": poll_id})).mappings().all()
    voted, running = 0, []
    for hour in hours:
        voted += hour["first_votes"]
        running.append({"at": hour["hour"], "voted": voted})
    return {
        "poll_id": poll_id,
        "state": row["state"],
        "counted_at": row["counted_at"],
        "outcome": row["outcome"],
        "options": row["options"],
        "turnout": running,
    }


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
