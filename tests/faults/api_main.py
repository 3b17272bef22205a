"""An API process for fault tests: the product's own, or one that dies between commit and answer.

`python -m tests.faults.api_main PORT [die-after-commit]`: the second form kills itself as soon as a case or a
move has been committed and before a byte of the answer has left.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import logging
from api.kit.db import Database, Lent, Statement
from api.main import create_app
from api.services.cases import writing
from api.settings import Settings


class _LentOnce(Lent):
    async def fetch_one(self, statement: Statement, /, **values: Any) -> Any:
        row = await super().fetch_one(statement, **values)
        if statement in (writing.OWN, writing.ENTERED) and row is not None:
            os._exit(9)
        return row


class DiesAfterCommit(Database):
    """Commits, and is gone."""

    @asynccontextmanager
    async def lending(self) -> AsyncIterator[Lent]:
        async with super().lending() as lent:
            yield _LentOnce(lent._connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
        os._exit(9)


def main() -> None:
    port, dies = int(sys.argv[1]), "die-after-commit" in sys.argv[2:]
    settings = Settings(_env_file=None)
    logging.configure("WARNING")
    app = create_app(settings)
    if dies:
        assert settings.database_url is not None
        app.state.db = DiesAfterCommit(settings.database_url, pool_size=4)
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, loop="uvloop")


if __name__ == "__main__":
    main()
