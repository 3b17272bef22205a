"""Two at once on one case, and one request twice: one wins, nothing is done twice, nothing is lost."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.kit import idempotency
from api.kit.db import Database
from api.kit.problems import Problem
from api.models.people import PersonId
from api.rules.cases import Outcome
from api.services.access import Viewer
from api.services.cases import finishing, handling, redirecting
from api.services.cases.finishing import Done
from tests.town import Town

Pump = Callable[[], Awaitable[None]]
ROUNDS = int(os.environ.get("LINLI_TEST_ROUNDS", "100"))
"""Five hundred take half a minute."""


@asynccontextmanager
async def counted(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter[str]]:
    """Round trips to PostgreSQL and Redis, as the drivers make them."""
    seen: Counter[str] = Counter()

    def counting(name: str, method: Any) -> Any:
        async def wrapped(*args: Any, **kw: Any) -> Any:
            seen[name] += 1
            return await method(*args, **kw)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("fetch", "fetchrow", "execute"):
            patch.setattr(asyncpg.Connection, name, counting("postgresql", getattr(asyncpg.Connection, name)))
        patch.setattr(app.state.redis, "execute_command", counting("redis", app.state.redis.execute_command))
        yield seen


async def _count(db: Database, table: str) -> int:
    async with db.reading() as tx:
        return int((await tx.execute(text(f"select count(*) from {table}"))).scalar_one())


async def test_of_forty_signatures_at_once_one_counts(town: Town, pump: Pump) -> None:
    case = await town.submit()
    await pump()
    signers = [town.here.worker, town.here.second_worker] * 20
    answers = await asyncio.gather(*(s.move(case["id"], "sign") for s in signers))
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 39}
    assert all("moves" in a.json() for a in answers if a.status_code == 409)
    events = (await town.here.resident.get(f"/cases/{case['id']}/events")).json()["items"]
    assert [e["move"] for e in events].count("sign") == 1


async def test_signing_against_withdrawing_has_one_winner_each_time(town: Town, pump: Pump) -> None:
    for _ in range(20):
        case = await town.submit()
        await pump()
        signed, withdrawn = await asyncio.gather(
            town.here.worker.move(case["id"], "sign"), town.here.resident.move(case["id"], "withdraw")
        )
        seen = (await town.here.resident.get(f"/cases/{case['id']}")).json()
        # Withdrawing is allowed after signing too: then both went through, one after the other.
        assert 200 in (signed.status_code, withdrawn.status_code)
        if withdrawn.status_code == 200:
            assert seen["state"] == "withdrawn"
        else:
            assert (withdrawn.status_code, seen["state"]) == (409, "in_progress")
        moves = [
            e["move"] for e in (await town.here.resident.get(f"/cases/{case['id']}/events")).json()["items"]
        ]
        assert len(moves) == 2 + [signed.status_code, withdrawn.status_code].count(200)


async def test_thirty_taps_with_one_key_are_one_case(town: Town) -> None:
    body = {"category": "help", "title": "路灯不亮", "text": "东门路灯不亮", "place_id": str(town.here.place)}
    answers = await asyncio.gather(*(town.here.resident.post("/cases", body, key="tap-1") for _ in range(30)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert sum("idempotent-replayed" not in a.headers for a in answers) == 1
    assert await _count(town.app.state.db, "cases") == 1
    assert await _count(town.app.state.db, "deadlines") == 3


async def test_without_the_key_in_the_statement_taps_would_be_many(town: Town) -> None:
    """The same burst under thirty keys makes thirty cases: it is the key that holds them together."""
    body = {"category": "help", "title": "路灯不亮", "text": "东门路灯不亮", "place_id": str(town.here.place)}
    await asyncio.gather(*(town.here.resident.post("/cases", body, key=f"tap-{n}") for n in range(30)))
    assert await _count(town.app.state.db, "cases") == 30


async def test_receipt_numbers_have_no_gap_and_no_twin(town: Town) -> None:
    body = {"category": "help", "title": "路灯不亮", "text": "东门路灯不亮", "place_id": str(town.here.place)}
    keys = [f"k-{n % 25}" for n in range(50)]
    answers = await asyncio.gather(*(town.here.resident.post("/cases", body, key=k) for k in keys))
    serials = sorted({int(a.json()["number"].rsplit("-", 1)[1]) for a in answers})
    assert serials == list(range(1, 26))


async def test_a_key_used_for_another_request_is_refused(town: Town) -> None:
    body = {"category": "help", "title": "路灯不亮", "text": "东门路灯不亮", "place_id": str(town.here.place)}
    assert (await town.here.resident.post("/cases", body, key="k")).status_code == 201
    other = await town.here.resident.post("/cases", {**body, "title": "井盖松动"}, key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    move = await town.here.resident.post("/cases/" + str(town.here.place) + "/moves/sign", {}, key="k")
    assert (move.status_code, move.json()["code"]) == (422, "idempotency_key_reused")
    neighbour = await town.there.resident.post("/cases", {**body, "place_id": str(town.there.place)}, key="k")
    assert neighbour.status_code == 201


async def test_a_move_with_a_key_is_made_once_and_answered_twice(town: Town, pump: Pump) -> None:
    case = await town.submit()
    await pump()
    first = await town.here.worker.call("POST", f"/cases/{case['id']}/moves/sign", json={}, key="sign-1")
    again = await town.here.worker.call("POST", f"/cases/{case['id']}/moves/sign", json={}, key="sign-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content


async def test_the_same_key_while_the_first_is_running_waits_for_nobody(town: Town, pump: Pump) -> None:
    case = await town.submit()
    await pump()
    answers = await asyncio.gather(
        *(
            town.here.worker.call("POST", f"/cases/{case['id']}/moves/sign", json={}, key="sign-1")
            for _ in range(12)
        )
    )
    statuses = Counter((a.status_code, a.json().get("code")) for a in answers)
    assert statuses[200, None] >= 1
    assert set(statuses) <= {(200, None), (409, "idempotency_in_progress")}
    events = (await town.here.resident.get(f"/cases/{case['id']}/events")).json()["items"]
    assert [e["move"] for e in events].count("sign") == 1


@pytest.mark.parametrize(
    ("what", "trips"), [("one", 1), ("list", 1), ("mine", 1), ("submit", 2), ("session", 0)]
)
async def test_round_trips_of_hot_requests(
    town: Town, monkeypatch: pytest.MonkeyPatch, what: str, trips: int
) -> None:
    case = await town.submit()
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "one": lambda: town.here.resident.get(f"/cases/{case['id']}"),
        "list": lambda: town.here.worker.get("/cases"),
        "mine": lambda: town.here.resident.get("/cases?mine=true"),
        "submit": town.submit,
        "session": lambda: town.here.resident.get("/sessions/current"),
    }
    await calls[what]()  # connections are open, statements prepared
    async with counted(town.app, monkeypatch) as seen:
        await calls[what]()
    assert seen == Counter({"postgresql": trips, "redis": 1})


async def test_a_twin_that_read_before_the_first_committed_undoes_itself(town: Town, db: Database) -> None:
    """Between its look and its lock the first one may commit: then the key itself decides."""
    pending = idempotency.Pending(town.here.resident.id, "twin", b"same")
    async with db.transaction() as tx:
        await idempotency.keep(tx, pending, 200, b"{}")
    with pytest.raises(idempotency.StillRunning):
        async with db.transaction() as tx:
            await idempotency.keep(tx, pending, 200, b"{}")
    assert await _count(db, "idempotency_answers") == 1


async def test_nothing_is_said_after_a_case_was_withdrawn(town: Town, pump: Pump) -> None:
    for _ in range(10):
        case = await town.submit()
        await pump()
        said, withdrawn = await asyncio.gather(
            town.here.worker.post(f"/cases/{case['id']}/messages", {"kind": "reply", "text": "在处理。"}),
            town.here.resident.move(case["id"], "withdraw"),
        )
        assert {said.status_code, withdrawn.status_code} <= {200, 201, 409}
        events = (await town.here.resident.get(f"/cases/{case['id']}/events")).json()["items"]
        moves = [e["move"] for e in events]
        assert moves.count("reply") == (said.status_code == 201)
        if withdrawn.status_code == 200:
            assert moves[-1] == "withdraw"


async def test_transfer_against_finish_against_withdraw_has_one_order_each_round(
    town: Town, pump: Pump
) -> None:
    """Two units and the resident at one instant: one wins, the others hear what is open, no event is lost."""
    first = await _ready_to_finish(town, pump)
    await _copies(town.app.state.db, first, ROUNDS)
    db: Database = town.app.state.db
    async with db.reading() as tx:
        rows = await tx.execute(text("select id from cases where id <> :first"), {"first": UUID(first)})
        cases = list(rows.scalars())
    secretary, worker, resident = (
        Viewer(PersonId(a.id), "race") for a in (town.here.secretary, town.here.worker, town.here.resident)
    )
    moves: dict[str, Callable[[Any, UUID], Awaitable[None]]] = {
        "transfer": lambda tx, case: redirecting.transfer(tx, secretary, case, town.here.desk, "归口办理"),
        "finish": lambda tx, case: finishing.finish(tx, worker, case, Done(Outcome.solved, "好了")),
        "withdraw": lambda tx, case: handling.withdraw(tx, resident, case),
    }

    async def one(case: UUID, name: str) -> Problem | None:
        try:
            async with db.transaction() as tx:
                await moves[name](tx, case)
        except Problem as refusal:
            return refusal
        return None

    winners: Counter[str] = Counter()
    for start in range(0, len(cases), 5):  # three at each at once: all find a connection
        batch = [(case, name) for case in cases[start : start + 5] for name in moves]
        found = await asyncio.gather(*(one(case, name) for case, name in batch))
        for (_, name), refusal in zip(batch, found, strict=True):
            if refusal is None:
                winners[name] += 1
            else:
                assert refusal.status in (403, 409), refusal
                assert "moves" in refusal.facts
    async with db.reading() as tx:
        chains = await tx.execute(
            text(
                "select c.id, c.state, c.version, array_agg(e.from_state || '>' || e.to_state order by e.id) steps"
                " from cases c join events e on e.subject_id = c.id and e.to_state is not null"
                " where c.id <> :first and e.from_state is not null group by c.id"
            ),
            {"first": UUID(first)},
        )
        rows = chains.all()
    assert len(rows) == ROUNDS, "each round has a winner"
    for row in rows:
        states = ["in_progress"]
        for step in row.steps:  # one after the other, each from where the one before left it
            before, after = step.split(">")
            assert before == states[-1], row.steps
            states.append(after)
        assert row.state == states[-1]
        assert row.version == 1 + len(row.steps)
    assert sum(winners.values()) == sum(len(row.steps) for row in rows), "an event lost or made up"
    assert set(winners) == set(moves), "one of them never wins: nothing was raced"


async def _ready_to_finish(town: Town, pump: Pump) -> str:
    case = str((await town.submit())["id"])
    await pump()
    assert (await town.here.worker.move(case, "sign")).status_code == 200
    said = {"kind": "contact", "text": "已电话联系。"}
    assert (await town.here.worker.post(f"/cases/{case}/messages", said)).status_code == 201
    return case


async def _copies(db: Database, case: str, count: int) -> None:
    """The same case so many times, with its reach; their clocks do not matter here."""
    async with db.transaction() as tx:
        columns = [
            row
            for row in (
                await tx.execute(
                    text("select column_name from information_schema.columns where table_name = 'cases'")
                )
            ).scalars()
            if row not in ("id", "number", "version")
        ]
        kept = ", ".join(columns)
        await tx.execute(
            text(
                f"with made as (insert into cases (id, number, version, {kept})"
                f" select gen_random_uuid(), 'copy-' || n, 1, {kept}"
                " from cases, generate_series(1, :count) n where id = :case returning id)"
                " insert into case_reach (place_id, audience, case_id)"
                " select r.place_id, r.audience, made.id from made, case_reach r where r.case_id = :case"
            ),
            {"count": count, "case": UUID(case)},
        )
