"""The ledger of consents: what counts, what is counted once, what voids, and what a person wishes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from api.kit import clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.models import Notice, SubscriptionMessage
from api.models.notices import SendState
from api.models.people import PersonId
from api.rules.notices import TEMPLATES, ConsentEntry, ConsentSource, Template, quiet_end
from api.services import digest, ledger, preferences, sending
from api.services.sending import Outcome, Sender
from api.settings import Settings
from api.wechat import fields
from api.wechat.client import WeChat
from api.worker import Courier
from tests.services.test_sending import FIELDS, PLATFORM_ID, TEMPLATE, credits_of, drain, person, row, tell
from tests.town import Town
from tests.wechat_fixture import Simulator

E, S = ConsentEntry, ConsentSource


async def note(
    db: Database, person_id: PersonId, entry: ConsentEntry, source: ConsentSource, minutes: float = 0
) -> None:
    async with db.transaction() as tx:
        identity = await ledger.identity_of(tx, person_id, "wx0")
        moment = clock.now() + timedelta(minutes=minutes)
        await ledger.note(tx, identity, TEMPLATE, entry, source, at=moment)


@pytest.mark.parametrize(
    ("answers", "left"),
    [
        ([(E.accept, S.app, 0), (E.accept, S.popup, 0.1)], 1),
        ([(E.accept, S.popup, 0), (E.accept, S.app, 0.1)], 1),
        ([(E.accept, S.app, 0), (E.accept, S.popup, 11)], 2),
        ([(E.accept, S.app, 0), (E.accept, S.app, 0.1)], 2),
        ([(E.accept, S.app, 0), (E.accept, S.app, 1), (E.accept, S.popup, 1), (E.accept, S.popup, 0)], 2),
        ([(E.accept, S.app, 0), (E.reject, S.app, 0), (E.ban, S.app, 0)], 1),
        ([(E.accept, S.app, 0), (E.off, S.settings, 0)], 0),
        ([(E.accept, S.app, 0), (E.off, S.settings, 0), (E.accept, S.app, 1)], 1),
        ([(E.accept, S.app, 0), (E.refused, S.platform, 0)], 0),
    ],
)
async def test_the_balance_is_what_the_answers_amount_to(
    db: Database, answers: list[tuple[ConsentEntry, ConsentSource, float]], left: int
) -> None:
    who = await person(db, "o-1", consents=0)
    for entry, source, minutes in answers:
        await note(db, who, entry, source, minutes)
    assert await credits_of(db, who) == left
    told = [await tell(db, who) for _ in range(left + 1)]
    assert [t is not None for t in told] == [True] * left + [False]


async def test_both_reports_of_a_tap_at_the_same_instant_pay_for_one_message(db: Database) -> None:
    who = await person(db, "o-1", consents=0)
    for n in range(5):
        await asyncio.gather(*(note(db, who, E.accept, source, 20 * n) for source in (S.app, S.popup)))
    assert await credits_of(db, who) == 5


async def test_nobody_rewrites_the_ledger(db: Database, as_owner: Callable[[str], Awaitable[None]]) -> None:
    await person(db, "o-1")
    for statement in (
        "update subscription_consents set entry = 'reject'",
        "delete from subscription_consents",
        "truncate subscription_consents cascade",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.transaction() as tx:
                await tx.execute(text(statement))
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await as_owner(statement)


async def test_no_consent_pays_twice_whatever_the_senders_do(db: Database) -> None:
    who = await person(db, "o-1", consents=2)
    first, second = await tell(db, who), await tell(db, who)
    with pytest.raises(IntegrityError, match="uq_subscription_messages_consent"):
        async with db.transaction() as tx:
            await tx.execute(
                text(
                    """update subscription_messages set consent_id = (
                         select consent_id from subscription_messages where id = :first) where id = :second"""
                ),
                {"first": first, "second": second},
            )


async def test_what_the_platform_did_not_take_costs_no_consent(db: Database) -> None:
    who = await person(db, "o-1")
    message_id = await tell(db, who)

    async def refuse(message: SubscriptionMessage) -> Outcome:
        return Outcome(SendState.failed, "47003", spent=False)

    assert await drain(Sender(db, refuse)) == 1
    assert (await row(db, message_id)).state is SendState.failed
    assert await credits_of(db, who) == 1
    assert await tell(db, who) is not None


@pytest.fixture
def courier(settings: Settings, wechat_simulator: Simulator, redis: Redis) -> Courier:
    settings = settings.model_copy(update={"wechat_templates": {TEMPLATE: PLATFORM_ID}})
    return Courier(settings, WeChat(wechat_simulator.config, redis))


async def test_when_the_platform_knows_of_no_consent_the_ledger_believes_it(
    db: Database, courier: Courier, wechat_simulator: Simulator
) -> None:
    who = await person(db, wechat_simulator.visitor("张三"), consents=3)
    await tell(db, who)
    assert await drain(Sender(db, courier.deliver)) == 1
    assert await credits_of(db, who) == 0
    assert wechat_simulator.calls("/cgi-bin/message/subscribe/send") == [43101]


async def test_a_value_of_the_wrong_type_never_leaves_the_house(
    db: Database, courier: Courier, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, PLATFORM_ID)
    who = await person(db, openid)
    message_id = await tell(db, who, fields={**FIELDS, "time3": "明天下午"})
    assert await drain(Sender(db, courier.deliver)) == 1
    found = await row(db, message_id)
    assert (found.state, found.spent) == (SendState.failed, False)
    assert "time3" in (found.error or "")
    assert wechat_simulator.calls("/cgi-bin/message/subscribe/send") == []


async def test_a_message_with_other_fields_than_its_template_is_not_written(db: Database) -> None:
    who = await person(db, "o-1")
    notice = Notice(person_id=who, event_id=who, kind="", title="", text="", subject_kind="", subject_id=who)
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="case_progress"):
            await sending.queue_message(tx, notice, template=TEMPLATE, page="", fields={"thing1": "路灯"})


def test_every_template_has_a_shape_of_fields_the_platform_knows() -> None:
    assert set(TEMPLATES) == set(Template)
    for shape in TEMPLATES.values():
        assert shape.title
        assert [key for key in shape.fields if fields.kind_of(key) is None] == []


# Wishes


def at(hour: int, minute: int = 0) -> datetime:
    """A moment by the clock on the wall in China."""
    return datetime(2026, 3, 3, hour, minute, tzinfo=clock.CHINA).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "start", "end", "until"),
    [
        (at(12), 22 * 60, 7 * 60, None),
        (at(22), 22 * 60, 7 * 60, at(7) + timedelta(days=1)),
        (at(3), 22 * 60, 7 * 60, at(7)),
        (at(7), 22 * 60, 7 * 60, None),
        (at(13), 12 * 60, 14 * 60 + 30, at(14, 30)),
        (at(14, 30), 12 * 60, 14 * 60 + 30, None),
        (at(13), None, None, None),
        (at(13), 9 * 60, 9 * 60, at(9) + timedelta(days=1)),
    ],
)
def test_quiet_hours_are_of_the_local_day_and_may_cross_midnight(
    now: datetime, start: int | None, end: int | None, until: datetime | None
) -> None:
    assert quiet_end(now, start, end) == until


async def wish(db: Database, who: PersonId, **changes: Any) -> None:
    async with db.transaction() as tx:
        await preferences.change(tx, who, changes)


async def test_a_message_waits_for_the_end_of_quiet_hours_and_an_urgent_one_does_not(db: Database) -> None:
    who = await person(db, "o-1", consents=2)
    await wish(db, who, quiet_from="22:00", quiet_until="07:00")
    clock.set_to(at(23))
    waiting = await row(db, await tell(db, who))
    assert waiting.next_at == at(7) + timedelta(days=1)
    platform: list[UUID] = []

    async def deliver(message: SubscriptionMessage) -> Outcome:
        platform.append(message.id)
        return Outcome(SendState.sent)

    assert await drain(Sender(db, deliver)) == 0
    urgent = await tell(db, who, urgent=True)
    assert await drain(Sender(db, deliver)) == 1
    clock.set_to(at(7, 1) + timedelta(days=1))
    assert await drain(Sender(db, deliver)) == 1
    assert platform == [urgent, waiting.id]


async def test_who_wants_no_messages_keeps_the_consent_and_the_inbox(db: Database) -> None:
    who = await person(db, "o-1")
    for wishes in ({"messages": False}, {"messages": True, "muted": [TEMPLATE]}):
        await wish(db, who, **wishes)
        assert await tell(db, who) is None
    assert await credits_of(db, who) == 1
    async with db.reading() as tx:
        assert (await tx.execute(text("select count(*) from notices"))).scalar_one() == 2
    await wish(db, who, muted=["daily_digest"])
    assert await tell(db, who) is not None


async def test_wishes_are_said_over_http_and_what_is_not_named_stays(town: Town) -> None:
    who = town.here.resident
    begin = {"messages": True, "muted": [], "quiet_from": None, "quiet_until": None, "digest": False}
    assert (await who.get("/me/preferences")).json() == begin
    quiet = {"quiet_from": "22:00", "quiet_until": "07:30"}
    answer = await who.call("PATCH", "/me/preferences", json=quiet)
    assert (answer.status_code, answer.json()) == (200, {**begin, **quiet})
    answer = await who.call("PATCH", "/me/preferences", json={"muted": [TEMPLATE], "digest": True})
    assert answer.json() == {**begin, **quiet, "muted": [TEMPLATE], "digest": True}
    off = {"quiet_from": None, "quiet_until": None}
    assert (await who.call("PATCH", "/me/preferences", json=off)).json()["quiet_from"] is None
    for bad in ({"quiet_from": "22:00"}, {"quiet_from": "22:00", "quiet_until": None}, {"muted": ["x"]},
                {"quiet_from": "24:00", "quiet_until": "07:00"}):  # fmt: skip
        answer = await who.call("PATCH", "/me/preferences", json=bad)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), bad
    assert (await town.stranger.get("/me/preferences")).json() == begin


async def test_staff_who_asked_hear_once_a_day_what_is_to_do(town: Town, pump: Any, db: Database) -> None:
    worker, other = town.here.worker, town.here.second_worker
    for _ in range(2):
        await town.submit()
    await pump()
    body = {"template": "daily_digest", "result": "accept"}
    assert (await worker.post("/subscriptions", body)).json()["credits"] == 1
    await worker.call("PATCH", "/me/preferences", json={"digest": True})
    tomorrow = clock.local(clock.now()).replace(hour=0, minute=0) + timedelta(days=1)
    clock.set_to(tomorrow.replace(hour=8))

    async def run() -> list[str]:
        async with db.transaction() as tx:
            await digest.send_due(tx)
        items = (await worker.get("/notices?limit=100")).json()["items"]
        return [n["text"] for n in items if n["kind"] == "digest.daily"]

    assert await run() == []  # too early in the day
    clock.set_to(tomorrow.replace(hour=9))
    [told] = await run()
    assert told.startswith("待签收 2 件，办理中 0 件，其中已超时 ")
    assert len(await run()) == 1
    clock.set_to(tomorrow.replace(hour=9) + timedelta(days=1))
    assert len(await run()) == 2
    async with db.reading() as tx:
        rows = (await tx.execute(text("select template, fields from subscription_messages"))).all()
    assert [(r.template, r.fields["number1"], r.fields["date4"]) for r in rows] == [
        ("daily_digest", "2", tomorrow.strftime("%Y-%m-%d"))
    ]
    mine = (await other.get("/notices?limit=100")).json()["items"]
    assert [n for n in mine if n["kind"] == "digest.daily"] == []


async def test_a_verified_residency_is_told_by_message_too(town: Town, pump: Any, db: Database) -> None:
    who = town.stranger
    await who.post("/subscriptions", {"template": "registration_result", "result": "accept"})
    body = {"home_id": str(town.here.home), "relation": "tenant", "is_registered": False}
    asked = (await who.post("/residencies", body)).json()
    await town.here.worker.post(f"/residencies/{asked['id']}/moves/verify", {})
    await pump()
    async with db.reading() as tx:
        rows = (await tx.execute(text("select template, fields from subscription_messages"))).all()
    [message] = rows
    assert (message.template, message.fields["phrase2"]) == ("registration_result", "已核实")
    assert [k for k, v in message.fields.items() if fields.fault(k, fields.clip(k, v))] == []
