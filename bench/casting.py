"""Votes: one poll and 64 voters at once against the same work by hand; the cost of a vote in a small poll and in one
of a million ballots; the count of a million; lists and results."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid4

import asyncpg

from api.kit.db import Database
from api.kit.paging import write_cursor
from api.models.people import PersonId
from api.services.access import Viewer
from api.services.polls import counting
from api.services.polls.casting import Booth
from api.services.polls.finding import load
from bench.facing import facing
from bench.harness import Ask, Ratio, compare
from bench.seed import COMMUNITIES, RESIDENTS, person, token

PATHS = ("cast a ballot, one poll, 64 voters", "list of 20 polls, with reach", "result of a poll")
MUST = {PATHS[0]: 2.5, PATHS[1]: 3.0, PATHS[2]: 3.0}
GOAL = {PATHS[0]: 1.5, PATHS[1]: 2.0, PATHS[2]: 2.0}
VOTERS = 64
LARGE = 1_000_000
_RUN = uuid4().hex.encode()[:12]

_POLL = """insert into polls (id, place_id, path, title, text, state, basis, source, secret, allow_change, options, rule,
    rule_hash, opens_at, closes_at, opened_at, counted_at, roll_size, roll_area, roll_hash, outcome, voted, turnout,
    version, created_at, updated_at)
  select {id}, p.id, p.path, '加装电梯', '是否同意加装电梯？', '{state}', 'person', '{{}}', false, true,
    '[{{"id": "yes", "title": "赞成"}}, {{"id": "no", "title": "反对"}}, {{"id": "abstain", "title": "弃权"}}]',
    '{{"version": 1, "method": "yes_no", "max_choices": 1, "winners": 1, "grades": null, "quorum": [], "ties": "none",
      "thresholds": [{{"measure": "persons", "share": "1/2", "strict": true, "base": "cast"}}],
      "unreturned": "not_cast", "budget": null, "clause": ""}}', repeat('0', 64),
    now() - interval '1 day', now() + interval '1 day', now() - interval '1 day', now(), 5000, 0, repeat('0', 64),
    '{{"passed": true, "winners": ["yes"], "words": ["表决通过。"], "conditions": [], "totals": []}}', 3000,
    '[{{"at": "2026-12-01T01:00:00Z", "voted": 3000}}]', 1, now(), now()
  from places p where p.level = 'village' {where}"""
_FIRST = "order by p.path limit 1"
_ROLL = """insert into electors (id, poll_id, number, label)
  select gen_random_uuid(), $1, n, '选民' from generate_series(1, $2::int) n"""
_CASTERS = """insert into casters (poll_id, person_id, elector_id, as_proxy)
  select $1, (lpad(to_hex(number), 8, '0') || '-0000-7000-8000-000000000000')::uuid, id, false
  from electors where poll_id = $1 and number <= $2::int"""
_MARKS = (
    "insert into marks (poll_id, elector_id, turn) select poll_id, id, 1 from electors where poll_id = $1"
)
_BALLOTS = """insert into ballots (poll_id, slot, turn, own, choices, salt, leaf, cast_at, batch)
  select poll_id, uuid_send(id), 1, true, case when number % 3 = 0 then '["no"]' else '["yes"]' end,
    uuid_send(gen_random_uuid()), sha256(uuid_send(id)), now(), 1 from electors where poll_id = $1"""


@dataclass(frozen=True, slots=True)
class Growth:
    """A vote in a poll of a million ballots beside one in a poll of a thousand, and the count of the million."""

    small_us: float
    ratio: float
    tally_s: float
    ballots: int


def _bearer(n: int) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token(n)}".encode()


def _casts(poll: UUID) -> Iterator[Ask]:
    for k in count():
        key = (b"idempotency-key", _RUN + b"-v%d" % k)
        choice = b'{"choices": ["yes"]}' if k % 3 else b'{"choices": ["no"]}'
        yield Ask("POST", f"/v1/polls/{poll}/ballots", body=choice, headers=(_bearer(1 + k % RESIDENTS), key))


def _lists(paths: list[str], polls: list[UUID]) -> Iterator[Ask]:
    """A worker's list of the own community; the limit gets what the product looks up."""
    for k in count():
        n = k % COMMUNITIES
        before = polls[k * 31 % len(polls)]
        query = f"after={write_cursor(before)}&before={before}&path={paths[n]}&path_end={paths[n][:-1]}0"
        yield Ask("GET", "/v1/polls", query, headers=(_bearer(RESIDENTS + 1 + n),))


def _results(polls: list[UUID]) -> Iterator[Ask]:
    """Read by the worker of the poll's community; polls are in the communities' order."""
    for k in count():
        n = k * 7 % len(polls)
        yield Ask("GET", f"/v1/polls/{polls[n]}/result", headers=(_bearer(RESIDENTS + 1 + n % COMMUNITIES),))


async def _open_poll(pg: asyncpg.Connection, electors: int) -> UUID:
    poll = uuid4()
    await pg.execute(_POLL.format(id=f"'{poll}'", state="open", where=_FIRST))
    await pg.execute(_ROLL, poll, electors)
    await pg.execute(_CASTERS, poll, min(electors, RESIDENTS))
    return poll


async def run(
    database_url: str, redis_url: str, *, rounds: int = 25, large: int = LARGE
) -> tuple[dict[str, Ratio], Growth]:
    """Measure on a seeded database; `large` ballots in the large poll."""
    pg = await asyncpg.connect(database_url)
    found: dict[str, Ratio] = {}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pg.close)
        limit, product = await stack.enter_async_context(facing(database_url, redis_url, pool_size=16))
        poll = await _open_poll(pg, RESIDENTS)
        for _ in range(20):
            counted = _POLL.format(id="uuidv7()", state="counted", where="order by p.path")
            await pg.execute(counted)
        await pg.execute("analyze")
        found[PATHS[0]] = await compare(
            limit, product, _casts(poll), rounds=rounds, operations=4 * VOTERS, concurrent=VOTERS
        )
        paths = [
            r[0] for r in await pg.fetch("select path from places where level = 'village' order by path")
        ]
        polls = [r[0] for r in await pg.fetch("select id from polls where state = 'counted' order by id")]
        found[PATHS[1]] = await compare(limit, product, _lists(paths, polls), rounds=rounds)
        found[PATHS[2]] = await compare(limit, product, _results(polls), rounds=rounds)
        growth = await _growth(pg, product.state.db, product.state.booth, large)
    return found, growth


async def _growth(pg: asyncpg.Connection, db: Database, booth: Booth, large: int) -> Growth:
    polls = {}
    for electors in (1_000, large):
        polls[electors] = poll = await _open_poll(pg, electors)
        await pg.execute(_MARKS, poll, timeout=600)
        await pg.execute(_BALLOTS, poll, timeout=600)
    for table in ("electors", "casters", "marks", "ballots"):
        await pg.execute(f"vacuum analyze {table}", timeout=600)
    cost: dict[int, list[float]] = {1_000: [], large: []}
    for n in range(1_000):
        for electors, poll in sorted(polls.items(), reverse=bool(n % 2)):
            voter = Viewer(PersonId(UUID(person(1 + n))), "bench")
            started = time.perf_counter()
            await booth.cast(voter, poll, None, ["yes"], None)
            cost[electors].append(time.perf_counter() - started)
    async with db.reading() as tx:
        poll_row = await load(tx, polls[large])
        started = time.perf_counter()
        await counting.count(tx, poll_row)
        seconds = time.perf_counter() - started
    small, big = statistics.median(cost[1_000]), statistics.median(cost[large])
    return Growth(small * 1e6, big / small, seconds, large)


def lines(growth: Growth) -> list[str]:
    return [
        f"A vote one after another takes {growth.small_us:.0f} µs in a poll of 1,000 ballots, engine included, and "
        f"{growth.ratio:.2f} times that in one of {growth.ballots:,}; counting those takes {growth.tally_s:.1f} s.",
    ]


async def _main() -> None:
    found, growth = await run(
        os.environ["DATABASE_URL"],
        os.environ["REDIS_URL"],
        rounds=int(os.environ.get("ROUNDS", "11")),
        large=int(os.environ.get("LARGE", LARGE)),
    )
    for name, r in found.items():
        print(
            f"{name}: {r.limit_us:.0f} µs; {r.low:.2f} {r.median:.2f} {r.high:.2f}; {r.wall:.2f}; {r.answers}"
        )
    print(*lines(growth), sep="\n")


if __name__ == "__main__":
    asyncio.run(_main())
