"""Who sees what of a case once it is shown to neighbours, and what a list leaves out without losing its place."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import text

from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


async def _published(town: Town, pump: Pump, visibility: str) -> str:
    """A case of the resident here, asked about, answered, handled and shown as the reporter agreed."""
    case = str((await town.submit(visibility=visibility, anonymous=True))["id"])
    await pump()
    worker = town.here.worker
    assert (await worker.move(case, "sign")).status_code == 200
    assert (await worker.move(case, "ask", question="您贵姓？住哪一户？")).status_code == 200
    answered = await town.here.resident.move(case, "answer", text="姓张，住三单元 301。")
    assert answered.status_code == 200
    called = await worker.post(f"/cases/{case}/messages", {"kind": "contact", "text": "已电话联系张先生。"})
    assert called.status_code == 201
    more = await town.here.resident.post(f"/cases/{case}/messages", {"kind": "reply", "text": "我是张三。"})
    assert more.status_code == 201
    done = await worker.move(case, "finish", outcome="solved", reply="灯已更换。")
    assert done.status_code == 200, done.text
    return case


async def _texts(who: Actor, case: str) -> list[str]:
    answer = await who.get(f"/cases/{case}/messages")
    assert answer.status_code == 200, answer.text
    return [m["text"] for m in answer.json()["items"]]


async def test_neighbours_read_the_public_reply_and_nothing_the_reporter_wrote(
    town: Town, pump: Pump
) -> None:
    case = await _published(town, pump, "public")
    assert await _texts(town.stranger, case) == ["灯已更换。"]
    seen = (await town.stranger.get(f"/cases/{case}")).json()
    assert seen["reporter"] == {"name": "匿名居民", "mine": False}
    for party in (town.here.resident, town.here.worker, town.supervisor):
        assert len(await _texts(party, case)) == 5


async def test_a_stranger_pages_past_what_is_for_residents_only(town: Town, pump: Pump) -> None:
    shown = await _published(town, pump, "public")
    for _ in range(3):
        await _published(town, pump, "community")
    listed = await town.stranger.get(f"/cases?place={town.here.place}&limit=2")
    assert [c["id"] for c in listed.json()["items"]] == [shown]
    everything = await town.here.resident.get(f"/cases?place={town.here.place}&limit=2")
    assert len(everything.json()["items"]) == 2
    assert everything.json()["next"] is not None


async def test_a_withdrawn_case_is_never_overdue(town: Town, pump: Pump) -> None:
    case = str((await town.submit())["id"])
    await pump()
    await town.here.resident.move(case, "withdraw")
    (line,) = (await town.here.resident.get("/cases?mine=true")).json()["items"]
    assert (UUID(line["id"]), line["finish_due_at"], line["overdue"]) == (UUID(case), None, False)


async def test_who_left_the_unit_hears_no_more_of_its_cases(town: Town, pump: Pump) -> None:
    case = str((await town.submit(title="井盖松动"))["id"])
    await pump()
    worker = town.here.worker
    assert (await worker.move(case, "sign")).status_code == 200
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update grants set until = since where person_id = :who"), {"who": worker.id})
    told = {n["id"] for n in (await worker.get("/notices")).json()["items"]}
    await town.here.resident.post(f"/cases/{case}/messages", {"kind": "reply", "text": "又响了一夜。"})
    await town.here.resident.move(case, "withdraw")
    await pump()
    assert {n["id"] for n in (await worker.get("/notices")).json()["items"]} == told


async def test_the_handler_hears_that_a_case_was_withdrawn(town: Town, pump: Pump) -> None:
    case = str((await town.submit(title="井盖松动"))["id"])
    await pump()
    await town.here.worker.move(case, "sign")
    await town.here.resident.move(case, "withdraw")
    await pump()
    (notice, *_) = (await town.here.worker.get("/notices")).json()["items"]
    assert notice["title"] == "诉求已撤回"
