"""A database that a test gives back is as it was before, or nobody gets it again."""

import asyncpg
import pytest

from api.kit.engines import EmbeddedEngines
from api.models import metadata
from tests.databases import ROOMY, Databases, named
from tests.mold import Mold
from tests.services.test_privacy import dumped

PEOPLE = """insert into people (id, state, nickname, created_at, updated_at)
  select gen_random_uuid(), 'active', '又一位', now(), now()"""
BEYOND_ROWS = (
    "alter table people add column one_more int",
    "alter table events disable trigger user",
    "alter table cases drop constraint pk_cases cascade",
    "create or replace function one_more() returns int language sql as 'select 1'",
    "analyze people",
    "create sequence one_more",
    f"{PEOPLE} from generate_series(1, {ROOMY} / 80)",
)


@pytest.fixture
def databases(engines: EmbeddedEngines) -> Databases:
    """Of this test alone."""
    return Databases(engines.addresses.admin_url)


@pytest.fixture
async def lent(databases: Databases, mold: Mold) -> str:
    """A copy of the town."""
    return await databases.lend(mold.database)


def _content(engines: EmbeddedEngines, database: str) -> list[str]:
    """The lines of a dump, but for the key that each dump has of its own."""
    dump = dumped(named(engines.addresses.admin_url, database))
    return sorted(line for line in dump.splitlines() if not line.startswith("\\"))


async def test_rows_written_changed_and_deleted_are_put_back(
    engines: EmbeddedEngines, databases: Databases, mold: Mold, lent: str
) -> None:
    before = _content(engines, lent)
    for table in ("people", "places", "grants", "events"):
        assert any(line.startswith(f"INSERT INTO public.{table} ") for line in before), table
    for _ in range(3):
        writing = await asyncpg.connect(named(engines.addresses.admin_url, lent))
        await writing.execute("set session_replication_role = replica")
        await writing.execute(f"{PEOPLE} from people")
        await writing.execute("update places set name = name || '东'")
        for one in metadata.sorted_tables:
            if one.name not in ("people", "places"):
                await writing.execute(f"delete from {one.name}")
        assert _content(engines, lent) != before
        await writing.execute("begin; delete from people")  # and it is still at it
        await databases.take_back(lent, mold.database)
        assert await databases.lend(mold.database) == lent
        assert _content(engines, lent) == before
    assert await databases.lend(mold.database) != lent


@pytest.mark.parametrize("change", BEYOND_ROWS)
async def test_where_more_than_rows_has_changed_the_next_one_gets_another(
    engines: EmbeddedEngines, databases: Databases, mold: Mold, lent: str, change: str
) -> None:
    changing = await asyncpg.connect(named(engines.addresses.admin_url, lent))
    await changing.execute(change)
    await changing.close()
    await databases.take_back(lent, mold.database)
    assert await databases.lend(mold.database) != lent
