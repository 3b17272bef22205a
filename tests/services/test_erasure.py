"""注销 of somebody who has used everything: nothing of theirs in a dump, and all that is proved still proves.

The columns are the database's own. One that could hold a person or words and stands in neither half of the registry
(api/services/privacy/holdings.py, plain.py) fails, and so does one of the registry's that nobody has marked.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from api.kit import clock, merkle
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.events import COMMITMENT, Event, EventWords, commitment, record
from api.models import EventLeaf, Seal, metadata
from api.rules.voting.records import leaf_of
from api.rules.voting.rule import digest
from api.rules.voting.verify import verify
from api.services.polls import sealing
from api.services.privacy.erasing import Goodbyes
from api.services.privacy.holdings import HOLDINGS, OFFICES, exporting
from api.services.privacy.plain import PLAIN, plain
from api.services.uploads import sweeping
from tests import polls
from tests.services.erasure_life import MARK, PHONE, TEXTS, lead, words_of
from tests.services.test_privacy import dumped
from tests.town import Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


# The registry


def test_every_column_that_can_hold_words_stands_in_one_half_of_the_registry() -> None:
    told = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, TEXTS) and getattr(column.type, "enums", None) is None
    }
    erased = {(h.table, name) for h in HOLDINGS for name in (*h.columns, *h.words)}
    assert told - erased - plain() == set(), (
        "say in api/services/privacy/ what a 注销 does to these (holdings.py, matters.py, deliberation.py),"
        " or why they hold nobody's words (plain.py)"
    )
    known = {(t.name, c.name) for t in metadata.tables.values() for c in t.columns}
    assert plain() - known == set()
    assert {(h.table, name) for h in HOLDINGS for name in h.words} - known == set()
    assert plain() & erased == set()
    assert all(PLAIN)


def test_what_holds_words_is_emptied_and_what_holds_a_person_is_exported_or_says_why_not() -> None:
    assert [h.table for h in HOLDINGS if h.words and not h.erase] == []
    assert [h.table for h in HOLDINGS if not h.mine and not h.untold] == []
    assert [h.table for h in HOLDINGS if h.mine and h.untold] == []
    assert len({h.table for h in HOLDINGS}) == len(HOLDINGS)


async def test_the_database_takes_every_statement_of_the_registry(db: Database) -> None:
    """For somebody who does not exist, so that one table's slip is named alone."""
    refused = []
    everything = {"person": uuid4(), "erasure": uuid4(), "now": clock.now(), "offices": OFFICES}
    statements = [(h.table, text(sql)) for h in HOLDINGS for sql in h.erase]
    for table, statement in [*statements, *((h.table, sql) for h, sql in exporting())]:
        names = {n: v for n, v in everything.items() if n in statement.compile().params}
        try:
            async with db.transaction() as tx:
                await tx.execute(statement, names)
        except DBAPIError as error:
            refused.append((table, str(error.orig)[:200]))
    assert refused == []


# 注销


async def proofs(town: Town, poll: str) -> dict[str, Any]:
    """All that was promised to verify for ever; what does not verify fails here."""
    state = town.app.state
    async with state.db.reading() as tx:
        events = {event.id: event for event in (await tx.execute(select(Event))).scalars()}
        leaves = list((await tx.execute(select(EventLeaf))).scalars())
        seals = list((await tx.execute(select(Seal).order_by(col(Seal.log_id), col(Seal.number)))).scalars())
        batches = (
            await tx.execute(
                text("select log_id, number, leaf from sealed_leaves order by log_id, number, position")
            )
        ).all()
        kept = list((await tx.execute(select(EventWords))).scalars())
        points = (
            await tx.execute(
                text(
                    "select a.person_id, a.balance, coalesce(sum(e.amount), 0)::int as total from points_accounts a"
                    " left join points_entries e on e.person_id = a.person_id group by 1, 2 order by 1"
                )
            )
        ).all()
    assert leaves
    for leaf in leaves:
        assert leaf_of(sealing.event_content(events[leaf.event_id], bytes(leaf.salt))) == bytes(leaf.leaf)
    in_batch: dict[tuple[Any, int], list[bytes]] = {}
    for log, number, leaf in batches:
        in_batch.setdefault((log, number), []).append(bytes(leaf))
    for seal in seals:
        assert merkle.root(in_batch[seal.log_id, seal.number]).hex() == seal.root
        content = {n: v for n, v in sealing.head_of(seal).items() if n not in ("hash", "signature")}
        assert digest(content) == seal.hash
    for words in kept:
        if words.salt is not None:
            said = commitment(words.told, words.words, bytes(words.salt))
            assert events[words.event_id].data[COMMITMENT] == said
    assert [row for row in points if row.balance != row.total] == []
    bulletin = (await town.supervisor.get(f"/polls/{poll}/bulletin")).json()
    assert verify(bulletin) == []
    return {
        "leaves": {str(leaf.event_id): bytes(leaf.leaf).hex() for leaf in leaves},
        "heads": [seal.hash for seal in seals],
        "points": [tuple(row) for row in points],
        "bulletin": {n: v for n, v in bulletin.items() if n != "heads"},
    }


async def unmarked(db: Database) -> list[str]:
    """Columns of the registry that hold no mark."""
    found = []
    async with db.reading() as tx:
        for holding in HOLDINGS:
            for column in words_of(holding):
                seen = await tx.execute(
                    text(
                        f"select exists (select from {holding.table} where cast({column.name} as text) like :a"
                        f" or cast({column.name} as text) like :b)"
                    ),
                    {"a": f"%{MARK}%", "b": f"%{MARK.encode().hex()}%"},
                )
                if not seen.scalar_one():
                    found.append(f"{holding.table}.{column.name}")
    return found


@pytest.fixture
async def poll(town: Town, pump: Pump) -> str:
    """Opened, voted in by the resident, closed, sealed, counted."""
    voters = (town.here.resident, *await polls.neighbours(town, town.here, 2))
    poll = await polls.opened(town)
    for who in voters:
        assert (await polls.vote(who, poll, "yes")).status_code == 201
    await polls.closed(town, pump)
    return poll


async def test_nothing_is_left_of_somebody_who_used_everything_and_everything_still_verifies(
    town: Town,
    app: FastAPI,
    db: Database,
    redis: Redis,
    database_url: str,
    wechat_simulator: Simulator,
    pump: Pump,
    poll: str,
) -> None:
    who, vault = town.here.resident, app.state.vault
    wechat_simulator.order("visits", names=[who.name])
    world = await lead(town, wechat_simulator)
    await polls.draft(town, basis="list", source={"entries": [{"label": "老周", "person_id": str(who.id)}]})
    assert await unmarked(db) == [], "nobody has written the mark into these"
    await pump()
    await polls.sealed(app)
    before = await proofs(town, poll)
    marks = [
        MARK, MARK.encode().hex(), PHONE, wechat_simulator.openid(who.name),
        vault.index("phone", PHONE).hex(),
    ]  # fmt: skip
    dump = dumped(database_url)
    assert [m for m in marks if m not in dump] == [PHONE]
    files = _files(app, world.pictures)
    assert len(files) == 2 * len(world.pictures)

    due = datetime.fromisoformat((await who.call("DELETE", "/me")).json()["due_at"])
    clock.set_to(due + timedelta(seconds=1))
    await pump()
    while await Goodbyes(db, app.state.sessions).run_one():
        pass
    await _sweep(app)
    await polls.sealed(app)

    dump = dumped(database_url)
    assert [m for m in marks if m in dump] == [], _where(dump, marks)
    assert [path for path in files if path.exists()] == []
    for key in await redis.keys("*"):
        held = key + (await redis.dump(key) or b"")
        assert not any(m.encode() in held for m in marks)
    await polls.renew(town, town.supervisor)
    after = await proofs(town, poll)
    assert before["leaves"].items() <= after["leaves"].items()
    assert set(before["heads"]) <= set(after["heads"])
    assert (before["points"], before["bulletin"]) == (after["points"], after["bulletin"])


def _files(app: FastAPI, pictures: list[str]) -> list[Path]:
    folder = Path(app.state.settings.upload_dir)
    return [path for path in folder.rglob("*") if any(picture in path.name for picture in pictures)]


async def _sweep(app: FastAPI) -> None:
    async with app.state.db.transaction() as tx:
        await sweeping.doom_unused(tx)
    sweeper = sweeping.Sweeper(app.state.db, app.state.pictures)
    while await sweeper.run_one():
        pass


def _where(dump: str, marks: list[str]) -> str:
    """Table by table what was left, for whoever has to mend it."""
    lines = [line[:300] for line in dump.splitlines() if any(m in line for m in marks)]
    return json.dumps(lines, ensure_ascii=False, indent=1)


# What is kept beside an event


async def test_words_beside_an_event_cannot_be_changed_and_go_only_for_a_request_that_is_done(
    town: Town, db: Database
) -> None:
    who = town.here.resident
    async with db.transaction() as tx:
        event = record(
            tx, subject_kind="case", subject_id=who.id, move="try", actor_id=who.id, actor_title="居民",
            text="提出异议", told="提出异议：没修好", words={"reason": "没修好"},
        )  # fmt: skip
        asked = await tx.execute(
            text(
                "insert into erasures (id, person_id, source, state, due_at, version, created_at, updated_at)"
                " values (gen_random_uuid(), :who, 'person', 'requested', now(), 1, now(), now()) returning id"
            ),
            {"who": who.id},
        )
        erasure = asked.scalar_one()
    assert "没修好" not in f"{event.text}{event.data}"
    emptied = "update event_words set told = null, words = null, salt = null"
    for refused in (
        "update event_words set told = '修好了'",
        "delete from event_words",
        "truncate event_words",
        emptied,
        f"{emptied}, forgotten_for = gen_random_uuid()",
        f"{emptied}, forgotten_for = '{erasure}'",
    ):
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            async with db.transaction() as tx:
                await tx.execute(text(refused))
    async with db.transaction() as tx:
        await tx.execute(text("update erasures set state = 'done'"))
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.transaction() as tx:
            await tx.execute(text(f"update event_words set told = null, forgotten_for = '{erasure}'"))
    async with db.transaction() as tx:
        await tx.execute(text(f"{emptied}, forgotten_for = '{erasure}'"))
    async with db.reading() as tx:
        kept = (await tx.execute(select(EventWords).where(col(EventWords.event_id) == event.id))).scalar_one()
    assert (kept.told, kept.words, kept.salt, kept.forgotten_for) == (None, None, None, erasure)


async def test_the_timeline_tells_the_reason_while_it_is_kept_and_the_bare_step_afterwards(
    town: Town, db: Database, pump: Pump
) -> None:
    who = town.here.resident
    wish = await who.post(
        "/wishes", {"title": "花镜", "text": "看不清", "category": "goods", "place_id": str(town.here.place)}
    )
    path = f"/wishes/{wish.json()['id']}"
    await pump()
    assert (await town.here.worker.post(f"{path}/moves/return", {"reason": "请写度数"})).status_code == 200
    await pump()

    async def told() -> list[str]:
        items = (await town.here.worker.get(f"{path}/events")).json()["items"]
        return [item["text"] for item in items]

    assert (await told())[-1] == "退回修改：请写度数"
    notices = (await who.get("/notices")).json()["items"]
    assert any("请写度数" in notice["text"] for notice in notices)
    due = datetime.fromisoformat((await who.call("DELETE", "/me")).json()["due_at"])
    clock.set_to(due + timedelta(seconds=1))
    await pump()
    assert (await told())[-1] == "退回修改"
