"""Keeping a deployment running: the calendar replaced, everything audited, dead letters tried again."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.db import Database
from api.rules.calendar import WorkingCalendar
from api.rules.calendar_seed import SEED_2024_2026
from api.rules.roles import Role
from api.services import audit, calendars
from tests.town import Actor, Town, make_admin, sign_in

Pump = Callable[[], Awaitable[None]]

HOLIDAYS = (
    ("元旦", (1, 1), (1, 3)),
    ("春节", (2, 5), (2, 12)),
    ("清明节", (4, 3), (4, 5)),
    ("劳动节", (5, 1), (5, 5)),
    ("端午节", (6, 9), (6, 9)),
    ("中秋节", (9, 15), (9, 15)),
    ("国庆节", (10, 1), (10, 7)),
)


def _year_2027(makeup: str = "2027-02-13") -> str:
    """An invented arrangement in the form of the real ones."""
    lines = ["日期,类型,名称"]
    for name, first, last in HOLIDAYS:
        day = date(2027, *first)
        while day <= date(2027, *last):
            lines.append(f"{day},放假,{name}")
            day += timedelta(days=1)
    return "\n".join([*lines, f"{makeup},上班,春节", ""])


@pytest.fixture(autouse=True)
def _forget_calendars() -> Iterator[None]:
    """A process knows the versions of one database; here each test has its own."""
    yield
    for version in [v for v in calendars._known if v != SEED_2024_2026.version]:
        del calendars._known[version]


async def _import(who: Actor, csv: bytes, note: str = "国办发明电〔2026〕9 号", **kw: Any) -> Any:
    return await who.call(
        "POST",
        "/calendar",
        params={"note": note},
        content=csv,
        headers={"content-type": "text/csv", **kw},
    )


async def test_the_calendar_warns_before_it_runs_out_and_a_new_year_ends_the_warning(town: Town) -> None:
    clock.set_to(datetime(2026, 11, 23, 1, 30, tzinfo=UTC))
    before = (await town.supervisor.get("/calendar")).json()
    assert (before["version"], before["known_through"]) == (1, "2026-12-31")
    assert before["warning"].startswith("工作日历只到 2026-12-31，还剩 38 天")
    assert {"date": "2026-10-01", "kind": "holiday", "kind_title": "节假日放假", "name": "国庆节"} in before[
        "days"
    ]

    added = await _import(town.operator, _year_2027().encode())
    assert added.status_code == 201, added.text
    assert (added.json()["version"], added.json()["known_through"]) == (2, "2027-12-31")
    after = (await town.supervisor.get("/calendar")).json()
    assert (after["version"], after["warning"]) == (2, None)
    assert {"date": "2027-02-13", "kind": "makeup", "kind_title": "调休上班", "name": "春节"} in after["days"]


async def test_deadlines_are_computed_by_the_new_calendar(town: Town) -> None:
    await _import(town.operator, _year_2027().encode())
    clock.set_to(datetime(2027, 2, 4, 1, 30, tzinfo=UTC))
    case = await town.submit()
    assert case["due"]["finish"]["provisional"] is False
    # Five working days from Thursday 02-04 09:30: 02-13 is worked, then 02-15 to 02-18.
    assert case["due"]["finish"]["due_at"].startswith("2027-02-18T")


async def test_what_excel_saves_in_china_is_read_too(town: Town) -> None:
    assert (await _import(town.operator, _year_2027().encode("gb18030"))).status_code == 201
    assert (await _import(town.operator, b"\xef\xbb\xbf" + _year_2027().encode())).status_code == 201
    broken = await _import(town.operator, b"\xff\xff\xff")
    assert (broken.status_code, broken.json()["code"]) == (422, "calendar_faulty")


async def test_faults_are_told_by_line_and_nothing_is_written(town: Town) -> None:
    wrong = "日期,类型,名称\n2027-02-30,放假,春节\n2027-01-04,上班,元旦\n2027-01-01,休息,元旦\n"
    answer = await _import(town.operator, wrong.encode())
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "calendar_faulty")
    assert [e["loc"] for e in problem["errors"]] == [["line", 2], ["line", 3], ["line", 4]]
    gap = await _import(town.operator, _year_2027().replace("2027", "2029").encode())
    assert gap.status_code == 422
    assert (await town.operator.get("/calendar")).json()["version"] == 1


async def test_a_retried_import_makes_one_version_and_only_operators_import(town: Town) -> None:
    csv = _year_2027().encode()
    first = await _import(town.operator, csv, **{"idempotency-key": "2027"})
    again = await _import(town.operator, csv, **{"idempotency-key": "2027"})
    assert (again.status_code, again.json()) == (201, first.json())
    other = await _import(town.operator, csv + b"\n", **{"idempotency-key": "2027"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    renamed = await _import(town.operator, csv, "另一份依据", **{"idempotency-key": "2027"})
    assert (renamed.status_code, renamed.json()["code"]) == (422, "idempotency_key_reused")
    assert (await town.operator.get("/calendar")).json()["version"] == 2
    for who in (town.supervisor, town.auditor):
        assert (await _import(who, csv)).status_code == 403


async def test_of_two_imports_at_once_one_is_asked_to_look_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, reads = calendars.current, []

    async def meanwhile(tx: AsyncSession) -> WorkingCalendar:
        reads.append(found := await real(tx))
        if len(reads) == 2:  # between reading the version and writing the next one
            monkeypatch.setattr(calendars, "current", real)
            assert (await _import(town.operator, _year_2027("2027-02-14").encode())).status_code == 201
        return found

    monkeypatch.setattr(calendars, "current", meanwhile)
    late = await _import(town.operator, _year_2027().encode())
    assert (late.status_code, late.json()["code"]) == (409, "wrong_moment")
    shown = (await town.operator.get("/calendar")).json()
    assert (shown["version"], [d["date"] for d in shown["days"] if d["kind"] == "makeup"][-1]) == (
        2,
        "2027-02-14",
    )


async def _moves(who: Actor, **params: Any) -> list[str]:
    answer = await who.get("/events", params={"limit": 100, **params})
    assert answer.status_code == 200, answer.text
    return [e["move"] for e in answer.json()["items"]]


async def test_the_auditor_sees_who_did_what_with_its_private_data(town: Town, pump: Pump) -> None:
    case = await town.submit()
    await pump()
    await town.here.worker.move(case["id"], "sign")
    await town.operator.post(f"/people/{town.stranger.id}/moves/block", {"reason": "x"})
    events = (await town.auditor.get("/events", params={"subject": case["id"]})).json()["items"]
    assert [(e["move"], e["by"]) for e in events] == [
        ("sign", "社区工作者"),
        ("dispatch", "系统"),
        ("submit", "居民"),
    ]
    assert events[1]["data"]["rule"] == "secretary-desk/1"
    assert await _moves(town.auditor, actor=str(town.here.worker.id), move="sign") == ["sign"]
    day_ago = (clock.now() - timedelta(days=1)).isoformat()
    assert await _moves(town.auditor, until=day_ago) == []
    assert "submit" in await _moves(town.auditor, since=day_ago)


@pytest.mark.parametrize("wide", [False, True], ids=["places first", "events first"])
async def test_the_audit_ends_where_the_reach_ends(
    town: Town, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    monkeypatch.setattr(audit, "is_wide", lambda _: wide)  # both ways of asking find the same
    here, there = await town.submit(), await town.submit(town.there.resident, place_id=str(town.there.place))
    ours = await sign_in(await make_admin(town.app, town.client, "社区审计", Role.auditor, town.here.place))
    body = {"home_id": str(town.here.home), "relation": "owner", "is_registered": True}
    near = (await town.stranger.post("/residencies", body)).json()
    far = (await town.stranger.post("/residencies", {**body, "home_id": str(town.there.home)})).json()
    grant = (
        await town.operator.post(
            "/grants",
            {
                "person_id": str(town.there.resident.id),
                "role": "grid_worker",
                "place_id": str(town.there.place),
            },
        )
    ).json()
    await town.operator.post("/branches", {"place_id": str(town.there.place), "name": "第一党支部"})

    for subject in (here["id"], near["id"], str(town.here.resident.id)):
        assert await _moves(ours, subject=subject) != [], subject
        assert await _moves(ours, subject=subject, place=str(town.there.place)) == [], subject
    for subject in (there["id"], far["id"], grant["id"], str(town.there.resident.id)):
        assert await _moves(ours, subject=subject) == [], subject
        assert await _moves(town.auditor, subject=subject) != [], subject
        assert await _moves(town.auditor, subject=subject, place=str(town.here.place)) == [], subject
    assert "create" in await _moves(town.auditor)
    assert "create" not in await _moves(ours)
    assert (await town.supervisor.get("/events")).status_code == 403


async def test_what_an_official_did_stays_visible_after_he_left(town: Town) -> None:
    ours = await sign_in(await make_admin(town.app, town.client, "社区审计", Role.auditor, town.here.place))
    [grant] = (await town.operator.get(f"/grants?person={town.here.worker.id}")).json()["items"]
    await town.operator.post(f"/grants/{grant['id']}/end")
    assert await _moves(ours, subject=str(town.here.worker.id)) == ["register"]
    gone = {"subject": str(town.here.worker.id)}
    assert await _moves(town.auditor, **gone, place=str(town.here.place)) == ["register"]
    assert await _moves(town.auditor, **gone, place=str(town.there.place)) == []


async def test_what_lies_nowhere_is_for_those_who_audit_a_county(town: Town) -> None:
    ours = await sign_in(await make_admin(town.app, town.client, "社区审计", Role.auditor, town.here.place))
    await _import(town.operator, _year_2027().encode())
    for params, moves in (
        ({"subject": str(town.stranger.id)}, ["register"]),
        ({"move": "import"}, ["import"]),
    ):
        assert await _moves(town.auditor, **params) == moves
        assert await _moves(town.auditor, **params, place=str(town.county)) == []
        assert await _moves(ours, **params) == []


async def test_dead_letters_are_listed_and_tried_again(town: Town, db: Database, pump: Pump) -> None:
    case = await town.submit()
    async with db.transaction() as tx:
        await tx.execute(text("update deliveries set dead = true, attempts = 8, error = 'Boom'"))
    queue = (await town.auditor.get("/queue?limit=100")).json()
    assert (queue["waiting"], queue["oldest_seconds"], queue["dead"]) == (0, None, len(queue["items"]))
    letter = next(i for i in queue["items"] if i["subject_id"] == case["id"])
    assert (letter["move"], letter["attempts"], letter["error"]) == ("submit", 8, "Boom")

    assert (await town.auditor.post(f"/queue/{letter['id']}/retry")).status_code == 403
    retried = await town.operator.post(f"/queue/{letter['id']}/retry")
    assert (retried.status_code, retried.json()["dead"]) == (200, queue["dead"] - 1)
    await pump()
    assert (await town.here.resident.get(f"/cases/{case['id']}")).json()["state"] == "dispatched"
    gone = await town.operator.post(f"/queue/{letter['id']}/retry")
    assert (gone.status_code, gone.json()["code"]) == (404, "no_such_delivery")
    assert await _moves(town.auditor, subject=letter["id"]) == ["retry"]
    assert (await town.supervisor.get("/queue")).status_code == 403
