"""Reading a file in a thread while what was read before is being stored."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def batches(items: Iterator[T], size: int) -> AsyncIterator[AsyncIterator[list[T]]]:
    """`items` in lists of `size`, the next one read while the caller works on this one; two in memory.

    Whatever `items` raises is raised where its batch would have come.
    """

    def read() -> list[T]:
        return list(islice(items, size))

    coming = asyncio.ensure_future(asyncio.to_thread(read))

    async def iterate() -> AsyncIterator[list[T]]:
        nonlocal coming
        while batch := await coming:
            coming = asyncio.ensure_future(asyncio.to_thread(read))
            yield batch

    try:
        yield iterate()
    finally:
        await asyncio.gather(coming, return_exceptions=True)  # a thread cannot be left reading
