"""Two at once on one case, and one request twice: one wins, nothing is done twice, nothing is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.kit import idempotency
from api.kit.db import Database
from tests.town import Town

Pump = Callable[[], Awaitable[None]]


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
