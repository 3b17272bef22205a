"""三务公开 over HTTP: owed by the clock, drafted, reviewed by others, published, asked about, archived, overdue."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.kit import clock
from api.kit.store import Store
from api.rules.disclosures import DisclosurePace, last_period
from api.rules.roles import Role
from api.services.disclosures import planning
from api.services.jobs import Schedule
from api.worker import JOBS
from tests.moments import MONDAY
from tests.services.test_uploads import upload
from tests.topic_story import Pump
from tests.town import Actor, Town, grant

NEW_YEAR = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
"""Half an hour into the new year where the people live."""


async def _listed(who: Actor, query: str = "") -> list[dict[str, Any]]:
    answer = await who.get(f"/disclosures{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def _plan(town: Town) -> dict[str, Any]:
    body = {"place_id": str(town.here.place), "kind": "affairs", "title": "集体土地出租招标结果"}
    answer = await town.here.worker.post("/disclosures", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _moved(who: Actor, disclosure: str, move: str, **body: Any) -> dict[str, Any]:
    answer = await who.post(f"/disclosures/{disclosure}/moves/{move}", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _refused(who: Actor, disclosure: str, move: str, **body: Any) -> tuple[int, str]:
    answer = await who.post(f"/disclosures/{disclosure}/moves/{move}", body)
    return answer.status_code, answer.json()["code"]


async def _published(town: Town) -> str:
    """A major matter, drafted by the worker, reviewed by a supervisor, shown."""
    made = str((await _plan(town))["id"])
    watcher = await grant(town, town.here.second_worker, Role.oversight_member)
    await _moved(town.here.worker, made, "draft", text="甲公司中标，年租金 12,000 元。")
    await _moved(watcher, made, "review", opinion="与会议记录相符")
    await _moved(town.here.worker, made, "publish")
    return made


async def test_a_major_matter_is_seen_by_two_before_everybody_sees_it(
    town: Town, pump: Pump, tmp_path: Any
) -> None:
    clock.set_to(MONDAY)
    town.app.state.pictures._store = Store.in_folder(tmp_path)
    here = town.here
    watcher = await grant(town, here.second_worker, Role.oversight_member)
    made = await _plan(town)
    assert (made["state"], made["pace"], made["due_at"][:10]) == ("planned", "at_once", "2026-11-26")
    assert (await here.resident.get(f"/disclosures/{made['id']}")).status_code == 404
    assert await _refused(here.worker, made["id"], "publish") == (409, "wrong_moment")
    photo = await upload(watcher)
    words = {"text": "甲公司中标，年租金 12,000 元。", "uploads": [photo["id"]]}
    assert (await _moved(watcher, made["id"], "draft", **words))["moves"] == ["draft"]
    assert await _refused(watcher, made["id"], "review", opinion="相符") == (409, "own_draft")
    assert await _refused(watcher, made["id"], "return", reason="重写") == (409, "own_draft")
    assert await _refused(here.worker, made["id"], "review", opinion="相符") == (403, "not_allowed")
    await _moved(here.worker, made["id"], "draft", text="甲公司中标，年租金 12,500 元。")
    back = await _moved(watcher, made["id"], "return", reason="请写明租期")
    assert (back["state"], back["due_at"]) == ("planned", made["due_at"]), "nobody gets more time by it"
    await _moved(here.worker, made["id"], "draft", text="甲公司中标，年租金 12,500 元，租期五年。")
    await _moved(watcher, made["id"], "review", opinion="与会议记录相符")
    assert await _refused(here.worker, made["id"], "draft", text="改一个数") == (409, "wrong_moment")
    assert await _refused(town.supervisor, made["id"], "publish") == (403, "not_allowed"), (
        "looks, and shows not"
    )
    await _moved(here.secretary, made["id"], "publish")
    assert await _refused(here.secretary, made["id"], "question") == (403, "not_allowed"), "residents ask"
    seen = (await town.stranger.get(f"/disclosures/{made['id']}")).json()
    assert (seen["text"][-5:], seen["opinion"], seen["overdue"]) == ("租期五年。", "与会议记录相符", False)
    assert seen["uploads"] == [], "the picture waits for its check"
    assert (seen["can_ask"], seen["moves"]) == (False, [])
    assert [d["id"] for d in await _listed(town.stranger, f"?place={town.place}&kind=affairs&q=招标")] == [
        made["id"]
    ]
    assert await _listed(town.stranger, "?q=招聘") == await _listed(town.stranger, "?kind=party") == []
    events = (await here.resident.get(f"/disclosures/{made['id']}/events")).json()["items"]
    assert [e["move"] for e in events] == ["plan", "draft", "draft", "return", "draft", "review", "publish"]
    await pump()
    told = {n["kind"] for n in (await here.secretary.get("/notices?limit=50")).json()["items"]}
    assert {"disclosure.plan", "disclosure.return", "disclosure.review"} <= told


async def test_each_question_is_a_case_and_nothing_is_archived_before_its_answer(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    made = await _published(town)
    here, path = town.here, f"/disclosures/{made}/questions"
    words = {"text": "年租金为什么比去年低？"}
    assert (await town.there.resident.post(path, words)).status_code == 403
    assert (await here.worker.post(path, words)).status_code == 403
    tries = await asyncio.gather(*(here.resident.post(path, words, key="q-1") for _ in range(4)))
    first = [t for t in tries if t.status_code == 201]
    assert first
    assert {t.json()["id"] for t in first} == {first[0].json()["id"]}
    assert {t.status_code for t in tries} <= {201, 409}, "still running"
    again = await here.resident.post(path, words, key="q-1")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    case = again.json()
    assert (case["kind"], case["category"], case["state"]) == ("secretary", "consult", "submitted")
    shown = (await here.resident.get(f"/disclosures/{made}")).json()
    assert (shown["state"], shown["questions"]) == ("questioned", {"asked": 1, "open": 1})
    listed = (await town.stranger.get(path)).json()["items"]
    assert [(q["number"], q["state"]) for q in listed] == [(case["number"], "submitted")]
    assert words["text"] not in str(listed)
    assert await _refused(here.worker, made, "archive") == (409, "questions_open")
    await here.resident.move(case["id"], "withdraw")
    assert (await _moved(here.worker, made, "archive"))["state"] == "archived"
    late = await here.resident.post(path, words)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_moment")
    await pump()
    told = {n["kind"] for n in (await here.secretary.get("/notices?limit=50")).json()["items"]}
    assert "disclosure.question" in told


async def _owed(town: Town) -> list[dict[str, Any]]:
    """What the periods owe that are over, listed by the clock's job."""
    db = town.app.state.db
    assert await Schedule(db, [job for job in JOBS if job.name == "plan_disclosures"]).run_one()
    return await _listed(town.here.worker)


async def _told(who: Actor, move: str) -> list[str]:
    """Of which disclosures they were told so."""
    notices = (await who.get("/notices?limit=100")).json()["items"]
    return sorted(n["subject_id"] for n in notices if n["kind"] == f"disclosure.{move}")


async def test_half_the_time_reminds_whose_step_it_is_and_near_its_end_the_deputy_is_added(
    town: Town, pump: Pump
) -> None:
    """Ten days from the new year: half of them are over with the 5th, 80% with the 8th."""
    clock.set_to(NEW_YEAR)
    here = town.here
    ids = {d["kind"]: str(d["id"]) for d in await _owed(town)}
    watcher = await grant(town, here.second_worker, Role.oversight_member)
    for kind in ("finance", "affairs"):
        await _moved(here.worker, ids[kind], "draft", text="收入 12,000 元，支出 8,450 元。")
    await _moved(watcher, ids["affairs"], "review", opinion="属实")
    await _moved(here.worker, ids["affairs"], "publish")
    clock.set_to(datetime(2027, 1, 5, 15, 59, tzinfo=UTC))
    await pump()
    assert await _told(here.worker, "remind") == await _told(watcher, "remind") == []
    clock.move(timedelta(minutes=2))
    await pump()
    assert await _told(here.worker, "remind") == [ids["party"]], "the other waits for the supervisors"
    assert ids["finance"] in await _told(watcher, "remind")
    clock.set_to(datetime(2027, 1, 8, 15, 59, tzinfo=UTC))
    await pump()
    assert {d["level"] for d in await _listed(here.worker)} == {0}
    clock.move(timedelta(minutes=2))
    await pump()
    levels = {d["kind"]: (d["level"], d["overdue"]) for d in await _listed(here.worker)}
    assert levels == {"finance": (1, False), "party": (1, False), "affairs": (0, False)}
    assert await _told(here.secretary, "climb") == sorted([ids["finance"], ids["party"]])
    assert await _told(here.worker, "climb") == [ids["party"]]
    path = f"/disclosures/{ids['finance']}"
    events = (await here.worker.get(f"{path}/events")).json()["items"]
    assert [(e["move"], e["text"]) for e in events[-1:]] == [("climb", "公开期限已用去 80%")]
    assert (await here.worker.get(path)).json()["due_at"] == "2027-01-10T16:00:00Z", "nobody gets more time"


async def test_what_a_period_owes_is_planned_once_and_overdue_it_climbs(town: Town, pump: Pump) -> None:
    clock.set_to(NEW_YEAR)
    here = town.here
    owed = await _owed(town)
    async with town.app.state.db.transaction() as tx:
        await planning.plan_due(tx)  # again: nothing is added
    assert sorted((d["kind"], d["period"], d["title"]) for d in owed) == [
        ("affairs", "2026-Q4", "2026年第四季度村（居）务公开"),
        ("finance", "2026-12", "2026年12月财务公开"),
        ("party", "2026-Q4", "2026年第四季度党务公开"),
    ]
    assert len(await _listed(town.there.worker)) == 3
    assert await _listed(here.resident) == []
    assert {d["due_at"] for d in owed} == {"2027-01-10T16:00:00Z"}
    clock.set_to(datetime(2027, 1, 10, 16, 1, tzinfo=UTC))
    await pump()
    assert {(d["level"], d["overdue"]) for d in await _listed(here.worker)} == {(2, True)}
    [finance] = [d for d in owed if d["kind"] == "finance"]
    watcher = await grant(town, here.second_worker, Role.oversight_member)
    await _moved(here.worker, finance["id"], "draft", text="收入 12,000 元，支出 8,450 元。")
    await _moved(watcher, finance["id"], "review", opinion="账实相符")
    await _moved(here.worker, finance["id"], "publish")
    clock.move(timedelta(days=4))  # two working days after, and not five more
    await pump()
    levels = {d["kind"]: (d["level"], d["overdue"]) for d in await _listed(here.worker)}
    assert levels == {"finance": (2, True), "affairs": (3, True), "party": (3, True)}
    late = sorted(str(d["id"]) for d in owed if d["kind"] != "finance")
    assert await _told(here.secretary, "overdue") == sorted([finance["id"], *late, *late])
    ours = {str(d["id"]) for d in owed}  # the neighbours owe as much
    assert [d for d in await _told(town.supervisor, "overdue") if d in ours] == late
    assert await _told(town.operator, "overdue") == []
    clock.move(timedelta(days=9))
    await pump()
    levels = {d["kind"]: d["level"] for d in await _listed(here.worker)}
    assert levels == {"finance": 2, "affairs": 4, "party": 4}
    assert [d for d in await _told(town.operator, "overdue") if d in ours] == late


@pytest.mark.parametrize(
    ("pace", "day", "name", "ends"),
    [
        ("monthly", "2026-11-30", "2026-10", "2026-11-01"),
        ("monthly", "2027-01-01", "2026-12", "2027-01-01"),
        ("quarterly", "2027-03-31", "2026-Q4", "2027-01-01"),
        ("quarterly", "2027-04-01", "2027-Q1", "2027-04-01"),
    ],
)
def test_a_period_is_over_on_the_first_day_after_it(pace: str, day: str, name: str, ends: str) -> None:
    today = datetime.fromisoformat(day).date()
    found = last_period(DisclosurePace(pace), today)
    assert (found.name, found.ends.isoformat()) == (name, ends)
    with pytest.raises(ValueError, match="no periods"):
        last_period(DisclosurePace.at_once, today)
