"""A person judges what the platform could not: at once shown or hidden, never one's own, and the author is told why."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from api.models.people import PersonId
from api.rules.roles import Role
from api.services.content import deciding
from api.services.content.subjects import SUBJECTS
from tests.services.test_nothing_leaks import residents_tables
from tests.town import Actor, Town, make_admin, sign_in

Pump = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def _nobody_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: False)


async def _queue(who: Actor, query: str = "") -> list[dict[str, Any]]:
    answer = await who.get(f"/moderation{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def _judge(who: Actor, check: str, move: str, **body: Any) -> Any:
    return await who.post(f"/moderation/{check}/moves/{move}", body)


async def _reviewer(town: Town) -> Actor:
    return await sign_in(
        await make_admin(town.app, town.client, "审核员", Role.community_worker, town.here.place)
    )


async def test_what_is_doubtful_is_shown_when_a_person_passes_it(town: Town, pump: Pump) -> None:
    case = await town.submit(visibility="public", text="广告推广的传单贴满楼道")
    await pump()
    reviewer = await _reviewer(town)
    [check] = await _queue(reviewer)
    assert (check["title"], check["label_title"], check["subject_id"]) == ("诉求", "广告", case["id"])
    assert check["texts"] == [case["title"], case["text"]]
    assert sorted(check["moves"]) == ["pass", "refuse"]
    passed = await _judge(reviewer, check["id"], "pass")
    assert (passed.status_code, passed.json()["state"], passed.json()["moves"]) == (200, "passed", [])
    assert (await town.stranger.get(f"/cases/{case['id']}")).status_code == 200
    assert await _queue(reviewer) == []


async def test_a_refusal_tells_the_author_why_and_can_be_put_right(town: Town, pump: Pump) -> None:
    case = await town.submit(visibility="public", text="广告推广的传单贴满楼道")
    await pump()
    reviewer = await _reviewer(town)
    [check] = await _queue(reviewer)
    silent = await _judge(reviewer, check["id"], "refuse")
    assert (silent.status_code, silent.json()["errors"][0]["loc"]) == (422, ["body", "reason"])
    refused = await _judge(reviewer, check["id"], "refuse", reason="含有他人的电话号码")
    assert (refused.json()["state"], refused.json()["reason"]) == ("refused", "含有他人的电话号码")
    await pump()
    told = (await town.here.resident.get("/notices")).json()["items"]
    assert any("含有他人的电话号码" in n["text"] and n["title"] == "诉求未通过审核" for n in told)
    assert (await town.stranger.get(f"/cases/{case['id']}")).status_code == 404
    [again] = await _queue(reviewer, "?state=refused")
    assert again["moves"] == ["pass"]
    assert (await _judge(reviewer, check["id"], "pass")).status_code == 200
    assert (await town.stranger.get(f"/cases/{case['id']}")).status_code == 200


async def test_a_sampled_pass_that_a_person_refuses_is_hidden_again(
    town: Town, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: True)
    case = await town.submit(visibility="public")
    await town.here.resident.call("PATCH", "/me", json={"nickname": "不雅之名"})
    await pump()
    reviewer = await _reviewer(town)
    assert (await town.here.resident.get("/me")).json()["nickname"] == "不雅之名"
    for check in await _queue(reviewer):
        assert (await _judge(reviewer, check["id"], "refuse", reason="不宜公开")).status_code == 200
    assert (await town.stranger.get(f"/cases/{case['id']}")).status_code == 404
    assert (await town.stranger.get(f"/cases?place={town.here.place}")).json()["items"] == []
    assert (await town.here.resident.get("/me")).json()["nickname"] == "微信居民"


async def test_nobody_judges_his_own_words(town: Town, pump: Pump) -> None:
    reviewer = await _reviewer(town)
    other = await _reviewer(town)
    await town.submit(visibility="public", text="广告推广")
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update content_checks set author_id = :who"), {"who": reviewer.id})
    await pump()
    [check] = await _queue(reviewer)
    assert check["moves"] == []
    own = await _judge(reviewer, check["id"], "pass")
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed")
    assert (await _judge(other, check["id"], "pass")).status_code == 200


async def test_the_neighbours_reviewer_and_what_belongs_nowhere(town: Town, pump: Pump) -> None:
    there = await sign_in(await make_admin(town.app, town.client, "乙", Role.secretary, town.there.place))
    await town.submit(text="广告推广")
    await town.stranger.call("PATCH", "/me", json={"nickname": "广告推广"})  # lives nowhere that is known
    await pump()
    assert await _queue(there) == []
    assert {c["title"] for c in await _queue(town.operator)} == {"诉求", "昵称"}
    assert {c["title"] for c in await _queue(await _reviewer(town))} == {"诉求"}


async def test_of_two_reviewers_at_the_same_instant_one_decides(town: Town, pump: Pump) -> None:
    first, second = await _reviewer(town), await _reviewer(town)
    for _ in range(10):
        case = await town.submit(visibility="public", text="广告推广")
        await pump()
        [check] = await _queue(first)
        answers = await asyncio.gather(
            _judge(first, check["id"], "pass"), _judge(second, check["id"], "refuse", reason="不宜公开")
        )
        assert sorted(a.status_code for a in answers) in ([200, 409], [200, 403]), [a.text for a in answers]
        shown = (await town.stranger.get(f"/cases/{case['id']}")).status_code == 200
        settled = (await first.get(f"/moderation/{check['id']}")).json()["state"]
        assert (settled == "passed") == shown
        async with town.app.state.db.transaction() as tx:  # a refusal may be put right: this round is over
            await tx.execute(
                text("update content_checks set state = 'superseded' where id = :id"),
                {"id": UUID(check["id"])},
            )


async def test_a_reviewer_sees_the_authors_risk(town: Town, pump: Pump) -> None:
    await town.submit(text="广告推广")
    await pump()
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update risk_ratings set rank = 4 where person_id = :who"),
            {"who": PersonId(town.here.resident.id)},
        )
    [check] = await _queue(await _reviewer(town))
    assert (check["risk_rank"], check["author"]["id"]) == (4, str(town.here.resident.id))


KINDS = {
    "appointments": "appointment",
    "claims": "claim",
    "case_ratings": "case_rating",
    "memberships": "membership",
    "needs": "need",
    "activities": "activity",
    "cases": "case",
    "case_messages": "case_message",
    "case_requests": "case_request",
    "case_tasks": "case_task",
    "uploads": "upload",
    "topics": "topic",
    "statements": "statement",
    "objections": "objection",
}
"""The kind of subject under which the words of a table are judged."""


def test_every_table_with_residents_words_has_its_verdicts() -> None:
    """A table with a column `content` whose kind nobody registered would never be shown."""
    assert residents_tables() == KINDS.keys(), (
        "name its kind here and register it in api/services/content/subjects.py"
    )
    assert set(KINDS.values()) <= SUBJECTS.keys()
