"""What SQLAlchemy has compiled for one test the next need not compile again: engines are lent, one Database at a time.

Each is as new when it is lent, with an empty pool; what it keeps is its cache of compiled statements, a seventh of the
time of most tests.
"""

from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.kit import db

_make, _close = db.create_async_engine, db.Database.close


class Engines:
    """Those that nobody uses, by how they were made."""

    def __init__(self) -> None:
        self._free: dict[str, list[AsyncEngine]] = defaultdict(list)
        self._lent: dict[int, str] = {}

    def install(self, patches: pytest.MonkeyPatch) -> None:
        """From now on every Database gets its engine here."""
        patches.setattr(db, "create_async_engine", self._lend)

        async def close(database: db.Database) -> None:
            await _close(database)
            self._take_back(database.engine)

        patches.setattr(db.Database, "close", close)

    def _lend(self, url: Any, **how: Any) -> AsyncEngine:
        made = repr((str(url), sorted(how.items())))
        engine = self._free[made].pop() if self._free[made] else _make(url, **how)
        self._lent[id(engine)] = made
        return engine

    def _take_back(self, engine: AsyncEngine) -> None:
        if made := self._lent.pop(id(engine), None):  # None: it is closed for the second time
            self._free[made].append(engine)
