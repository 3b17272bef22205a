"""Reporting to a community: party members (双报到) and volunteers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


async def _report(town: Town, who: Actor, **changes: Any) -> Any:
    return await who.post(
        "/memberships",
        {
            "kind": "party",
            "place_id": str(town.here.place),
            "work_unit": "区供电公司",
            "skills": ["电工", "写字"],
            "availability": "周末全天",
            **changes,
        },
    )


async def _branch(town: Town, place: Any, name: str = "第一党支部") -> str:
    made = await town.operator.post("/branches", {"place_id": str(place), "name": name})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_a_party_member_reports_to_a_branch_and_is_verified(town: Town, pump: Pump) -> None:
    branch = await _branch(town, town.here.place)
    listed = (await town.stranger.get(f"/branches?place={town.here.place}")).json()["items"]
    assert [b["id"] for b in listed] == [branch]

    asked = await _report(town, town.stranger, branch_id=branch)
    assert asked.status_code == 201, asked.text
    it = asked.json()
    assert (it["branch"]["name"], it["skills"], it["state"]) == ("第一党支部", ["电工", "写字"], "pending")

    waiting = (
        await town.here.secretary.get(f"/memberships?place={town.here.place}&kind=party&state=pending")
    ).json()
    assert [m["id"] for m in waiting["items"]] == [it["id"]]
    verified = await town.here.secretary.post(f"/memberships/{it['id']}/moves/verify")
    assert (verified.status_code, verified.json()["state"]) == (200, "verified")
    await pump()
    [notice] = (await town.stranger.get("/notices")).json()["items"]
    assert notice["title"] == "报到登记已核实"
    assert (await town.stranger.get("/me")).json()["memberships"][0]["state"] == "verified"


async def test_one_may_be_both_but_each_only_once(town: Town) -> None:
    assert (await _report(town, town.stranger)).status_code == 201
    assert (await _report(town, town.stranger, kind="volunteer", work_unit=None)).status_code == 201
    twice = await _report(town, town.stranger)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_registered")
    assert (await _report(town, town.stranger, place_id=str(town.there.place))).status_code == 201
    answers = await asyncio.gather(*(_report(town, town.there.resident) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409]


async def test_a_refusal_gives_its_reason(town: Town, pump: Pump) -> None:
    it = (await _report(town, town.stranger)).json()
    refused = await town.here.worker.post(
        f"/memberships/{it['id']}/moves/refuse", {"reason": "组织关系未核实"}
    )
    assert (refused.json()["state"], refused.json()["reason"]) == ("refused", "组织关系未核实")
    await pump()
    [notice] = (await town.stranger.get("/notices")).json()["items"]
    assert notice["text"] == "核实不通过：组织关系未核实。"
    events = (await town.stranger.get(f"/memberships/{it['id']}/events")).json()["items"]
    assert [e["move"] for e in events] == ["register", "refuse"]


async def test_nobody_verifies_himself_and_neighbours_see_nothing(town: Town) -> None:
    own = (await _report(town, town.here.worker)).json()
    assert (await town.here.worker.post(f"/memberships/{own['id']}/moves/verify")).status_code == 403
    assert (await town.there.worker.post(f"/memberships/{own['id']}/moves/verify")).status_code == 404
    assert (await town.there.worker.get(f"/memberships/{own['id']}")).status_code == 404
    assert (await town.there.worker.get(f"/memberships?place={town.here.place}")).json()["items"] == []
    assert (await town.here.secretary.post(f"/memberships/{own['id']}/moves/verify")).status_code == 200


async def test_one_reports_to_a_community_and_to_a_branch_of_it(town: Town) -> None:
    branch = await _branch(town, town.there.place)
    for changes, status, code in (
        ({"place_id": str(town.place)}, 422, "wrong_level"),
        ({"place_id": str(town.here.building)}, 422, "wrong_level"),
        ({"branch_id": branch}, 404, "not_found"),
        ({"branch_id": branch, "kind": "volunteer"}, 422, "malformed"),
        ({"skills": ["长" * 21]}, 422, "malformed"),
        ({"skills": ["电工"] * 21}, 422, "malformed"),
    ):
        answer = await _report(town, town.stranger, **changes)
        assert (answer.status_code, answer.json()["code"]) == (status, code), changes
    assert (await town.stranger.get("/memberships")).json()["items"] == []


async def test_what_is_said_at_reporting_is_judged_and_a_refusal_is_told(town: Town, pump: Pump) -> None:
    who = town.stranger
    silent = {"work_unit": None, "skills": [], "availability": None}
    assert (await _report(town, who, **silent)).json()["content"] == "pass"
    said = (await _report(town, who, kind="volunteer", qualifications=[{"name": "色情按摩师"}])).json()
    assert said["content"] == "pending"
    await pump()
    own = f"/memberships/{said['id']}"
    assert (await who.get(own)).json()["content"] == "risky"
    assert (await town.here.secretary.get(own)).json()["qualifications"][0]["name"] == "色情按摩师"
    [told] = [n for n in (await who.get("/notices")).json()["items"] if n["kind"] == "content.block"]
    assert told["title"] == "报到登记未通过审核"
