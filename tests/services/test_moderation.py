"""Words on their way to the public: what the platform says, what it fails to say, and what each means."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import ContentCheck
from api.rules import content as rules
from api.rules.content import CheckKind, CheckState
from api.services.content import checking, deciding
from api.services.content.checking import Moderator
from api.wechat.events import MediaChecked, event_of
from api.wechat.simulator import pushes
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def _nobody_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass in a hundred would go another way; its own test draws it."""
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: False)


async def _check(town: Town, subject: str | UUID | None = None) -> ContentCheck:
    async with town.app.state.db.reading() as tx:
        found = select(ContentCheck).order_by(col(ContentCheck.id).desc()).limit(1)
        if subject is not None:
            found = found.where(col(ContentCheck.subject_id) == UUID(str(subject)))
        return (await tx.execute(found)).scalar_one()


async def _shown(town: Town, case: str) -> bool:
    return (await town.stranger.get(f"/cases/{case}")).status_code == 200


async def test_a_public_case_is_its_reporters_alone_until_it_has_passed(town: Town, pump: Pump) -> None:
    case = await town.submit(visibility="public")
    assert case["content"] == "pending"
    assert not await _shown(town, case["id"])
    await pump()
    assert await _shown(town, case["id"])
    listed = (await town.stranger.get(f"/cases?place={town.here.place}")).json()["items"]
    assert [item["id"] for item in listed] == [case["id"]]
    check = await _check(town, case["id"])
    assert (check.state, check.suggest, check.texts) == (CheckState.passed, "pass", [])
    assert check.trace_id


@pytest.mark.parametrize(
    ("words", "state", "content"),
    [
        ("这里有广告推广", CheckState.review, "review"),
        ("色情内容", CheckState.refused, "risky"),
        ("他们诈骗老人", CheckState.review, "review"),  # who complains of fraud names it
    ],
)
async def test_the_policy_for_the_label_decides(
    town: Town, pump: Pump, words: str, state: CheckState, content: str
) -> None:
    case = await town.submit(visibility="public", text=words)
    await pump()
    check = await _check(town, case["id"])
    assert (check.state, check.texts) == (state, ["三单元楼道灯不亮", words])
    assert not await _shown(town, case["id"])
    mine = (await town.here.resident.get(f"/cases/{case['id']}")).json()
    assert (mine["content"], mine["text"]) == (content, words)
    told = [n["title"] for n in (await town.here.resident.get("/notices")).json()["items"]]
    assert ("诉求未通过审核" in told) == (content == "risky")
    assert (
        await town.here.worker.get(f"/cases/{case['id']}")
    ).status_code == 200  # it is handled all the same


async def test_who_was_away_for_two_hours_waits_for_a_person(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("not_visited", path="/wxa/msg_sec_check")
    case = await town.submit(visibility="public")
    await pump()
    check = await _check(town, case["id"])
    assert check.state is CheckState.review
    assert "两小时" in (check.error or "")
    assert not await _shown(town, case["id"])


async def test_a_platform_that_is_away_is_asked_again_and_at_last_a_person(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("day_quota", path="/wxa/msg_sec_check", times=1)
    case = await town.submit(visibility="public")
    await pump()
    waiting = await _check(town, case["id"])
    assert (waiting.state, waiting.attempts) == (CheckState.pending, 1)
    assert waiting.next_at > clock.now() + timedelta(minutes=1)
    assert not await _shown(town, case["id"])
    for _ in range(rules.MOST_ATTEMPTS):  # the day's allowance is gone for all of them
        clock.set_to((await _check(town, case["id"])).next_at + timedelta(seconds=1))
        await pump()
    given_up = await _check(town, case["id"])
    assert (given_up.state, given_up.attempts) == (CheckState.review, rules.MOST_ATTEMPTS + 1)
    assert not await _shown(town, case["id"])


async def test_a_worker_that_died_while_asking_costs_a_minute(town: Town, pump: Pump) -> None:
    case = await town.submit(visibility="public")

    async def dies(_: ContentCheck) -> checking.Answer:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Moderator(town.app.state.db, dies).run_one()
    await pump()
    assert (await _check(town, case["id"])).state is CheckState.pending
    clock.move(checking.LEASE + timedelta(seconds=1))
    await pump()
    assert await _shown(town, case["id"])


async def test_a_verdict_on_words_that_were_replaced_meanwhile_shows_nothing(town: Town) -> None:
    who = town.here.resident
    await who.call("PATCH", "/me", json={"nickname": "旧名"})

    async def replaced(_: ContentCheck) -> checking.Answer:
        await who.call("PATCH", "/me", json={"nickname": "新名"})
        return deciding.Verdict("pass", 100)

    assert await Moderator(town.app.state.db, replaced).run_one()
    me = (await who.get("/me")).json()
    assert (me["nickname"], me["nickname_pending"]) == ("微信居民", "新名")


async def test_a_refused_name_leaves_the_old_one(town: Town, pump: Pump) -> None:
    who = town.here.resident
    await who.call("PATCH", "/me", json={"nickname": "老周"})
    await pump()
    await who.call("PATCH", "/me", json={"nickname": "色情老周"})
    await pump()
    me = (await who.get("/me")).json()
    assert (me["nickname"], me["nickname_pending"]) == ("老周", None)


async def test_a_long_text_is_read_to_its_end(town: Town, pump: Pump, wechat_simulator: Simulator) -> None:
    case = await town.submit(visibility="public", text="好" * 3990 + "色情")
    await pump()
    assert (await _check(town, case["id"])).state is CheckState.refused
    assert len(wechat_simulator.calls("/wxa/msg_sec_check")) == 2


async def test_one_pass_in_a_hundred_is_looked_at_by_a_person_and_shown_meanwhile(
    town: Town, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(map(rules.drawn_for_sampling, (new_id() for _ in range(20_000)))) in range(120, 300)
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: True)
    case = await town.submit(visibility="public")
    await pump()
    check = await _check(town, case["id"])
    assert (check.state, check.texts) == (CheckState.sampled, [case["title"], case["text"]])
    assert await _shown(town, case["id"])


# Pictures: the verdict is pushed, whenever and however often.


async def _avatar(
    town: Town, url: str = "https://example.org/a.jpg", who: Actor | None = None
) -> ContentCheck:
    """The new avatar of the resident here, or of somebody else, ordered to be checked."""
    person = who or town.here.resident
    await person.call("PATCH", "/me", json={"avatar": url})
    return await _check(town, person.id)


async def _heard(town: Town, message: dict[str, Any]) -> bool:
    event = event_of(message)
    assert isinstance(event, MediaChecked)
    async with town.app.state.db.transaction() as tx:
        return await checking.hear(
            tx,
            trace_id=event.trace_id,
            suggest=event.suggest.value,
            label=event.label,
            errcode=event.errcode,
        )


async def _pushed(simulator: Simulator, count: int = 1) -> list[dict[str, Any]]:
    """What the platform has to say of so many pictures; it looks at them in its own time."""
    for _ in range(200):
        held: list[dict[str, Any]] = simulator.http.get("/_control/outbox").json()["outbox"]
        if len(held) >= count:
            return held
        await asyncio.sleep(0.02)
    raise AssertionError("no push")


async def _avatar_now(town: Town) -> str | None:
    found: str | None = (await town.here.resident.get("/me")).json()["avatar"]
    return found


async def test_a_push_to_the_callback_shows_the_picture_also_when_it_comes_again(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    """The whole way: sealed and signed by the platform, let in by the gate, kept, met by the worker."""
    wechat_simulator.behave(pushes="hold")
    await _avatar(town)
    await pump()
    [content] = await _pushed(wechat_simulator)
    for _ in range(2):
        query, body, kind = pushes.pack(wechat_simulator.platform, content, pushes.Style())
        answer = await town.client.post(
            "/wechat/push", params=query, content=body, headers={"content-type": kind}
        )
        assert (answer.status_code, answer.text) == (200, "success")
        await pump()
    assert await _avatar_now(town) == "https://example.org/a.jpg"
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select count(*) from media_verdicts"))).scalar_one() == 1


@pytest.mark.parametrize("version", [1, 2])
async def test_a_picture_is_shown_when_its_verdict_comes_and_twice_is_once(
    town: Town, pump: Pump, wechat_simulator: Simulator, version: int
) -> None:
    wechat_simulator.behave(pushes="hold", media_version=version)
    check = await _avatar(town)
    assert check.what is CheckKind.picture
    await pump()
    assert await _avatar_now(town) is None
    [push] = await _pushed(wechat_simulator)
    assert await _heard(town, push)
    assert not await _heard(town, push)
    await pump()
    assert await _avatar_now(town) == "https://example.org/a.jpg"


async def test_a_verdict_that_comes_before_we_know_whose_it_is_is_kept(town: Town, pump: Pump) -> None:
    await _avatar(town)
    early = {"trace_id": "t-early", "suggest": "pass", "label": 100, "errcode": 0}

    async def ordered(_: ContentCheck) -> checking.Answer:
        async with town.app.state.db.transaction() as tx:  # the push is faster than our own commit
            await checking.hear(tx, **early)  # type: ignore[arg-type]
        return checking.Ordered("t-early")

    moderator = Moderator(town.app.state.db, ordered)
    while await moderator.run_one():
        pass
    assert await _avatar_now(town) == "https://example.org/a.jpg"


async def test_verdicts_out_of_order_each_find_their_picture(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    wechat_simulator.behave(pushes="hold")
    first = await _avatar(town, "https://example.org/first-risky.jpg")
    await pump()
    second = await _avatar(town, "https://example.org/second.jpg")
    neighbours = await _avatar(town, "https://example.org/third-risky.jpg", town.there.resident)
    await pump()
    for push in reversed(await _pushed(wechat_simulator, 3)):
        await _heard(town, push)
    await pump()
    assert await _avatar_now(town) == "https://example.org/second.jpg"
    assert (await town.there.resident.get("/me")).json()["avatar"] is None
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(select(col(ContentCheck.id), col(ContentCheck.state)))
        assert dict(found.all()) == {
            first.id: CheckState.superseded,
            second.id: CheckState.passed,
            neighbours.id: CheckState.refused,
        }


async def test_a_verdict_that_never_comes_is_a_persons_and_one_that_comes_later_changes_nothing(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    wechat_simulator.behave(pushes="hold")
    check = await _avatar(town)
    await pump()
    [push] = await _pushed(wechat_simulator)
    clock.move(rules.MEDIA_PATIENCE + timedelta(minutes=1))
    await pump()
    assert (await _check(town, check.subject_id)).state is CheckState.review
    await _heard(town, push)
    await pump()
    assert (await _check(town, check.subject_id)).state is CheckState.review
    assert await _avatar_now(town) is None


async def test_a_picture_the_platform_could_not_fetch_is_a_persons(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    wechat_simulator.behave(pushes="hold")
    check = await _avatar(town, "http://127.0.0.1:9/gone.jpg".replace("http:", "https:"))
    await pump()
    [push] = await _pushed(wechat_simulator)
    assert push["errcode"] == -1008
    await _heard(town, push)
    await pump()
    found = await _check(town, check.subject_id)
    assert (found.state, "-1008" in (found.error or "")) == (CheckState.review, True)


async def test_words_are_forgotten_when_nobody_needs_them(town: Town, pump: Pump) -> None:
    case = await town.submit(text="色情")
    await pump()
    for days, kept in ((29, 2), (31, 0)):
        clock.set_to((await _check(town, case["id"])).updated_at + timedelta(days=days))
        async with town.app.state.db.transaction() as tx:
            await checking.forget_old(tx)
        assert len((await _check(town, case["id"])).texts) == kept


async def test_two_workers_meet_one_verdict_once(town: Town, pump: Pump) -> None:
    """Of two that read the same check, the second finds it decided and leaves it."""
    case = await town.submit(visibility="public")
    check = await _check(town, case["id"])
    answers = [deciding.Verdict("pass", 100), deciding.Verdict("risky", 20002)]
    moderators = [Moderator(town.app.state.db, checking.Ask) for _ in answers]  # type: ignore[arg-type]
    for moderator, answer in zip(moderators, answers, strict=True):
        await moderator._settle(check, answer)
    assert await _shown(town, case["id"])
    async with town.app.state.db.reading() as tx:
        told = await tx.execute(
            text("select count(*) from events where subject_id = :check"), {"check": check.id}
        )
        assert told.scalar_one() == 1
