"""The ledger under random hands while its sender is killed: no message without a consent, no consent spent twice.

LINLI_LEDGER_STEPS=10000 runs it at full length.
"""

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.kit import clock
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines
from api.kit.events import record
from api.kit.ids import new_id
from api.models import Notice
from api.models.notices import SendState
from api.models.people import PersonId
from api.rules.notices import ConsentEntry, ConsentSource
from api.services import ledger, sending
from api.services.sending import give_up_lost
from tests.e2e.topology import Program
from tests.forked import Forked
from tests.services.test_sending import FIELDS, TEMPLATE, person, row, tell
from tests.wechat_fixture import Simulator

pytestmark = pytest.mark.fault

STEPS = int(os.environ.get("LINLI_LEDGER_STEPS", "450"))
PEOPLE, KILLS, BATCH = 24, 3, 25
Senders = Callable[[], Program]


class Story:
    """Random consents and notices, and how often each person really agreed."""

    def __init__(self, db: Database, simulator: Simulator, seed: int) -> None:
        self.db, self.simulator = db, simulator
        self.dice = random.Random(seed)
        self.people: list[tuple[PersonId, str]] = []
        self.agreed: Counter[str] = Counter()
        self.queued: Counter[str] = Counter()

    async def begin(self) -> None:
        for n in range(PEOPLE):
            openid = self.simulator.visitor(f"收信人{n}")
            self.people.append((await person(self.db, openid, consents=0), openid))

    async def steps(self, count: int) -> None:
        """In transactions of a few steps each; one in eight is rolled back, and then nothing of it counts."""
        for _ in range(0, count, BATCH):
            agreed: Counter[str] = Counter()
            queued: Counter[str] = Counter()
            try:
                async with self.db.transaction() as tx:
                    for _ in range(BATCH):
                        who, openid = self.dice.choice(self.people)
                        if self.dice.random() < 0.5:
                            identity = await ledger.identity_of(tx, who, "wx0")
                            await ledger.note(tx, identity, TEMPLATE, ConsentEntry.accept, ConsentSource.app)
                            agreed[openid] += 1
                        else:
                            event = record(
                                tx,
                                subject_kind="sample",
                                subject_id=new_id(),
                                move="reply",
                                actor_id=None,
                                actor_title="系统",
                            )
                            await tx.flush()
                            notice = Notice(
                                person_id=who,
                                event_id=event.id,
                                kind="case.reply",
                                title="收到答复",
                                text="您的诉求有新的答复。",
                                subject_kind="sample",
                                subject_id=event.subject_id,
                            )
                            tx.add(notice)
                            await tx.flush()
                            page = f"pages/case/detail?id={notice.id}"
                            made = await sending.queue_message(
                                tx, notice, template=TEMPLATE, page=page, fields=FIELDS
                            )
                            queued[openid] += made is not None
                    for openid, times in agreed.items():  # the platform knows before we do
                        for _ in range(times):
                            await asyncio.to_thread(self.simulator.consent, openid, TEMPLATE)
                    if self.dice.random() < 0.125:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue
            self.agreed += agreed
            self.queued += queued


def _senders(simulator: Simulator, database_url: str, engines: EmbeddedEngines, folder: Path) -> Senders:
    """Starts senders one after the other, each a process."""
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": engines.addresses.redis_url,
        "LINLI_WECHAT_BASE": simulator.base,
        "LINLI_WECHAT_SECRET": simulator.config.secret,
    }
    command = ["tests.faults.sender_main"]
    numbers = itertools.count()
    return lambda: Forked(f"sender-{next(numbers)}", command, folder, env=environment).launch()


async def test_what_was_under_way_when_its_sender_was_killed_is_never_sent_again(
    db: Database,
    database_url: str,
    engines: EmbeddedEngines,
    wechat_simulator: Simulator,
    redis: object,
    tmp_path: Path,
) -> None:
    """Killed while the platform has the message and its answer is not written down: it did arrive, as the page shows."""
    wechat_simulator.behave(send_seconds=0.5)
    openid = wechat_simulator.visitor("收信人")
    who = await person(db, openid, consents=2)
    for _ in range(3):  # one more than the ledger knows: a second sending would be taken
        wechat_simulator.consent(openid, TEMPLATE)
    first = await tell(db, who)
    start = _senders(wechat_simulator, database_url, engines, tmp_path)
    sender = start()
    try:
        for _ in range(20_000):
            if openid in wechat_simulator.platform.in_flight:
                break
            await asyncio.sleep(0.005)
        sender.kill()
        assert await _count(db, "state = 'sending'") == 1
        clock.move(sending.LOST_AFTER + timedelta(seconds=5))  # for us alone, not for the sender
        async with db.transaction() as tx:
            await give_up_lost(tx)
        clock.reset()
        second = await tell(db, who)
        sender = start()
        for _ in range(2_000):
            if not await _count(db, "state in ('pending', 'sending')"):
                break
            await asyncio.sleep(0.05)
    finally:
        sender.kill()
    arrived = Counter(message["page"] for message in await asyncio.to_thread(wechat_simulator.messages))
    assert sorted(arrived.values()) == [1, 1]
    states = [(await row(db, message)).state for message in (first, second)]
    assert states == [SendState.unknown, SendState.sent]


async def test_ten_thousand_consents_and_messages_while_the_sender_is_killed(
    db: Database,
    database_url: str,
    engines: EmbeddedEngines,
    wechat_simulator: Simulator,
    redis: object,
    tmp_path: Path,
) -> None:
    wechat_simulator.behave(send_seconds=0.05)
    story = Story(db, wechat_simulator, seed=20260303)
    await story.begin()
    start = _senders(wechat_simulator, database_url, engines, tmp_path)
    sender = start()
    try:
        for _ in range(KILLS):
            await story.steps(STEPS // KILLS)
            for _ in range(1000):
                if await _count(db, "state = 'sending'") > 1:
                    break
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.1 + story.dice.random() / 10)  # well after the first token was fetched
            sender.kill()
            sender = start()
            clock.move(sending.LOST_AFTER + timedelta(seconds=5))  # for us alone, not for the sender
            async with db.transaction() as tx:
                await give_up_lost(tx)
            clock.reset()
        for _ in range(600):
            if not await _count(db, "state in ('pending', 'sending')"):
                break
            await asyncio.sleep(0.1)
    finally:
        sender.kill()
    arrived = await asyncio.to_thread(wechat_simulator.messages)
    errcodes = Counter(await asyncio.to_thread(wechat_simulator.calls, "/cgi-bin/message/subscribe/send"))
    assert errcodes[43101] == 0, "a send without a credit"
    per_person = Counter(message["openid"] for message in arrived)
    assert all(per_person[openid] <= story.agreed[openid] for openid in per_person)
    assert max(Counter(message["page"] for message in arrived).values()) == 1, "a message sent twice"
    sent, unknown = await _count(db, "state = 'sent'"), await _count(db, "state = 'unknown'")
    assert await _count(db, "state in ('pending', 'sending', 'failed')") == 0
    assert sent + unknown == sum(story.queued.values())
    assert sent <= len(arrived) <= sent + unknown
    assert sent > STEPS // 8
    async with db.reading() as tx:
        for who, openid in story.people:
            left = await ledger.balance(tx, who, TEMPLATE)
            assert left == story.agreed[openid] - story.queued[openid]
    assert 0 < unknown <= KILLS * 4, "no kill came between a send and its settlement"


async def _count(db: Database, where: str) -> int:
    async with db.reading() as tx:
        return int(
            (await tx.execute(text(f"select count(*) from subscription_messages where {where}"))).scalar_one()
        )
