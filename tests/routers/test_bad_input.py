"""What is malformed gets a clear answer of the contract, and nothing is written."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.town import Town

GOOD: dict[str, Any] = {"category": "help", "title": "路灯不亮", "text": "东门路灯不亮"}


async def _written(town: Town) -> int:
    async with town.app.state.db.reading() as tx:
        return int((await tx.execute(text("select count(*) from cases"))).scalar_one())


async def _raw(town: Town, content: bytes, kind: str = "application/json") -> httpx.Response:
    who = town.here.resident
    return await who.client.post("/v1/cases", content=content, headers={**who.headers, "content-type": kind})


def _is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["code"], body["type"], body["status"]) == (code, f"/problems/{code}", status)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    assert "select" not in answer.text.lower()
    return body


@pytest.mark.parametrize(
    ("change", "loc", "kind"),
    [
        ({"category": "gossip"}, ["body", "category"], "enum"),
        ({"title": 7}, ["body", "title"], "string_type"),
        ({"title": "x" * 61}, ["body", "title"], "string_too_long"),
        ({"title": " \u0000\u0007 "}, ["body", "title"], "string_too_short"),
        ({"text": ""}, ["body", "text"], "string_too_short"),
        ({"colour": "red"}, ["body", "colour"], "extra_forbidden"),
        ({"place_id": "梅园"}, ["body", "place_id"], "uuid_parsing"),
        ({"anonymous": "maybe"}, ["body", "anonymous"], "bool_parsing"),
        ({"kind": "gossip"}, ["body", "kind"], "enum"),
    ],
)
async def test_a_wrong_field_is_named(town: Town, change: dict[str, Any], loc: list[str], kind: str) -> None:
    body = {**GOOD, "place_id": str(town.here.place), **change}
    problem = _is_problem(await town.here.resident.post("/cases", body), 422, "malformed")
    assert [(e["loc"], e["type"]) for e in problem["errors"]] == [(loc, kind)]
    assert problem["errors"][0]["msg"]
    assert await _written(town) == 0


async def test_all_that_is_missing_is_named_at_once(town: Town) -> None:
    problem = _is_problem(await town.here.resident.post("/cases", {}), 422, "malformed")
    assert {e["loc"][-1] for e in problem["errors"]} == {"category", "title", "text"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe{}",
        b'{"title": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=["empty", "cut", "list", "null", "text", "utf16", "bad utf8", "deep list", "deep object"],
)
async def test_what_is_no_json_object_is_malformed(town: Town, content: bytes) -> None:
    _is_problem(await _raw(town, content), 422, "malformed")
    assert await _written(town) == 0


async def test_a_lone_surrogate_is_no_text(town: Town) -> None:
    content = (
        b'{"category":"help","title":"\\ud800abc","text":"x","place_id":"%s"}' % str(town.here.place).encode()
    )
    _is_problem(await _raw(town, content), 422, "malformed")


async def test_another_content_type_is_refused(town: Town) -> None:
    _is_problem(await _raw(town, b"a=b", "application/x-www-form-urlencoded"), 415, "unsupported_media")


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/sessions", "/v1/cases/{case}/messages"])
async def test_ten_megabytes_are_too_large(town: Town, path: str) -> None:
    case = await town.submit()
    who = town.here.resident
    answer = await who.client.post(
        path.format(case=case["id"]),
        content=b'{"text":"' + b"x" * 10_000_000 + b'"}',
        headers={**who.headers, "content-type": "application/json"},
    )
    _is_problem(answer, 413, "too_large")


async def test_ten_megabytes_in_pieces_without_a_length_are_too_large(town: Town) -> None:
    async def pieces() -> Any:
        for _ in range(160):
            yield b"x" * 65_536

    for path in ("/v1/cases", "/v1/sessions"):
        who = town.here.resident
        answer = await who.client.post(
            path, content=pieces(), headers={**who.headers, "content-type": "application/json"}
        )
        _is_problem(answer, 413, "too_large")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=!!!",
        "after=" + "A" * 65,
        "place=1",
        "state=lost",
        "mine=perhaps",
    ],
)
async def test_bad_queries_are_refused(town: Town, query: str) -> None:
    answer = await town.here.resident.get(f"/cases?{query}")
    assert answer.status_code == 422
    assert answer.json()["code"] in ("malformed", "bad_cursor")


@pytest.mark.parametrize("key", ["", " ", "x" * 65, "钥匙"])
async def test_an_idempotency_key_is_visible_and_short(town: Town, key: str) -> None:
    who = town.here.resident
    body = {**GOOD, "place_id": str(town.here.place)}
    answer = await who.client.post(
        "/v1/cases", json=body, headers={**who.headers, "idempotency-key": key.encode() if key else b""}
    )
    _is_problem(answer, 422, "idempotency_key_malformed")
    assert await _written(town) == 0


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer x", "Basic abc", "Bearer a_" + "x" * 43, "Bearer " + "y" * 9000]
)
async def test_without_a_session_nothing_is_shown(town: Town, token: str) -> None:
    answer = await town.client.get("/v1/cases", headers={"authorization": token} if token else {})
    _is_problem(answer, 401, "session_expired")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_mini_program_session_opens_no_console_and_the_other_way_round(town: Town) -> None:
    as_admin = await town.client.get("/admin/v1/cases", headers=town.here.secretary.headers)
    _is_problem(as_admin, 401, "session_expired")
    as_resident = await town.client.get("/v1/cases", headers=town.operator.headers)
    _is_problem(as_resident, 401, "session_expired")


async def test_somebody_elses_case_does_not_exist(town: Town) -> None:
    case = await town.submit()
    missing = await town.here.resident.get("/cases/" + str(town.here.place))
    for who in (town.there.resident, town.there.worker, town.there.secretary, town.stranger):
        answer = await who.get(f"/cases/{case['id']}")
        _is_problem(answer, 404, "not_found")
        assert answer.json()["detail"] == missing.json()["detail"]
        for path in ("moves/sign", "messages", "ratings"):
            body = (
                {"kind": "note", "text": "x"}
                if path == "messages"
                else {"overall": 5}
                if path == "ratings"
                else {}
            )
            assert (await who.post(f"/cases/{case['id']}/{path}", body)).status_code == 404
        assert (await who.get(f"/cases/{case['id']}/events")).status_code == 404
        assert (await who.get(f"/cases/{case['id']}/messages")).status_code == 404


async def test_what_is_in_reach_but_not_allowed_is_403(town: Town) -> None:
    case = await town.submit()
    _is_problem(await town.here.resident.move(case["id"], "sign"), 403, "not_allowed")
    _is_problem(await town.auditor.move(case["id"], "dispatch"), 403, "not_allowed")
    note = await town.here.resident.post(f"/cases/{case['id']}/messages", {"kind": "note", "text": "x"})
    _is_problem(note, 403, "not_allowed")
    expire = await town.here.worker.move(case["id"], "expire")
    _is_problem(expire, 403, "not_allowed")


async def test_a_move_takes_its_own_fields_only(town: Town) -> None:
    case = await town.submit()
    extra = _is_problem(await town.here.worker.move(case["id"], "sign", reply="x"), 422, "malformed")
    assert extra["errors"] == [
        {"loc": ["body", "reply"], "msg": "此操作不用这个字段", "type": "extra_forbidden"}
    ]
    missing = _is_problem(await town.here.worker.move(case["id"], "finish", reply="x"), 422, "malformed")
    assert missing["errors"][0]["loc"] == ["body", "outcome"]
    unknown = await town.here.worker.move(case["id"], "explode")
    _is_problem(unknown, 422, "malformed")


async def test_a_household_case_is_private_and_only_its_own_household_hands_it_in(town: Town) -> None:
    body = {**GOOD, "home_id": str(town.here.home)}
    public = await town.here.resident.post("/cases", {**body, "visibility": "public"})
    _is_problem(public, 422, "household_is_private")
    _is_problem(await town.there.resident.post("/cases", body), 404, "not_found")
    assert (await town.here.resident.post("/cases", body)).status_code == 201
    both = await town.here.resident.post("/cases", {**body, "place_id": str(town.here.place)})
    assert _is_problem(both, 422, "malformed")["errors"][0]["msg"] == "place_id 与 home_id 须填且只填一个"


async def test_a_whole_town_is_too_wide_a_place(town: Town) -> None:
    answer = await town.here.resident.post("/cases", {**GOOD, "place_id": str(town.place)})
    _is_problem(answer, 422, "place_too_wide")
    nowhere = await town.here.resident.post("/cases", {**GOOD, "place_id": str(town.here.desk)})
    _is_problem(nowhere, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("GET", "/nothing"), ("POST", "/v1/cases/x/y/z")]
)
async def test_an_unknown_address_says_so(client: httpx.AsyncClient, method: str, path: str) -> None:
    _is_problem(await client.request(method, path), 404, "not_found")


async def test_a_wrong_method_says_so(client: httpx.AsyncClient) -> None:
    _is_problem(await client.delete("/v1/cases"), 405, "method_not_allowed")


async def test_every_problem_has_a_page(client: httpx.AsyncClient, town: Town) -> None:
    problem = (await town.stranger.get("/cases/" + str(town.here.place))).json()
    page = await client.get(problem["type"])
    assert page.status_code == 200
    assert problem["title"] in page.text
    listed = await client.get("/problems/")
    assert problem["code"] in listed.text
    assert (await client.get("/problems/no_such_thing")).status_code == 404


async def test_a_request_id_is_kept_and_a_strange_one_replaced(client: httpx.AsyncClient) -> None:
    kept = await client.get("/healthz", headers={"x-request-id": "abcdefgh-123"})
    assert kept.headers["x-request-id"] == "abcdefgh-123"
    replaced = await client.get("/healthz", headers={"x-request-id": "a b\"'<script>"})
    assert replaced.headers["x-request-id"] != "a b\"'<script>"
