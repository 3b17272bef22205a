"""Session check, list, one case and submit: the product against its limit."""

from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import text

from api.kit.db import Database
from api.kit.paging import write_cursor
from bench.facing import facing
from bench.harness import Ask, Ratio, compare
from bench.seed import COMMON, COMMUNITIES, RESIDENTS, token

_RUN = uuid4().hex.encode()[:12]
"""Keys are kept for a day: each run has its own."""
PATHS = ("session check", "list of 20 of 200,000, with reach", "one case with its moves", "submit a case")
MUST = {PATHS[0]: 1.5, PATHS[1]: 3.0, PATHS[2]: 3.0, PATHS[3]: 3.0}
GOAL = {PATHS[0]: 1.2, PATHS[1]: 2.0, PATHS[2]: 2.0, PATHS[3]: 2.5}


def _bearer(n: int) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token(n)}".encode()


def _checks() -> Iterator[Ask]:
    for k in count():
        yield Ask("GET", "/v1/sessions/current", headers=(_bearer(1 + k % RESIDENTS),))


def _lists(communities: list[str], cursors: list[tuple[str, str]]) -> Iterator[Ask]:
    """A worker's list of the own community, from anywhere in it; `from` and `before` are the limit's own."""
    for k in count():
        n = k % COMMUNITIES
        cursor, before = cursors[k % len(cursors)]
        query = f"place={communities[n]}&after={cursor}&from={communities[n]}&before={before}"
        yield Ask("GET", "/v1/cases", query, headers=(_bearer(RESIDENTS + 1 + n),))


def _ones(cases: list[tuple[str, int]]) -> Iterator[Ask]:
    for k in count():
        case, worker = cases[k % len(cases)]
        yield Ask("GET", f"/v1/cases/{case}", headers=(_bearer(RESIDENTS + worker),))


def _submits(communities: list[str]) -> Iterator[Ask]:
    for k in count():
        body = orjson.dumps(
            {
                "category": "help",
                "title": f"{COMMON}三楼的灯坏了",
                "text": f"{COMMON}三楼的灯从星期一起就不亮，老人下楼不安全。",
                "place_id": communities[k % COMMUNITIES],
            }
        )
        key = (b"idempotency-key", _RUN + b"-%d" % k)
        yield Ask("POST", "/v1/cases", body=body, headers=(_bearer(1 + k % RESIDENTS), key))


async def run(database_url: str, redis_url: str, *, rounds: int = 25) -> dict[str, Ratio]:
    """Measure all four on a seeded database."""
    found: dict[str, Ratio] = {}
    async with facing(database_url, redis_url) as (limit, product):
        for name, asks in (await _requests(product.state.db)).items():
            found[name] = await compare(limit, product, asks, rounds=rounds)
    return found


async def _requests(db: Database) -> dict[str, Iterator[Ask]]:
    async with db.reading() as tx:

        async def column(sql: str) -> list[Any]:
            return list(await tx.execute(text(sql)))

        communities = [
            str(r[0]) for r in await column("select id from places where level = 'village' order by path")
        ]
        cases = await column("select id, path from cases tablesample system (1) limit 2000")
        order = {
            r[0]: n
            for n, r in enumerate(await column("select path from places where level='village' order by path"))
        }
    cursors = [(write_cursor(r[0]), str(r[0])) for r in cases]
    ones = [(str(case), order[path] + 1) for case, path in cases]
    return dict(
        zip(PATHS, (_checks(), _lists(communities, cursors), _ones(ones), _submits(communities)), strict=True)
    )
