"""Registering a home: asked by the resident, verified by somebody else of that community."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from api.kit.db import Database
from api.models import Grant
from api.models.people import PersonId
from api.rules.roles import Role
from api.services import access
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


async def _ask(town: Town, who: Actor, **changes: Any) -> dict[str, Any]:
    body = {
        "home_id": str(town.here.home),
        "relation": "tenant",
        "is_registered": False,
        **changes,
    }
    answer = await who.post("/residencies", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_stranger_registers_is_verified_and_is_told(town: Town, pump: Pump) -> None:
    asked = await _ask(town, town.stranger)
    assert (asked["state"], asked["moves"], asked["reason"]) == ("pending", ["end"], None)
    assert asked["community"]["id"] == str(town.here.place)

    waiting = (await town.here.worker.get(f"/residencies?place={town.here.place}&state=pending")).json()
    [seen] = waiting["items"]
    assert (seen["id"], seen["moves"]) == (asked["id"], ["verify", "refuse", "end"])

    verified = await town.here.worker.post(f"/residencies/{asked['id']}/moves/verify")
    assert (verified.status_code, verified.json()["state"]) == (200, "verified")
    await pump()
    [notice] = (await town.stranger.get("/notices")).json()["items"]
    assert notice["title"] == "居住登记已核实"
    events = (await town.stranger.get(f"/residencies/{asked['id']}/events")).json()["items"]
    assert [(e["move"], e["by"]) for e in events] == [("register", "本人"), ("verify", "社区工作者")]
    assert (await town.stranger.get("/me")).json()["residencies"][0]["state"] == "verified"


async def test_a_refusal_gives_its_reason_and_the_person_may_ask_again(town: Town) -> None:
    asked = await _ask(town, town.stranger)
    bare = await town.here.worker.post(f"/residencies/{asked['id']}/moves/refuse")
    assert (bare.status_code, bare.json()["errors"][0]["loc"]) == (422, ["body", "reason"])
    refused = await town.here.worker.post(
        f"/residencies/{asked['id']}/moves/refuse", {"reason": "与房产登记不符"}
    )
    assert (refused.json()["state"], refused.json()["reason"]) == ("refused", "与房产登记不符")
    assert (await town.stranger.get(f"/residencies/{asked['id']}")).json()["reason"] == "与房产登记不符"
    assert (await _ask(town, town.stranger))["state"] == "pending"


async def test_nobody_verifies_himself(town: Town, db: Database) -> None:
    asked = await _ask(town, town.here.worker)
    assert asked["moves"] == ["end"]
    own = await town.here.worker.post(f"/residencies/{asked['id']}/moves/verify")
    assert (own.status_code, own.json()["code"], own.json()["moves"]) == (403, "not_allowed", ["end"])
    other = await town.here.second_worker.post(f"/residencies/{asked['id']}/moves/verify")
    assert other.status_code == 200


async def test_the_neighbouring_community_sees_nothing_of_it(town: Town) -> None:
    asked = await _ask(town, town.stranger)
    for who in (town.there.worker, town.there.secretary, town.there.resident, town.here.resident):
        for method, path in (
            ("GET", f"/residencies/{asked['id']}"),
            ("GET", f"/residencies/{asked['id']}/events"),
            ("POST", f"/residencies/{asked['id']}/moves/verify"),
        ):
            answer = await who.call(method, path, **({"json": {}} if method == "POST" else {}))
            assert answer.status_code == 404, (who.name, path)
        listed = (await who.get(f"/residencies?place={town.here.place}")).json()["items"]
        assert asked["id"] not in [r["id"] for r in listed]


async def test_a_supervisor_sees_and_may_not_verify(town: Town) -> None:
    asked = await _ask(town, town.stranger)
    seen = await town.supervisor.get(f"/residencies/{asked['id']}")
    assert (seen.status_code, seen.json()["moves"]) == (200, [])
    answer = await town.supervisor.post(f"/residencies/{asked['id']}/moves/verify")
    assert answer.status_code == 403
    assert (await town.operator.post(f"/residencies/{asked['id']}/moves/verify")).status_code == 200


async def test_one_home_is_registered_once_even_when_asked_at_once(town: Town, db: Database) -> None:
    body = {"home_id": str(town.here.home), "relation": "owner", "is_registered": True}
    answers = await asyncio.gather(*(town.stranger.post("/residencies", body) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"already_registered"}
    async with db.reading() as tx:
        count = await tx.execute(
            text("select count(*) from events where subject_kind = 'residency' and move = 'register'")
        )
    assert count.scalar_one() == 1


async def test_of_two_verifiers_at_once_one_decides(town: Town) -> None:
    asked = await _ask(town, town.stranger)
    verify, refuse = await asyncio.gather(
        town.here.worker.post(f"/residencies/{asked['id']}/moves/verify"),
        town.here.second_worker.post(f"/residencies/{asked['id']}/moves/refuse", {"reason": "与登记不符"}),
    )
    assert sorted((verify.status_code, refuse.status_code)) == [200, 409]
    loser = verify if verify.status_code == 409 else refuse
    assert loser.json()["code"] == "wrong_moment"
    assert "verify" not in loser.json()["moves"]


async def test_the_same_key_registers_once(town: Town) -> None:
    body = {"home_id": str(town.here.home), "relation": "owner", "is_registered": True}
    first = await town.stranger.post("/residencies", body, key="move-in")
    again = await town.stranger.post("/residencies", body, key="move-in")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await town.stranger.post("/residencies", {**body, "relation": "tenant"}, key="move-in")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_moving_out_ends_the_right_to_see_the_communitys_cases(town: Town) -> None:
    mine = (await town.here.resident.get("/residencies")).json()["items"][0]
    ended = await town.here.resident.post(f"/residencies/{mine['id']}/moves/end")
    assert (ended.status_code, ended.json()["state"], ended.json()["moves"]) == (200, "ended", [])
    late = await town.here.resident.post(f"/residencies/{mine['id']}/moves/end")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_moment")


@pytest.mark.parametrize("wide", [False, True], ids=["places first", "rows first"])
async def test_a_place_lists_what_is_readable_there_page_by_page(
    town: Town, db: Database, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    monkeypatch.setattr(access, "is_wide", lambda _: wide)  # both ways of asking find the same
    for who in (town.stranger, town.here.worker, town.there.resident):
        await _ask(town, who)
    await _ask(town, town.stranger, home_id=str(town.there.home))
    listed: list[str] = []
    after = ""
    while True:
        page = (await town.here.secretary.get(f"/residencies?place={town.place}&limit=2{after}")).json()
        listed += [r["community"]["name"] for r in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert listed == ["梅园新村社区"] * 4
    there = (await town.supervisor.get(f"/residencies?place={town.there.place}")).json()["items"]
    assert {r["community"]["name"] for r in there} == {"大行宫社区"}
    async with db.transaction() as tx:
        tx.add(Grant(person_id=PersonId(town.stranger.id), role=Role.secretary, place_id=town.place))
    both = (await town.stranger.get(f"/residencies?place={town.place}")).json()["items"]
    assert {r["community"]["name"] for r in both} == {"梅园新村社区", "大行宫社区"}


async def test_a_building_lists_its_own_and_a_community_all_of_them(town: Town) -> None:
    building = await town.operator.post(
        "/places", {"parent_id": str(town.here.place), "level": "building", "number": "02", "name": "2 幢"}
    )
    home = await town.operator.post("/homes", {"building_id": building.json()["id"], "room": "101"})
    await _ask(town, town.stranger, home_id=home.json()["id"])
    for place, rooms in (
        (town.here.building, ["301"]),
        (building.json()["id"], ["101"]),
        (town.here.place, ["101", "301"]),
    ):
        listed = (await town.here.worker.get(f"/residencies?place={place}")).json()["items"]
        assert [r["home"]["room"] for r in listed] == rooms


async def test_no_home_no_place_and_a_wrong_field_are_told_apart(town: Town) -> None:
    missing = "01938f2a-6f00-7000-8000-0123456789ab"
    body = {"home_id": missing, "relation": "owner", "is_registered": True}
    assert (await town.stranger.post("/residencies", body)).status_code == 404
    assert (await town.stranger.get(f"/residencies?place={missing}")).status_code == 404
    for wrong in ({**body, "relation": "guest"}, {**body, "state": "verified"}, {"home_id": missing}):
        answer = await town.stranger.post("/residencies", wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
