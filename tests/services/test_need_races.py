"""Two at once on one need, one request twice, and how many round trips a claim takes."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.models.places import HomeId
from tests.neighbours import WISH, lives, member, published, scalar, somebody
from tests.services.test_case_races import counted
from tests.town import Actor, Town


async def _claim(who: Actor, need: str, key: str | None = None) -> Any:
    return await who.post(f"/wishes/{need}/moves/claim", key=key)


async def test_of_forty_members_at_once_one_claims_and_the_others_learn_why(town: Town) -> None:
    people = [await member(town, f"党员{n}") for n in range(40)]
    need = await published(town)
    answers = await asyncio.gather(*(_claim(p, need) for p in people))
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 39}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"wrong_moment"}
    assert await scalar(town, "select sum(live) from claimants") == 1


async def test_a_task_for_five_is_taken_by_five_of_thirty(town: Town) -> None:
    people = [await member(town, f"党员{n}") for n in range(30)]
    need = await published(town, seats=5)
    answers = await asyncio.gather(*(_claim(p, need) for p in people))
    assert Counter(a.status_code for a in answers) == {200: 5, 409: 25}
    assert await scalar(town, "select array_agg(seat order by seat) from claims") == [1, 2, 3, 4, 5]
    assert await scalar(town, "select state from needs") == "claimed"


async def test_thirty_taps_with_one_key_are_one_claim(town: Town) -> None:
    wang = await member(town)
    need = await published(town, seats=3)
    answers = await asyncio.gather(*(_claim(wang, need, "tap-1") for _ in range(30)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert await scalar(town, "select count(*) from claims") == 1
    other = await published(town)
    reused = await _claim(wang, other, "tap-1")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_member_at_the_limit_leaves_the_need_as_it_was(town: Town) -> None:
    wang = await member(town)
    for _ in range(3):
        await _claim(wang, await _of_another_household(town))
    need = await _of_another_household(town)
    before = await scalar(town, "select row_to_json(n)::text from needs n where id = :n", n=need)
    refused = await _claim(wang, need, "over")
    assert (refused.status_code, refused.json()["code"]) == (409, "live_limit")
    assert await scalar(town, "select row_to_json(n)::text from needs n where id = :n", n=need) == before
    assert await scalar(town, "select count(*) from idempotency_keys where key = 'over'") == 0


async def _of_another_household(town: Town) -> str:
    """A published wish of somebody with a home of their own."""
    who = await somebody(town, "邻居")
    room = f"r-{who.id.hex[-6:]}"
    made = await town.operator.post("/homes", {"building_id": str(town.here.building), "room": room})
    assert made.status_code == 201, made.text
    await lives(town, who, HomeId(UUID(made.json()["id"])))
    return await published_of(town, who)


async def published_of(town: Town, who: Actor) -> str:
    made = await who.post("/wishes", {**WISH, "place_id": str(town.here.place)})
    assert made.status_code == 201, made.text
    answer = await town.here.worker.post(f"/wishes/{made.json()['id']}/moves/publish")
    assert answer.status_code == 200, answer.text
    return str(made.json()["id"])


async def test_twenty_wishes_of_one_household_at_once_find_two_places(town: Town) -> None:
    body = {**WISH, "place_id": str(town.here.place)}
    answers = await asyncio.gather(*(town.here.resident.post("/wishes", body) for _ in range(20)))
    assert Counter(a.status_code for a in answers) == {201: 2, 409: 18}


async def test_a_claim_takes_two_statements_and_a_late_one_takes_one(
    town: Town, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    wang, li = await member(town), await member(town, "老李")
    warm, need = await published(town), await published(town)
    await _claim(wang, warm)
    async with counted(app, monkeypatch) as seen:
        assert (await _claim(wang, need, "k1")).status_code == 200
    assert seen == {"redis": 1, "postgresql": 2}
    async with counted(app, monkeypatch) as seen:
        assert (await _claim(li, need, "k2")).status_code == 409
    assert seen == {"redis": 1, "postgresql": 1}
