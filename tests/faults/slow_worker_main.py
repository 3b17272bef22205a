"""A real worker with the product's own consequences, slow to commit: a process for tests to kill.

`EFFECT_SECONDS` is how long what it did stays uncommitted; each beginning is noted outside of any transaction.
`SLOW_EVENTS` has it be slow with what follows from events too, not with clocks alone.
"""

import asyncio
import os
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import logging
from api.kit.events import Event
from api.models import Deadline
from api.services import clockwork, consequences
from api.settings import Settings
from api.worker import run

SECONDS = float(os.environ["EFFECT_SECONDS"])
BEGUN = os.environ["EFFECTS_BEGUN"]


async def _slowly(tx: AsyncSession, what: UUID) -> None:
    with open(BEGUN, "a") as file:  # noqa: ASYNC230  (one short line)
        file.write(f"{what}\n")
    await tx.flush()
    await asyncio.sleep(SECONDS)


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    await clockwork.ran_out(tx, deadline)
    await _slowly(tx, deadline.id)


async def follow(tx: AsyncSession, event: Event) -> None:
    await consequences.follow(tx, event)
    if "SLOW_EVENTS" in os.environ and event.subject_kind != "calendar":
        await _slowly(tx, event.id)


if __name__ == "__main__":
    logging.configure()
    asyncio.run(run(Settings(), follow=follow, ran_out=ran_out))
