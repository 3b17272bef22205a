"""Lists of one state read one range of an index, whatever lies in the archive: asserted of PostgreSQL's own plan."""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from api.kit import clock
from api.kit.paging import FIRST
from api.rules.cases import CaseState
from api.services.cases import listing
from tests.town import Actor, Town

ARCHIVE = """insert into cases (id, number, kind, category, title, text, visibility, channel, state, cycle, level, place_id,
    path, community_id, reporter_id, unit_id, first_contact_at, created_at, updated_at)
  select uuidv7(make_interval(secs => i - 3000)), 'n-' || i, 'secretary', 'help', '灯', '灯不亮', 'private', 'miniprogram',
    case when i % 250 = 0 then 'in_progress' else 'closed' end, 1, 0, p.id, p.path, p.id, :who, :unit, now(), now(), now()
  from generate_series(1, 2000) i, places p where p.id = :place"""
REACH = """insert into case_reach (place_id, audience, case_id)
  select p.id, 's', c.id from cases c join places p on starts_with(c.path, p.path)"""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _archive(town: Town) -> None:
    """Two thousand cases in each community, eight of them in progress."""
    async with town.app.state.db.transaction() as tx:
        for community in (town.here, town.there):
            asked = {"who": community.resident.id, "unit": community.desk, "place": community.place}
            found = await tx.execute(text(ARCHIVE.replace("'n-'", f"'{community.code}-'")), asked)
            assert found.rowcount == 2000  # type: ignore[attr-defined]
        await tx.execute(text(REACH))
    connection = await asyncpg.connect(town.app.state.db.url)
    await connection.execute("vacuum analyze")
    await connection.close()


async def _read(town: Town, who: Actor, source: str, state: CaseState, mode: str) -> list[dict[str, Any]]:
    """What PostgreSQL did with cases, for a plan of these very values and for one of any values."""
    statement = listing._list_statement(20, source, frozenset(), state)
    values = {"viewer": who.id, "now": clock.now(), "after": FIRST, "place": town.here.place}
    connection = await asyncpg.connect(town.app.state.db.url)
    try:
        await connection.execute(f"set jit = off; set plan_cache_mode = {mode}")
        asked = await connection.fetchval(
            f"explain (analyze, format json) {statement.sql}", *statement.arguments(values)
        )
    finally:
        await connection.close()
    [plan] = json.loads(asked)
    return [n for n in _nodes(plan["Plan"]) if n.get("Relation Name") in ("cases", "case_reach")]


@pytest.mark.timeout(120)
async def test_a_list_of_one_state_reads_one_range_and_never_walks_the_archive(town: Town) -> None:
    await _archive(town)
    for mode in ("force_custom_plan", "force_generic_plan"):
        for who, source, state, rows in (
            (town.here.worker, "reach", CaseState.in_progress, 8),
            (town.here.worker, "place", CaseState.in_progress, 8),
            (town.supervisor, "reach", CaseState.in_progress, 16),
            (town.supervisor, "reach", CaseState.referred, 0),
            (town.here.worker, "place", CaseState.rejected, 0),
        ):
            nodes = await _read(town, who, source, state, mode)
            ranges = [n for n in nodes if n.get("Index Name") == "ix_cases_state"]
            assert [n["Actual Rows"] * n["Actual Loops"] for n in ranges] == [rows], (mode, source, state)
            touched = sum(n["Actual Rows"] * n["Actual Loops"] for n in nodes)
            assert touched <= 3 * rows, (mode, source, state, nodes)
    asked = await town.supervisor.get("/cases", params={"state": "in_progress", "limit": "20"})
    assert len(asked.json()["items"]) == 16
    assert (await town.supervisor.get("/cases", params={"state": "handled"})).json()["items"] == []
    assert (await town.there.resident.get("/cases", params={"state": "in_progress"})).json()["items"] == []
