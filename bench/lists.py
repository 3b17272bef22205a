"""Lists over 200,000 cases: of a worker, a community, a town, a county, by state, by words, and what is to be done."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any
from urllib.parse import quote

from sqlalchemy import text

from api.kit.db import Database
from api.kit.paging import write_cursor
from api.services.cases.searching import index_missing
from bench.facing import facing
from bench.harness import Ask, Ratio, call, compare
from bench.seed import COMMON, COMMUNITIES, RARE, RESIDENTS, SOME, TOWNS, token

MUST, GOAL = 3.0, 2.0
MUST_MS = 50.0
"""The slowest twentieth, of every list and every search."""
ONE_BY_ONE = 200
OPERATOR = RESIDENTS + COMMUNITIES + TOWNS + 1


@dataclass(frozen=True, slots=True)
class Place:
    """A place with who works there."""

    id: str
    who: int


@dataclass(frozen=True, slots=True)
class County:
    """What the requests are made of."""

    communities: list[Place]
    towns: list[Place]
    county: Place
    units: list[str]
    cursors: list[tuple[str, str]]
    """A place in the order of cases: as the product writes it, and the id itself."""

    def lists(
        self, places: list[Place], query: str = "", *, named: bool = True, hand: str = ""
    ) -> Iterator[Ask]:
        """Pages from anywhere in the order; `from`, `before` and `hand` are for the limit alone."""
        for k in count():
            place, (cursor, before) = places[k % len(places)], self.cursors[k % len(self.cursors)]
            where = f"place={place.id}&" if named else ""
            yield _ask(f"{where}{query}&after={cursor}&from={place.id}&before={before}{hand}", place.who)

    def first_pages(self, places: list[Place], query: str = "", hand: str = "") -> Iterator[Ask]:
        for k in count():
            place = places[k % len(places)]
            yield _ask(f"place={place.id}&{query}&from={place.id}&before={'f' * 32}{hand}", place.who)

    def tasks(self) -> Iterator[Ask]:
        for k in count():
            place = self.communities[k % COMMUNITIES]
            yield _ask(f"unit={self.units[k % COMMUNITIES]}", place.who, "/v1/me/tasks")


def _ask(query: str, who: int, path: str = "/v1/cases") -> Ask:
    return Ask("GET", path, query, headers=((b"authorization", f"Bearer {token(who)}".encode()),))


def _requests(county: County) -> dict[str, Iterator[Ask]]:
    communities, towns, all_ = county.communities, county.towns, [county.county]
    found = {
        "worker's own list": county.lists(communities, named=False),
        "list of a community": county.lists(communities),
        "list of a town": county.lists(towns),
        "my tasks": county.tasks(),
        "in progress, of a worker": county.lists(communities, "state=in_progress", named=False),
        "in progress, of a town": county.lists(towns, "state=in_progress"),
        "waiting to be signed, of the county": county.first_pages(all_, "state=dispatched"),
        "handled, of the county: none": county.first_pages(all_, "state=handled"),
        "referred, of the county: none": county.first_pages(all_, "state=referred"),
    }
    for word, how, what in (
        (COMMON, "common", "in every case"),
        (SOME, "common", "in one of 40"),
        (RARE, "rare", "in one of 500"),
    ):
        query, hand = f"q={quote(word)}", f"&hand={how}"
        found[f"search of a community, word {what}"] = county.first_pages(communities, query, hand)
        found[f"search of the county, word {what}"] = county.first_pages(all_, query, hand)
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """A list: what it costs against its limit, and how long one asker alone waits, in milliseconds."""

    ratio: Ratio
    median_ms: float
    p95_ms: float


async def run(database_url: str, redis_url: str, *, rounds: int = 25) -> dict[str, Found]:
    """Measure on a seeded database."""
    found: dict[str, Found] = {}
    async with facing(database_url, redis_url) as (limit, product):
        async with product.state.db.transaction() as tx:
            await index_missing(tx)  # as the worker does: what was submitted before can be found
        for name, asks in _requests(await _county(product.state.db)).items():
            ratio = await compare(limit, product, asks, rounds=rounds)
            times = sorted([await _waited(product, ask) for ask in islice(asks, ONE_BY_ONE)])
            found[name] = Found(ratio, statistics.median(times), times[len(times) * 95 // 100])
    return found


async def _waited(app: Any, ask: Ask) -> float:
    began = time.perf_counter()
    await call(app, ask)
    return (time.perf_counter() - began) * 1000


async def _county(db: Database) -> County:
    async with db.reading() as tx:

        async def column(sql: str) -> list[str]:
            return [str(r[0]) for r in await tx.execute(text(sql))]

        async def places(level: str, first: int) -> list[Place]:
            ids = await column(f"select id from places where level = '{level}' order by path")
            return [Place(place, first + n) for n, place in enumerate(ids)]

        return County(
            communities=await places("village", RESIDENTS + 1),
            towns=await places("town", RESIDENTS + COMMUNITIES + 1),
            county=(await places("county", OPERATOR))[0],
            units=await column("select u.id from units u join places p on p.id = u.place_id order by p.path"),
            cursors=[
                (write_cursor(r[0]), str(r[0]))
                for r in await tx.execute(text("select id from cases tablesample system (1) limit 2000"))
            ],
        )


def table(found: dict[str, Found]) -> list[str]:
    """The figures as markdown."""
    return [
        "| list | limit, CPU µs | product ÷ limit: low | **median** | high | elapsed | must | goal "
        "| alone: median ms | p95 ms | must |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {name} | {f.ratio.limit_us:.0f} | {f.ratio.low:.2f} | **{f.ratio.median:.2f}** | {f.ratio.high:.2f} "
            f"| {f.ratio.wall:.2f} | {MUST:.1f} | {GOAL:.1f} | {f.median_ms:.1f} | {f.p95_ms:.1f} | {MUST_MS:.0f} |"
            for name, f in found.items()
        ),
    ]


def slow(found: dict[str, Found]) -> list[str]:
    """Lists that cost or last more than they must."""
    return [name for name, f in found.items() if f.ratio.median > MUST or f.p95_ms > MUST_MS]
