"""找商家 and 帮办代办 over HTTP: listed for everybody, booked with the merchant's own people, errands at their desk."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from api.rules.roles import Role
from tests.estates import log_in, made
from tests.town import Town, grant
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _merchant(town: Town, **changes: Any) -> dict[str, Any]:
    body = {"place_id": str(town.here.place), "category": "repair", "name": "老李家电维修", **changes}
    return await made(town.operator.post("/merchants", body))


async def test_merchants_are_found_by_place_category_and_word(town: Town) -> None:
    await _merchant(town, introduction="修冰箱、空调")
    await _merchant(town, name="美发沙龙", category="hairdressing")
    await _merchant(town, name="别处的店", place_id=str(town.there.place))

    async def names(query: str) -> list[str]:
        answer = await town.stranger.get(f"/merchants?{query}")
        return [m["name"] for m in answer.json()["items"]]

    here = f"place={town.here.place}"
    assert await names(here) == ["老李家电维修", "美发沙龙"]
    assert await names(f"place={town.here.building}") == ["老李家电维修", "美发沙龙"]
    assert await names(f"{here}&category=hairdressing") == ["美发沙龙"]
    assert await names(f"{here}&q=冰箱") == ["老李家电维修"]
    assert await names(f"{here}&q=%25") == []
    assert len(await names(f"place={town.place}")) == 3


async def test_a_booking_goes_to_the_merchants_own_people_and_to_nobody_elses(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    shop = await _merchant(town, takes_orders=True, service_hours="09:00-18:00")
    other = await _merchant(town, name="另一家", takes_orders=True)
    fitter, rival = [await log_in(town, wechat_simulator, name) for name in ("李师傅", "王师傅")]
    await grant(town, fitter, Role.merchant_staff, unit=UUID(shop["unit_id"]))
    await grant(town, rival, Role.merchant_staff, unit=UUID(other["unit_id"]))
    case = await town.submit(kind="merchant", category="booking", title="修空调", merchant=shop["id"])
    await pump()
    assert (await rival.get(f"/cases/{case['id']}")).status_code == 404
    seen = (await fitter.get(f"/cases/{case['id']}")).json()
    assert (seen["unit"]["name"], seen["moves"]) == ("老李家电维修", ["sign", "assign", "transfer"])
    assert (await fitter.move(case["id"], "sign")).status_code == 200


async def test_a_merchant_who_is_only_listed_is_written_to_through_the_community(
    town: Town, pump: Pump
) -> None:
    shop = await _merchant(town)
    case = await town.submit(kind="merchant", category="booking", title="修空调", merchant=shop["id"])
    await pump()
    events = (await town.here.resident.get(f"/cases/{case['id']}/events")).json()["items"]
    assert "商家没有在线接单" in events[1]["text"]
    elsewhere = await town.there.resident.post(
        "/cases",
        {
            "kind": "merchant",
            "category": "booking",
            "title": "修空调",
            "text": "不制冷",
            "place_id": str(town.there.place),
            "merchant": shop["id"],
        },
    )
    assert elsewhere.status_code == 404


async def test_a_merchant_is_changed_and_taken_off_the_list(town: Town) -> None:
    shop = await _merchant(town)
    await _merchant(town, name="另一家")
    path = f"/merchants/{shop['id']}"
    twin = await town.operator.call("PATCH", path, json={"name": "另一家"})
    assert (twin.status_code, twin.json()["code"]) == (409, "already_there")
    assert (await town.operator.call("PATCH", path, json={})).status_code == 422
    off = await town.operator.call("PATCH", path, json={"active": False})
    assert (off.json()["active"], off.json()["version"]) == (False, 2)
    listed = (await town.stranger.get(f"/merchants?place={town.here.place}")).json()["items"]
    assert [m["name"] for m in listed] == ["另一家"]


async def test_an_errand_goes_to_its_desk_and_without_one_to_the_community(town: Town, pump: Pump) -> None:
    first = await town.submit(kind="errand", category="errand", title="代缴水费")
    await pump()
    events = (await town.here.resident.get(f"/cases/{first['id']}/events")).json()["items"]
    assert "没有代办点" in events[1]["text"]
    desk = {"kind": "errand_desk", "place_id": str(town.here.place), "name": "帮办代办点"}
    await made(town.operator.post("/units", desk))
    second = await town.submit(kind="errand", category="errand", title="代办证明")
    await pump()
    seen = (await town.here.worker.get(f"/cases/{second['id']}")).json()
    assert (seen["unit"]["name"], "sign" in seen["moves"]) == ("帮办代办点", True)
    assert "sign" not in (await town.here.secretary.get(f"/cases/{second['id']}")).json()["moves"]
