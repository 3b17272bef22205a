"""找书记 from the first word to the last, over HTTP; `pump` does the worker's part."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from api.kit import clock
from tests.moments import MONDAY
from tests.town import Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _signed(town: Town, pump: Pump, **changes: object) -> dict[str, object]:
    """A case that the worker has dispatched and 社工甲 has signed."""
    case = await town.submit(**changes)
    await pump()
    signed = await town.here.worker.move(case["id"], "sign")
    assert signed.status_code == 200, signed.text
    return dict(signed.json())


async def test_a_case_goes_from_submission_to_closing(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await town.submit()
    assert case["state"] == "submitted"
    assert case["number"] == f"{here.code}-20261123-0001"
    assert case["moves"] == ["withdraw"]
    assert (await here.resident.get(f"/cases/{case['id']}")).json() == case

    await pump()
    dispatched = (await here.worker.get(f"/cases/{case['id']}")).json()
    assert dispatched["state"] == "dispatched"
    assert dispatched["unit"]["name"] == "梅园新村社区书记台"
    assert "sign" in dispatched["moves"]
    # 09:30 and four working hours: 2.5 until noon, 1.5 after two o'clock.
    assert dispatched["due"]["sign"]["due_at"].startswith("2026-11-23T07:30:0")

    signed = (await here.worker.move(case["id"], "sign")).json()
    assert signed["state"] == "in_progress"
    early = await here.worker.move(case["id"], "finish", outcome="solved", reply="已修好")
    assert (early.status_code, early.json()["code"]) == (409, "resident_not_contacted")

    clock.move(timedelta(hours=1))
    said = await here.worker.post(
        f"/cases/{case['id']}/messages", {"kind": "reply", "text": "电工明早上门。"}
    )
    assert said.status_code == 201
    done = await here.worker.move(case["id"], "finish", outcome="solved", reply="灯已更换。")
    assert done.json()["state"] == "handled"
    assert done.json()["due"]["contact"]["met_at"] is not None

    own = await here.worker.move(case["id"], "pass_check")
    assert (own.status_code, own.json()["code"]) == (409, "same_hands")
    checked = await here.secretary.move(case["id"], "pass_check")
    assert checked.json()["state"] == "awaiting_rating"
    rated = await here.resident.post(f"/cases/{case['id']}/ratings", {"overall": 5, "text": "很快"})
    assert (rated.json()["state"], rated.json()["rating"]) == ("closed", 5)

    await pump()
    events = (await here.resident.get(f"/cases/{case['id']}/events")).json()["items"]
    assert [e["move"] for e in events] == [
        "submit", "dispatch", "sign", "reply", "finish", "pass_check", "rate",
    ]  # fmt: skip
    assert [e["by"] for e in events][:3] == ["居民", "系统", "社区工作者"]


async def test_asking_stops_the_residents_clocks_and_answering_lets_them_go_on(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    case = await _signed(town, pump)
    finish = case["due"]["finish"]["due_at"]  # type: ignore[index]
    asked = (await town.here.worker.move(str(case["id"]), "ask", question="是哪一层？")).json()
    assert asked["state"] == "waiting_resident"
    assert asked["due"]["finish"]["due_at"] is None
    clock.move(timedelta(hours=24))
    answered = (await town.here.resident.move(str(case["id"]), "answer", text="二层到三层")).json()
    assert answered["state"] == "in_progress"
    # Due on Monday at six; a working day passed while we waited and is given back: Tuesday, at half past nine
    # (what was left of the day of asking) and the moments the test itself took.
    assert finish == "2026-11-30T10:00:00Z"
    assert str(answered["due"]["finish"]["due_at"]).startswith("2026-12-01T01:30:")


async def test_a_third_question_is_refused(town: Town, pump: Pump) -> None:
    case = await _signed(town, pump)
    for _ in range(2):
        assert (await town.here.worker.move(str(case["id"]), "ask", question="在哪？")).status_code == 200
        assert (await town.here.resident.move(str(case["id"]), "answer", text="三层")).status_code == 200
    third = await town.here.worker.move(str(case["id"]), "ask", question="再问一次？")
    assert (third.status_code, third.json()["code"]) == (409, "asked_enough")
    assert "finish" not in third.json()["moves"] or "ask" not in third.json()["moves"]


async def test_no_answer_in_three_working_days_and_the_handler_goes_on(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await _signed(town, pump)
    await town.here.worker.move(str(case["id"]), "ask", question="在哪？")
    clock.set_to(datetime(2026, 11, 26, 10, 1, tzinfo=UTC))  # Thursday 18:01: the third working day is over
    await pump()
    seen = (await town.here.worker.get(f"/cases/{case['id']}")).json()
    assert seen["state"] == "in_progress"
    assert seen["due"]["finish"]["due_at"] is not None


async def test_a_neglected_case_reaches_the_communitys_lead(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await town.submit(title="井盖松动")
    await pump()
    clock.move(timedelta(hours=6, minutes=1))  # 15:31: the time to sign is over
    await pump()
    seen = (await town.here.resident.get(f"/cases/{case['id']}")).json()
    assert seen["level"] == 1
    assert seen["due"]["sign"]["overdue"] is True
    notices = (await town.here.secretary.get("/notices")).json()["items"]
    assert any("井盖松动" in n["text"] and "签收超时" in n["text"] for n in notices)
    assert (await town.there.secretary.get("/notices")).json()["items"] == []


async def test_silence_closes_unrated(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await _finished(town, pump)
    assert (await town.here.secretary.move(case, "pass_check")).status_code == 200
    clock.move(timedelta(days=8))
    await pump()
    seen = (await town.here.resident.get(f"/cases/{case}")).json()
    assert (seen["state"], seen["rating"]) == ("closed", None)


async def test_two_stars_open_a_new_cycle(town: Town, pump: Pump) -> None:
    case = await _finished(town, pump)
    await town.here.secretary.move(case, "pass_check")
    disputed = (await town.here.resident.post(f"/cases/{case}/ratings", {"overall": 2})).json()
    assert (disputed["state"], disputed["cycle"], disputed["rating"]) == ("in_progress", 2, 2)
    assert disputed["due"]["finish"]["met_at"] is None


async def test_a_failed_check_lets_the_finish_clock_count_again(town: Town, pump: Pump) -> None:
    case = await _finished(town, pump)
    back = (await town.here.secretary.move(case, "fail_check", reason="照片不清楚")).json()
    assert back["state"] == "in_progress"
    assert back["due"]["finish"]["met_at"] is None
    notes = (await town.here.resident.get(f"/cases/{case}/messages")).json()["items"]
    assert all(n["kind"] != "note" for n in notes)
    notes = (await town.here.worker.get(f"/cases/{case}/messages")).json()["items"]
    assert [n["text"] for n in notes if n["kind"] == "note"] == ["照片不清楚"]


async def test_a_low_risk_case_is_checked_by_the_system_after_a_working_day(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    states = []
    for _ in range(4):  # one in ten is left for a person; four in a row are not
        case = await _finished(town, pump, category="consult")
        states.append(case)
    clock.move(timedelta(days=2))
    await pump()
    found = {(await town.here.resident.get(f"/cases/{c}")).json()["state"] for c in states}
    assert "awaiting_rating" in found


async def test_a_withdrawn_case_waits_for_nobody(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await _signed(town, pump)
    gone = (await town.here.resident.move(str(case["id"]), "withdraw", reason="已自行解决")).json()
    assert (gone["state"], gone["moves"]) == ("withdrawn", [])
    clock.move(timedelta(days=30))
    await pump()
    assert (await town.here.resident.get(f"/cases/{case['id']}")).json()["level"] == 0


async def test_an_agreed_message_reaches_the_platform_once(town: Town, pump: Pump) -> None:
    agreed = await town.here.resident.post(
        "/subscriptions", {"template": "case_progress", "result": "accept"}
    )
    assert agreed.status_code in (200, 201), agreed.text
    case = await _finished(town, pump)
    await town.here.secretary.move(case, "pass_check")
    await pump()
    async with town.app.state.db.reading() as tx:
        queued = (await tx.execute(text("select count(*) from subscription_messages"))).scalar_one()
    assert queued == 1


async def _finished(town: Town, pump: Pump, **changes: object) -> str:
    """A case that has been answered and handled, waiting for its check."""
    case = str((await _signed(town, pump, **changes))["id"])
    said = await town.here.worker.post(
        f"/cases/{case}/messages", {"kind": "reply", "text": "已收到，正在处理。"}
    )
    assert said.status_code == 201
    done = await town.here.worker.move(case, "finish", outcome="solved", reply="已处理。")
    assert done.status_code == 200, done.text
    return case
