"""A real worker with the product's own consequences, slow to commit: a process for tests to kill.

`EFFECT_SECONDS` is how long what it did stays uncommitted; each beginning is noted outside of any transaction.
`SLOW_WITH` names what it is slow with beside clocks: `events` what follows from events, `dispatch` what is worked
out and offered.
"""

import asyncio
import os
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import logging
from api.kit.events import Event
from api.models import Deadline
from api.services import clockwork, consequences
from api.services.dispatch import planning
from api.settings import Settings
from api.worker import run

SECONDS = float(os.environ["EFFECT_SECONDS"])
BEGUN = os.environ["EFFECTS_BEGUN"]
ALSO = os.environ["SLOW_WITH"].split()

keep, offer = planning._keep, planning._offer


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
    if "events" in ALSO and event.subject_kind != "calendar":
        await _slowly(tx, event.id)


async def _kept_slowly(tx: AsyncSession, batch_id: UUID, *plan: Any) -> None:
    await keep(tx, batch_id, *plan)
    await _slowly(tx, batch_id)


async def _offered_slowly(tx: AsyncSession, line_id: UUID, *what: Any) -> None:
    await offer(tx, line_id, *what)
    await _slowly(tx, line_id)


if __name__ == "__main__":
    logging.configure()
    if "dispatch" in ALSO:
        planning._keep, planning._offer = _kept_slowly, _offered_slowly
    asyncio.run(run(Settings(), follow=follow, ran_out=ran_out))
