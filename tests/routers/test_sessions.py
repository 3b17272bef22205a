"""Logging in from the mini-program, devices, and signing out."""

import asyncio
from datetime import timedelta

import httpx
import orjson
import pytest
from sqlalchemy import text

from api.kit import clock
from api.models.people import PersonId
from tests.town import Actor, Town, _log_in
from tests.wechat_fixture import Simulator


async def _post(client: httpx.AsyncClient, code: str, **more: str) -> httpx.Response:
    return await client.post("/v1/sessions", json={"code": code, **more})


async def test_the_first_login_makes_a_person_the_second_finds_them(
    client: httpx.AsyncClient, wechat_simulator: Simulator
) -> None:
    first = (await _post(client, wechat_simulator.login_code("张三"))).json()
    second = (await _post(client, wechat_simulator.login_code("张三"))).json()
    assert (first["is_new"], second["is_new"]) == (True, False)
    assert first["person"]["id"] == second["person"]["id"]
    assert first["token"] != second["token"]


async def test_twenty_first_logins_at_once_make_one_person(
    client: httpx.AsyncClient, wechat_simulator: Simulator, app: object
) -> None:
    codes = [wechat_simulator.login_code("李四") for _ in range(20)]
    answers = await asyncio.gather(*(_post(client, code) for code in codes))
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["person"]["id"] for a in answers}) == 1
    async with app.state.db.reading() as tx:  # type: ignore[attr-defined]
        assert (await tx.execute(text("select count(*) from people"))).scalar_one() == 1


async def test_a_used_code_asks_the_person_to_log_in_again(
    client: httpx.AsyncClient, wechat_simulator: Simulator
) -> None:
    code = wechat_simulator.login_code("张三")
    assert (await _post(client, code)).status_code == 201
    again = await _post(client, code)
    assert (again.status_code, again.json()["code"]) == (401, "wechat_code_invalid")
    assert "请重新登录" in again.json()["detail"]
    assert wechat_simulator.calls("/sns/jscode2session") == [0, 40163]


@pytest.mark.parametrize("code", ["wrong", "x" * 256])
async def test_a_wrong_code_is_told(
    client: httpx.AsyncClient, wechat_simulator: Simulator, code: str
) -> None:
    answer = await _post(client, code)
    assert answer.status_code in (401, 422)
    assert answer.json()["code"] in ("wechat_code_invalid", "malformed")


async def test_another_mini_programs_code_is_refused(
    client: httpx.AsyncClient, wechat_simulator: Simulator
) -> None:
    answer = await _post(client, wechat_simulator.login_code("张三"), app="wx-somebody-else")
    assert (answer.status_code, answer.json()["code"]) == (401, "wechat_code_invalid")


async def test_somebody_the_platform_calls_a_high_risk_is_refused_and_leaves_a_trace_of_nobody(
    town: Town, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("高风险", blocked=True)
    code = wechat_simulator.login_code("高风险")
    refused = await _post(town.client, code)
    assert (refused.status_code, refused.json()["code"]) == (403, "wechat_user_blocked")
    answer = await town.auditor.get("/events?move=refuse")
    [event] = [e for e in answer.json()["items"] if e["subject_kind"] == "login"]
    assert (event["by"], event["text"]) == ("微信平台", "微信判定为高风险用户，未准登录")
    assert list(event["data"]) == ["rid"]
    assert openid not in answer.text
    assert code not in answer.text
    async with town.app.state.db.reading() as tx:
        known = await tx.execute(
            text("select count(*) from wechat_identities where openid = :o"), {"o": openid}
        )
        assert known.scalar_one() == 0


async def test_the_session_key_never_leaves(client: httpx.AsyncClient, wechat_simulator: Simulator) -> None:
    answer = await _post(client, wechat_simulator.login_code("张三"))
    assert "session_key" not in answer.text
    assert "openid" not in answer.text


async def test_devices_are_listed_and_signed_out(town: Town, wechat_simulator: Simulator) -> None:
    phone: Actor = await _log_in(town.client, wechat_simulator, "王五")
    tablet: Actor = await _log_in(town.client, wechat_simulator, "王五")
    devices = (await phone.get("/sessions")).json()
    assert [d["current"] for d in devices].count(True) == 1
    assert len(devices) == 2
    assert (await phone.call("DELETE", "/sessions/others")).status_code == 204
    assert (await tablet.get("/sessions/current")).status_code == 401
    assert (await phone.get("/sessions/current")).status_code == 200
    assert (await phone.call("DELETE", "/sessions/nothing")).status_code == 404
    assert (await phone.call("DELETE", "/sessions/current")).status_code == 204
    assert (await phone.get("/sessions/current")).status_code == 401


async def test_a_session_slides_with_use(town: Town) -> None:
    redis = town.app.state.redis
    keys = list(await redis.keys("session:*"))
    for key in keys:
        await redis.expire(key, 60)
    assert (await town.here.resident.get("/sessions/current")).status_code == 200
    left = [await redis.ttl(k) for k in keys]
    assert sum(seconds > 86_400 for seconds in left) == 1


async def test_redis_flushed_means_logging_in_again(town: Town) -> None:
    case = await town.submit()
    await town.app.state.redis.flushall()
    answer = await town.here.resident.get(f"/cases/{case['id']}")
    assert (answer.status_code, answer.json()["code"]) == (401, "session_expired")


async def test_moving_the_clock_does_not_end_sessions(town: Town) -> None:
    clock.move(timedelta(days=60))
    assert (await town.here.resident.get("/sessions/current")).status_code == 200


async def test_the_device_list_outlives_every_session_in_it(town: Town) -> None:
    """A session in daily use lives for months; signing out everywhere must still find it."""
    redis, resident = town.app.state.redis, town.here.resident
    devices = f"devices:{resident.id.hex}"
    (key,) = [
        k for k in await redis.keys("session:*") if orjson.loads(await redis.get(k))["p"] == resident.id.hex
    ]
    yesterday = {**orjson.loads(await redis.get(key)), "d": int(clock.wall()) // 86_400 - 1}
    await redis.set(key, orjson.dumps(yesterday), keepttl=True)
    await redis.expire(devices, 60)
    assert (await resident.get("/sessions/current")).status_code == 200
    assert await redis.ttl(devices) > await redis.ttl(key)
    await town.app.state.sessions.close_all(PersonId(resident.id))
    assert (await resident.get("/sessions/current")).status_code == 401


async def test_the_days_first_use_does_not_bring_back_a_session_that_was_ended(town: Town) -> None:
    redis, sessions = town.app.state.redis, town.app.state.sessions
    opened = await sessions.open(PersonId(town.here.resident.id), "手机")
    (key,) = [
        k for k in await redis.keys("session:*") if orjson.loads(await redis.get(k))["i"] == opened.session_id
    ]
    value = orjson.loads(await redis.get(key))
    await redis.delete(key)
    await sessions._keep_listed(key.decode().removeprefix("session:"), value)
    assert not await redis.exists(key)
