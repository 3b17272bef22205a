"""协同 by a company, and the call of somebody else than the desk: who is let in for it, from when, to see what."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from api.kit import clock
from tests.estates import made, own_estate, serve
from tests.moments import MONDAY
from tests.services.test_entering import grid_worker
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _approved(town: Town, case: str, units: list[dict[str, str]]) -> None:
    here = town.here
    body = {"kind": "assist", "reason": "须停电配合", "units": units}
    asked = await made(here.worker.post(f"/cases/{case}/requests", body))
    [request] = [r for r in asked["requests"] if r["kind"] == "assist"]
    path = f"/cases/{case}/requests/{request['id']}/moves/approve"
    assert (await here.secretary.post(path, {"text": "同意"})).status_code == 200


async def _get(who: Actor, case: str) -> Any:
    return await who.get(f"/cases/{case}")


async def test_a_company_asked_to_assist_opens_the_case_does_its_task_and_sees_no_more(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here = town.here
    own, other = await own_estate(town, wechat_simulator), await serve(town, wechat_simulator, "乙")
    helper, stranger = own.staff[0], other.staff[0]
    case = (await town.submit(place_id=None, home_id=str(here.home)))["id"]
    await pump()
    await here.worker.move(case, "sign")
    assert (await _get(helper, case)).status_code == 404
    await here.worker.post(f"/cases/{case}/messages", {"kind": "note", "text": "只给自己人看。"})
    await made(here.worker.post(f"/cases/{case}/requests", {"kind": "extend", "days": 2, "reason": "等材料"}))
    units = [{"unit_id": own.unit, "text": "停电半小时"}, {"unit_id": str(here.desk), "text": "张贴通知"}]
    await _approved(town, case, units)
    await pump()
    seen = (await _get(helper, case)).json()
    assert (seen["room"], seen["moves"]) == ("301", [])
    assert [(r["kind"], [t["text"] for t in r["tasks"]]) for r in seen["requests"]] == [
        ("assist", ["停电半小时"])
    ]
    assert (await helper.get(f"/cases/{case}/messages")).json()["items"] == []
    assert (await helper.get("/cases")).json()["items"] == []
    assert (await _get(stranger, case)).status_code == 404
    assert "请协同办理" in [n["title"] for n in (await helper.get("/notices")).json()["items"]]
    for body in ({"kind": "reply", "text": "在办"}, {"kind": "contact", "text": "已联系"}):
        assert (await helper.post(f"/cases/{case}/messages", body)).status_code == 403
    [task] = seen["requests"][0]["tasks"]
    done = await helper.post(f"/cases/{case}/tasks/{task['id']}/moves/finish", {"text": "已停电"})
    assert done.status_code == 200, done.text
    assert [t["state"] for t in done.json()["requests"][0]["tasks"]] == ["finished"]
    events = (await here.resident.get(f"/cases/{case}/events?limit=50")).json()["items"]
    assert [e["by"] for e in events if e["move"] == "task_finish"] == ["物业人员"]
    async with town.app.state.db.reading() as tx:
        desk_task = (await tx.execute(text("select id from case_tasks where state = 'open'"))).scalar_one()
    not_his = await helper.post(f"/cases/{case}/tasks/{desk_task}/moves/finish", {"text": "也停了"})
    assert not_his.status_code == 404


async def _list(who: Actor, query: str = "") -> list[tuple[str, str | None]]:
    """What he has to do, each with what is asked of his unit, page by page."""
    found: list[tuple[str, str | None]] = []
    after = ""
    while True:
        page = (await who.get(f"/me/tasks?limit=2{query}{after}")).json()
        found += [(item["title"], item["task"] and item["task"]["text"]) for item in page["items"]]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


async def test_what_others_ask_of_a_unit_stands_among_its_own_cases_where_the_case_is_due(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here = town.here
    clock.set_to(MONDAY)
    own, other = await own_estate(town, wechat_simulator), await serve(town, wechat_simulator, "乙")
    helper = own.staff[0]
    home = {"kind": "property", "place_id": None, "home_id": str(here.home)}
    await town.submit(**home, category="urgent_repair", title="停水")
    asking = (await town.submit(title="路灯不亮"))["id"]
    await town.submit(**home, category="property_complaint", title="投诉")
    await pump()
    await here.worker.move(asking, "sign")
    of_his_own = [("停水", None), ("投诉", None)]
    assert await _list(helper) == of_his_own
    units = [{"unit_id": own.unit, "text": "停电半小时"}, {"unit_id": str(here.desk), "text": "贴通知"}]
    await _approved(town, asking, units)
    with_the_task = [("停水", None), ("投诉", None), ("路灯不亮", "停电半小时")]
    assert await _list(helper) == with_the_task, "complaints have to be signed before the lamp is due"
    assert await _list(helper, "&mine=true") == []
    assert set(await _list(here.worker)) == {("路灯不亮", None), ("路灯不亮", "贴通知")}
    assert await _list(here.worker, "&mine=true") == [("路灯不亮", None)]
    assert await _list(other.staff[0]) == []
    [item] = [i for i in (await helper.get("/me/tasks")).json()["items"] if i["task"]]
    due = (await here.worker.get(f"/cases/{asking}")).json()["due"]["finish"]["due_at"]
    assert (item["id"], item["next_clock"], item["next_due_at"]) == (asking, "finish", due)
    assert (item["unit"]["id"], item["handler"]) == (own.unit, None)
    clock.move(timedelta(days=10))
    [item] = [i for i in (await helper.get("/me/tasks")).json()["items"] if i["task"]]
    assert item["overdue"] is True
    path = f"/cases/{asking}/tasks/{item['task']['id']}/moves/finish"
    assert (await helper.post(path, {"text": "已停电"})).status_code == 200
    assert await _list(helper) == of_his_own
    await here.resident.move(asking, "withdraw")
    assert await _list(here.worker) == []


async def test_the_grid_calls_back_about_what_the_desk_handled(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here = town.here
    walker = await grid_worker(town, wechat_simulator)
    case = (await town.submit())["id"]
    await pump()
    await here.worker.move(case, "sign")
    await here.worker.post(f"/cases/{case}/messages", {"kind": "contact", "text": "已联系"})
    await here.worker.move(case, "finish", outcome="explained", reply="已说明。")
    await here.secretary.move(case, "pass_check")
    rated = await here.resident.post(f"/cases/{case}/ratings", {"overall": 1})
    assert rated.status_code == 200, rated.text
    for of_the_desk in (here.second_worker, here.secretary):
        assert "call_back" not in (await _get(of_the_desk, case)).json()["moves"]
    assert (await _get(walker, case)).json()["moves"] == ["call_back"]
    called = await walker.move(case, "call_back", text="居民说灯仍不亮。")
    assert called.status_code == 200, called.text


async def test_estates_and_homes_name_their_company_and_assets(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    other = await serve(town, wechat_simulator, "乙")
    for estate, building, name in (
        (own.estate, own.building, "2 号电梯"),
        (own.estate, None, "水泵房"),
        (other.estate, None, "北门道闸"),
    ):
        body = {"estate_id": estate, "building_id": building, "kind": "other", "name": name}
        await made(town.operator.post("/assets", body))
    estates = (await town.stranger.get(f"/estates?place={town.here.place}")).json()["items"]
    assert {e["id"]: (e["company"]["id"], [a["name"] for a in e["assets"]]) for e in estates} == {
        own.estate: (own.company, ["2 号电梯", "水泵房"]),
        other.estate: (other.company, ["北门道闸"]),
    }
    [home] = (await town.stranger.get(f"/places/{town.here.building}/homes")).json()["items"]
    assert (home["estate"]["id"], home["company"]["id"]) == (own.estate, own.company)
    assert [a["name"] for a in home["assets"]] == ["2 号电梯", "水泵房"]
