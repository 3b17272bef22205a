"""同一设施反复: the third case on one lift in thirty days is the town's, with all that are still open; and no other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.models import Case
from api.models.people import PersonId
from api.services import consequences
from api.services.access import Viewer
from api.services.cases import handling, recurring
from tests.estates import made, own_estate
from tests.moments import MONDAY
from tests.services.test_poll_closing import held, waiting_for_a_lock
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _repair(town: Town, **changes: Any) -> dict[str, Any]:
    return await town.submit(**{"kind": "property", "title": "电梯停运", **changes})


async def _level(who: Actor, case: dict[str, Any]) -> int:
    return int((await who.get(f"/cases/{case['id']}")).json()["level"])


async def test_the_third_case_on_one_lift_in_thirty_days_brings_all_open_ones_to_the_town(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    lift, other = [
        (await made(town.operator.post("/assets", {"estate_id": own.estate, "kind": "lift", "name": name})))[
            "id"
        ]
        for name in ("1 号电梯", "2 号电梯")
    ]
    where = {"place_id": str(town.here.building), "category": "urgent_repair"}
    clock.set_to(MONDAY)
    old = await _repair(town, asset=lift, **where)
    await pump()
    await town.here.resident.move(old["id"], "withdraw")
    clock.move(timedelta(days=1))
    first, elsewhere = await _repair(town, asset=lift, **where), await _repair(town, asset=other, **where)
    gone = await _repair(town, asset=lift, **where)
    await pump()
    await town.here.resident.move(gone["id"], "withdraw")
    clock.move(timedelta(minutes=1))
    second = await _repair(town, asset=lift, **where)
    await pump()
    assert [await _level(own.staff[0], one) for one in (first, second, elsewhere)] == [0, 0, 0]
    third = await _repair(town, asset=lift, **where)
    await pump()
    assert [await _level(own.staff[0], one) for one in (first, second, third, elsewhere)] == [
        3,
        3,
        3,
        0,
    ]
    told = (await town.here.resident.get(f"/cases/{first['id']}/events")).json()["items"]
    assert "升级至街道督办：同一设施 30 天内 3 件" in [e["text"] for e in told]
    query = {"category": "urgent_repair", "title": "停电", "text": "没电", "place_id": str(town.here.place)}
    alike = (await town.here.worker.get("/cases/similar", params={**query, "asset_id": lift})).json()["items"]
    assert alike == []
    alike = (
        await town.here.worker.get(
            "/cases/similar",
            params={**query, "asset_id": lift, "place_id": str(town.here.building)},
        )
    ).json()["items"]
    assert {a["id"] for a in alike} == {first["id"], second["id"], third["id"]}
    assert all("同一设施" in a["reasons"] for a in alike)


async def test_cases_on_an_asset_a_month_apart_are_no_series(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    lift = await made(
        town.operator.post("/assets", {"estate_id": own.estate, "kind": "lift", "name": "1 号电梯"})
    )
    where = {
        "home_id": None,
        "place_id": str(town.here.building),
        "category": "overhaul",
        "asset": lift["id"],
    }
    clock.set_to(MONDAY)
    cases = []
    for _ in range(3):
        cases.append(await _repair(town, **where))
        clock.move(timedelta(days=15, minutes=1))
    async with town.app.state.db.transaction() as tx:
        for case in cases:
            found = await tx.execute(select(Case).where(col(Case.id) == UUID(case["id"])))
            await recurring.lift(tx, found.scalar_one())
        assert (await tx.execute(text("select max(level) from cases"))).scalar_one() == 0


async def _three_repairs(town: Town, simulator: Simulator, pump: Pump) -> tuple[list[str], dict[str, Any]]:
    """Three cases on one lift with the third not followed yet, and how one more is handed in."""
    own = await own_estate(town, simulator)
    lift = await made(
        town.operator.post("/assets", {"estate_id": own.estate, "kind": "lift", "name": "1 号电梯"})
    )
    where = {"place_id": str(town.here.building), "category": "urgent_repair", "asset": lift["id"]}
    cases = [(await _repair(town, **where))["id"] for _ in range(2)]
    await pump()
    cases.append((await _repair(town, **where))["id"])
    return cases, where


async def _submission(town: Town, case: str) -> Event:
    async with town.app.state.db.reading() as tx:
        wanted = select(Event).where(col(Event.subject_id) == UUID(case), col(Event.move) == "submit")
        return (await tx.execute(wanted)).scalar_one()


async def _follow(town: Town, event: Event) -> None:
    async with town.app.state.db.transaction() as tx:
        await consequences.follow(tx, event)


async def test_a_case_that_ends_while_the_others_are_counted_is_not_brought_to_the_town(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    """The rows are locked before their states are read: who ends one at the same moment is waited for."""
    (first, second, third), where = await _three_repairs(town, wechat_simulator, pump)
    fourth = (await _repair(town, **where))["id"]
    submitted = await _submission(town, fourth)
    resident = Viewer(PersonId(town.here.resident.id), "race")
    async with town.app.state.db.transaction() as tx:
        await handling.withdraw(tx, resident, UUID(first))
        lifting = asyncio.create_task(_follow(town, submitted))
        await waiting_for_a_lock(town.app, 1)
    await lifting
    cases = [{"id": case} for case in (first, second, third, fourth)]
    assert [await _level(town.here.resident, case) for case in cases] == [0, 3, 3, 3]


async def test_two_that_are_handed_in_at_once_lift_one_after_the_other(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    """Each locks the rows in the order of their ids, its own among them: with its own first they would wait for
    each other."""
    (first, _, third), where = await _three_repairs(town, wechat_simulator, pump)
    fourth = (await _repair(town, **where))["id"]
    events = [await _submission(town, case) for case in (third, fourth)]
    async with held(town.app, "select 1 from cases where id = $1 for no key update", UUID(first)):
        lifting = [asyncio.create_task(_follow(town, event)) for event in events]
        await waiting_for_a_lock(town.app, 2)
    await asyncio.gather(*lifting)
    async with town.app.state.db.reading() as tx:
        risen = await tx.execute(text("select count(*) from events where move = 'climb'"))
        assert risen.scalar_one() == 4
