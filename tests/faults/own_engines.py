"""Engines of one file's tests alone, to be killed, stopped and started as they like; the run's others are not touched."""

from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from api import migrations
from api.kit.engines import EmbeddedEngines
from api.kit.engines.layout import NAME, OWNER


@pytest.fixture(scope="module")
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngines]:
    """Migrated: their database is the template."""
    with EmbeddedEngines(tmp_path_factory.mktemp("own") / "data", small=True) as started:
        migrations.upgrade(started.addresses.database_url, owner=started.addresses.owner_url)
        yield started


@pytest.fixture
async def database_url(own_engines: EmbeddedEngines) -> str:
    """A fresh migrated database on them."""
    name = f"t_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(own_engines.addresses.admin_url)
    await admin.execute(f"create database {name} template {NAME} owner {OWNER}")
    await admin.close()
    return own_engines.addresses.database_url.replace(f"/{NAME}?", f"/{name}?")
