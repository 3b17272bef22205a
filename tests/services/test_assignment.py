"""Who of a unit gets a case: named by the lead, taken by himself, or next in turn, exactly and under contention."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.services.cases import assigning
from tests.estates import Serving, made, own_estate, serve
from tests.town import Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _repairs(town: Town, count: int) -> list[str]:
    made_ = [
        await town.submit(
            kind="property",
            category="ordinary_repair",
            title=f"第 {n} 件",
            home_id=str(town.here.home),
            place_id=None,
        )
        for n in range(count)
    ]
    return [case["id"] for case in made_]


async def _handlers(town: Town, cases: list[str]) -> list[UUID | None]:
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(
            text("select id, handler_id from cases where id = any(:ids)"), {"ids": [UUID(c) for c in cases]}
        )
        by_id = {row.id: row.handler_id for row in found}
    return [by_id[UUID(case)] for case in cases]


def _people(own: Serving) -> set[UUID]:
    assert own.manager is not None
    return {own.manager.id, *(worker.id for worker in own.staff)}


async def test_the_rotation_gives_everybody_as_many_as_anybody(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator, assignment="rotation", staff=2)
    cases = await _repairs(town, 7)
    await pump()
    given = Counter(await _handlers(town, cases))
    assert set(given) == _people(own)
    assert max(given.values()) - min(given.values()) == 1
    (first, *_) = cases
    [handler] = await _handlers(town, [first])
    worker = next(w for w in (*own.staff, own.manager) if w is not None and w.id == handler)
    notices = (await worker.get("/notices")).json()["items"]
    assert "派给您一件诉求" in [n["title"] for n in notices]
    assert (await worker.move(first, "sign")).status_code == 200


async def test_the_rotation_is_exact_when_all_come_at_once(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator, staff=3)
    cases = await _repairs(town, 12)
    await pump()
    db = town.app.state.db

    async def give(case: str) -> None:
        async with db.transaction() as tx:
            await assigning.assign(tx, None, UUID(case), None)

    await asyncio.gather(*map(give, cases))
    given = Counter(await _handlers(town, cases))
    assert {person: given[person] for person in _people(own)} == dict.fromkeys(_people(own), 3)


async def test_a_turn_that_came_to_nothing_is_nobodys(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator, staff=2)
    [case] = await _repairs(town, 1)
    await pump()
    assert own.manager is not None
    answers = await asyncio.gather(*(own.manager.move(case, "assign") for _ in range(6)))
    won = sum(answer.status_code == 200 for answer in answers)
    assert won >= 1
    assert {a.status_code for a in answers} <= {200, 409}
    async with town.app.state.db.reading() as tx:
        turn = (
            await tx.execute(text("select turn from units where id = :id"), {"id": own.unit})
        ).scalar_one()
    assert turn == won


async def test_the_lead_names_a_member_and_nobody_else_may(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    other = await serve(town, wechat_simulator, "乙")
    [case] = await _repairs(town, 1)
    await pump()
    assert own.manager is not None
    mate = {"handler_id": str(own.staff[1].id)}
    refused = await own.staff[0].move(case, "assign", **mate)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    stranger = await own.manager.move(case, "assign", handler_id=str(other.staff[0].id))
    assert (stranger.status_code, stranger.json()["code"]) == (409, "not_a_member")
    assert (await own.manager.move(case, "assign", **mate)).status_code == 200
    assert (await own.staff[1].get("/me/tasks?mine=true")).json()["items"][0]["handler"]["id"] == mate[
        "handler_id"
    ]
    assert (await own.staff[1].move(case, "sign")).status_code == 200
    assert (
        await town.here.secretary.move(case, "assign", handler_id=str(own.staff[0].id))
    ).status_code == 200
    assert (
        await own.staff[1].post(f"/cases/{case}/messages", {"kind": "contact", "text": "约好"})
    ).status_code == 201
    late = await own.staff[1].move(case, "finish", outcome="explained", reply="好了")
    assert late.status_code == 403
    assert (await own.staff[0].move(case, "finish", outcome="explained", reply="好了")).status_code == 200


async def test_nobody_is_given_what_he_reported_himself(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator, assignment="rotation", staff=1)
    worker = own.staff[0]
    body: dict[str, Any] = {
        "kind": "property",
        "category": "ordinary_repair",
        "title": "师傅自家",
        "text": "漏水",
        "place_id": str(town.here.building),
    }
    cases = [(await made(worker.post("/cases", body)))["id"] for _ in range(2)]
    await pump()
    assert own.manager is not None
    assert await _handlers(town, cases) == [own.manager.id] * 2
    named = await own.manager.move(cases[0], "assign", handler_id=str(worker.id))
    assert (named.status_code, named.json()["code"]) == (409, "not_a_member")


async def test_members_are_listed_to_those_who_hand_out_work(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    [case] = await _repairs(town, 1)
    await pump()
    await own.staff[0].move(case, "sign")
    for asker in (own.manager, own.staff[1], town.here.secretary):
        assert asker is not None
        listed = (await asker.get(f"/units/{own.unit}/members")).json()["items"]
        assert {(UUID(m["id"]), m["in_hand"]) for m in listed} == {
            (person, int(person == own.staff[0].id)) for person in _people(own)
        }
    assert (await town.here.resident.get(f"/units/{own.unit}/members")).status_code == 404
