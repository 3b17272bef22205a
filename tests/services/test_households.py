"""The register of households: whose number stands in it lives there, in every home it names."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from api.kit.db import Database
from api.models.places import HomeId
from api.rules.people import Relation
from api.services.people import households
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

PHONE, OTHER = "13900001234", "13900005678"
Pump = Callable[[], Awaitable[None]]


async def bring_in(app: FastAPI, phone: str, *homes: HomeId) -> None:
    async with app.state.db.transaction() as tx:
        lines = [households.Line(home, phone, Relation.owner, True) for home in homes]
        assert await households.add(tx, app.state.vault, lines) == len(homes)


async def bind(who: Actor, simulator: Simulator, phone: str = PHONE) -> dict[str, Any]:
    answer = await who.post("/me/phone", {"code": simulator.phone_code(who.name, phone)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def homes_of(me: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((r["community"]["name"], r["state"]) for r in me["residencies"])


async def test_who_binds_a_number_of_the_register_is_verified_in_both_homes_and_told(
    town: Town, app: FastAPI, pump: Pump, wechat_simulator: Simulator
) -> None:
    await bring_in(app, PHONE, town.here.home, town.there.home)
    me = await bind(town.stranger, wechat_simulator)
    assert homes_of(me) == [("大行宫社区", "verified"), ("梅园新村社区", "verified")]
    await pump()
    told = [n["title"] for n in (await town.stranger.get("/notices")).json()["items"]]
    assert told == ["居住登记已核实"] * 2
    assert homes_of(await bind(town.stranger, wechat_simulator)) == homes_of(me)


async def test_who_asked_before_is_verified_when_the_number_is_bound_and_after_by_the_register(
    town: Town, app: FastAPI, wechat_simulator: Simulator
) -> None:
    body = {"home_id": str(town.here.home), "relation": "tenant", "is_registered": False}
    asked = (await town.stranger.post("/residencies", body)).json()
    assert asked["state"] == "pending"
    await bind(town.stranger, wechat_simulator)
    assert (await town.stranger.get(f"/residencies/{asked['id']}")).json()["state"] == "pending"
    await bring_in(app, PHONE, town.here.home)
    found = (await town.stranger.get(f"/residencies/{asked['id']}")).json()
    assert (found["state"], found["relation"]) == ("verified", "tenant")
    events = (await town.stranger.get(f"/residencies/{asked['id']}/events")).json()["items"]
    assert (events[-1]["move"], events[-1]["by"]) == ("verify", "系统")


async def test_a_home_once_left_is_entered_again_only_when_asked_for_and_then_without_a_worker(
    town: Town, app: FastAPI, wechat_simulator: Simulator
) -> None:
    who = town.stranger
    await bring_in(app, PHONE, town.here.home)
    [home] = (await bind(who, wechat_simulator))["residencies"]
    await who.post(f"/residencies/{home['id']}/moves/end", {})
    await bring_in(app, PHONE, town.here.home)
    assert homes_of(await bind(who, wechat_simulator)) == [("梅园新村社区", "ended")]
    body = {"home_id": str(town.here.home), "relation": "owner", "is_registered": True}
    assert (await who.post("/residencies", body)).json()["state"] == "verified"


async def test_a_changed_number_brings_the_new_home_and_takes_the_old_one_from_nobody(
    town: Town, app: FastAPI, wechat_simulator: Simulator
) -> None:
    await bring_in(app, PHONE, town.here.home)
    await bring_in(app, OTHER, town.there.home)
    await bind(town.stranger, wechat_simulator, PHONE)
    me = await bind(town.stranger, wechat_simulator, OTHER)
    assert homes_of(me) == [("大行宫社区", "verified"), ("梅园新村社区", "verified")]
    assert me["phone"] == "139****5678"


async def test_a_number_outside_the_register_verifies_nothing_and_the_register_keeps_no_number(
    town: Town, app: FastAPI, wechat_simulator: Simulator, db: Database
) -> None:
    await bring_in(app, OTHER, town.here.home)
    assert homes_of(await bind(town.stranger, wechat_simulator, PHONE)) == []
    async with db.reading() as tx:
        rows = (await tx.execute(text("select t::text from household_lines t"))).scalars().all()
    assert len(rows) == 1
    assert OTHER not in rows[0]
    assert OTHER.encode().hex() not in rows[0]


async def test_a_lost_answer_used_or_expired_code_is_never_asked_again_and_asks_for_a_new_tap(
    town: Town, wechat_simulator: Simulator
) -> None:
    path = "/wxa/business/getuserphonenumber"
    for fault in ("lost_answer", "code_expired"):
        code = wechat_simulator.phone_code(town.stranger.name, PHONE)
        wechat_simulator.fault(fault, path=path, times=1)
        made = len(wechat_simulator.calls(path))
        answer = await town.stranger.post("/me/phone", {"code": code})
        assert (answer.status_code, answer.json()["code"]) == (422, "wechat_phone_code_invalid"), fault
        assert len(wechat_simulator.calls(path)) == made + 1, fault
    assert (await town.stranger.get("/me")).json()["phone"] is None
