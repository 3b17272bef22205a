"""The worker as a whole, beside a town that is at work; and how it judges the platform's answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from api.kit import clock
from api.kit.db import Database
from api.models.notices import SendState
from api.services.jobs import last_beat
from api.settings import Settings
from api.wechat import errors
from api.worker import judge, run
from tests.moments import MONDAY
from tests.town import Town
from tests.wechat_fixture import Simulator


async def eventually(ask: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not await ask():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """A worker for as long as the block runs; then it is told to stop, and does."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 12)


async def test_a_neglected_case_reaches_its_desk_then_the_lead_and_the_reporter_hears(
    town: Town, settings: Settings, db: Database, wechat_simulator: Simulator
) -> None:
    """All loops of one worker: consequences, deadlines, messages, heartbeat; then it stops when told to."""
    clock.set_to(MONDAY)
    here = town.here
    consent = {"template": "case_progress", "result": "accept"}
    assert (await here.resident.post("/subscriptions", consent)).status_code < 300
    wechat_simulator.consent(wechat_simulator.openid(here.resident.name), "case_progress")
    case = await town.submit()

    async def dispatched() -> bool:
        return bool((await here.worker.get(f"/cases/{case['id']}")).json().get("state") == "dispatched")

    async def lead_knows() -> bool:
        inbox = (await here.secretary.get("/notices")).json()["items"]
        return any(notice["title"] == "诉求超时" for notice in inbox)

    async def message_arrived() -> bool:
        return len(wechat_simulator.messages()) == 1

    async with working(settings):
        await eventually(dispatched)
        clock.move(timedelta(days=3))
        await eventually(lead_knows)
        assert (await here.worker.move(case["id"], "sign")).status_code == 200
        asked = await here.worker.move(case["id"], "ask", question="是哪一层的灯？")
        assert asked.status_code == 200, asked.text
        await eventually(message_arrived)
    async with db.reading() as tx:
        assert await last_beat(tx) is not None


SEND = "send_message"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.NoCredit(SEND, 43101), SendState.failed),
        (errors.InputRejected(SEND, 47003), SendState.failed),
        (errors.SensitiveWords(SEND, 45168), SendState.failed),
        (errors.Refused(SEND, 99999), SendState.failed),
        (errors.Busy(SEND, -1), SendState.pending),
        (errors.SendInFlight(SEND, 43108), SendState.pending),
        (errors.MinuteLimited(SEND, 45011), SendState.pending),
        (errors.QuotaSpent(SEND, 45009), SendState.pending),
        (errors.AccountFault(SEND, 48001), SendState.pending),
        (errors.TokenRejected(SEND, 40001), SendState.pending),
        (errors.NotSent(SEND), SendState.pending),
        (errors.Ambiguous(SEND), SendState.unknown),
        (errors.Unreadable(SEND), SendState.unknown),
        (errors.Ambiguous("stable_token"), SendState.pending),
        (errors.InputRejected("stable_token", 40002), SendState.pending),
        (errors.BreakerOpen("stable_token"), SendState.pending),
    ],
    ids=lambda value: str(value).replace(" · ", "-"),
)
def test_each_answer_of_the_platform_has_its_consequence(error: errors.WeChatError, state: SendState) -> None:
    assert judge(error).state is state


def test_the_platform_says_how_long_to_wait() -> None:
    assert judge(errors.MinuteLimited(SEND, 45011, retry_after=42)).wait == 42
