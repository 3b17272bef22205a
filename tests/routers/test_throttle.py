"""Rates by person, address and route; and a console lock that tells nobody which names exist."""

import asyncio
from collections import Counter

import httpx
import pytest

from api.kit.cache import Redis
from api.kit.problems import TooMany
from api.kit.throttle import Rate, Throttle
from api.models.people import PersonId
from api.rules import throttling
from api.rules.roles import Role
from api.rules.throttling import BY_PERSON, Limited
from tests.town import Town, _log_in, make_admin
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


async def test_every_write_of_one_person_is_counted_on_hot_and_other_routes_and_reads_are_not(
    town: Town, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case by the hot lane, a consent by the framework's router, a PATCH without a key: one count."""
    who = town.here.resident
    monkeypatch.setitem(BY_PERSON, Limited.write, Rate(3, 60))
    await redis.delete(f"linli:throttle:write:{who.id.hex}")  # who has been writing while the town was built
    consent = {"purpose": "service", "version": "1"}
    case = {"category": "help", "title": "路灯不亮", "text": "灯", "place_id": str(town.here.place)}
    assert (await who.post("/cases", case)).status_code == 201
    assert (await who.post("/me/consents", consent)).status_code == 200
    assert (await who.call("PATCH", "/me", json={"nickname": "周"})).status_code == 200
    for refused in (
        await who.post("/cases", case),
        await who.post("/me/consents", consent),
        await who.call("PATCH", "/me", json={"nickname": "周"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= 60
    assert (await who.get("/me/consents")).status_code == 200
    assert (await who.get("/sessions/current")).status_code == 200
    assert (await town.there.resident.post("/me/consents", consent)).status_code == 200
    assert (await who.get("/cases?mine=true")).json()["items"][0]["title"] == "路灯不亮"


async def test_a_person_has_one_count_whatever_device_and_an_ended_session_counts_for_nobody(
    town: Town, redis: Redis, wechat_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BY_PERSON, Limited.write, Rate(1, 60))
    phone = await _log_in(town.client, wechat_simulator, "王五")
    tablet = await _log_in(town.client, wechat_simulator, "王五")
    body = {"purpose": "service", "version": "1"}
    assert (await phone.post("/me/consents", body)).status_code == 200
    assert (await tablet.post("/me/consents", body)).status_code == 429
    await town.app.state.sessions.close_all(PersonId(phone.id))
    assert (await tablet.post("/me/consents", body)).status_code == 401
    [counter] = await redis.keys(f"linli:throttle:write:{phone.id.hex}")
    assert await redis.get(counter) == b"1"


async def test_pictures_have_a_rate_of_their_own(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    who = town.here.resident
    monkeypatch.setitem(BY_PERSON, Limited.upload, Rate(1, 600))
    answers = [
        await who.call("POST", "/uploads", files={"file": ("a.png", b"no picture", "image/png")})
        for _ in range(2)
    ]
    assert [a.status_code for a in answers] == [415, 429]
    assert 0 < int(answers[1].headers["retry-after"]) <= 600


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
