"""Same key and same request: one effect, one answer. What else is done with a key is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock, idempotency
from api.kit.db import Database
from api.kit.idempotency import (
    KEPT,
    KeyMalformed,
    KeyReused,
    Pending,
    Replayed,
    StillRunning,
    begin,
    check_key,
    fingerprint,
    forget_old,
    keep,
    replay,
)
from api.kit.ids import new_id

SOMEBODY = new_id()
REQUEST = fingerprint("POST", "/v1/cases", b'{"title": "a"}')
ANOTHER = fingerprint("POST", "/v1/cases", b'{"title": "b"}')


def pending(key: str = "tap", request: bytes = REQUEST, who: UUID = SOMEBODY) -> Pending:
    return Pending(who, key, request)


@pytest.fixture(autouse=True)
async def _table(as_owner: Callable[[str], Awaitable[None]]) -> None:
    await as_owner("create table effects (name text)")


async def once(db: Database, what: Pending, *, held: asyncio.Event | None = None) -> None:
    """A request with a key, as TransactionRoute carries it out: begin, effect, keep, commit."""
    async with db.transaction() as tx:
        await begin(tx, what)
        await tx.execute(text("insert into effects values (:key)"), {"key": what.key})
        if held is not None:
            await held.wait()
        await keep(tx, what, 201, b'{"id": 1}')


async def effects(db: Database) -> int:
    async with db.reading() as tx:
        return int((await tx.execute(text("select count(*) from effects"))).scalar_one())


@asynccontextmanager
async def lock_held(db: Database, what: Pending) -> AsyncIterator[AsyncSession]:
    """Another connection is in the middle of the same request."""
    async with db.transaction() as tx:
        await begin(tx, what)
        yield tx


async def test_the_same_request_again_gets_the_same_answer_and_no_second_effect(db: Database) -> None:
    await once(db, pending())
    with pytest.raises(Replayed) as known:
        await once(db, pending())
    assert (known.value.status, known.value.body) == (201, b'{"id": 1}')
    assert await effects(db) == 1


@pytest.mark.parametrize(
    "other",
    [
        ANOTHER,
        fingerprint("PUT", "/v1/cases", b'{"title": "a"}'),
        fingerprint("POST", "/v1/cases/x", b'{"title": "a"}'),
    ],
)
async def test_the_key_of_another_request_is_refused(db: Database, other: bytes) -> None:
    await once(db, pending())
    with pytest.raises(KeyReused) as refused:
        await once(db, pending(request=other))
    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")
    assert await effects(db) == 1


async def test_two_people_may_have_chosen_the_same_key(db: Database) -> None:
    await once(db, pending())
    await once(db, pending(who=new_id()))
    await once(db, pending(key="another"))
    assert await effects(db) == 3


async def test_while_the_first_is_running_the_second_is_told_so_at_once(db: Database) -> None:
    async with lock_held(db, pending()):
        with pytest.raises(StillRunning) as refused:
            await asyncio.wait_for(once(db, pending()), 2)
        assert (refused.value.status, refused.value.retry_after) == (409, 1)
        await once(db, pending(key="another"))
        await once(db, pending(who=new_id()))
    await once(db, pending())
    assert await effects(db) == 3


async def test_a_request_that_failed_leaves_its_key_free(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await begin(tx, pending())
            await keep(tx, pending(), 201, b"{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await once(db, pending())
    assert await effects(db) == 1


async def test_without_the_lock_the_primary_key_still_lets_only_one_pass(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock only makes the refusal quick; take it away and the guard is the table's own."""
    unlocked = str(idempotency._BEGIN).replace(
        "pg_try_advisory_xact_lock(hashtextextended(:person || :key, 0))", "true"
    )
    assert "advisory" not in unlocked
    monkeypatch.setattr(idempotency, "_BEGIN", text(unlocked))
    together = asyncio.Event()
    requests = [asyncio.create_task(once(db, pending(), held=together)) for _ in range(4)]
    await asyncio.sleep(0.3)
    together.set()
    ended = await asyncio.gather(*requests, return_exceptions=True)
    assert sorted(type(e).__name__ for e in ended) == ["NoneType", *["StillRunning"] * 3]
    assert await effects(db) == 1
    with pytest.raises(Replayed):
        await once(db, pending())


async def test_with_the_lock_four_at_once_are_one_effect_and_three_refusals(db: Database) -> None:
    together = asyncio.Event()
    requests = [asyncio.create_task(once(db, pending(), held=together)) for _ in range(4)]
    await asyncio.sleep(0.3)
    together.set()
    ended = await asyncio.gather(*requests, return_exceptions=True)
    assert sorted(type(e).__name__ for e in ended) == ["NoneType", *["StillRunning"] * 3]
    assert await effects(db) == 1


async def test_keys_are_kept_for_a_day_and_forgotten_with_their_answers(db: Database) -> None:
    await once(db, pending())
    clock.move(KEPT - timedelta(minutes=1))
    await once(db, pending(key="younger"))
    async with db.transaction() as tx:
        await forget_old(tx)
    with pytest.raises(Replayed):
        await once(db, pending())
    clock.move(timedelta(minutes=2))
    async with db.transaction() as tx:
        await forget_old(tx)
    async with db.reading() as tx:
        kept = (await tx.execute(text("select key from idempotency_keys"))).scalars().all()
        answers = (await tx.execute(text("select key from idempotency_answers"))).scalars().all()
    assert (kept, answers) == (["younger"], ["younger"])
    await once(db, pending(request=ANOTHER))
    assert await effects(db) == 3


def test_a_key_without_an_answer_is_still_running() -> None:
    replay(pending(), None, None, None)
    with pytest.raises(StillRunning):
        replay(pending(), REQUEST, None, None)
    with pytest.raises(KeyReused):
        replay(pending(), ANOTHER, None, None)


def test_what_makes_requests_the_same_cannot_be_shifted_between_its_parts() -> None:
    assert fingerprint("POST", "/a", b"/b") != fingerprint("POST", "/a/b", b"")
    assert fingerprint("POST", "/a", b"x") == fingerprint("POST", "/a", b"x")


@pytest.mark.parametrize("key", ["a", "x" * 64, "!~", "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_a_key_is_visible_and_short(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "\t", "钥匙", "\x7f", "é"])
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(KeyMalformed):
        check_key(key)
