"""In the last sixty days of the known years the operators are told to bring in the next one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from api.kit import clock
from api.services import calendars
from tests.town import Town

Pump = Callable[[], Awaitable[None]]


async def _warned(town: Town, pump: Pump, at: datetime) -> list[str]:
    clock.set_to(at)
    async with town.app.state.db.transaction() as tx:
        await calendars.warn(tx)
    await pump()
    notices = (await town.operator.get("/notices")).json()["items"]
    return [n["text"] for n in notices]


async def test_the_operator_is_warned_in_november_and_not_in_june(town: Town, pump: Pump) -> None:
    assert await _warned(town, pump, datetime(2026, 6, 1, 2, tzinfo=UTC)) == []
    told = await _warned(town, pump, datetime(2026, 11, 23, 2, tzinfo=UTC))
    assert len(told) == 1
    assert "2027 年放假安排" in told[0]
    assert (await town.here.secretary.get("/notices")).json()["items"] == []
