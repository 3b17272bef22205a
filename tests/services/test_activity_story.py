"""志愿活动 from the draft to the credited minutes, over HTTP; `pump` does the worker's part, the clock is moved."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from api.kit import clock
from tests.activities import (
    SQUARE,
    START,
    Pump,
    attended,
    check_in,
    drawn_up,
    move,
    passed,
    published,
    seat_move,
    seat_of,
    sign_up,
    volunteer,
)
from tests.moments import MONDAY
from tests.neighbours import scalar, somebody
from tests.town import Town


@pytest.fixture(autouse=True)
def _a_monday() -> None:
    clock.set_to(MONDAY)


async def test_an_activity_goes_from_the_draft_to_the_credited_minutes(town: Town, pump: Pump) -> None:
    here, chen = town.here, await volunteer(town, "小陈")
    made = await drawn_up(town)
    assert (made["state"], made["content"], made["moves"]) == ("draft", "pending", ["revise", "cancel"])
    assert (await chen.get(f"/activities/{made['id']}")).status_code == 404
    assert (await move(here.worker, made["id"], "publish", 409))["code"] == "activity_not_ready"
    await passed(town)
    activity = made["id"]
    shown = await move(here.worker, activity, "publish")
    assert (shown["state"], shown["moves"]) == ("published", ["enlarge", "cancel"])

    [listed] = (await chen.get(f"/activities?near={here.building}")).json()["items"]
    assert (listed["id"], listed["distance"], listed["free"]) == (activity, 1, 5)
    seat = await sign_up(chen, activity)
    assert seat == (await chen.get(f"/seats/{seat['id']}")).json()
    assert (seat["state"], seat["ticket"], seat["moves"]) == ("confirmed", 1, ["cancel"])
    assert (await sign_up(chen, activity, 409))["code"] == "already_signed_up"
    await attended(town, pump, chen, activity)

    after = (await chen.get(f"/seats/{seat['id']}")).json()
    assert (after["state"], after["minutes_automatic"], after["minutes_added"]) == ("credited", 120, 0)
    mine = (await chen.get("/me/service-records")).json()
    assert (mine["automatic_minutes"], mine["added_minutes"]) == (120, 0)
    assert [(r["kind"], r["minutes"], r["day"]) for r in mine["items"]] == [("automatic", 120, "2026-11-28")]
    assert await scalar(town, "select balance from points_accounts where person_id = :p", p=chen.id) == 18
    events = (await chen.get(f"/seats/{seat['id']}/events")).json()["items"]
    assert [e["move"] for e in events] == ["sign_up", "check_in", "check_out", "settle", "credit"]
    told = [n["title"] for n in (await chen.get("/notices")).json()["items"]]
    assert told == ["服务时长已计入", "服务时长公示", "活动提醒"]
    [seen] = (await town.there.resident.get(f"/activities/{activity}/publicity")).json()["items"]
    assert (seen["name"], seen["counted"], seen["automatic_minutes"]) == ("小*", True, 120)


async def test_a_freed_seat_is_offered_to_the_next_and_passes_on_when_time_is_over(
    town: Town, pump: Pump
) -> None:
    activity = await published(town, seats=1, queue=3)
    first, second, third, fourth, late = [await volunteer(town, f"志愿者{n}") for n in range(5)]
    held = await sign_up(first, activity)
    waiting = [await sign_up(p, activity) for p in (second, third, fourth)]
    assert [(s["state"], s["position"]) for s in waiting] == [("waitlisted", n) for n in (1, 2, 3)]
    assert (await sign_up(late, activity, 409))["code"] == "activity_full"

    await seat_move(first, held["id"], "cancel")
    seat = (await second.get(f"/seats/{waiting[0]['id']}")).json()
    assert (seat["state"], seat["moves"]) == ("offered", ["accept", "decline", "cancel"])
    assert (await third.get(f"/seats/{waiting[1]['id']}")).json()["position"] == 1
    # The seat is kept: who signs up now waits behind the others.
    assert (await sign_up(late, activity))["state"] == "waitlisted"
    await pump()
    assert (await second.get("/notices")).json()["items"][0]["title"] == "轮到您了"

    clock.set_to(MONDAY + timedelta(hours=12, minutes=1))
    await pump()
    assert (await second.get(f"/seats/{waiting[0]['id']}")).json()["state"] == "lapsed"
    assert (await seat_move(second, waiting[0]["id"], "accept", 409))["code"] == "wrong_moment"
    await seat_move(third, waiting[1]["id"], "decline")
    accepted = await seat_move(fourth, waiting[2]["id"], "accept")
    assert accepted["state"] == "confirmed"
    clock.set_to(START + timedelta(seconds=1))
    await pump()
    assert (await late.get("/me/seats")).json()["items"][0]["state"] == "lapsed"
    assert await scalar(town, "select free || '/' || waiting from activities") == "0/0"


async def test_nobody_is_in_two_places_at_once_and_back_to_back_is_no_clash(town: Town) -> None:
    chen = await volunteer(town, "小陈")
    nine = await published(town)
    overlapping = await published(town, starts=START + timedelta(minutes=119))
    eleven = await published(town, starts=START + timedelta(minutes=120))
    await sign_up(chen, nine)
    before = await scalar(town, "select row_to_json(a)::text from activities a where id = :a", a=overlapping)
    refused = await chen.post(f"/activities/{overlapping}/seats", key="clash")
    assert (refused.status_code, refused.json()["code"]) == (409, "double_booked")
    after = await scalar(town, "select row_to_json(a)::text from activities a where id = :a", a=overlapping)
    assert after == before
    assert await scalar(town, "select count(*) from idempotency_keys where key = 'clash'") == 0
    await sign_up(chen, eleven)


async def test_one_may_wait_in_two_queues_but_accept_only_where_one_is_free(town: Town) -> None:
    chen, other = await volunteer(town, "小陈"), await volunteer(town, "老李")
    nine, same = await published(town), await published(town, seats=1)
    held = await sign_up(other, same)
    waiting = await sign_up(chen, same)
    mine = await sign_up(chen, nine)
    await seat_move(other, held["id"], "cancel")
    refused = await seat_move(chen, waiting["id"], "accept", 409)
    assert refused["code"] == "double_booked"
    await seat_move(chen, mine["id"], "cancel")
    assert (await seat_move(chen, waiting["id"], "accept"))["state"] == "confirmed"


async def test_what_an_activity_asks_for_holds_on_its_day(town: Town) -> None:
    asked = {"registered": True, "qualifications": ["急救证"], "min_age": 18, "max_age": 65, "insured": True}
    activity = await published(town, open_to="community", **asked)
    stranger = await somebody(town, "路人")
    refused = await sign_up(stranger, activity, 403)
    assert refused["code"] == "not_eligible"
    assert refused["lacking"] == [
        "本社区已核实的居民或登记成员", "已核实的志愿者登记", "活动当天有效的“急救证”资质", "年满 18 周岁",
        "不超过 65 周岁", "活动当天有效的志愿者保险",
    ]  # fmt: skip
    day = date(2026, 11, 28)
    able = {"qualifications": ("急救证",), "birth_year": 1990}
    lapsed = await volunteer(town, "小周", insured_until=day - timedelta(days=1), **able)
    assert (await sign_up(lapsed, activity, 403))["lacking"] == ["活动当天有效的志愿者保险"]
    good = await volunteer(town, "小吴", insured_until=day, **able)
    assert (await sign_up(good, activity))["state"] == "confirmed"


async def test_a_series_is_published_and_called_off_from_one_on(town: Town, pump: Pump) -> None:
    chen = await volunteer(town, "小陈")
    first = await drawn_up(town, repeats={"every": "week", "times": 4})
    await passed(town)
    await move(town.here.worker, first["id"], "publish", whole_series=True)
    rows = (await chen.get("/activities?limit=10")).json()["items"]
    days = [row["starts_at"][:10] for row in rows]
    assert days == ["2026-11-28", "2026-12-05", "2026-12-12", "2026-12-19"]
    assert {row["series_id"] for row in rows} == {first["id"]}
    seats = [await sign_up(chen, row["id"]) for row in rows]
    await move(town.here.worker, rows[2]["id"], "cancel", reason="下雪", whole_series=True)
    await pump()
    states = [(await chen.get(f"/seats/{s['id']}")).json()["state"] for s in seats]
    assert states == ["confirmed", "confirmed", "called_off", "called_off"]
    told = [n["title"] for n in (await chen.get("/notices")).json()["items"]]
    assert told.count("活动取消") == 2
    page = (await chen.get("/activities?limit=1&state=published")).json()
    more = (await chen.get(f"/activities?limit=1&state=published&after={page['next']}")).json()
    assert [page["items"][0]["id"], more["items"][0]["id"]] == [rows[0]["id"], rows[1]["id"]]


async def test_a_draft_is_changed_and_judged_anew(town: Town) -> None:
    made = await drawn_up(town)
    await passed(town)
    worker = town.here.worker
    same = await move(worker, made["id"], "revise", seats=8, queue=0)
    assert (same["seats"], same["free"], same["content"]) == (8, 8, "pass")
    changed = await move(worker, made["id"], "revise", title="清洁小区")
    assert (changed["title"], changed["content"]) == ("清洁小区", "pending")
    assert (await move(worker, made["id"], "publish", 409))["code"] == "activity_not_ready"
    assert (await move(worker, made["id"], "revise", 422, ends_at=START.isoformat()))["code"] == "malformed"
    await passed(town)
    await move(worker, made["id"], "publish")
    assert (await move(worker, made["id"], "revise", 409, title="改名"))["code"] == "wrong_moment"


async def test_words_that_do_not_pass_any_more_invite_nobody(town: Town) -> None:
    activity, chen = await published(town), await volunteer(town, "小陈")
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update activities set content = 'risky'"))
    await sign_up(chen, activity, 404)
    assert (await chen.get("/activities")).json()["items"] == []
    refused = await sign_up(town.here.worker, activity, 409)
    assert (refused["code"], refused["detail"]) == ("wrong_moment", "活动还没有发布")
    assert await scalar(town, "select count(*) from seats") == 0


async def test_more_seats_go_first_to_those_who_wait(town: Town) -> None:
    activity = await published(town, seats=1, queue=5)
    people = [await volunteer(town, f"志愿者{n}") for n in range(4)]
    seats = [await sign_up(p, activity) for p in people]
    grown = await move(town.here.worker, activity, "enlarge", more=4)
    assert (grown["seats"], grown["free"], grown["waiting"]) == (5, 1, 0)
    states = [(await p.get(f"/seats/{s['id']}")).json()["state"] for p, s in zip(people, seats, strict=True)]
    assert states == ["confirmed", "offered", "offered", "offered"]


async def test_codes_change_every_half_minute_and_are_of_one_activity(town: Town) -> None:
    chen = await volunteer(town, "小陈")
    activity, other = await published(town), await published(town, starts=START + timedelta(hours=3))
    await sign_up(chen, activity)
    worker, shown = town.here.worker, f"/activities/{activity}/checkin-code"
    assert (await worker.get(shown)).json()["code"] == "checkin_closed"
    clock.set_to(START.replace(second=5))
    refused = await chen.get(shown)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    code = (await worker.get(shown)).json()
    assert code["svg"].startswith("<svg")
    wrong = (await worker.get(f"/activities/{other}/checkin-code")).json()["code"]
    for forged in (wrong, "AAAAAAAA", code["code"][:-1] + ("A" if code["code"][-1] != "A" else "B")):
        assert (await check_in(chen, activity, 422, qr=forged))["code"] == "checkin_code_refused"
    clock.set_to(START + timedelta(seconds=61))
    assert (await check_in(chen, activity, 422, qr=code["code"]))["code"] == "checkin_code_refused"
    clock.set_to(START + timedelta(seconds=55))
    assert (await check_in(chen, activity, qr=code["code"]))["state"] == "checked_in"
    stranger = await somebody(town, "路人")
    assert (await check_in(stranger, activity, 409, qr=code["code"]))["code"] == "not_signed_up"


async def test_checking_in_is_near_in_time_and_place_and_three_times_a_day(town: Town, pump: Pump) -> None:
    chen = await volunteer(town, "小陈")
    activity = await published(town)
    await sign_up(chen, activity)
    clock.set_to(START - timedelta(hours=2, minutes=1))
    assert (await check_in(chen, activity, 409))["code"] == "checkin_closed"
    clock.set_to(START - timedelta(minutes=30))
    away = {"position": {**SQUARE, "latitude": SQUARE["latitude"] + 0.01}}
    far = await check_in(chen, activity, 409, **away)
    assert (far["code"], 1100 < far["metres"] < 1120) == ("too_far", True)
    await check_in(chen, activity)
    assert (await check_in(chen, activity, 409))["code"] == "checked_in_just_now"
    for minute in (10, 20, 40, 50, 60):  # out, in, out, in, out: 10 + 20 + 10 minutes of the activity
        clock.set_to(START + timedelta(minutes=minute))
        await check_in(chen, activity)
    clock.set_to(START + timedelta(minutes=70))
    assert (await check_in(chen, activity, 409))["code"] == "checkins_spent"
    clock.set_to(START + timedelta(hours=5))
    await pump()
    seat = (await chen.get("/me/seats")).json()["items"][0]
    assert (seat["state"], seat["minutes_automatic"]) == ("hours_pending", 40)
    columns = (
        "select string_agg(column_name, ' ') from information_schema.columns where table_name = 'attendances'"
    )
    assert "latitude" not in await scalar(town, columns)


async def test_who_does_not_come_three_times_cannot_sign_up_until_excused(town: Town, pump: Pump) -> None:
    chen, worker = await volunteer(town, "小陈"), town.here.worker
    days = [START + timedelta(days=n) for n in range(4)]
    activities = [await published(town, starts=day) for day in days]
    for activity in activities[:2]:
        await sign_up(chen, activity)
    third = await sign_up(chen, activities[2])
    clock.set_to(days[1] + timedelta(hours=5))
    await pump()
    assert await scalar(town, "select count(*) from seats where state = 'no_show'") == 2
    late = await seat_move(chen, third["id"], "cancel", reason="感冒")
    assert late["state"] == "cancelled_late"
    refused = await sign_up(chen, activities[3], 409)
    assert refused["code"] == "sign_up_suspended"
    assert await scalar(town, "select free from activities where id = :a", a=activities[3]) == 5
    assert (await seat_move(chen, third["id"], "excuse", 403, reason="感冒"))["code"] == "not_allowed"
    excused = await seat_move(worker, third["id"], "excuse", reason="有病历")
    assert excused["state"] == "cancelled"
    assert (await sign_up(chen, activities[3]))["state"] == "confirmed"


async def test_who_cancels_in_time_is_not_blamed_and_who_leaves_without_checking_out_gets_nothing(
    town: Town, pump: Pump
) -> None:
    chen, li = await volunteer(town, "小陈"), await volunteer(town, "老李")
    activity = await published(town)
    early = await sign_up(chen, activity)
    assert (await seat_move(chen, early["id"], "cancel"))["state"] == "cancelled"
    again = await sign_up(chen, activity)
    assert again["ticket"] == 2
    removed = await sign_up(li, activity)
    gone = await seat_move(town.here.worker, removed["id"], "remove", reason="扰乱秩序")
    assert gone["state"] == "removed"
    assert (await sign_up(li, activity, 409))["code"] == "already_signed_up"
    clock.set_to(START)
    await check_in(chen, activity)
    for days in (1, 5):
        clock.set_to(START + timedelta(days=days))
        await pump()
    seat = (await chen.get(f"/seats/{await seat_of(town, chen, activity)}")).json()
    assert (seat["state"], seat["minutes_automatic"]) == ("credited", 0)
    assert (await chen.get("/me/service-records")).json()["items"] == []
