"""Subscription messages: one consent, one message, at most once; against the simulated platform."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from api.kit import cache, clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.events import record
from api.kit.ids import new_id
from api.models import Notice, Person, SubscriptionMessage, WechatIdentity
from api.models.notices import SendState
from api.models.people import PersonId
from api.rules.notices import ConsentEntry, ConsentSource
from api.services import ledger, sending
from api.services.sending import Outcome, Sender, give_up_lost, queue_message
from api.settings import Settings
from api.wechat.client import WeChat
from api.worker import Courier
from tests.wechat_fixture import Simulator

TEMPLATE, PLATFORM_ID = "case_progress", "template-id-of-the-platform"
FIELDS = {
    "thing1": "三号楼电梯又停了，老人下不了楼，请尽快来人看一看",
    "phrase2": "已处置",
    "time3": "2026-03-02 09:30",
    "thing4": "请您评价",
}


class Sent:
    """A stand-in for the platform that notes whom it was asked to reach, and how many at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.order: list[UUID] = []

    async def deliver(self, message: SubscriptionMessage) -> Outcome:
        self.under_way[message.openid] += 1
        self.most[message.openid] = max(self.most[message.openid], self.under_way[message.openid])
        await asyncio.sleep(self.seconds)
        self.under_way[message.openid] -= 1
        self.order.append(message.id)
        return Outcome(SendState.sent)


@pytest.fixture
async def wechat(wechat_simulator: Simulator, redis: Redis) -> AsyncIterator[WeChat]:
    async with WeChat(wechat_simulator.config, redis) as client:
        yield client


@pytest.fixture
def sender(db: Database, settings: Settings, wechat: WeChat) -> Sender:
    settings = settings.model_copy(update={"wechat_templates": {TEMPLATE: PLATFORM_ID}})
    return Sender(db, Courier(settings, wechat).deliver)


async def person(db: Database, openid: str | None, consents: int = 1) -> PersonId:
    """Somebody who agreed to so many messages, in our ledger."""
    who = Person(nickname="居民")
    async with db.transaction() as tx:
        tx.add(who)
        await tx.flush()
        if openid is not None:
            identity = WechatIdentity(app="wx0", openid=openid, person_id=who.id)
            tx.add(identity)
            await tx.flush()
            for _ in range(consents):
                await ledger.note(tx, identity, TEMPLATE, ConsentEntry.accept, ConsentSource.app)
    return who.id


async def tell(
    db: Database, person_id: PersonId, *, fail: bool = False, urgent: bool = False, **columns: Any
) -> UUID | None:
    """A notice and, where the person agreed to one, its message, in one transaction: the message's id."""
    async with db.transaction() as tx:
        event = record(
            tx, subject_kind="sample", subject_id=new_id(), move="reply", actor_id=None, actor_title="系统"
        )
        await tx.flush()
        notice = Notice(
            person_id=person_id,
            event_id=event.id,
            kind="case.reply",
            title="收到答复",
            text="您的诉求有新的答复。",
            subject_kind=event.subject_kind,
            subject_id=event.subject_id,
        )
        tx.add(notice)
        await tx.flush()
        message = await queue_message(
            tx,
            notice,
            template=TEMPLATE,
            page=f"pages/case/detail?id={notice.id}",
            fields=FIELDS,
            urgent=urgent,
        )
        for name, value in columns.items():
            setattr(message, name, value)
        if fail:
            raise ZeroDivisionError
    return message.id if message else None


async def row(db: Database, message_id: UUID | None) -> SubscriptionMessage:
    async with db.reading() as tx:
        found = await tx.get(SubscriptionMessage, message_id)
        assert found is not None
        return found


async def credits_of(db: Database, person_id: PersonId) -> int:
    async with db.reading() as tx:
        return await ledger.balance(tx, person_id, TEMPLATE)


async def messages(db: Database) -> int:
    async with db.reading() as tx:
        return int((await tx.execute(text("select count(*) from subscription_messages"))).scalar_one())


async def drain(sender: Sender) -> int:
    done = 0
    while await sender.run_one():
        done += 1
    return done


# The ledger


async def test_a_consent_is_spent_with_the_message_it_pays_for(db: Database) -> None:
    who = await person(db, "o-1", consents=2)
    for left in (1, 0):
        assert await tell(db, who) is not None
        assert await credits_of(db, who) == left
    assert await tell(db, who) is None
    assert (await credits_of(db, who), await messages(db)) == (0, 2)


async def test_many_at_once_spend_no_consent_twice(db: Database) -> None:
    who = await person(db, "o-1", consents=3)
    told = await asyncio.gather(*(tell(db, who) for _ in range(8)))
    assert sum(message_id is not None for message_id in told) == 3
    assert (await credits_of(db, who), await messages(db)) == (0, 3)


async def test_what_is_rolled_back_costs_no_consent(db: Database) -> None:
    who = await person(db, "o-1")
    with pytest.raises(ZeroDivisionError):
        await tell(db, who, fail=True)
    assert (await credits_of(db, who), await messages(db)) == (1, 0)


async def test_somebody_without_wechat_gets_no_message(db: Database) -> None:
    who = await person(db, None)
    assert await tell(db, who) is None
    assert (await credits_of(db, who), await messages(db)) == (0, 0)


# To the platform


async def test_a_message_arrives_once_in_the_shape_the_platform_wants(
    db: Database, sender: Sender, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, PLATFORM_ID)
    message_id = await tell(db, await person(db, openid))
    assert await drain(sender) == 1
    found = await row(db, message_id)
    assert (found.state, found.attempts, found.error) == (SendState.sent, 1, None)
    assert found.sent_at is not None
    [arrived] = wechat_simulator.messages()
    assert arrived["openid"] == openid
    assert arrived["template_id"] == PLATFORM_ID
    assert arrived["state"] == "developer"
    assert arrived["values"]["thing1"] == FIELDS["thing1"][:19] + "…"


async def test_a_refusal_is_final_and_the_notice_stays(
    db: Database, sender: Sender, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")  # who took the consent back in the meantime
    who = await person(db, openid)
    message_id = await tell(db, who)
    assert await drain(sender) == 1
    found = await row(db, message_id)
    assert found.state is SendState.failed
    assert "43101" in (found.error or "")
    clock.move(timedelta(days=1))
    assert await drain(sender) == 0
    assert await credits_of(db, who) == 0
    async with db.reading() as tx:
        assert (await tx.execute(text("select count(*) from notices"))).scalar_one() == 1


async def test_a_busy_platform_is_asked_again_later(
    db: Database, sender: Sender, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, PLATFORM_ID)
    wechat_simulator.fault("busy", path="/cgi-bin/message/subscribe/send", times=2)
    message_id = await tell(db, await person(db, openid))
    for seconds in (7, 13):
        assert await drain(sender) == 1
        found = await row(db, message_id)
        assert found.state is SendState.pending
        assert found.next_at > clock.now()
        clock.move(timedelta(seconds=seconds))
    assert await drain(sender) == 1
    assert (await row(db, message_id)).state is SendState.sent
    assert len(wechat_simulator.messages()) == 1


@pytest.mark.parametrize("fault", ["lost_answer", "gateway_page", "cut_off"])
async def test_a_message_that_may_have_arrived_is_never_sent_again(
    db: Database, sender: Sender, wechat_simulator: Simulator, fault: str
) -> None:
    openid = wechat_simulator.visitor("张三")
    for _ in range(2):
        wechat_simulator.consent(openid, PLATFORM_ID)
    wechat_simulator.fault(fault, path="/cgi-bin/message/subscribe/send", times=1)
    message_id = await tell(db, await person(db, openid))
    assert await drain(sender) == 1
    assert (await row(db, message_id)).state is SendState.unknown
    clock.move(timedelta(hours=2))
    assert await drain(sender) == 0
    assert len(wechat_simulator.calls("/cgi-bin/message/subscribe/send")) == 1


async def test_a_fault_of_our_account_loses_no_message(
    db: Database, sender: Sender, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, PLATFORM_ID)
    wechat_simulator.fault("error", path="/cgi-bin/stable_token", times=1, errcode=40164)
    message_id = await tell(db, await person(db, openid))
    assert await drain(sender) == 1
    assert (await row(db, message_id)).state is SendState.pending
    assert wechat_simulator.calls("/cgi-bin/message/subscribe/send") == []


async def test_without_redis_messages_wait(
    db: Database, settings: Settings, wechat_simulator: Simulator, sender: Sender
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, PLATFORM_ID)
    message_id = await tell(db, await person(db, openid))
    nowhere = cache.connect("redis://127.0.0.1:1/0")
    async with WeChat(wechat_simulator.config, nowhere) as cut_off:
        assert await drain(Sender(db, Courier(settings, cut_off).deliver)) == 1
    await nowhere.aclose()
    assert (await row(db, message_id)).state is SendState.pending
    clock.move(timedelta(seconds=7))
    assert await drain(sender) == 1
    assert (await row(db, message_id)).state is SendState.sent


# One at a time, at most once


async def test_one_message_to_a_person_is_under_way_at_a_time(db: Database) -> None:
    people = [await person(db, f"o-{n}", consents=5) for n in range(3)]
    told = [await tell(db, who) for _ in range(5) for who in people]
    platform = Sent(0.01)
    sender = Sender(db, platform.deliver)
    while len(platform.order) < 15:
        await asyncio.gather(*(drain(sender) for _ in range(6)))
    assert set(platform.most.values()) == {1}
    assert len(platform.most) == 3
    assert sorted(platform.order) == sorted(filter(None, told))
    for first in range(3):
        assert [m for m in platform.order if m in told[first::3]] == told[first::3]


async def test_a_sender_does_not_wait_for_another_who_is_taking_a_message_of_the_same_person(
    db: Database,
) -> None:
    who, other = await person(db, "o-1", consents=2), await person(db, "o-2")
    first, _, elses = await tell(db, who), await tell(db, who), await tell(db, other)
    async with db.transaction() as one, db.transaction() as another:
        taken = await sending.take(one)
        assert taken is not None
        assert taken.id == first
        taken = await sending.take(another)
        assert taken is not None
        assert taken.id == elses
        assert await sending.take(another) is None


async def test_two_messages_to_a_person_cannot_be_under_way_whatever_the_senders_do(db: Database) -> None:
    who = await person(db, "o-1", consents=2)
    for _ in range(2):
        await tell(db, who)
    async with db.transaction() as tx:
        assert await sending.take(tx) is not None
    blind = text("update subscription_messages set state = 'sending' where state = 'pending'")

    async def force() -> None:
        async with db.transaction() as tx:
            await tx.execute(blind)

    with pytest.raises(sending.IntegrityError, match="uq_subscription_messages_in_flight"):
        await force()


async def test_who_dies_while_sending_leaves_a_message_nobody_sends_again(db: Database) -> None:
    who = await person(db, "o-1", consents=2)
    lost, after = await tell(db, who), await tell(db, who)
    async with db.transaction() as tx:
        assert await sending.take(tx) is not None  # and then nothing more is heard
    platform = Sent()
    sender = Sender(db, platform.deliver)
    clock.move(timedelta(minutes=4))
    async with db.transaction() as tx:
        await give_up_lost(tx)
    assert await drain(sender) == 0
    clock.move(timedelta(minutes=2))
    async with db.transaction() as tx:
        await give_up_lost(tx)
    assert await drain(sender) == 1
    assert platform.order == [after]
    assert (await row(db, lost)).state is SendState.unknown


async def test_an_answer_that_comes_late_is_believed(db: Database) -> None:
    message_id = await tell(db, await person(db, "o-1"))

    async def slow(message: SubscriptionMessage) -> Outcome:
        clock.move(timedelta(minutes=6))
        async with db.transaction() as tx:
            await give_up_lost(tx)
        assert (await row(db, message_id)).state is SendState.unknown
        return Outcome(SendState.sent)

    assert await drain(Sender(db, slow)) == 1
    assert (await row(db, message_id)).state is SendState.sent


async def test_a_sender_that_breaks_leaves_the_message_unknown(db: Database) -> None:
    message_id = await tell(db, await person(db, "o-1"))

    async def broken(message: SubscriptionMessage) -> Outcome:
        raise ValueError("张三")

    assert await drain(Sender(db, broken)) == 1
    found = await row(db, message_id)
    assert found.state is SendState.unknown
    assert "张三" not in (found.error or "")


async def test_the_outcome_is_written_even_when_postgresql_went_away_meanwhile(db: Database) -> None:
    message_id = await tell(db, await person(db, "o-1"))
    others = "datname = current_database() and pid <> pg_backend_pid() and usename = current_user"

    async def through_a_restart(message: SubscriptionMessage) -> Outcome:
        outside = await asyncpg.connect(db.url)
        await outside.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")
        await outside.close()
        return Outcome(SendState.sent)

    async with db.engine.connect(), db.engine.connect():
        pass  # so that the pool holds connections that will turn out dead
    assert await drain(Sender(db, through_a_restart)) == 1
    assert (await row(db, message_id)).state is SendState.sent


async def test_news_of_yesterday_is_not_sent(db: Database) -> None:
    message_id = await tell(db, await person(db, "o-1"), created_at=clock.now() - timedelta(hours=25))
    platform = Sent()
    assert await drain(Sender(db, platform.deliver)) == 1
    assert platform.order == []
    found = await row(db, message_id)
    assert (found.state, found.spent) == (SendState.failed, False)
