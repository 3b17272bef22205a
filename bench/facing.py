"""The product and its hand-written limit in one process, over the same tables."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from api.main import create_app
from api.settings import Settings
from bench.harness import with_lifespans


@asynccontextmanager
async def facing(database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[tuple[Any, Any]]:
    """(limit, product) as ASGI apps, started; `settings` are the product's."""
    os.environ.update(DATABASE_URL=database_url, REDIS_URL=redis_url)
    from bench.limit import app as limit  # noqa: PLC0415  (reads the addresses)

    product = create_app(Settings(_env_file=None, database_url=database_url, redis_url=redis_url, **settings))
    async with AsyncExitStack() as stack:
        await with_lifespans(stack, limit, product)
        yield limit, product
