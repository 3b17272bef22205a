"""Setting a community up by hand, from the building to the desk, and what may not be there twice."""

import asyncio
from typing import Any

import pytest

from api.rules.roles import Role
from tests.town import Actor, Town, make_admin, sign_in


async def _made(who: Actor, path: str, **body: Any) -> dict[str, Any]:
    answer = await who.post(path, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_operator_sets_up_a_community_in_which_a_resident_finds_home_and_secretary(
    town: Town,
) -> None:
    operator, place = town.operator, str(town.here.place)
    building = await _made(operator, "/places", parent_id=place, level="building", number="07", name="7 幢")
    assert building["code"] == f"{town.here.code}-b07"
    grid = await _made(operator, "/places", parent_id=place, level="grid", number="1", name="第一网格")
    assert (grid["code"], grid["level"]) == (f"{town.here.code}-g1", "grid")
    estate = await _made(operator, "/estates", place_id=place, name="梅园新苑", building_ids=[building["id"]])
    assert [b["name"] for b in estate["buildings"]] == ["7 幢"]
    home = await _made(operator, "/homes", building_id=building["id"], room="502", area_m2="89.60")
    assert home["area_m2"] == "89.60"
    desk = await _made(
        operator, "/units", kind="property_company", place_id=place, name="梅园物业", phone="025-84400002"
    )

    resident = town.stranger
    seen = (await resident.get(f"/places/{building['id']}")).json()
    assert (seen["estate"]["name"], seen["ancestors"][-1]["name"]) == ("梅园新苑", "梅园新村社区")
    [door] = (await resident.get(f"/places/{building['id']}/homes")).json()["items"]
    assert (door["id"], door["room"], door["estate"]["name"]) == (home["id"], "502", "梅园新苑")
    assert (door["company"], door["assets"]) == (None, []), "nobody has registered any yet"
    asked = await resident.post(
        "/residencies", {"home_id": door["id"], "relation": "owner", "is_registered": False}
    )
    assert asked.json()["community"]["name"] == "梅园新村社区"
    numbers = (await resident.get(f"/contacts?place={building['id']}")).json()["items"]
    assert desk["id"] in [u["id"] for u in numbers]
    units = (await operator.get(f"/units?place={place}&kind=property_company")).json()["items"]
    assert [u["name"] for u in units] == ["梅园物业"]


async def test_nothing_is_made_twice_even_at_once(town: Town) -> None:
    place = str(town.here.place)
    for path, body, code in (
        (
            "/places",
            {"parent_id": place, "level": "building", "number": "01", "name": "1 幢"},
            "already_there",
        ),
        ("/estates", {"place_id": place, "name": "梅园新村社区小区"}, "already_there"),
        (
            "/estates",
            {"place_id": place, "name": "新苑", "building_ids": [str(town.here.building)]},
            "building_taken",
        ),
        ("/homes", {"building_id": str(town.here.building), "room": "301"}, "already_there"),
        (
            "/units",
            {"kind": "secretary_desk", "place_id": place, "name": "梅园新村社区书记台"},
            "already_there",
        ),
    ):
        answer = await town.operator.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, code), path
    names = [e["name"] for e in (await town.stranger.get(f"/estates?place={place}")).json()["items"]]
    assert names == ["梅园新村社区小区"]

    rooms = [
        town.operator.post("/homes", {"building_id": str(town.here.building), "room": "302"})
        for _ in range(5)
    ]
    assert sorted(a.status_code for a in await asyncio.gather(*rooms)) == [201, 409, 409, 409, 409]


async def test_the_tree_keeps_its_order(town: Town) -> None:
    place, building = str(town.here.place), str(town.here.building)
    for path, body, status, code in (
        ("/places", {"parent_id": str(town.place), "level": "grid", "number": "1", "name": "网格"}, 422, "wrong_level"),
        ("/places", {"parent_id": building, "level": "building", "number": "2", "name": "附楼"}, 422, "wrong_level"),
        ("/places", {"parent_id": place, "level": "village", "number": "2", "name": "村"}, 422, "malformed"),
        ("/places", {"parent_id": place, "level": "grid", "number": "A/1", "name": "网格"}, 422, "malformed"),
        ("/homes", {"building_id": place, "room": "301"}, 422, "wrong_level"),
        ("/homes", {"building_id": building, "room": "303", "area_m2": "-1"}, 422, "malformed"),
        ("/estates", {"place_id": building, "name": "小区"}, 422, "wrong_level"),
        ("/estates", {"place_id": place, "name": "小区", "building_ids": [str(town.there.building)]}, 404, "not_found"),
        ("/branches", {"place_id": str(town.place), "name": "支部"}, 422, "wrong_level"),
        ("/units", {"kind": "grid_team", "place_id": place, "name": "网格", "phone": "call me"}, 422, "malformed"),
    ):  # fmt: skip
        answer = await town.operator.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (path, body)


@pytest.mark.parametrize("role", [Role.secretary, Role.town_supervisor, Role.auditor])
async def test_only_operators_build_and_only_within_reach(town: Town, role: Role) -> None:
    who = await sign_in(await make_admin(town.app, town.client, "同事", role, town.place))
    ours = await sign_in(await make_admin(town.app, town.client, "运营乙", Role.operator, town.there.place))
    building = str(town.here.building)
    for path, body in (
        ("/places", {"parent_id": str(town.here.place), "level": "grid", "number": "1", "name": "网格"}),
        ("/estates", {"place_id": str(town.here.place), "name": "新苑"}),
        ("/homes", {"building_id": building, "room": "302"}),
        ("/units", {"kind": "grid_team", "place_id": building, "name": "第一网格"}),
        ("/branches", {"place_id": str(town.here.place), "name": "第一党支部"}),
    ):
        for actor in (who, ours):
            answer = await actor.post(path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), path
    assert (await who.get("/units")).status_code == 200
    assert {u["place"]["name"] for u in (await ours.get("/units")).json()["items"]} == {"大行宫社区"}
