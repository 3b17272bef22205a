"""People in the console: found within reach, masked, unmasked for a reason, blocked at once."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.kit.db import Database
from api.kit.problems import Unavailable
from api.models import Grant
from api.models.people import PersonId
from api.rules.roles import Role
from api.services.people import reading
from tests.town import PASSWORD, Actor, Town, make_admin, sign_in
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
PHONE = "13900001234"


async def _bind(who: Actor, simulator: Simulator, phone: str = PHONE) -> None:
    answer = await who.post("/me/phone", {"code": simulator.phone_code(who.name, phone)})
    assert answer.status_code == 200, answer.text


async def _console(town: Town, name: str, role: Role, place: Any) -> Actor:
    """A colleague of `role` at `place`, signed in to the console."""
    return await sign_in(await make_admin(town.app, town.client, name, role, place))


async def _events(db: Database, move: str) -> list[dict[str, Any]]:
    async with db.reading() as tx:
        found = await tx.execute(
            text(
                "select e.*, w.words as said from events e left join event_words w on w.event_id = e.id"
                " where move = :move order by id"
            ),
            {"move": move},
        )
    return [dict(row) for row in found.mappings()]


def _names(page: Any) -> set[str]:
    return {item["id"] for item in page.json()["items"]}


@pytest.mark.parametrize("wide", [False, True], ids=["ties first", "people first"])
async def test_staff_find_those_who_live_or_work_within_reach(
    town: Town, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    monkeypatch.setattr(reading, "is_wide", lambda _: wide)  # both ways of asking find the same people
    ours = (town.here.resident, town.here.worker, town.here.second_worker, town.here.secretary)
    worker = await _console(town, "社工丙", Role.community_worker, town.here.place)
    expected = {str(a.id) for a in ours} | {str(worker.id)}
    assert _names(await worker.get("/people")) == expected
    assert _names(await worker.get(f"/people?place={town.here.building}")) == set()
    assert _names(await worker.get(f"/people?place={town.there.place}")) == set()
    both = _names(await town.supervisor.get("/people"))
    assert {str(town.here.resident.id), str(town.there.resident.id)} <= both
    assert str(town.stranger.id) not in _names(await town.operator.get("/people"))
    assert str(town.operator.id) not in both
    narrowed = _names(await town.operator.get(f"/people?place={town.there.place}"))
    assert str(town.there.resident.id) in narrowed
    assert str(town.here.resident.id) not in narrowed


async def test_people_are_found_by_a_part_of_the_name_or_the_whole_username(
    town: Town, wechat_simulator: Simulator, pump: Pump
) -> None:
    who = town.here.resident
    await who.call("PATCH", "/me", json={"nickname": "老周"})
    await pump()
    await _bind(who, wechat_simulator)
    for q, found in (("周", {str(who.id)}), (town.supervisor.username, {str(town.supervisor.id)})):
        assert _names(await town.operator.get("/people", params={"q": q})) == found, q
    for q in (PHONE, "1390000", "139****1234", "%", town.supervisor.username[:-1]):
        assert _names(await town.operator.get("/people", params={"q": q})) == set(), q


async def test_a_whole_number_finds_its_owner_within_reach_and_stays_out_of_addresses(
    town: Town, wechat_simulator: Simulator
) -> None:
    await _bind(town.here.resident, wechat_simulator)
    found = await town.operator.post("/people/lookup", {"phone": PHONE})
    assert (found.json()["id"], found.json()["phone"]) == (str(town.here.resident.id), "139****1234")
    assert PHONE not in str(found.request.url)
    neighbour = await _console(town, "社工丙", Role.community_worker, town.there.place)
    grid = await _console(town, "网格员", Role.grid_worker, town.here.place)
    for who, phone, status in (
        (neighbour, PHONE, 404),
        (town.operator, "13900009999", 404),
        (grid, PHONE, 403),
        (grid, "13900009999", 403),
    ):
        assert (await who.post("/people/lookup", {"phone": phone})).status_code == status
    part = await town.operator.post("/people/lookup", {"phone": "1390"})
    assert (part.status_code, part.json()["code"]) == (422, "malformed")


async def test_pages_of_people_neither_repeat_nor_skip(town: Town) -> None:
    every = (await town.operator.get("/people?limit=100")).json()["items"]
    listed: list[Any] = []
    after = ""
    while True:
        page = (await town.operator.get(f"/people?limit=3{after}")).json()
        listed += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert listed == every
    assert len(every) == 11


async def test_a_person_is_shown_with_the_ties_of_ones_own_reach_only(town: Town, db: Database) -> None:
    who = town.here.resident
    for path, body in (
        ("/residencies", {"home_id": str(town.there.home), "relation": "tenant", "is_registered": False}),
        ("/memberships", {"kind": "volunteer", "place_id": str(town.there.place)}),
    ):
        assert (await who.post(path, body)).status_code == 201
    async with db.transaction() as tx:
        tx.add(Grant(person_id=PersonId(who.id), role=Role.grid_worker, place_id=town.there.place))
    worker = await _console(town, "社工丙", Role.community_worker, town.here.place)
    near = (await worker.get(f"/people/{who.id}")).json()
    assert [r["community"]["name"] for r in near["residencies"]] == ["梅园新村社区"]
    assert (near["memberships"], near["grants"]) == ([], [])
    wide = (await town.operator.get(f"/people/{who.id}")).json()
    assert len(wide["residencies"]) == 2
    assert [m["place"]["name"] for m in wide["memberships"]] == ["大行宫社区"]
    assert [g["place"]["name"] for g in wide["grants"]] == ["大行宫社区"]
    assert (await worker.get(f"/people/{town.there.secretary.id}")).status_code == 404
    grid = await _console(town, "网格员", Role.grid_worker, town.here.place)
    assert (await grid.get(f"/people/{who.id}")).status_code == 403
    assert (await grid.get("/people")).status_code == 403


async def test_a_number_is_unmasked_for_a_reason_and_leaves_a_trace(
    town: Town, db: Database, wechat_simulator: Simulator
) -> None:
    who = town.here.resident
    await _bind(who, wechat_simulator)
    secretary = await _console(town, "书记", Role.secretary, town.here.place)
    bare = await secretary.post(f"/people/{who.id}/unmask")
    assert (bare.status_code, bare.json()["errors"][0]["loc"]) == (422, ["body", "reason"])
    assert await _events(db, "unmask") == []

    shown = await secretary.post(f"/people/{who.id}/unmask", {"reason": "紧急求助，需电话联系"}, key="once")
    assert shown.json() == {"phone": PHONE}
    [event] = await _events(db, "unmask")
    assert (event["subject_id"], event["actor_id"]) == (who.id, secretary.id)
    assert (event["said"], event["text"]) == ({"reason": "紧急求助，需电话联系"}, None)
    async with db.reading() as tx:
        kept = (await tx.execute(text("select body from idempotency_answers"))).scalars().all()
    assert not any(PHONE.encode() in body for body in kept)


async def test_unmasking_needs_the_permission_where_the_person_is(
    town: Town, db: Database, wechat_simulator: Simulator
) -> None:
    await _bind(town.here.resident, wechat_simulator)
    path, reason = f"/people/{town.here.resident.id}/unmask", {"reason": "想看一看"}
    assert (await town.operator.post(path, reason)).status_code == 403
    assert (await town.auditor.post(path, reason)).status_code == 403
    neighbour = await _console(town, "书记乙", Role.secretary, town.there.place)
    assert (await neighbour.post(path, reason)).status_code == 404
    async with db.transaction() as tx:  # sees people here as a worker, may unmask only there
        tx.add(Grant(person_id=PersonId(neighbour.id), role=Role.community_worker, place_id=town.here.place))
    assert (await neighbour.post(path, reason)).status_code == 403
    secretary = await _console(town, "书记", Role.secretary, town.here.place)
    nobody = await secretary.post(f"/people/{town.here.worker.id}/unmask", reason)
    assert (nobody.status_code, nobody.json()["code"]) == (404, "no_phone")
    assert await _events(db, "unmask") == []


async def test_a_blocked_person_is_out_at_once_and_stays_out_until_let_in(
    town: Town, db: Database, wechat_simulator: Simulator
) -> None:
    who = town.here.worker
    assert (await who.get("/me")).status_code == 200
    path = f"/people/{who.id}/moves"
    blocked = await town.operator.post(f"{path}/block", {"reason": "冒用他人身份"})
    assert (blocked.status_code, blocked.json()["state"], blocked.json()["moves"]) == (
        200,
        "blocked",
        ["unblock"],
    )
    assert (await who.get("/me")).status_code == 401
    again = await town.client.post("/v1/sessions", json={"code": wechat_simulator.login_code(who.name)})
    assert (again.status_code, again.json()["code"]) == (403, "person_blocked")

    freed = await town.operator.post(f"{path}/unblock", {"reason": "已核实"})
    assert (freed.status_code, freed.json()["state"]) == (200, "active")
    back = await town.client.post("/v1/sessions", json={"code": wechat_simulator.login_code(who.name)})
    assert back.status_code == 201
    assert [e["said"]["reason"] for m in ("block", "unblock") for e in await _events(db, m)] == [
        "冒用他人身份",
        "已核实",
    ]


async def test_a_blocked_administrator_leaves_the_console_and_cannot_come_back(town: Town) -> None:
    blocked = await town.operator.post(
        f"/people/{town.supervisor.id}/moves/block", {"reason": "调查期间停用"}
    )
    assert blocked.status_code == 200
    assert (await town.supervisor.get("/me")).status_code == 401
    next_code = pyotp.TOTP(town.supervisor.totp).at(int(time.time()) + 30)
    back = await town.client.post(
        "/admin/v1/sessions",
        data={"username": town.supervisor.username, "password": PASSWORD, "otp": next_code},
    )
    assert (back.status_code, back.json()["code"]) == (403, "person_blocked")


async def test_nobody_blocks_himself_nor_somebody_whose_roles_reach_farther(town: Town, db: Database) -> None:
    reason = {"reason": "调查期间停用"}
    ours = await _console(town, "街道运营", Role.operator, town.place)
    own = await ours.post(f"/people/{ours.id}/moves/block", reason)
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed")

    async with db.transaction() as tx:  # the county's auditor works in this community too
        tx.add(Grant(person_id=PersonId(town.auditor.id), role=Role.auditor, place_id=town.here.place))
    path = f"/people/{town.auditor.id}"
    assert (await ours.get(path)).json()["moves"] == []
    assert (await ours.post(f"{path}/moves/block", reason)).status_code == 403
    assert (await town.operator.get(path)).json()["moves"] == ["block"]
    assert (await town.operator.post(f"{path}/moves/block", reason)).status_code == 200


async def test_a_block_whose_second_half_failed_is_finished_by_repeating_it(
    town: Town, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, path = town.here.worker, f"/people/{town.here.worker.id}/moves/block"

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(app.state.sessions, "close_all", away)
        half = await town.operator.post(path, {"reason": "冒用他人身份"})
        assert half.status_code == 503
    assert (await who.get("/me")).status_code == 200  # the session outlived the block …
    repeated = await town.operator.post(path, {"reason": "冒用他人身份"})
    assert (repeated.status_code, repeated.json()["moves"]) == (409, ["unblock"])
    assert (await who.get("/me")).status_code == 401  # … until here


async def test_who_is_blocked_while_logging_in_does_not_slip_through(
    town: Town, app: FastAPI, wechat_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, sessions = town.here.worker, app.state.sessions
    real = sessions.open

    async def meanwhile(person_id: UUID, *args: Any, **kw: Any) -> Any:
        assert person_id == who.id
        blocked = await town.operator.post(f"/people/{who.id}/moves/block", {"reason": "冒用他人身份"})
        assert blocked.status_code == 200
        return await real(person_id, *args, **kw)

    monkeypatch.setattr(sessions, "open", meanwhile)
    answer = await town.client.post("/v1/sessions", json={"code": wechat_simulator.login_code(who.name)})
    assert (answer.status_code, answer.json()["code"]) == (403, "person_blocked")
    assert await app.state.redis.hgetall(f"devices:{who.id.hex}") == {}


async def test_a_blocked_person_whose_session_survived_changes_nothing(town: Town, app: FastAPI) -> None:
    async with app.state.db.transaction() as tx:
        await tx.execute(text("update people set state = 'blocked' where id = :id"), {"id": town.stranger.id})
    for path, body in (
        ("/residencies", {"home_id": str(town.here.home), "relation": "owner", "is_registered": True}),
        ("/memberships", {"kind": "volunteer", "place_id": str(town.here.place)}),
    ):
        assert (await town.stranger.post(path, body)).status_code == 403, path
    assert (await town.stranger.call("PATCH", "/me", json={"nickname": "老周"})).status_code == 403


async def test_people_are_found_by_a_part_of_their_names(town: Town, pump: Pump) -> None:
    clerk = await _console(town, "档案员", Role.secretary, town.here.place)
    for who, name in ((town.here.worker, "张建国"), (town.here.second_worker, "李建国X")):
        assert (await who.call("PATCH", "/me", json={"nickname": name})).status_code == 200
    await pump()

    async def found(q: str) -> list[str]:
        answer = await clerk.get("/people", params={"q": q})
        assert answer.status_code == 200, answer.text
        return [row["nickname"] for row in answer.json()["items"]]

    assert await found("建国") == ["李建国X", "张建国"]
    assert await found("国x") == ["李建国X"]
    assert await found("张") == ["张建国"]
    assert await found("张国") == []
