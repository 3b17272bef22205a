"""A draft in the hands of its author: amended until it is announced, its list brought in by file."""

from typing import Any

from sqlalchemy import text

from api.rules.roles import Role
from api.services.people.belonging import PHONE
from tests.polls import draft, move, neighbours, sql, vote
from tests.town import Actor, Town, make_admin, sign_in


async def patch(who: Actor, poll: str, **changes: Any) -> Any:
    return await who.call("PATCH", f"/polls/{poll}", json=changes)


async def test_a_draft_is_its_authors_until_it_is_announced(town: Town) -> None:
    made = await draft(town)
    poll = made["id"]
    changed = await patch(town.supervisor, poll, title="更换电梯", rule={"method": "single"}, options=[
        {"id": "a", "title": "甲牌"}, {"id": "b", "title": "乙牌"}])  # fmt: skip
    assert changed.status_code == 200, changed.text
    seen = changed.json()
    assert (seen["title"], [o["id"] for o in seen["options"]]) == ("更换电梯", ["a", "b"])
    assert seen["rule_hash"] != made["rule_hash"]
    assert (seen["text"], seen["version"]) == (made["text"], made["version"] + 1)
    broken = await patch(town.supervisor, poll, closes_at=made["opens_at"])
    assert (broken.status_code, broken.json()["code"]) == (422, "poll_malformed")
    colleague = await sign_in(
        await make_admin(town.app, town.client, "另一督办", Role.town_supervisor, town.place)
    )
    for who in (colleague, town.auditor):
        assert (await patch(who, poll, title="别人的题目")).status_code == 403
    async with town.app.state.db.transaction() as tx:
        role = text("update grants set role = :role where person_id = :p")
        await tx.execute(role, {"p": town.supervisor.id, "role": Role.auditor})
    assert (await patch(town.supervisor, poll, title="不再经办")).status_code == 403, (
        "its author, in another office"
    )
    async with town.app.state.db.transaction() as tx:
        await tx.execute(role, {"p": town.supervisor.id, "role": Role.town_supervisor})
    await move(town, poll, "announce")
    late = await patch(town.supervisor, poll, title="太晚了")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_moment")
    assert (await sql(town.app, "select title from polls"))[0][0] == "更换电梯"


async def test_a_list_is_looked_at_and_taken_whole(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    vault = town.app.state.vault
    async with town.app.state.db.transaction() as tx:
        connection = await tx.connection()
        await connection.exec_driver_sql(
            "update people set phone_index = $1 where id = $2", (vault.index(PHONE, "13800000001"), who.id)
        )
    poll = (await draft(town, basis="list"))["id"]

    async def brought(text: str, dry: bool) -> Any:
        path = f"/polls/{poll}/roll-import?name=a.csv&dry_run={str(dry).lower()}"
        headers = {"content-type": "application/octet-stream"}
        answer = await town.supervisor.call("POST", path, content=text.encode(), headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    good = "名称,手机号,票数,面积\n张三,13800000001,2,80.50\n李四,13900000000,,\n王五,,1,20\n"
    bad = good + "赵六,abc,1,1\n钱七,,0,1\n孙八,,1,1.234\n周九,13800000001,1,1\n"
    told = await brought(bad, False)
    assert (told["applied"], told["refused"], told["lines"]) == (False, 4, 7)
    assert [f["line"] for f in told["faults"]] == [5, 6, 7, 8]
    seen = await brought(good, True)
    assert (seen["applied"], seen["persons"], seen["area"], seen["with_account"]) == (False, 4, "100.50", 1)
    assert (await town.supervisor.get(f"/polls/{poll}/roll-preview")).json()["size"] == 0
    assert (await brought(good, False))["applied"] is True
    preview = (await town.supervisor.get(f"/polls/{poll}/roll-preview")).json()
    assert (preview["size"], preview["persons"], preview["area"], preview["silent"]) == (3, 4, "100.50", 2)
    await move(town, poll, "announce")
    await move(town, poll, "open")
    assert (await vote(who, poll, "yes")).status_code == 201
    refused = await town.supervisor.call("POST", f"/polls/{poll}/roll-import?name=a.csv", content=good.encode(),
                                         headers={"content-type": "application/octet-stream"})  # fmt: skip
    assert refused.status_code == 409
