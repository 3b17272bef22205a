"""Somebody who has used everything: a row of the person's in every table that holds people's words, marked in each.

What the registry says may hold words is filled by the registry's own columns, so a table that joins it is written
to here, or fails for want of a row.
"""

import secrets
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Table,
    Uuid,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, Range
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.models import metadata
from api.rules.people import Relation
from api.services.people import households
from api.services.privacy.exporting import Exporter
from api.services.privacy.holding import MY_CASES, MY_NEEDS, MY_TOPICS, Holding
from api.services.privacy.holdings import HOLDINGS
from tests import neighbours
from tests.services.leak_writers import WRITERS, World
from tests.town import Town
from tests.wechat_fixture import Simulator

MARK, PHONE = "桑梓归舟", "13977778888"
"""In every word of the person's and of the person's affairs; nobody else writes it of anything else."""
TEXTS = (String, LargeBinary, ARRAY, JSONB)

MINE: dict[str, str] = {
    "case_tasks": f"t.case_id in ({MY_CASES})",
    "case_words": f"t.case_id in ({MY_CASES})",
    "claims": f"t.member_id = :person or t.need_id in ({MY_NEEDS})",
    "opinion_maps": f"t.topic_id in ({MY_TOPICS})",
    "topic_stages": f"t.topic_id in ({MY_TOPICS}) and t.outcome = 'sent_back'",
    "idempotency_keys": "t.person_id = :person",
    "idempotency_answers": "t.person_id = :person",
    "papers": "t.subject_id in (select meeting_id from topic_attendances where person_id = :person)",
    "polls": "t.state = 'draft'",
}
"""The person's rows of tables that export none, or others."""
GIVEN = {("papers", "state"): "ready", ("certificates", "state"): "requested", ("seats", "ticket"): 9_999}
"""What a check of the table asks for beside the words; a ticket that nobody has drawn in whichever activity it is."""
OWN = {
    "cases": "reporter_id = :person",
    "needs": "author_id = :person",
    "topics": "author_id = :person",
    "memberships": "person_id = :person",
    "seats": "person_id = :person",
}
"""Of these a new row takes one of the person's."""
ONE_MORE = frozenset({"idempotency_keys", "idempotency_answers", "wechat_pushes", "claims", "offers"})
"""Tables with words in keys that stand fast, or with rows of other people on the person's: a row of the person's
own is put in as well."""


def words_of(holding: Holding) -> list[Column[Any]]:
    """The columns of a holding that can hold a mark."""
    columns = metadata.tables[holding.table].columns
    return [
        columns[n]
        for n in holding.words
        if isinstance(columns[n].type, TEXTS) and not isinstance(columns[n].type, Enum)
    ]


def mark(column: Column[Any], person: UUID) -> Any:
    """The mark as this column takes it."""
    match f"{column.table.name}.{column.name}":
        case "case_requests.units":
            return [[str(uuid4()), MARK]]
        case "polls.source":
            who = {"person_id": str(person)}
            return {"entries": [{**who, "label": MARK}], "excluded": [{**who, "reason": MARK}]}
    match column.type:
        case ARRAY():
            return [MARK]
        case JSONB():
            return {"said": MARK}
        case LargeBinary():
            return MARK.encode()
    return MARK


class Life:
    """Writes the rows for one person."""

    def __init__(self, tx: AsyncSession, person: UUID, openid: str) -> None:
        self._tx, self._person, self._openid = tx, person, openid

    async def mark_all(self) -> None:
        """Put the mark into every column of the registry's that may hold words."""
        for holding in HOLDINGS:
            if holding.table == "event_words" or not words_of(holding):
                continue
            condition = MINE.get(holding.table, holding.mine)
            assert condition, f"say in {__name__}.MINE which rows of {holding.table} are the person's"
            there = f"select count(*) from {holding.table} t where {condition}"
            if holding.table in ONE_MORE or not await self._scalar(there):
                await self._insert(holding.table, words_of(holding), condition)
            await self._update(holding, condition)

    async def _scalar(self, sql: str) -> Any:
        bound = {"person": self._person} if ":person" in sql else {}
        return (await self._tx.execute(text(sql), bound)).scalar()

    async def _update(self, holding: Holding, condition: str) -> None:
        table = metadata.tables[holding.table]
        for column in words_of(holding):
            if column.primary_key or column.unique or holding.table in ONE_MORE - {"claims", "offers"}:
                continue
            found = await self._tx.execute(
                text(f"select t.ctid::text from {table.name} t where {condition}"),
                {"person": self._person} if ":person" in condition else {},
            )
            rows = list(found.scalars())
            assert rows, f"{holding.table} has no row of the person's"
            statement = table.update().where(text("ctid = any(cast(:rows as text[])::tid[])"))
            await self._tx.execute(
                statement.values({column.name: mark(column, self._person)}), {"rows": rows}
            )

    async def _insert(self, name: str, marked: list[Column[Any]], condition: str) -> None:
        table = metadata.tables[name]
        row: dict[str, Any] = {column.name: mark(column, self._person) for column in marked}
        for column in table.columns:
            if column.computed is None and column.name not in row:
                filled = await self._value(table, column, condition)
                if filled is not None:
                    row[column.name] = filled
        await self._tx.execute(insert(table).values(row))

    async def _value(self, table: Table, column: Column[Any], condition: str) -> Any:
        if (table.name, column.name) in GIVEN:
            return GIVEN[table.name, column.name]
        special = {"openid": self._openid, "person_id": self._person, "seat": 1}
        if column.name in special:
            return special[column.name]
        if column.name == "phone_index":
            return await self._scalar("select phone_index from people where id = :person")
        if table.name == "papers" and column.name == "subject_id":
            return await self._scalar("select meeting_id from topic_attendances where person_id = :person")
        for key in column.foreign_keys:
            target = key.column.table.name
            if target == "people":
                if column.name.endswith("_by") and "person_id" in table.columns and not column.nullable:
                    return await self._scalar("select id from people where id <> :person limit 1")
                return self._person if not column.nullable or column.name in condition else None
            if not column.nullable:
                of = f"where {OWN[target]}" if target in OWN else ""
                any_row = f"select {key.column.name} from {target} {of} order by 1 desc limit 1"
                if await self._scalar(any_row) is None:
                    await self._insert(target, [], next((h.mine for h in HOLDINGS if h.table == target), ""))
                return await self._scalar(any_row)
        if column.nullable or column.server_default is not None:
            return None
        match column.type:
            case Enum() as words:
                return words.enums[-1] if table.name in ("claims", "offers") else words.enums[0]
            case Uuid():
                return uuid4()
            case Boolean():
                return False
            case SmallInteger() | Integer() | Numeric():
                return 1
            case DateTime():
                return clock.now()
            case Date():
                return date(2026, 1, 1)
            case LargeBinary():
                return secrets.token_bytes(8)
            case ARRAY():
                return []
            case JSONB():
                return {}
            case TSTZRANGE():
                return Range(clock.now(), clock.now() + timedelta(hours=1))
        return f"x-{uuid4().hex}"


async def lead(town: Town, simulator: Simulator) -> World:
    """The resident here does all there is to do, then every table of the registry is marked."""
    who, app = town.here.resident, town.app
    world = World(town)
    for write in WRITERS:
        await write(world)
    async with app.state.db.transaction() as tx:
        line = households.Line(town.here.home, PHONE, Relation.owner, True)
        await households.add(tx, app.state.vault, [line])
    await who.post(
        "/me/phone", {"code": simulator.phone_code(who.name, PHONE)}, key=f"phone-{MARK.encode().hex()}"
    )
    await who.post("/subscriptions", {"template": "case_progress", "result": "accept"}, key="tap-1")
    await who.post("/me/consents", {"purpose": "service", "version": "1"}, key="consent-1")
    await who.call("PATCH", "/me/preferences", json={"quiet_from": "22:00", "quiet_until": "07:00"})
    withdrawn = await town.submit(text=f"{MARK}又一件")
    await who.move(withdrawn["id"], "withdraw", reason=f"{MARK}撤回原因")
    wish = await neighbours.wish(town, path="/help-requests")
    await neighbours.move(who, wish["id"], "withdraw", reason=f"{MARK}不需要了")
    refused = await town.here.worker.post(
        f"/memberships/{world.ids['own_membership'][0]}/moves/refuse", {"reason": f"{MARK}不符"}
    )
    assert refused.status_code == 200, refused.text
    await who.post("/me/export")
    assert await Exporter(app.state.db, app.state.vault).run_one()
    async with app.state.db.transaction() as tx:
        await tx.execute(
            text(f"update topic_stages set outcome = 'sent_back' where topic_id in ({MY_TOPICS})"),
            {"person": who.id},
        )
        await Life(tx, who.id, simulator.openid(who.name)).mark_all()
    return world
