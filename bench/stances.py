"""`python -m bench.stances FOLDER`: the real votes of a consultation replayed as stances over HTTP, and the map drawn.

FOLDER holds `votes.csv` and `comments.csv` as pol.is exports them (vtaiwan_uberx: 49,997 votes). They go in their
own order through the application, by as many hands at a time as in the other measurements. Printed: stances a
second, CPU of the application for each, the memory of the process before and after, and what drawing the map costs.
"""

import argparse
import asyncio
import csv
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psutil
import uvloop
from sqlalchemy import text

from api import migrations
from api.kit import cache, clock
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines
from api.kit.secrets import token_hash
from api.main import create_app
from api.services.topics import drawing
from api.settings import Settings
from bench.harness import CONCURRENT, Ask, call, with_lifespans
from bench.seed import person, token

WORDS = {1: "agree", 0: "pass", -1: "disagree"}
TOPIC = "00000000-0000-7000-8000-0000000000aa"

_TOWN = """
insert into places (id, code, level, name, parent_id, path, created_at) values
  ('00000000-0000-7000-8000-000000000000', '320000000000', 'province', '江苏省', null, '32/', now()),
  ('00000000-0000-7000-8000-000000000001', '320102002001', 'village', '梅园新村社区',
   '00000000-0000-7000-8000-000000000000', '32/01/02/002/001/', now()),
  ('00000000-0000-7000-8000-000000000002', '320102002001-b01', 'building', '1 幢',
   '00000000-0000-7000-8000-000000000001', '32/01/02/002/001/b01/', now());
insert into homes (id, building_id, room, created_at) values
  ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', '101', now())"""
_PEOPLE = """insert into people (id, state, nickname, created_at, updated_at)
  select (lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000')::uuid, 'active', '居民' || i, now(), now()
  from generate_series(1, :people) i"""
_LIVE = """insert into residencies (id, person_id, home_id, community_id, relation, is_registered, state, created_at,
                                   updated_at)
  select gen_random_uuid(), id, '00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000001',
         'tenant', false, 'verified', now(), now() from people"""
_TOPIC = """
insert into topics (id, template, title, text, state, position, level, place_id, path, author_id, by_resident, content,
                    created_at, updated_at)
  select :topic, 'consultation', '自用车载客', '如何管理？', 'running', 0, 0, p.id, p.path, a.id, true, 'pass', now(), now()
  from places p, (select id from people limit 1) a where p.level = 'village'"""
_STAGE = """insert into topic_stages (id, topic_id, position, kind, title, body, voters, limits, round, opened_at)
  values (gen_random_uuid(), :topic, 0, 'consultation', '协商', 'community', '', '[15, "natural_days"]', 1, now())"""
_WHERE = "insert into topic_places (topic_id, place_id, path) select id, place_id, path from topics"
_SAID = """insert into statements (id, topic_id, author_id, text, content, created_at)
  select cast(:id as uuid), :topic, id, :words, 'pass', now() from people limit 1"""


@dataclass(frozen=True, slots=True)
class Votes:
    """(voter, statement, vote) in the order they were given, voters from 1; the statements' words."""

    cells: list[tuple[int, int, int]]
    people: int
    statements: list[str]
    left_out: int
    """Votes on statements that moderators took down."""


def read(folder: Path) -> Votes:
    """The votes on statements that moderators let stand."""
    with (folder / "comments.csv").open(encoding="utf-8") as file:
        shown = {r["comment-id"]: r["comment-body"] for r in csv.DictReader(file) if r["moderated"] != "-1"}
    index = {comment: n for n, comment in enumerate(shown)}
    voters: dict[str, int] = {}
    with (folder / "votes.csv").open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda r: int(r["timestamp"]))
    cells = [
        (voters.setdefault(r["voter-id"], len(voters) + 1), index[r["comment-id"]], int(r["vote"]))
        for r in rows
        if r["comment-id"] in index
    ]
    return Votes(cells, len(voters), list(shown.values()), len(rows) - len(cells))


def statement(n: int) -> str:
    return f"00000000-0000-7000-8001-{n:012x}"


async def fill(db: Database, redis: cache.Redis, votes: Votes) -> None:
    """A community where every voter lives, its topic under consultation, the statements, a session for each."""
    async with db.transaction() as tx:
        for part in _TOWN.strip().split(";\n"):
            await tx.execute(text(part))
        for sql in (_PEOPLE, _LIVE, _TOPIC, _WHERE, _STAGE):
            bound = {"people": votes.people, "topic": TOPIC}
            await tx.execute(text(sql), {name: value for name, value in bound.items() if f":{name}" in sql})
        for n, words in enumerate(votes.statements):
            await tx.execute(text(_SAID), {"id": statement(n), "topic": TOPIC, "words": words})
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(1, votes.people + 1):
            value = {"p": person(n).replace("-", ""), "i": f"{n:016d}", "e": None}
            value["d"] = int(clock.wall()) // 86_400  # type: ignore[assignment]
            pipe.set(f"session:{token_hash(token(n))}", orjson.dumps(value), ex=86_400)
        await pipe.execute()


def _asks(votes: Votes) -> Iterator[Ask]:
    for voter, n, vote in votes.cells:
        bearer = (b"authorization", f"Bearer {token(voter)}".encode())
        body = orjson.dumps({"stance": WORDS[vote]})
        yield Ask("PUT", f"/v1/statements/{statement(n)}/stance", body=body, headers=(bearer,))


async def replay(app: Any, votes: Votes) -> tuple[float, float]:
    """Seconds elapsed and CPU seconds of this process. Raises RuntimeError where an answer is not 200."""
    seen: Counter[int] = Counter()
    asks = _asks(votes)

    async def hand() -> None:
        for ask in asks:
            seen[await call(app, ask)] += 1

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(hand() for _ in range(CONCURRENT)))
    if set(seen) != {200}:
        raise RuntimeError(f"answers: {dict(seen)}")
    return time.perf_counter() - wall, time.process_time() - cpu


async def run(database_url: str, redis_url: str, votes: Votes) -> list[str]:
    """What is printed, a line each."""
    app = create_app(Settings(_env_file=None, database_url=database_url, redis_url=redis_url))
    process, count = psutil.Process(), len(votes.cells)
    async with AsyncExitStack() as stack:
        await with_lifespans(stack, app)
        redis = cache.connect(redis_url)
        await fill(app.state.db, redis, votes)
        await redis.aclose()
        before = process.memory_full_info().uss / 1e6
        wall, cpu = await replay(app, votes)
        after = process.memory_full_info().uss / 1e6
        async with app.state.db.transaction() as tx:
            kept = (await tx.execute(text("select count(*) from stances"))).scalar_one()
            jobs = (await tx.execute(text("select count(*) from opinion_jobs"))).scalar_one()
            begun, busy = time.perf_counter(), time.process_time()
            await drawing.draw(tx, UUID(TOPIC))
            drawn, spent = time.perf_counter() - begun, time.process_time() - busy
            groups = (
                await tx.execute(
                    text(
                        "select (select jsonb_agg(g->'size') from jsonb_array_elements(data->'groups') g)"
                        " from opinion_maps"
                    )
                )
            ).scalar_one()
        peak = process.memory_full_info().uss / 1e6
    return [
        f"{count} stances of {votes.people} people on {len(votes.statements)} statements; {kept} kept, the last of each; "
        f"{votes.left_out} on statements taken down left out",
        f"{count / wall:.0f} stances a second, {cpu / count * 1e6:.0f} µs CPU of the application each",
        f"memory {before:.0f} MB before, {after:.0f} MB after; {peak:.0f} MB with the map drawn",
        f"{jobs} windows asked for a map; one drawing takes {drawn:.2f} s ({spent:.2f} s CPU), groups {groups}",
    ]


def main() -> None:
    """Measure on engines of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with votes.csv and comments.csv")
    options = parser.parse_args()
    votes = read(options.folder)
    logging.basicConfig(level="WARNING")
    with tempfile.TemporaryDirectory() as folder, EmbeddedEngines(Path(folder) / "data") as engines:
        migrations.upgrade(engines.addresses.database_url, owner=engines.addresses.owner_url)
        logging.getLogger("linli").setLevel("WARNING")
        for line in uvloop.run(run(engines.addresses.database_url, engines.addresses.redis_url, votes)):
            print(line)


if __name__ == "__main__":
    main()
