"""Who am I: what the app shows about me, and binding a phone number through the platform."""

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO

from PIL import Image
from sqlalchemy import text

from api.kit.db import Database
from api.rules.roles import Role
from api.services.content import checking
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

PHONE = "13900001234"


async def _bind(who: Actor, simulator: Simulator, phone: str) -> tuple[int, dict[str, object]]:
    answer = await who.post("/me/phone", {"code": simulator.phone_code(who.name, phone)})
    return answer.status_code, answer.json()


async def test_a_residents_page_shows_home_and_grants_and_what_is_unread(town: Town) -> None:
    me = (await town.here.resident.get("/me")).json()
    assert (me["id"], me["nickname"], me["phone"]) == (str(town.here.resident.id), "微信居民", None)
    [home] = me["residencies"]
    assert home["home"]["room"] == "301"
    assert home["home"]["building"]["name"] == "1 幢"
    assert home["community"] == {"id": str(town.here.place), "name": "梅园新村社区"}
    assert (home["state"], home["moves"]) == ("verified", ["end"])
    assert (me["grants"], me["unread"]) == ([], 0)

    secretary = (await town.here.secretary.get("/me")).json()
    [grant] = secretary["grants"]
    assert (grant["role"], grant["title"]) == (Role.secretary, "书记")
    assert grant["place"]["name"] == "梅园新村社区"


async def test_the_console_knows_its_user_too(town: Town) -> None:
    me = await town.operator.get("/me")
    assert me.status_code == 200
    assert [g["title"] for g in me.json()["grants"]] == ["县级运营"]


async def test_a_name_is_changed_once_it_has_passed_and_what_is_not_named_stays(
    town: Town, pump: Callable[[], Awaitable[None]]
) -> None:
    who = town.here.resident
    first = await who.call("PATCH", "/me", json={"nickname": "  三单元\u0007 老周 "})
    assert first.status_code == 200
    assert (first.json()["nickname"], first.json()["nickname_pending"]) == ("微信居民", "三单元 老周")
    await pump()
    second = (await who.call("PATCH", "/me", json={"avatar": None})).json()
    assert (second["nickname"], second["nickname_pending"], second["avatar"]) == ("三单元 老周", None, None)


async def test_nobody_is_without_a_name_and_no_picture_comes_over_plain_http(town: Town) -> None:
    for body in (
        {"nickname": None},
        {"nickname": ""},
        {"nickname": "长" * 21},
        {"avatar": "http://example.org/a.png"},
        {"avatar": "javascript:alert(1)"},
        {"phone": PHONE},
    ):
        answer = await town.here.resident.call("PATCH", "/me", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), body
    assert (await town.here.resident.get("/me")).json()["nickname"] == "微信居民"


async def test_a_phone_number_is_bound_masked_and_sealed(
    town: Town, db: Database, wechat_simulator: Simulator
) -> None:
    status, me = await _bind(town.here.resident, wechat_simulator, PHONE)
    assert (status, me["phone"]) == (200, "139****1234")
    async with db.reading() as tx:
        row = (
            await tx.execute(
                text("select phone_sealed, phone_index from people where id = :id"),
                {"id": town.here.resident.id},
            )
        ).one()
        events = (await tx.execute(text("select cast(data as text) || coalesce(text, '') from events"))).all()
    assert PHONE.encode() not in row.phone_sealed
    assert len(row.phone_index) == 32
    assert not any(PHONE in str(event) for event in events)


async def test_a_new_number_replaces_the_old_one_which_is_free_again(
    town: Town, wechat_simulator: Simulator
) -> None:
    resident, other = town.here.resident, town.there.resident
    await _bind(resident, wechat_simulator, PHONE)
    assert (await _bind(resident, wechat_simulator, "13900005678"))[1]["phone"] == "139****5678"
    assert (await _bind(other, wechat_simulator, PHONE))[1]["phone"] == "139****1234"


async def test_a_number_of_somebody_else_is_refused(town: Town, wechat_simulator: Simulator) -> None:
    await _bind(town.here.resident, wechat_simulator, PHONE)
    status, problem = await _bind(town.there.resident, wechat_simulator, PHONE)
    assert (status, problem["code"]) == (409, "phone_taken")
    assert PHONE not in str(problem)
    assert (await town.there.resident.get("/me")).json()["phone"] is None


async def test_of_two_who_bind_one_number_at_once_one_gets_it(
    town: Town, wechat_simulator: Simulator
) -> None:
    people = [town.here.resident, town.there.resident, town.stranger, town.here.worker]
    answers = await asyncio.gather(*(_bind(who, wechat_simulator, PHONE) for who in people))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]


async def test_a_code_of_somebody_else_or_used_before_asks_for_another_tap(
    town: Town, wechat_simulator: Simulator
) -> None:
    stolen = wechat_simulator.phone_code(town.there.resident.name, PHONE)
    answer = await town.here.resident.post("/me/phone", {"code": stolen})
    assert (answer.status_code, answer.json()["code"]) == (422, "wechat_phone_code_invalid")

    code = wechat_simulator.phone_code(town.here.resident.name, PHONE)
    assert (await town.here.resident.post("/me/phone", {"code": code})).status_code == 200
    again = await town.here.resident.post("/me/phone", {"code": code})
    assert (again.status_code, again.json()["code"]) == (422, "wechat_phone_code_invalid")


async def test_without_a_session_there_is_nobody(town: Town) -> None:
    for method, path in (("GET", "/v1/me"), ("PATCH", "/v1/me"), ("POST", "/v1/me/phone")):
        answer = await town.client.request(method, path, json={"code": "x"} if method == "POST" else {})
        assert (answer.status_code, answer.json()["code"]) == (401, "session_expired")


async def test_a_picture_of_ones_own_becomes_the_avatar_once_it_has_passed_and_the_one_before_is_swept(
    town: Town, pump: Callable[[], Awaitable[None]], wechat_simulator: Simulator
) -> None:
    who, app = town.here.resident, town.app

    async def upload(by: Actor) -> str:
        out = BytesIO()
        Image.new("RGB", (16, 16), "teal").save(out, "JPEG")
        answer = await by.call("POST", "/uploads", files={"file": ("a.jpg", out.getvalue(), "image/jpeg")})
        return str(answer.json()["id"])

    async def verdict(suggest: str) -> None:
        async with app.state.db.transaction() as tx:
            traces = await tx.execute(
                text("select trace_id from content_checks where state = 'pending' and trace_id is not null")
            )
            for trace in traces.scalars().all():
                await checking.hear(tx, trace_id=trace, suggest=suggest, label=100, errcode=0)
        await pump()

    wechat_simulator.behave(pushes="never")
    others = await who.call("PATCH", "/me", json={"avatar_upload": await upload(town.there.resident)})
    assert (others.status_code, others.json()["code"]) == (422, "upload_not_usable")
    both = {"avatar_upload": await upload(who), "avatar": "https://example.org/a.png"}
    assert (await who.call("PATCH", "/me", json=both)).status_code == 422
    first = await upload(who)
    asked = (await who.call("PATCH", "/me", json={"avatar_upload": first})).json()
    assert asked["avatar"] is None
    assert first in asked["avatar_pending"]
    assert (await town.client.get(asked["avatar_pending"])).status_code == 200
    await pump()
    await verdict("pass")
    shown = (await who.get("/me")).json()
    assert (first in shown["avatar"], shown["avatar_pending"]) == (True, None)
    assert (await town.client.get(shown["avatar"])).status_code == 200

    second = await upload(who)
    await who.call("PATCH", "/me", json={"avatar_upload": second})
    await pump()
    assert first in (await who.get("/me")).json()["avatar"]
    await verdict("pass")
    assert second in (await who.get("/me")).json()["avatar"]
    async with app.state.db.reading() as tx:
        kept = await tx.execute(text("select id from uploads where subject_kind = 'avatar'"))
        assert [str(i) for i in kept.scalars()] == [second]
