"""A real worker with the product's own consequences, slow to commit: a process for tests to kill over needs' clocks.

`EFFECT_SECONDS` is how long what a deadline did stays uncommitted; each beginning is noted outside of any transaction.
"""

import asyncio
import os

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import logging
from api.models import Deadline
from api.services import clockwork
from api.settings import Settings
from api.worker import run

SECONDS = float(os.environ["EFFECT_SECONDS"])
BEGUN = os.environ["EFFECTS_BEGUN"]


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    with open(BEGUN, "a") as file:  # noqa: ASYNC230  (one short line)
        file.write(f"{deadline.id}\n")
    await clockwork.ran_out(tx, deadline)
    await tx.flush()
    await asyncio.sleep(SECONDS)


if __name__ == "__main__":
    logging.configure()
    asyncio.run(run(Settings(), ran_out=ran_out))
