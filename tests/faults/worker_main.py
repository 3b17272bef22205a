"""A real worker, with consequences that can be counted: a process for tests to kill.

What it begins is noted in a file, outside of any transaction; what it finished is in the table of effects.
"""

import asyncio
import os
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import logging
from api.kit.events import Event
from api.models import Deadline
from api.settings import Settings
from api.worker import run
from tests.effects import mark

SECONDS = float(os.environ["EFFECT_SECONDS"])
"""How long each effect stays uncommitted."""
BEGUN = os.environ["EFFECTS_BEGUN"]


async def _slowly(tx: AsyncSession, what: UUID) -> None:
    with open(BEGUN, "a") as file:  # noqa: ASYNC230  (one short line)
        file.write(f"{what}\n")
    await mark(tx, what)
    await asyncio.sleep(SECONDS)


async def follow(tx: AsyncSession, event: Event) -> None:
    if event.subject_kind == "calendar":  # the worker's own warning, none of the tests' events
        return
    await _slowly(tx, event.id)


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    await _slowly(tx, deadline.id)


if __name__ == "__main__":
    logging.configure()
    asyncio.run(run(Settings(), follow=follow, ran_out=ran_out))
