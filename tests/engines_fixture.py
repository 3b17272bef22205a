"""The engines every test may share: one PostgreSQL and one Valkey for the whole run."""

from collections.abc import Iterator

import pytest

from api.kit.engines import EmbeddedEngines


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngines]:
    """Real engines in a folder of this run, gone after it."""
    with EmbeddedEngines(tmp_path_factory.mktemp("engines") / "data", small=True) as started:
        yield started
