"""What a person consented to, may take along, and leaves behind: S7 shown by searching a dump."""

import io
import json
import subprocess
import zipfile
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import Enum, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError

from api.commands.pages import retention as retention_page
from api.kit import clock
from api.kit.db import Database
from api.kit.engines.binaries import find_postgres
from api.models import metadata
from api.rules.people import Relation
from api.rules.privacy import COOLING_OFF, KEPT_FOREVER, RETENTION
from api.services.people import households
from api.services.privacy import retention
from api.services.privacy.erasing import Goodbyes
from api.services.privacy.exporting import Exporter
from api.services.privacy.holdings import HOLDINGS
from api.services.privacy.plain import plain
from tests.town import Town
from tests.wechat_fixture import Simulator

PHONE, NAME, AVATAR = "13977778888", "梧桐树下的老周", "https://example.org/zhou-of-plane-tree.png"
WORDS = "三楼漏水标记一号"
Pump = Callable[[], Awaitable[None]]


# Consents


async def test_consents_are_kept_line_by_line_and_the_last_counts(town: Town, db: Database) -> None:
    who = town.here.resident
    for version, granted in (("2026-01", True), ("2026-03", True), ("2026-03", False)):
        body = {"purpose": "location", "version": version, "granted": granted}
        answer = await who.post("/me/consents", body)
    [last] = answer.json()["items"]
    assert (last["title"], last["version"], last["granted"]) == ("位置", "2026-03", False)
    assert (await who.get("/me/consents")).json() == answer.json()
    assert (await town.stranger.get("/me/consents")).json() == {"items": []}
    async with db.reading() as tx:
        assert (await tx.execute(text("select count(*) from privacy_consents"))).scalar_one() == 3
    for statement in ("update privacy_consents set granted = true", "delete from privacy_consents"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.transaction() as tx:
                await tx.execute(text(statement))


# The registry


def holds_a_person(table: str, column: Any) -> bool:
    """A reference to people or to a WeChat identity, or a column whose name says what it holds."""
    targets = {key.target_fullname for key in column.foreign_keys}
    if targets & {"people.id", "wechat_identities.id"}:
        return True
    return column.name in {"person_id", "actor_id", "openid", "unionid", "phone_index", "phone_sealed"} or (
        column.name.endswith("_by")
    )


def holds_words(column: Any) -> bool:
    return isinstance(column.type, String | LargeBinary | ARRAY | JSONB) and not isinstance(column.type, Enum)


def test_every_column_that_holds_a_person_is_in_the_registry() -> None:
    held = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if holds_a_person(table.name, column)
    }
    listed = {(holding.table, column) for holding in HOLDINGS for column in holding.columns}
    assert held - listed == set(), "tell api/services/privacy/holdings.py what becomes of these"
    known = {(t.name, c.name) for t in metadata.tables.values() for c in t.columns}
    assert listed - known == set()


def test_the_policy_names_tables_and_columns_that_exist() -> None:
    for policy in RETENTION:
        assert policy.since in metadata.tables[policy.table].columns
    assert set(KEPT_FOREVER) <= set(metadata.tables)


def test_every_table_has_its_line_in_the_page_of_what_is_kept_how_long() -> None:
    """By its own term, for ever, until the person leaves, or because nothing in it is anybody's."""
    kept = {policy.table for policy in RETENTION} | set(KEPT_FOREVER)
    kept |= {holding.table for holding in HOLDINGS} | {table for table, _ in plain()}
    counted = {
        table.name
        for table in metadata.tables.values()
        if all(
            column.primary_key or column.foreign_keys or not holds_words(column) for column in table.columns
        )
    }
    assert set(metadata.tables) - kept - counted == set()
    page = retention_page()
    assert [table for table in sorted(kept) if f"`{table}" not in page] == []


# Export


async def test_everything_about_me_comes_as_one_zip_behind_a_signed_address(
    town: Town, app: FastAPI, wechat_simulator: Simulator, pump: Pump
) -> None:
    who = town.here.resident
    await who.post("/me/phone", {"code": wechat_simulator.phone_code(who.name, PHONE)})
    await who.call("PATCH", "/me", json={"nickname": NAME})
    await town.submit(text=WORDS)
    await town.submit(town.there.resident, text="别人的标记", place_id=str(town.there.place))
    await pump()
    assert (await who.get("/me/export")).status_code == 404
    first = await who.post("/me/export")
    assert (first.status_code, first.json()["state"], first.json()["url"]) == (202, "pending", None)
    assert (await who.post("/me/export")).json()["id"] == first.json()["id"]
    exporter = Exporter(app.state.db, app.state.vault)
    assert await exporter.run_one()
    assert not await exporter.run_one()
    ready = (await who.get("/me/export")).json()
    assert ready["state"] == "ready"

    answer = await town.client.get(ready["url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {f"{h.table}.json" for h in HOLDINGS if h.mine} | {"phone.json"} == set(files)
    assert json.loads(files["phone.json"])["内容"] == PHONE
    assert NAME in files["people.json"]
    assert [case["text"] for case in json.loads(files["cases.json"])["内容"]] == [WORDS]
    assert len(json.loads(files["notices.json"])["内容"]) > 0
    assert "别人的标记" not in "".join(files.values())
    assert not any("phone_sealed" in content for content in files.values())

    query = parse_qs(urlsplit(ready["url"]).query)
    later = ready["url"].replace(query["until"][0], str(int(query["until"][0]) + 60))
    forged = ready["url"][:-2] + ("00" if not ready["url"].endswith("00") else "11")
    for bad in (later, forged):
        refused = await town.client.get(bad)
        assert (refused.status_code, refused.json()["code"]) == (403, "link_expired")
    clock.move(timedelta(minutes=11))
    assert (await town.client.get(ready["url"])).status_code == 403
    assert (await town.client.get((await who.get("/me/export")).json()["url"])).status_code == 200
    clock.move(timedelta(hours=24))
    async with app.state.db.transaction() as tx:
        await retention.keep_to_the_policy(tx)
        kept = (await tx.execute(text("select state, content from data_exports"))).one()
    assert tuple(kept) == ("expired", None)
    assert (await who.get("/me/export")).json()["state"] == "expired"


# 注销


def dumped(database_url: str) -> str:
    """The whole database as pg_dump writes it."""
    tool = find_postgres().folder / "pg_dump"
    if not tool.exists():
        pytest.skip("this PostgreSQL comes without pg_dump")
    return subprocess.run(
        [str(tool), "--dbname", database_url, "--inserts"], capture_output=True, text=True, check=True
    ).stdout


async def lead_a_life(town: Town, app: FastAPI, simulator: Simulator, pump: Pump) -> list[str]:
    """The resident here does all that leaves a trace; what must not be found afterwards."""
    who = town.here.resident
    async with app.state.db.transaction() as tx:
        line = households.Line(town.here.home, PHONE, Relation.owner, True)
        await households.add(tx, app.state.vault, [line])
    await who.post("/me/phone", {"code": simulator.phone_code(who.name, PHONE)}, key="phone-1")
    await who.call("PATCH", "/me", json={"nickname": NAME, "avatar": AVATAR})
    await who.post("/subscriptions", {"template": "case_progress", "result": "accept"}, key="tap-1")
    await who.post("/me/consents", {"purpose": "service", "version": "1"}, key="consent-1")
    await who.call("PATCH", "/me/preferences", json={"quiet_from": "22:00", "quiet_until": "07:00"})
    case = await town.submit(title=f"{WORDS}标题", text=f"{WORDS}正文")
    withdrawn = await town.submit(text=f"{WORDS}又一件")
    await who.move(withdrawn["id"], "withdraw", reason=f"{WORDS}撤回原因")
    await pump()
    worker = town.here.worker
    await worker.move(case["id"], "sign")
    await worker.move(case["id"], "ask", question="哪一层？")
    await who.move(case["id"], "answer", text=f"{WORDS}补充")
    await pump()
    membership = {"kind": "volunteer", "place_id": str(town.here.place), "work_unit": f"{WORDS}单位"}
    assert (await who.post("/memberships", membership)).status_code == 201
    await who.post("/me/export")
    await Exporter(app.state.db, app.state.vault).run_one()
    await pump()
    vault = app.state.vault
    return [
        NAME,
        AVATAR,
        WORDS,
        PHONE,
        simulator.openid(who.name),
        vault.index("phone", PHONE).hex(),
    ]


async def test_after_the_days_of_grace_a_dump_holds_nothing_of_the_person_and_the_history_stands(
    town: Town, app: FastAPI, db: Database, database_url: str, wechat_simulator: Simulator, pump: Pump
) -> None:
    who = town.here.resident
    markers = await lead_a_life(town, app, wechat_simulator, pump)
    before = dumped(database_url)
    assert [m for m in markers if m not in before] == [PHONE]  # the number itself is sealed all along

    answer = await who.call("DELETE", "/me")
    assert (answer.status_code, answer.json()["state"]) == (202, "requested")
    again = await who.call("DELETE", "/me")
    assert again.json()["id"] == answer.json()["id"]
    due = datetime.fromisoformat(answer.json()["due_at"])
    assert due - clock.now() <= timedelta(days=15)
    assert COOLING_OFF.amount < 15
    await pump()
    assert (await who.get("/me")).json()["nickname"] == NAME
    async with db.reading() as tx:
        events = (await tx.execute(text("select id, text from events order by id"))).all()

    clock.set_to(due + timedelta(seconds=1))
    await pump()
    async with db.transaction() as tx:
        await tx.execute(text("delete from deliveries"))
    after = dumped(database_url)
    assert [m for m in markers if m in after] == []

    async with db.reading() as tx:
        kept = (await tx.execute(text("select id, text from events order by id"))).all()
        tombstone = (
            await tx.execute(text("select state, nickname from people where id = :id"), {"id": who.id})
        ).one()
        consents = (await tx.execute(text("select count(*) from subscription_consents"))).scalar_one()
        states = (
            await tx.execute(text("select state from residencies where person_id = :id"), {"id": who.id})
        ).scalars()
        assert set(states) == {"ended"}
    assert kept[: len(events)] == events
    assert tuple(tombstone) == ("erased", "已注销")
    assert consents == 1

    goodbyes = Goodbyes(db, app.state.sessions)
    assert await goodbyes.run_one()
    assert not await goodbyes.run_one()
    assert (await who.get("/me")).status_code == 401
    fresh = await town.client.post("/v1/sessions", json={"code": wechat_simulator.login_code(who.name)})
    assert (fresh.status_code, fresh.json()["is_new"]) == (201, True)
    assert fresh.json()["person"]["id"] != str(who.id)


async def test_until_then_it_is_taken_back_and_everything_is_as_before(
    town: Town, app: FastAPI, wechat_simulator: Simulator, pump: Pump
) -> None:
    who = town.here.resident
    me = (await who.get("/me")).json()
    assert (await who.post("/me/erasure/moves/cancel")).status_code == 404
    await who.call("DELETE", "/me")
    back = await who.post("/me/erasure/moves/cancel", key="back-1")
    assert (back.status_code, back.json()["state"], back.json()["moves"]) == (200, "cancelled", [])
    assert (await who.post("/me/erasure/moves/cancel")).status_code == 404
    clock.move(timedelta(days=40))
    await pump()
    now = (await who.get("/me")).json()
    assert (now["nickname"], now["residencies"]) == (me["nickname"], me["residencies"])
    assert (await who.call("DELETE", "/me")).json()["state"] == "requested"


async def test_leaving_signs_the_other_devices_out(town: Town, wechat_simulator: Simulator) -> None:
    who = town.here.resident
    code = wechat_simulator.login_code(who.name)
    other = (await town.client.post("/v1/sessions", json={"code": code})).json()["token"]
    await who.call("DELETE", "/me")
    bearer = {"authorization": f"Bearer {other}"}
    assert (await town.client.get("/v1/me", headers=bearer)).status_code == 401
    assert (await who.get("/me")).status_code == 200


# Retention


async def test_what_is_older_than_the_policy_says_goes_and_the_rest_stays(
    town: Town, db: Database, pump: Pump
) -> None:
    await town.here.resident.post("/me/consents", {"purpose": "service", "version": "1"}, key="one")
    await town.submit()
    await pump()

    async def kept() -> tuple[int, int]:
        async with db.transaction() as tx:
            await retention.keep_to_the_policy(tx)
            keys = (await tx.execute(text("select count(*) from idempotency_keys"))).scalar_one()
            told = (await tx.execute(text("select count(*) from notices where text <> ''"))).scalar_one()
        return keys, told

    keys, told = await kept()
    assert keys > 0 < told
    clock.move(timedelta(hours=25))
    assert await kept() == (0, told)
    clock.move(timedelta(days=365))
    assert await kept() == (0, 0)
