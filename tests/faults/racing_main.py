"""An API process for races: the product's own, until it is told to look first and write afterwards.

`python -m tests.faults.racing_main PORT claims | seats | stock`: with SIGUSR1 it keeps every check in Python and drops the
conditions from the statement that gives out what is named, as a build without them would. It must be caught.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import uvicorn
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import logging
from api.main import create_app
from api.models import Reward
from api.services.activities import signing_up
from api.services.needs import claiming
from api.services.points import spending
from api.settings import Settings
from tests.e2e.topology import replace


def break_claims() -> None:
    """Without what makes it a claim: state, version, seat index and counter are not asked."""
    statement = claiming._CLAIM
    sql = replace(statement.sql, "and state = 'published' and version = ", "and 0 < ")
    sql = replace(sql, "claimants.limited_until > ", "claimants.live < -1 and claimants.limited_until > ")
    sql = replace(sql, "else 3 end", "else 30000 end")
    sql = replace(sql, "took.last_seat, 'claimed'", "1 + (random() * 30000)::int, 'claimed'")
    sql = replace(sql, "free_seats = free_seats[2:]", "free_seats = '{}'")
    statement.sql = replace(
        sql, "case when cardinality(free_seats) > 1 then 'published' else 'claimed' end", "'claimed'"
    )


def break_seats() -> None:
    """Who saw a free seat gets one: what the row says by then is not asked."""
    statement = signing_up._TAKE
    sql = replace(statement.sql, "last_seated = free > 0", "last_seated = true")
    sql = replace(sql, "waiting + case when free > 0 then 0 else 1 end", "waiting")
    sql = replace(sql, "free - case when free > 0 then 1 else 0 end", "greatest(free - 1, 0)")
    statement.sql = replace(sql, "and (free > 0 or waiting < queue)", "")


def break_stock() -> None:
    """Who saw a piece on the shelf gets one."""

    async def look_first(tx: AsyncSession, reward_id: UUID) -> Any:
        reward = (await tx.execute(select(Reward).where(col(Reward.id) == reward_id))).scalar_one()
        if reward.stock == 0:
            raise spending.SoldOut
        left = func.greatest(col(Reward.stock) - 1, 0)
        await tx.execute(update(Reward).where(col(Reward.id) == reward_id).values(stock=left))
        return reward

    spending._take = look_first


BREAK: dict[str, Callable[[], None]] = {"claims": break_claims, "seats": break_seats, "stock": break_stock}


def main() -> None:
    signal.signal(signal.SIGUSR1, lambda *_: BREAK[sys.argv[2]]())
    logging.configure("WARNING")
    app = create_app(Settings(_env_file=None))
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, loop="uvloop"
    )


if __name__ == "__main__":
    main()
