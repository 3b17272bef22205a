"""找物业 over HTTP: routed to the company of one's own estate, seen by nobody of another, promised in its hours."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from api.kit import clock
from api.rules.roles import Role
from tests.estates import log_in, made, own_estate, serve
from tests.moments import MONDAY
from tests.services.test_uploads import jpeg, send
from tests.town import Actor, Town, grant
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _repair(town: Town, **changes: Any) -> dict[str, Any]:
    """The resident here reports something in his own home."""
    return await town.submit(
        **{
            "kind": "property",
            "category": "ordinary_repair",
            "title": "厨房下水管漏水",
            "home_id": str(town.here.home),
            "place_id": None,
            **changes,
        }
    )


async def photos(who: Actor) -> list[str]:
    return [str((await made(send(who, jpeg())))["id"])]


async def _seen(who: Actor, case: dict[str, Any]) -> dict[str, Any]:
    answer = await who.get(f"/cases/{case['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _tasks(who: Actor, query: str = "") -> list[str]:
    answer = await who.get(f"/me/tasks?{query}")
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_a_repair_goes_to_the_company_of_the_home_and_is_done_there(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    clock.set_to(MONDAY)
    own = await own_estate(town, wechat_simulator)
    case = await _repair(town)
    assert case == await _seen(town.here.resident, case)
    assert (case["estate"]["id"], case["room"], case["advice"]) == (own.estate, "301", None)
    await pump()
    worker = own.staff[0]
    seen = await _seen(worker, case)
    assert (seen["state"], seen["unit"]["id"], seen["room"]) == ("dispatched", own.unit, "301")
    assert seen["moves"] == ["sign"]
    assert (await worker.move(case["id"], "sign")).status_code == 200
    note = await worker.post(f"/cases/{case['id']}/messages", {"kind": "note", "text": "带一根软管。"})
    assert note.status_code == 201
    called = await worker.post(f"/cases/{case['id']}/messages", {"kind": "contact", "text": "约好下午。"})
    assert called.status_code == 201
    done: dict[str, Any] = {"outcome": "solved", "reply": "已更换软管。"}
    for some in ({}, {"before": await photos(worker)}, {"after": await photos(worker)}):
        bare = await worker.move(case["id"], "finish", **done, **some)
        assert (bare.status_code, bare.json()["code"]) == (422, "photos_missing")
    before_and_after = {"before": await photos(worker), "after": await photos(worker)}
    finished = await worker.move(case["id"], "finish", **done, **before_and_after)
    assert finished.json()["state"] == "handled"
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update uploads set content = 'pass' where purpose is not null"))
    shown = (await town.here.resident.get(f"/cases/{case['id']}/uploads")).json()
    assert {p["id"]: p["purpose"] for p in shown} == {
        before_and_after[when][0]: when for when in ("before", "after")
    }
    async with town.app.state.db.reading() as tx:
        rule = (await tx.connection()).exec_driver_sql("select routing_rule from cases")
        assert (await rule).scalar_one() == "estate-company/1"


async def test_a_neighbouring_company_sees_nothing_of_it(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    await own_estate(town, wechat_simulator)
    other = await serve(town, wechat_simulator, "乙")
    mail = await town.submit(title="写给书记的信")
    case = await _repair(town)
    await pump()
    assert other.manager is not None
    for stranger in (other.staff[0], other.manager):
        for hidden in (case, mail):
            assert (await stranger.get(f"/cases/{hidden['id']}")).status_code == 404
            assert (await stranger.move(hidden["id"], "sign")).status_code == 404
        assert await _tasks(stranger) == []
        assert (await stranger.get("/cases")).json()["items"] == []
        assert (await stranger.get(f"/cases?place={town.here.place}")).json()["items"] == []


async def test_a_company_reads_no_notes_of_what_the_community_published(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    case = await town.submit(visibility="public", category="help")
    await pump()
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update cases set content = 'pass' where id = :case"), {"case": UUID(case["id"])}
        )
    worker = town.here.worker
    await worker.move(case["id"], "sign")
    await worker.post(f"/cases/{case['id']}/messages", {"kind": "note", "text": "只给自己人看。"})
    await worker.post(f"/cases/{case['id']}/messages", {"kind": "reply", "text": "在办。"})
    await worker.move(case["id"], "finish", outcome="solved", reply="办好了。", publish=True)
    told = (await own.staff[0].get(f"/cases/{case['id']}/messages")).json()["items"]
    assert "只给自己人看。" not in [m["text"] for m in told]
    assert len(told) == 2


async def test_who_is_no_longer_employed_is_a_stranger(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    case = await _repair(town)
    await pump()
    assert (await own.staff[0].get(f"/cases/{case['id']}")).status_code == 200
    grants = (await town.operator.get(f"/grants?person={own.staff[0].id}")).json()["items"]
    assert (await town.operator.post(f"/grants/{grants[0]['id']}/end")).status_code == 200
    assert (await own.staff[0].get(f"/cases/{case['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("category", "contact", "finish", "sign"),
    [
        ("danger", "2026-11-23T02:00:00Z", "2026-11-23T03:30:00Z", "2026-11-23T01:45:00Z"),
        ("urgent_repair", "2026-11-23T02:00:00Z", "2026-11-24T01:30:00Z", "2026-11-23T02:00:00Z"),
        # 17:00 closing: 09:30 + 4 h of 10:00-14:00 and 16:00-18:00 is 16:00; two of them are noon.
        ("ordinary_repair", "2026-11-23T06:00:00Z", "2026-11-26T16:00:00Z", "2026-11-23T04:00:00Z"),
        ("overhaul", "2026-11-24T01:30:00Z", "2026-11-30T10:00:00Z", "2026-11-23T06:00:00Z"),
        ("property_complaint", "2026-11-24T01:30:00Z", "2026-11-30T16:00:00Z", "2026-11-23T06:00:00Z"),
    ],
)
async def test_each_class_has_its_clocks_to_the_minute_in_the_companys_hours(
    town: Town,
    pump: Pump,
    wechat_simulator: Simulator,
    category: str,
    contact: str,
    finish: str,
    sign: str,
) -> None:
    await own_estate(town, wechat_simulator, service_hours="10:00-14:00,16:00-18:00")
    clock.set_to(MONDAY)
    case = await _repair(town, category=category)
    await pump()
    due = (await _seen(town.here.resident, case))["due"]
    shown = {name: due[name]["due_at"] for name in ("contact", "finish", "sign")}
    # The clock of a test runs on: to the minute means within the few seconds the test took.
    expected = {"contact": contact, "finish": finish, "sign": sign}
    for name, moment in expected.items():
        late = datetime.fromisoformat(shown[name]) - datetime.fromisoformat(moment)
        assert timedelta(0) <= late < timedelta(minutes=1), (name, shown[name])


async def test_a_pause_gives_back_time_in_the_companys_own_hours(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator, service_hours="10:00-14:00,16:00-18:00")
    clock.set_to(MONDAY)
    case = await _repair(town)
    await pump()
    async with town.app.state.db.reading() as tx:
        told = await (await tx.connection()).exec_driver_sql(
            "select service_hours from deadlines where kind in ('sign', 'contact', 'finish') order by kind"
        )
        assert list(told.scalars()) == ["10:00-14:00,16:00-18:00", None, "10:00-14:00,16:00-18:00"]
    worker = own.staff[0]
    await worker.move(case["id"], "sign")
    asked = await worker.move(case["id"], "ask", question="几点在家？")
    assert asked.json()["due"]["finish"]["due_at"] is None


async def test_danger_is_told_to_call_first(town: Town, wechat_simulator: Simulator) -> None:
    case = await _repair(town, category="danger", title="电梯困人")
    assert all(number in case["advice"] for number in ("110", "119", "120"))
    listed = (await town.here.resident.get("/case-categories?kind=property")).json()
    assert listed[0]["category"] == "danger"
    assert listed[0]["advice"] == case["advice"]
    assert [line["advice"] for line in listed[1:]] == [None] * 4


async def test_without_a_company_the_community_takes_it_and_says_why(town: Town, pump: Pump) -> None:
    case = await _repair(town)
    nowhere = await _repair(town, home_id=None, place_id=str(town.here.place), title="路边井盖响")
    await pump()
    for one, reason in ((case, "小区没有登记在用的物业公司"), (nowhere, "没有说明是哪个小区")):
        seen = await _seen(town.here.worker, one)
        assert (seen["state"], seen["unit"]["name"]) == ("dispatched", "梅园新村社区书记台")
        events = (await town.here.resident.get(f"/cases/{one['id']}/events")).json()["items"]
        assert reason in events[1]["text"]


async def test_an_asset_says_which_estate_and_must_be_of_it(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    other = await serve(town, wechat_simulator, "乙")
    lift = await made(
        town.operator.post(
            "/assets",
            {"estate_id": own.estate, "building_id": own.building, "kind": "lift", "name": "2 号电梯"},
        )
    )
    gate = await made(
        town.operator.post("/assets", {"estate_id": other.estate, "kind": "gate", "name": "北门道闸"})
    )
    listed = (await town.here.resident.get(f"/assets?place={town.here.building}")).json()["items"]
    assert [a["name"] for a in listed] == ["2 号电梯"]
    case = await _repair(
        town, home_id=None, place_id=str(town.here.place), asset=gate["id"], category="urgent_repair"
    )
    assert (case["asset"]["name"], case["estate"]["id"]) == ("北门道闸", other.estate)
    await pump()
    assert await _tasks(other.staff[0]) == ["厨房下水管漏水"]
    body = {"kind": "property", "category": "urgent_repair", "title": "电梯停了", "text": "停在三楼"}
    wrong = await town.here.resident.post(
        "/cases", {**body, "home_id": str(town.here.home), "asset": gate["id"]}
    )
    assert wrong.status_code == 404
    elsewhere = await town.there.resident.post(
        "/cases", {**body, "place_id": str(town.there.place), "asset": lift["id"]}
    )
    assert elsewhere.status_code == 404
    off = await town.operator.call("PATCH", f"/assets/{lift['id']}", json={"active": False})
    assert off.json()["active"] is False
    assert (await town.here.resident.get(f"/assets?place={town.here.building}")).json()["items"] == []


async def test_a_category_belongs_to_its_kind(town: Town) -> None:
    body = {"title": "电梯停了", "text": "停在三楼", "place_id": str(town.here.place)}
    for kind, category in (("property", "help"), ("secretary", "danger"), ("errand", "booking")):
        answer = await town.here.resident.post("/cases", {**body, "kind": kind, "category": category})
        assert answer.status_code == 422


async def test_the_task_list_begins_with_what_is_due_first_and_pages_in_that_order(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    clock.set_to(MONDAY)
    own = await own_estate(town, wechat_simulator)
    for category in ("property_complaint", "ordinary_repair", "danger", "overhaul", "urgent_repair"):
        await _repair(town, category=category, title=f"一件 {category}")
    await pump()
    worker = own.staff[0]
    order = [f"一件 {c}" for c in ("danger", "urgent_repair", "ordinary_repair")]
    all_of_them = await _tasks(worker)
    assert all_of_them[:3] == order
    assert set(all_of_them[3:]) == {"一件 overhaul", "一件 property_complaint"}
    paged: list[str] = []
    after = ""
    while True:
        page = (await worker.get(f"/me/tasks?limit=2{after}")).json()
        paged += [item["title"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert paged == all_of_them
    assert await _tasks(worker, "mine=true") == []
    (first, *_) = (await worker.get("/me/tasks")).json()["items"]
    assert (first["next_clock"], first["overdue"], first["room"]) == ("sign", False, "301")
    clock.move(timedelta(minutes=16))
    (first, *_) = (await worker.get("/me/tasks")).json()["items"]
    assert first["overdue"] is True
    assert (await worker.get("/me/tasks?after=zzzz")).status_code == 422
    assert (await town.stranger.get("/me/tasks")).json()["items"] == []


async def test_a_role_of_a_company_is_held_at_its_unit_and_nowhere_else(
    town: Town, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    new = await log_in(town, wechat_simulator, "新师傅")
    await grant(town, new, Role.property_staff, unit=UUID(own.unit))
    body = {
        "person_id": str(town.here.resident.id),
        "role": "property_staff",
        "place_id": str(town.here.place),
    }
    bare = await town.operator.post("/grants", body)
    assert (bare.status_code, bare.json()["code"]) == (422, "unit_needed")
    desk = await town.operator.post("/grants", {**body, "unit_id": str(town.here.desk)})
    assert desk.status_code == 404
    given = await town.operator.post("/grants", {**body, "unit_id": own.unit})
    assert given.status_code == 201, given.text
    again = await town.operator.post("/grants", {**body, "unit_id": own.unit})
    assert (again.status_code, again.json()["code"]) == (409, "already_granted")


async def test_an_estate_has_one_company_at_a_time(town: Town, wechat_simulator: Simulator) -> None:
    own = await own_estate(town, wechat_simulator)
    body = {
        "kind": "property_company",
        "place_id": str(town.here.place),
        "name": "新物业服务中心",
        "estate_id": own.estate,
    }
    taken = await town.operator.post("/units", body)
    assert (taken.status_code, taken.json()["code"]) == (409, "estate_taken")
    closed = await town.operator.call("PATCH", f"/units/{own.unit}", json={"active": False})
    assert closed.json()["active"] is False
    assert (await town.operator.post("/units", body)).status_code == 201
    reopened = await town.operator.call("PATCH", f"/units/{own.unit}", json={"active": True})
    assert (reopened.status_code, reopened.json()["code"]) == (409, "estate_taken")


@pytest.mark.parametrize("hours", ["08:00-11:00", "08:00-20:00,19:00-21:00", "早八点到晚八点"])
async def test_service_hours_must_let_the_promises_be_kept(town: Town, hours: str) -> None:
    answer = await town.operator.post(
        "/companies", {"place_id": str(town.place), "name": "短工物业", "service_hours": hours}
    )
    assert answer.status_code == 422
