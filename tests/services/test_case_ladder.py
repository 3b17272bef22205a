"""The ladder L0 to L4, urging, low marks and what they set going, and the hazard that goes on."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from api.kit import clock
from tests.moments import MONDAY
from tests.services.test_case_requests import closed, finished, signed
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


SUNDAY = datetime(2026, 11, 29, 1, 30, tzinfo=UTC)
"""09:30 in China; three weeks without a holiday follow."""


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """So many days after SUNDAY, on a wall in China, and a minute later: what is due then has been done."""
    return SUNDAY.replace(hour=hour - 8, minute=minute) + timedelta(days=day, minutes=1)


async def titles(who: Actor) -> list[str]:
    return [n["title"] for n in (await who.get("/notices?limit=100")).json()["items"]]


async def level(town: Town, case: str) -> int:
    found: int = (await town.here.resident.get(f"/cases/{case}")).json()["level"]
    return found


async def test_a_case_nobody_finishes_climbs_every_rung_and_its_resident_sees_each(
    town: Town, pump: Pump
) -> None:
    clock.set_to(SUNDAY)  # five working days are Monday to Friday
    case = await signed(town, pump)
    said = {"kind": "contact", "text": "已电话联系。"}
    assert (await town.here.worker.post(f"/cases/{case}/messages", said)).status_code == 201
    for moment, rung in (
        (at(3, 11, 0), 0),  # half of 35 h is 17:30: Mon 7, Tue 14, Wed 09:00-12:00 17, 14:30
        (at(3, 14, 30), 0),
        (at(4, 17, 0), 0),
        (at(4, 18, 0), 1),  # 80% is 28 h: Thursday 18:00
        (at(5, 18, 0), 2),  # Friday 18:00: broken
        (at(9, 18, 0), 3),  # two working days after: Monday, Tuesday
        (at(16, 18, 0), 4),  # five working days after: Wednesday to the next Tuesday
    ):
        clock.set_to(moment)
        await pump()
        assert await level(town, case) == rung, moment
        reminded = "期限已过半" in await titles(town.here.worker)
        assert reminded == (moment >= at(3, 14, 30))
    assert "诉求升级至社区" in await titles(town.here.secretary)
    assert "诉求升级至街道" in await titles(town.supervisor)
    assert "诉求升级至区级" in await titles(town.operator)
    events = (await town.here.resident.get(f"/cases/{case}/events?limit=100")).json()["items"]
    climbed = [e["text"] for e in events if e["move"] == "climb"]
    assert [c.partition("：")[0] for c in climbed] == [
        "升级至承办单位负责人", "升级至社区", "升级至街道督办", "升级至区级",
    ]  # fmt: skip
    seen = (await town.here.worker.get(f"/cases/{case}")).json()
    assert [(r["kind"], r["state"], r["asker"]) for r in seen["requests"]] == [
        ("supervise", "approved", "系统")
    ]
    up = await town.supervisor.move(case, "report_up", system="12345", number="NJ-88")
    assert (up.json()["state"], up.json()["outside"]) == (
        "in_progress",
        {"system": "12345", "number": "NJ-88"},
    )


async def test_the_community_names_an_owner_and_a_plan_that_the_resident_reads(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    early = await town.here.secretary.move(case, "plan", text="换整条线路")
    assert (early.status_code, early.json()["code"]) == (409, "not_that_high")
    clock.set_to(datetime(2026, 11, 24, 10, 1, tzinfo=UTC))  # the contact was due on Tuesday at 18:00
    await pump()
    assert await level(town, case) == 2
    stranger = await town.here.secretary.move(case, "plan", text="换线路", owner_id=str(town.stranger.id))
    assert (stranger.status_code, stranger.json()["code"]) == (422, "not_an_owner")
    planned = await town.here.secretary.move(
        case, "plan", text="周四前换整条线路", owner_id=str(town.here.worker.id)
    )
    assert planned.status_code == 200, planned.text
    assert planned.json()["plan"] == "周四前换整条线路"
    assert (await town.here.resident.get(f"/cases/{case}")).json()["plan"] is None
    await pump()
    assert (await town.here.resident.get(f"/cases/{case}")).json()["plan"] == "周四前换整条线路"
    clocks = (await town.here.resident.get(f"/cases/{case}/clock")).json()["clocks"]
    assert [c["met_at"] is not None for c in clocks if c["kind"] == "planning"] == [True]


async def test_a_resident_urges_once_a_day(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    first = await town.here.resident.post(f"/cases/{case}/urges")
    assert (first.status_code, first.json()["level"]) == (201, 1)
    again = await town.here.resident.post(f"/cases/{case}/urges")
    assert (again.status_code, again.json()["code"]) == (409, "urged_today")
    clock.move(timedelta(hours=15))  # after midnight
    assert (await town.here.resident.post(f"/cases/{case}/urges")).status_code == 201
    assert (await town.here.worker.post(f"/cases/{case}/urges")).status_code == 403
    await pump()
    assert "反映人催单" in await titles(town.here.worker)


async def test_three_transfers_bring_a_case_to_the_town_and_two_are_the_leads_own(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await signed(town, pump)
    due = (await here.resident.get(f"/cases/{case}")).json()["due"]["finish"]
    body = {"unit_id": str(here.desk), "reason": "由另一位同事办理"}
    assert (await here.resident.move(case, "transfer", **body)).status_code == 403
    for count in (1, 2, 3):
        moved = await here.secretary.move(case, "transfer", **body)
        assert (moved.json()["state"], moved.json()["level"]) == ("dispatched", 3 if count == 3 else 0)
        assert moved.json()["due"]["finish"] == due
        assert (await here.second_worker.move(case, "sign")).status_code == 200
    elsewhere = await here.secretary.move(case, "transfer", unit_id=str(town.there.desk), reason="归他们")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "no_unit")


async def test_a_bad_mark_is_confirmed_called_back_about_and_planned_for(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await closed(town, pump, {"overall": 1})
    seen = (await here.resident.get(f"/cases/{case}")).json()
    assert (seen["state"], seen["cycle"], seen["level"]) == ("in_progress", 2, 2)
    own = await here.worker.move(case, "confirm", text="重新办理")
    assert (own.status_code, own.json()["code"]) == (409, "same_hands")
    assert (await here.secretary.move(case, "confirm", text="明天再上门。")).status_code == 200
    # The secretary serves in the unit that handled it; the town does not.
    assert (await here.secretary.move(case, "call_back", text="居民不满意")).status_code == 403
    assert (await town.supervisor.move(case, "call_back", text="居民不满意")).status_code == 200
    twice = await town.supervisor.move(case, "call_back", text="再打一次")
    assert (twice.status_code, twice.json()["code"]) == (409, "no_call_back_owed")
    # The contact of the first cycle does not count for the second.
    silent = await here.worker.move(case, "finish", outcome="solved", reply="又修了一次")
    assert (silent.status_code, silent.json()["code"]) == (409, "resident_not_contacted")
    assert (await finished(town, case)).status_code == 200
    for cycle in (2, 3):
        assert (await here.secretary.move(case, "pass_check")).status_code == 200
        if cycle == 2:
            again = await here.resident.post(f"/cases/{case}/ratings", {"overall": 2})
            assert (again.json()["cycle"], again.json()["level"]) == (3, 3)
            assert (await finished(town, case)).status_code == 200


async def test_a_dispute_nobody_confirms_is_said_so(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await closed(town, pump, {"overall": 2})
    clock.set_to(datetime(2026, 11, 24, 10, 1, tzinfo=UTC))
    await pump()
    events = (await town.here.resident.get(f"/cases/{case}/events?limit=100")).json()["items"]
    assert "不认可的确认超时" in [e["text"] for e in events]


async def test_a_rude_answer_to_a_solved_case_is_called_back_about(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await closed(town, pump, {"overall": 4, "attitude": 1})
    seen = (await town.supervisor.get(f"/cases/{case}")).json()
    assert (seen["state"], "call_back" in seen["moves"]) == ("closed", True)
    other = await closed(town, pump, {"overall": 4, "attitude": 3})
    assert "call_back" not in (await town.supervisor.get(f"/cases/{other}")).json()["moves"]
    called = await town.supervisor.move(case, "call_back", text="已致歉")
    assert called.json()["state"] == "closed"


async def test_the_reporter_reopens_within_fifteen_days_and_the_quality_check_within_ninety(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await closed(town, pump, {"overall": 5})
    clock.move(timedelta(days=15))
    again = await here.resident.move(case, "reopen", reason="灯又灭了")
    assert (again.json()["state"], again.json()["cycle"]) == ("in_progress", 2)
    assert again.json()["due"]["finish"]["met_at"] is None
    late = await closed(town, pump, {"overall": 5})
    clock.move(timedelta(days=16))
    refused = await here.resident.move(late, "reopen", reason="灯又灭了")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_late_to_reopen")
    clock.move(timedelta(days=73))
    assert (await town.supervisor.move(late, "reopen", reason="抽查发现未修好")).status_code == 200


async def test_a_hazard_goes_on_without_its_reporter(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await signed(town, pump, title="电线垂落")
    marked = await here.secretary.move(case, "mark_hazard", reason="电线裸露")
    assert marked.json()["hazard"] is True
    assert (await here.resident.move(case, "withdraw")).status_code == 200
    await pump()
    await pump()
    listed = (await here.worker.get("/cases?kind=grid")).json()["items"]
    assert [(c["title"], c["state"]) for c in listed] == [("电线垂落", "dispatched")]
    assert (await here.resident.get(f"/cases/{listed[0]['id']}")).status_code == 404
    plain = await signed(town, pump, title="路灯不亮")
    assert (await here.resident.move(plain, "withdraw")).status_code == 200
    await pump()
    assert len((await here.worker.get("/cases?kind=grid")).json()["items"]) == 1
    assert "诉求已撤回" in await titles(here.second_worker)


async def test_a_dispatcher_refers_a_case_and_keeps_its_number_there(town: Town, pump: Pump) -> None:
    case = str((await town.submit())["id"])
    gone = await town.here.secretary.move(case, "refer", system="12345", number="NJ-1")
    assert (gone.json()["state"], gone.json()["outside"]["number"]) == ("referred", "NJ-1")
    async with town.app.state.db.reading() as tx:
        live = await tx.execute(
            text("select count(*) from deadlines where met_at is null and cancelled_at is null")
        )
        assert live.scalar_one() == 0
    await pump()
    assert "诉求已转外部" in await titles(town.here.resident)
