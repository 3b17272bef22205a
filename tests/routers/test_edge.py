"""What the outermost layer promises for every answer, whoever asks and whatever goes wrong inside."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends
from prometheus_client import REGISTRY

from api.kit.hot import HotRoute
from api.kit.http import json_response
from api.openapi import hot_routes
from tests.town import Town


@pytest.mark.parametrize("path", ["/v1/sessions/current", "/v1/me", "/nowhere", "/healthz"])
async def test_no_answer_is_kept_or_guessed_at_on_the_way(town: Town, path: str) -> None:
    answer = await town.client.get(path, headers=town.here.resident.headers)
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_the_console_keeps_its_own_rules(client: httpx.AsyncClient) -> None:
    answer = await client.get("/console/")
    assert answer.headers.get_list("cache-control") == ["no-cache"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/cases", "GET, POST"),
        ("PUT", "/admin/v1/cases", "GET, POST"),
        ("POST", "/v1/me", "DELETE, GET, PATCH"),
        ("DELETE", "/admin/v1/sessions", "GET, POST"),
        ("BREW", "/v1/cases/01938f2a-6f00-7000-8000-0123456789ab/supports", "DELETE, POST"),
        ("PUT", "/wechat/push", "GET, POST"),
        ("POST", "/healthz", "GET"),
    ],
)
async def test_who_is_refused_a_method_is_told_all_that_the_address_takes(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert "allow" not in (await client.get("/nowhere")).headers


async def test_a_made_up_method_makes_no_label_of_its_own(town: Town) -> None:
    answer = await town.client.request("BREW", "/v1/me", headers=town.here.resident.headers)
    assert answer.status_code == 405
    methods = {
        sample.labels["method"]
        for metric in REGISTRY.collect()
        if metric.name == "linli_http_requests"
        for sample in metric.samples
    }
    assert "BREW" not in methods


async def test_half_a_character_as_a_fields_name_is_malformed(town: Town) -> None:
    case = await town.submit()
    for path in ("/v1/cases", f"/v1/cases/{case['id']}/messages"):
        answer = await town.client.post(
            path,
            content=b'{"kind":"note","text":"x","\\ud800":1}',
            headers={**town.here.resident.headers, "content-type": "application/json"},
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


async def test_of_ten_thousand_faults_a_hundred_are_told(town: Town) -> None:
    body = {"category": "help", "title": "路灯不亮", "text": "灯"} | {f"x{n}": n for n in range(10_000)}
    answer = await town.here.resident.post("/cases", body)
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 100)


async def test_an_accident_inside_is_logged_without_what_it_stumbled_over(
    town: Town, caplog: pytest.LogCaptureFixture, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    await as_owner("alter table cases add constraint broken check (title <> '王小明的事')")
    with caplog.at_level(logging.ERROR, "linli.http"):
        answer = await town.here.resident.post(
            "/cases",
            {
                "category": "help",
                "title": "王小明的事",
                "text": "家在三单元",
                "place_id": str(town.here.place),
            },
        )
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    (record,) = [r for r in caplog.records if r.name == "linli.http"]
    said = f"{record.__dict__} {caplog.text}"
    assert "CheckViolationError" in said
    assert "王小明" not in said
    assert "三单元" not in said


async def test_a_console_username_with_a_control_character_is_malformed(client: httpx.AsyncClient) -> None:
    form = {"username": "a\x00b", "password": "x", "otp": "123456"}
    answer = await client.post("/admin/v1/sessions", data=form)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize("door", ["/v1", "/v1/", "/admin/v1", "/admin/v1/"])
async def test_a_door_alone_is_nothing(client: httpx.AsyncClient, door: str) -> None:
    answer = await client.get(door)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_hot_path_does_not_leave_out_what_its_router_depends_on() -> None:
    async def guard() -> None:
        """Whatever decides who may call."""

    async def endpoint() -> Any:
        return json_response({})

    router = APIRouter(route_class=HotRoute, dependencies=[Depends(guard)])
    router.get("/hot")(endpoint)
    with pytest.raises(TypeError, match="/hot"):
        hot_routes({"/v1": [router]})
