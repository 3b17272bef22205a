"""Signing in to the console: second factor, no replay, a lock that a burst cannot slip through (S3)."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pyotp
import pytest
from sqlalchemy import text

from api.kit import clock
from api.rules.roles import Role
from tests.town import PASSWORD, Actor, Town, make_admin, sign_in


async def _try(
    who: Actor, *, password: str = PASSWORD, otp: str | None = None, username: str = ""
) -> httpx.Response:
    code = otp if otp is not None else pyotp.TOTP(who.totp).now()
    data = {"username": username or who.username, "password": password, "otp": code}
    return await who.client.post("/admin/v1/sessions", data=data)


@pytest.fixture
async def admin(town: Town) -> Actor:
    """An operator who has not signed in yet."""
    return await make_admin(town.app, town.client, "另一位运营", Role.operator, town.county)


async def test_password_and_code_open_the_console(admin: Actor) -> None:
    answer = await _try(admin)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    admin.token = answer.json()["access_token"]
    assert (await admin.get("/sessions/current")).json()["console"] is True


@pytest.mark.parametrize("how", ["body", "basic"])
async def test_the_authorize_button_gives_the_code_as_client_secret(admin: Actor, how: str) -> None:
    code = pyotp.TOTP(admin.totp).now()
    data = {"grant_type": "password", "username": admin.username, "password": PASSWORD}
    auth = httpx.BasicAuth("console", code) if how == "basic" else None
    if how == "body":
        data["client_secret"] = code
    answer = await admin.client.post("/admin/v1/sessions", data=data, auth=auth)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text


async def test_a_code_is_good_once_even_for_twins(admin: Actor) -> None:
    code = pyotp.TOTP(admin.totp).now()
    answers = await asyncio.gather(*(_try(admin, otp=code) for _ in range(4)))
    assert Counter(a.status_code for a in answers) == {200: 1, 401: 3}
    assert (await _try(admin, otp=code)).json()["code"] == "bad_credentials"


@pytest.mark.parametrize("wrong", ["password", "otp", "username"])
async def test_every_wrong_part_looks_the_same(admin: Actor, wrong: str) -> None:
    answer = await _try(admin, **{wrong: "000000"})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_credentials")
    assert answer.json()["detail"] == "用户名、密码或动态口令不正确"


async def test_five_failures_lock_and_a_quarter_of_an_hour_unlocks(admin: Actor) -> None:
    for _ in range(5):
        assert (await _try(admin, password="falsch")).status_code == 401
    locked = await _try(admin)
    assert (locked.status_code, locked.json()["code"]) == (429, "login_locked")
    assert int(locked.headers["retry-after"]) > 800
    clock.move(timedelta(minutes=15, seconds=1))
    assert (await _try(admin)).status_code == 200


async def test_a_burst_of_guesses_gets_five_comparisons(admin: Actor) -> None:
    answers = await asyncio.gather(*(_try(admin, password=f"guess {n}") for n in range(25)))
    seen = Counter(a.status_code for a in answers)
    assert seen[200] == 0
    assert seen[401] == 5
    assert set(seen) <= {401, 429, 503}  # on a crowded machine some do not even get a connection


async def test_the_lock_is_kept_in_postgresql(admin: Actor, town: Town) -> None:
    for _ in range(5):
        await _try(admin, otp="000000")
    await town.app.state.redis.flushall()
    assert (await _try(admin)).status_code == 429
    async with town.app.state.db.reading() as tx:
        failed = await tx.execute(
            text("select count(*) from events where move = 'login_failed' and subject_id = :id"),
            {"id": admin.id},
        )
        assert failed.scalar_one() == 5


async def test_success_forgets_earlier_failures(admin: Actor) -> None:
    for _ in range(4):
        await _try(admin, password="falsch")
    assert (await _try(admin)).status_code == 200
    for _ in range(4):
        assert (await _try(admin, password="falsch")).status_code == 401


async def test_who_holds_no_console_role_stays_outside(town: Town) -> None:
    handyman = await make_admin(town.app, town.client, "物业人员", Role.property_staff, town.here.place)
    answer = await _try(handyman)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_signing_out_ends_the_session_at_once(admin: Actor) -> None:
    await sign_in(admin)
    assert (await admin.call("DELETE", "/sessions/current")).status_code == 204
    assert (await admin.get("/sessions/current")).status_code == 401


async def test_a_console_session_ends_after_half_an_hour_of_rest(admin: Actor, town: Town) -> None:
    await sign_in(admin)
    left = [await town.app.state.redis.ttl(k) for k in await town.app.state.redis.keys("session:*")]
    assert any(0 < seconds <= 30 * 60 for seconds in left)


async def test_a_tokens_hash_is_all_that_is_stored(admin: Actor, town: Town) -> None:
    await sign_in(admin)
    redis = town.app.state.redis
    for key in await redis.keys("*"):
        kind = (await redis.type(key)).decode()
        value = await (redis.hgetall(key) if kind == "hash" else redis.get(key))
        assert admin.token not in f"{key}{value}"
        assert admin.token.removeprefix("c_") not in f"{key}{value}"
