"""The edge of a poll: each of the three guards of a cast against the close, in the one order that tells it apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI

from api.kit import clock
from api.rules.voting.verify import verify
from api.services.polls import running
from tests.polls import Pump, neighbours, opened, renew, sealed, sql, vote
from tests.town import Town

NEAR = timedelta(seconds=1.5)
"""Half of what a statement waits for a lock."""


@asynccontextmanager
async def held(app: FastAPI, statement: str, *values: Any) -> AsyncIterator[None]:
    """Another session does that and takes it back when the block ends."""
    connection = await asyncpg.connect(app.state.db.url)
    work = connection.transaction()
    await work.start()
    try:
        await connection.execute(statement, *values)
        yield
    finally:
        await work.rollback()
        await connection.close()


async def waiting_for_a_lock(app: FastAPI, many: int) -> None:
    """Until so many locks are waited for."""
    for _ in range(1_000):
        if len(await sql(app, "select 1 from pg_locks where not granted")) >= many:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


async def nearly_over(town: Town, before: timedelta = NEAR) -> tuple[str, datetime]:
    """An open poll so long before its end, and the end."""
    poll = await opened(town)
    ends: datetime = (await sql(town.app, "select closes_at from polls where id = :p", p=poll))[0][0]
    clock.set_to(ends - before)
    return poll, ends


async def over(ends: datetime) -> None:
    await asyncio.sleep(max(0.0, (ends - clock.now()).total_seconds()) + 0.05)


async def test_the_close_waits_for_a_vote_that_has_begun(town: Town, pump: Pump) -> None:
    """FOR SHARE: the vote read "open" and the clock in time, then had to wait for its mark past the end."""
    (who,) = await neighbours(town, town.here, 1)
    poll, ends = await nearly_over(town, timedelta(hours=1))
    elector = (await sql(town.app, "select elector_id from casters where person_id = :p", p=who.id))[0][0]
    async with held(
        town.app, "insert into marks (poll_id, elector_id, turn) values ($1, $2, 1)", poll, elector
    ):
        casting = asyncio.create_task(vote(who, poll, "yes"))
        await waiting_for_a_lock(town.app, 1)
        clock.set_to(ends + NEAR)  # the vote has brought its own reading with it

        async def close() -> None:
            async with town.app.state.db.transaction() as tx:
                await running.close(tx, None, poll)

        closing = asyncio.create_task(close())
        waiting = asyncio.create_task(waiting_for_a_lock(town.app, 2))
        await asyncio.wait({closing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    answer = await casting
    await closing
    assert answer.status_code == 201, answer.text
    await sealed(town.app)
    await pump()
    await renew(town, town.supervisor)
    bulletin = orjson.loads((await town.supervisor.get(f"/polls/{poll}/bulletin")).content)
    assert verify(bulletin) == [], "the close declared fewer ballots than there are receipts"
    assert [b["leaf"] for b in bulletin["ballots"]] == [answer.json()["leaf"]]


async def test_a_vote_that_got_its_lock_after_the_end_is_refused(town: Town) -> None:
    """The clock is read again behind the lock: it began in time, waited past the end, and the poll is still open."""
    (who,) = await neighbours(town, town.here, 1)
    poll, ends = await nearly_over(town)
    async with held(town.app, "select 1 from polls where id = $1 for update", poll):
        casting = asyncio.create_task(vote(who, poll, "yes"))
        await waiting_for_a_lock(town.app, 1)
        await over(ends)
    answer = await casting
    assert (answer.status_code, answer.json()["code"]) == (409, "poll_closed")
    assert await sql(town.app, "select 1 from ballots") == []


async def test_after_the_end_nobody_asks_for_the_lock(town: Town) -> None:
    """The clock is asked before the lock, too: share locks that follow one another would starve the close."""
    (who,) = await neighbours(town, town.here, 1)
    poll, ends = await nearly_over(town)
    await over(ends)
    async with held(town.app, "select 1 from polls where id = $1 for update", poll):
        answer = await asyncio.wait_for(vote(who, poll, "yes"), 2)
    assert (answer.status_code, answer.json()["code"]) == (409, "poll_closed")
