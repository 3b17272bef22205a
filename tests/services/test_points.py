"""The ledger: sums equal balances whatever happens, caps hold, nothing is changed, nothing is given twice."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.kit.db import Database
from api.kit.ids import new_id
from api.models import Person
from api.rules.points import DAILY_CAP, PAIR_CAP, EntryKind
from api.services.points import earning
from tests.neighbours import member, move, published, scalar, somebody
from tests.town import Actor, Town

STEPS = int(os.environ.get("LINLI_TEST_STEPS", "2000"))
DAY = date(2026, 11, 23)


async def _people(db: Database, many: int) -> list[UUID]:
    people = [Person(nickname=f"第{n}位") for n in range(many)]
    async with db.transaction() as tx:
        tx.add_all(people)
    return [UUID(str(p.id)) for p in people]


async def _earn(tx: object, person: UUID, source: UUID, amount: int, **changes: object) -> int:
    values = {
        "kind": EntryKind.service, "source_kind": "claim", "place_id": None, "minutes": 30, "reason": "送药", "on": DAY,
        **changes,
    }  # fmt: skip
    return await earning.grant(tx, person_id=person, source_id=source, amount=amount, **values)  # type: ignore[arg-type]


async def test_after_random_steps_the_ledger_sums_to_the_balances(db: Database) -> None:
    people, chance = await _people(db, 40), random.Random(7)
    homes, sources = [new_id() for _ in range(12)], [new_id()]
    for _ in range(STEPS // 100):
        async with db.transaction() as tx:
            for _ in range(100):
                who = chance.choice(people)
                if chance.random() < 0.7:
                    again = chance.random() < 0.1
                    source = chance.choice(sources) if again else new_id()
                    sources.append(source)
                    await _earn(
                        tx, who, source, chance.randint(0, 30), on=DAY + timedelta(days=chance.randint(0, 40)),
                        kind=chance.choice((EntryKind.service, EntryKind.bonus)),
                        households=tuple(chance.sample(homes, 2)),
                    )  # fmt: skip
                else:
                    await earning.counter(tx, source_id=chance.choice(sources), reason="核查")
    async with db.reading() as tx:
        wrong = await tx.execute(
            text("""select count(*) from points_accounts a
                    where balance <> (select coalesce(sum(amount), 0) from points_entries e where e.person_id = a.person_id)""")
        )
        assert wrong.scalar_one() == 0
        over = await tx.execute(
            text("""select (select count(*) from points_days where earned > :day),
                           (select count(*) from points_pairs where earned > :pair),
                           (select count(*) from points_entries),
                           (select count(*) from points_entries where amount < 0)"""),
            {"day": DAILY_CAP, "pair": PAIR_CAP},
        )
        days, pairs, entries, taken_back = over.one()
    assert (days, pairs) == (0, 0)
    assert entries > STEPS // 2
    assert taken_back > 50


async def test_a_source_counts_once_and_the_day_has_a_cap(db: Database) -> None:
    (person,) = await _people(db, 1)
    source = new_id()
    async with db.transaction() as tx:
        assert await _earn(tx, person, source, 20) == 20
        assert await _earn(tx, person, source, 20) == 0
        assert await _earn(tx, person, new_id(), 50) == DAILY_CAP - 20
        assert await _earn(tx, person, new_id(), 50, on=DAY + timedelta(days=1)) == 50


async def test_two_households_earn_from_each_other_only_so_much_a_month(db: Database) -> None:
    one, other = await _people(db, 2)
    a, b = new_id(), new_id()
    async with db.transaction() as tx:
        assert await _earn(tx, one, new_id(), 40, households=(a, b)) == 40
        assert await _earn(tx, other, new_id(), 40, households=(b, a)) == PAIR_CAP - 40
        assert await _earn(tx, one, new_id(), 10, households=(a, new_id())) == 10


async def test_grants_at_once_keep_the_cap(db: Database) -> None:
    (person,) = await _people(db, 1)

    async def once() -> int:
        async with db.transaction() as tx:
            return await _earn(tx, person, new_id(), 15)

    assert sum(await asyncio.gather(*(once() for _ in range(12)))) == DAILY_CAP


async def test_nobody_changes_a_line_of_the_ledger(
    db: Database, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    (person,) = await _people(db, 1)
    async with db.transaction() as tx:
        await _earn(tx, person, new_id(), 20)
    for statement in (
        "update points_entries set amount = 1",
        "delete from points_entries",
        "truncate points_entries",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.transaction() as tx:
                await tx.execute(text(statement))
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await as_owner(statement)


async def _rich(town: Town, name: str, points: int = 60) -> Actor:
    who = await somebody(town, name)
    async with town.app.state.db.transaction() as tx:
        await _earn(tx, who.id, new_id(), points)
    return who


async def test_stock_and_balance_are_exact_under_contention(town: Town) -> None:
    made = await town.here.worker.post(
        "/rewards", {"place_id": str(town.here.place), "title": "洗衣液", "cost": 20, "stock": 5}
    )
    assert made.status_code == 201, made.text
    reward = made.json()["id"]
    people = [await _rich(town, f"志愿者{n}") for n in range(4)]
    answers = await asyncio.gather(*(p.post(f"/rewards/{reward}/redemptions") for p in people * 10))
    assert Counter(a.status_code for a in answers) == {201: 5, 409: 35}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"sold_out", "points_short"}
    assert await scalar(town, "select stock from rewards") == 0
    assert await scalar(town, "select sum(balance) from points_accounts") == 4 * 60 - 5 * 20
    one = next(a.json()["id"] for a in answers if a.status_code == 201)
    owner = next(p for p, a in zip(people * 10, answers, strict=True) if a.status_code == 201)
    cancelled = await owner.post(f"/redemptions/{one}/moves/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert (await owner.post(f"/redemptions/{one}/moves/cancel")).status_code == 409
    assert await scalar(town, "select stock from rewards") == 1
    assert await scalar(town, "select sum(amount) from points_entries") == 4 * 60 - 4 * 20


async def test_who_has_not_enough_takes_nothing_from_the_stock(town: Town) -> None:
    made = await town.here.worker.post(
        "/rewards", {"place_id": str(town.here.place), "title": "大米", "cost": 100, "stock": 5}
    )
    poor = await _rich(town, "新来的")
    refused = await poor.post(f"/rewards/{made.json()['id']}/redemptions")
    assert (refused.status_code, refused.json()["code"]) == (409, "points_short")
    assert await scalar(town, "select stock from rewards") == 5


async def test_rankings_show_the_spread_first_and_only_names_that_consent(town: Town) -> None:
    people = [await somebody(town, f"邻居{n}") for n in range(6)]
    async with town.app.state.db.transaction() as tx:
        for n, who in enumerate(people):
            await _earn(tx, who.id, new_id(), 10 * min(n + 1, 5), place_id=town.here.place, on=None)
    for who in people[4:]:
        assert (await who.call("PATCH", "/me/points", json={"named": True})).json()["named"] is True
    seen = (await people[0].get(f"/rankings?place={town.here.place}&period=year")).json()
    assert (seen["people"], seen["points"], seen["quartiles"], seen["most"]) == (6, 200, [20, 30, 50], 50)
    named = [(r["rank"], r["name"], r["mine"]) for r in seen["named"]]
    assert sorted(named) == [(1, "邻居4", False), (1, "邻居5", False), (6, "邻居0", True)]
    there = (await people[0].get(f"/rankings?place={town.there.place}")).json()
    assert (there["people"], there["quartiles"], there["named"]) == (0, None, [])


async def test_my_points_are_what_was_confirmed(town: Town) -> None:
    wang = await member(town)
    need = await published(town)
    for name, body in (("claim", {}), ("contact", {}), ("finish", {"text": "好了", "minutes": 30})):
        await move(wang, need, name, **body)
    assert (await wang.get("/me/points")).json()["items"] == []
    await move(town.here.resident, need, "confirm", stars=4)
    mine = (await wang.get("/me/points")).json()
    assert (mine["balance"], [(e["kind"], e["amount"]) for e in mine["items"]]) == (
        15, [("bonus", 3), ("service", 12)],
    )  # fmt: skip
    assert (await wang.get("/me")).json()["points"] == 15


async def test_a_grant_takes_two_round_trips_and_one_that_was_made_before_changes_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person,) = await _people(db, 1)
    source, sent = new_id(), []
    households = (new_id(), new_id())
    async with db.transaction() as tx:
        execute = tx.execute

        async def counted(*args: object, **more: object) -> object:
            sent.append(args[0])
            return await execute(*args, **more)  # type: ignore[call-overload]

        monkeypatch.setattr(tx, "execute", counted)
        assert await _earn(tx, person, source, 8, households=households) == 8
        assert len(sent) == 2
        assert await _earn(tx, person, source, 8, households=households) == 0
    async with db.reading() as tx:
        for table, column in (
            ("points_accounts", "balance"),
            ("points_days", "earned"),
            ("points_pairs", "earned"),
        ):
            assert (await tx.execute(text(f"select {column} from {table}"))).scalar_one() == 8
