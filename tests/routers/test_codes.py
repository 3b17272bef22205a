"""Mini-program codes: drawn once, kept, and read back."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kit.db import Database
from api.kit.ids import new_id
from api.rules.codes import SceneKind, read_scene, scene_of
from api.wechat.client import _SCENE
from tests import polls
from tests.town import Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
DRAWS = "/wxa/getwxacodeunlimit"


@given(st.sampled_from(SceneKind), st.uuids())
def test_a_scene_says_what_it_was_made_from_in_what_the_platform_takes(kind: SceneKind, subject_id) -> None:  # type: ignore[no-untyped-def]
    scene = scene_of(kind, subject_id)
    assert len(scene) <= 32
    assert _SCENE.fullmatch(scene)
    assert read_scene(scene) == (kind, subject_id)


@given(st.text(max_size=32))
def test_whatever_else_is_scanned_is_nothing_of_ours(scene: str) -> None:
    found = read_scene(scene)
    assert found is None or scene_of(*found) == scene


async def test_a_communitys_code_is_drawn_once_and_leads_back_to_it(
    town: Town, wechat_simulator: Simulator
) -> None:
    path = f"/codes/community/{town.here.place}"
    first = await town.here.resident.get(path)
    assert (first.status_code, first.headers["content-type"]) == (200, "image/png")
    assert first.content.startswith(b"\x89PNG")
    again = await town.stranger.get(path)
    assert again.content == first.content
    assert wechat_simulator.calls(DRAWS) == [0]
    other = await town.stranger.get(f"/codes/community/{town.there.place}")
    assert other.content != first.content

    scene = scene_of(SceneKind.community, town.here.place)
    found = (await town.stranger.get(f"/scenes/{scene}")).json()
    assert (found["kind"], found["id"], found["title"]) == ("community", str(town.here.place), "梅园新村社区")
    assert found["page"] == f"pages/community/index?id={town.here.place}"


async def test_what_does_not_exist_has_no_code_and_nothing_is_drawn_for_it(
    town: Town, wechat_simulator: Simulator
) -> None:
    for kind, subject in (("community", new_id()), ("community", town.place), ("poll", new_id())):
        answer = await town.stranger.get(f"/codes/{kind}/{subject}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        scene = scene_of(SceneKind(kind), subject)
        assert (await town.stranger.get(f"/scenes/{scene}")).status_code == 404
    assert (await town.stranger.get(f"/codes/lottery/{new_id()}")).status_code == 422
    assert (await town.stranger.get("/scenes/c=short")).status_code == 404
    assert wechat_simulator.calls(DRAWS) == []


async def test_a_polls_and_a_topics_code_lead_there_for_who_may_read_them_and_nobody_else(
    town: Town, wechat_simulator: Simulator, pump: Pump
) -> None:
    here, poll = town.here, (await polls.draft(town))["id"]
    asked = {"title": "停车怎么办", "text": "晚上没有车位。", "place_id": str(here.place)}
    raised = await here.resident.post("/topics", asked)
    assert raised.status_code == 201, raised.text
    topic = raised.json()["id"]
    for kind, subject in (("poll", poll), ("topic", topic)):
        assert (await town.there.resident.get(f"/codes/{kind}/{subject}")).status_code == 404
    assert (await here.resident.get(f"/codes/poll/{poll}")).status_code == 404
    assert wechat_simulator.calls(DRAWS) == []
    await polls.move(town, poll, "announce")
    await pump()
    for kind, subject, title in (("poll", poll, "加装电梯"), ("topic", topic, "停车怎么办")):
        assert (await here.resident.get(f"/codes/{kind}/{subject}")).status_code == 200
        scene = scene_of(SceneKind(kind), UUID(subject))
        found = (await here.resident.get(f"/scenes/{scene}")).json()
        assert (found["kind"], found["id"], found["title"]) == (kind, subject, title)
        assert found["page"] == f"pages/{kind}/detail?id={subject}"
        assert (await town.stranger.get(f"/scenes/{scene}")).status_code == 404


@pytest.mark.parametrize("fault", ["wrong_type", "gateway_page", "day_quota"])
async def test_a_platform_that_draws_nothing_is_said_so_and_nothing_is_kept(
    town: Town, db: Database, wechat_simulator: Simulator, fault: str
) -> None:
    path = f"/codes/community/{town.here.place}"
    wechat_simulator.fault(fault, path=DRAWS)
    answer = await town.stranger.get(path)
    if fault == "wrong_type":  # a picture is known by its first bytes
        assert answer.headers["content-type"] == "image/png"
    else:
        assert (answer.status_code, answer.json()["code"]) == (503, "wechat_unavailable")
