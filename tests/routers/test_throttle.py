"""Rates by person, address and route; and a console lock that tells nobody which names exist."""

import asyncio
from collections import Counter

import httpx
import pytest

from api.kit.cache import Redis
from api.kit.problems import TooMany
from api.kit.throttle import Rate, Throttle
from api.rules import throttling
from api.rules.roles import Role
from api.rules.throttling import BY_PERSON, Limited
from tests.town import Town, make_admin
from tests.wechat_fixture import Simulator


async def test_of_many_at_once_exactly_the_allowed_pass_and_the_window_ends(redis: Redis) -> None:
    throttle = Throttle(redis)

    async def passes() -> bool:
        try:
            await throttle.take("x", [("somebody", Rate(7, 1))])
        except TooMany:
            return False
        return True

    assert sum(await asyncio.gather(*(passes() for _ in range(40)))) == 7
    await asyncio.sleep(1.1)
    assert await passes()


async def test_where_one_counter_refuses_none_counts(redis: Redis) -> None:
    throttle = Throttle(redis)
    await throttle.take("x", [("a", Rate(1, 60))])
    for _ in range(3):
        with pytest.raises(TooMany):
            await throttle.take("x", [("b", Rate(1, 60)), ("a", Rate(1, 60))])
    await throttle.take("x", [("b", Rate(1, 60))])


async def test_a_phone_is_tried_five_times_and_somebody_else_is_not_held_up(
    town: Town, wechat_simulator: Simulator
) -> None:
    answers = [await town.stranger.post("/me/phone", {"code": f"wrong-{n}"}) for n in range(6)]
    assert [a.status_code for a in answers] == [422] * 5 + [429]
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600
    assert len(wechat_simulator.calls("/wxa/business/getuserphonenumber")) == 5
    other = await town.here.resident.post("/me/phone", {"code": "wrong"})
    assert other.status_code == 422


async def test_logins_of_one_address_are_counted(
    town: Town, redis: Redis, wechat_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await redis.delete(*await redis.keys("linli:throttle:*"))  # the town's people have just logged in
    monkeypatch.setitem(throttling.BY_ADDRESS, Limited.login, Rate(2, 60))
    codes = [wechat_simulator.login_code("张三") for _ in range(3)]
    answers = [await town.client.post("/v1/sessions", json={"code": code}) for code in codes]
    assert [a.status_code for a in answers] == [201, 201, 429]
    elsewhere = httpx.ASGITransport(app=town.app, client=("198.51.100.7", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://linli.test") as client:
        assert (await client.post("/v1/sessions", json={"code": codes[2]})).status_code == 201


async def test_writes_of_one_person_are_counted_and_reads_are_not(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BY_PERSON, Limited.write, Rate(2, 60))
    body = {"purpose": "service", "version": "1"}
    answers = [await town.stranger.post("/me/consents", body) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert (await town.stranger.get("/me/consents")).status_code == 200
    assert (await town.here.resident.post("/me/consents", body)).status_code == 200


async def test_the_lock_of_a_name_nobody_has_is_that_of_a_real_one(town: Town, redis: Redis) -> None:
    admin = await make_admin(town.app, town.client, "管理员", Role.operator, town.county)
    told: dict[str, list[tuple[int, str, str]]] = {}
    for name in (admin.username, "nobody-at-all"):
        told[name] = []
        for _ in range(7):
            form = {"username": name, "password": "falsch", "otp": "000000"}
            answer = await town.client.post("/admin/v1/sessions", data=form)
            found = answer.json()
            told[name].append((answer.status_code, found["code"], found["detail"]))
            if answer.status_code == 429:
                assert 880 <= int(answer.headers["retry-after"]) <= 901
    assert told[admin.username] == told["nobody-at-all"]
    assert Counter(status for status, _, _ in told["nobody-at-all"]) == {401: 5, 429: 2}
    keys = [key.decode() for key in await redis.keys("linli:throttle:*")]
    assert keys
    assert not any("nobody" in key or "127.0.0.1" in key for key in keys)
