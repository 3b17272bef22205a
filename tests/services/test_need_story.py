"""微心愿 from the wish to the points, over HTTP; `pump` does the worker's part, the clock is moved."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from api.kit import clock
from api.rules.people import MembershipKind
from tests.moments import MONDAY
from tests.neighbours import lives, member, move, published, scalar, somebody, wish
from tests.town import Town

Pump = Callable[[], Awaitable[None]]


async def test_a_wish_goes_from_the_wisher_to_the_points(town: Town, pump: Pump) -> None:
    here, wang = town.here, await member(town)
    made = await wish(town)
    assert (made["state"], made["moves"], made["content"]) == ("submitted", ["withdraw"], "pending")
    assert (await wang.get(f"/wishes/{made['id']}")).status_code == 404
    need = made["id"]
    screened = await move(here.worker, need, "publish")
    assert (screened["state"], screened["content"]) == ("published", "pass")

    listed = (await wang.get("/wishes?state=published")).json()["items"]
    assert [item["id"] for item in listed] == [need]
    assert (await wang.get(f"/wishes/{need}")).json()["moves"] == ["claim"]
    claimed = await move(wang, need, "claim")
    assert claimed == (await wang.get(f"/wishes/{need}")).json()
    assert (claimed["state"], claimed["claim"]["member"]["mine"]) == ("claimed", True)
    assert claimed["contact"] is None

    contacted = await move(wang, need, "contact")
    assert (contacted["state"], contacted["contact"]) == ("contacted", None)
    seen = (await wang.get(f"/wishes/{need}")).json()
    assert seen["contact"]["name"] == "微信居民"
    done = await move(wang, need, "finish", text="已送到家中。", minutes=65)
    assert (done["state"], done["claim"]["minutes"]) == ("done", 65)
    confirmed = await move(here.resident, need, "confirm", stars=5, text="谢谢")
    assert (confirmed["state"], confirmed["rating"], confirmed["moves"]) == ("confirmed", 5, [])
    assert confirmed["rating_text"] == "谢谢"
    assert (await wang.get(f"/wishes/{need}")).json()["rating_text"] is None

    await pump()
    assert (await wang.get(f"/wishes/{need}")).json()["rating_text"] == "谢谢"
    events = (await here.resident.get(f"/wishes/{need}/events")).json()["items"]
    assert [e["move"] for e in events] == [
        "submit", "publish", "claim", "contact", "finish", "confirm",
    ]  # fmt: skip
    assert await scalar(town, "select balance from points_accounts where person_id = :p", p=wang.id) == 14 + 5
    titles = [n["title"] for n in (await here.resident.get("/notices")).json()["items"]]
    assert titles == ["请您确认", "有人认领", "已公开"]


async def test_contact_is_for_the_live_claimant_after_contact_alone_and_every_look_is_an_event(
    town: Town,
) -> None:
    wang, li = await member(town), await member(town, "党员老李")
    need = await published(town)
    await move(wang, need, "claim")
    assert (await wang.get(f"/wishes/{need}")).json()["contact"] is None
    await move(wang, need, "contact")
    for who in (li, town.here.worker, town.here.resident):
        assert (await who.get(f"/wishes/{need}")).json()["contact"] is None
    for _ in range(3):
        assert (await wang.get(f"/wishes/{need}")).json()["contact"] is not None
    looks = "select count(*) from events where move = 'view_contact' and actor_id = :p"
    assert await scalar(town, looks, p=wang.id) == 3
    await move(wang, need, "release", reason="出差")
    await move(town.here.worker, need, "let_go")
    assert (await wang.get(f"/wishes/{need}")).json()["contact"] is None
    assert await scalar(town, looks, p=wang.id) == 3


async def test_a_returned_wish_is_changed_and_screened_anew(town: Town) -> None:
    made = await wish(town)
    back = await move(town.here.worker, made["id"], "return", reason="请写清楚度数")
    assert (back["state"], (await town.here.resident.get(f"/wishes/{made['id']}")).json()["moves"]) == (
        "returned", ["submit", "withdraw"],
    )  # fmt: skip
    again = await move(town.here.resident, made["id"], "submit", text="三百度的老花镜")
    assert (again["state"], again["text"], again["content"]) == ("submitted", "三百度的老花镜", "pending")


async def test_a_household_has_two_open_wishes_and_a_third_when_one_has_ended(town: Town) -> None:
    first = await wish(town)
    await wish(town)
    third = await town.here.resident.post("/wishes", {**_body(town)})
    assert (third.status_code, third.json()["code"]) == (409, "wishes_enough")
    await move(town.here.resident, first["id"], "withdraw")
    await wish(town)


def _body(town: Town) -> dict[str, object]:
    return {"title": "修水龙头", "text": "滴水", "category": "repair", "place_id": str(town.here.place)}


async def test_a_help_request_states_its_risks_and_the_wrong_channel_is_named(town: Town) -> None:
    bare = await town.here.resident.post("/help-requests", _body(town))
    assert (bare.status_code, bare.json()["code"]) == (422, "risks_missing")
    for words, channel in (
        ("家里煤气泄漏了", "emergency"),
        ("想借 钱应急", "money"),
        ("二手冰箱低价卖", "trade"),
    ):
        answer = await town.here.resident.post("/wishes", {**_body(town), "text": words})
        assert (answer.status_code, answer.json()["channel"]) == (422, channel), words
        assert answer.json()["detail"]


async def test_nobody_of_the_wishers_household_screens_or_claims(town: Town) -> None:
    here = town.here
    son = await member(town, "儿子")
    await lives(town, son, here.home)
    await lives(town, here.worker, here.home)
    made = await wish(town)
    refused = await move(here.worker, made["id"], "publish", 403)
    assert refused["code"] == "own_household"
    await move(here.second_worker, made["id"], "publish")
    own = await move(son, made["id"], "claim", 403)
    assert own["code"] == "own_household"


async def test_a_wish_is_for_party_members_and_help_for_volunteers_who_bring_what_it_asks(town: Town) -> None:
    party = await member(town)
    plain = await member(town, "志愿者小陈", MembershipKind.volunteer, birth_year=1990)
    elsewhere = await member(town, "隔壁的", MembershipKind.volunteer, town.there)
    able = await member(
        town, "电工老赵", MembershipKind.volunteer, qualifications=("电工证",), birth_year=1980,
        insured_until=clock.local(clock.now()).date(),
    )  # fmt: skip
    wishing = await published(town)
    assert (await move(plain, wishing, "claim", 403))["code"] == "not_allowed"
    need = await published(town, "/help-requests", qualifications=["电工证"], min_age=18, insured=True)
    assert (await move(party, need, "claim", 403))["code"] == "not_allowed"
    assert (await elsewhere.post(f"/help-requests/{need}/moves/claim")).status_code == 404
    refused = await move(plain, need, "claim", 403)
    assert refused["lacking"] == ["有效的“电工证”资质", "有效的志愿者保险"]
    assert (await able.post(f"/help-requests/{need}/moves/claim")).status_code == 200


async def test_without_contact_a_warning_then_a_release_that_keeps_the_age(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    wang = await member(town)
    need = await published(town)
    before = (await wang.get(f"/wishes/{need}")).json()["published_at"]
    await move(wang, need, "claim")
    clock.move(timedelta(hours=48, minutes=1))
    await pump()
    assert [n["title"] for n in (await wang.get("/notices")).json()["items"]] == ["请尽快联系"]
    clock.move(timedelta(hours=24))
    await pump()
    seen = (await wang.get(f"/wishes/{need}")).json()
    assert (seen["state"], seen["claim"], seen["published_at"]) == ("published", None, before)
    assert await scalar(town, "select live from claimants") == 0
    await move(wang, need, "claim")
    clock.move(timedelta(days=4, hours=16))
    await pump()
    assert (await wang.get(f"/wishes/{need}")).json()[
        "state"
    ] == "in_house"  # released at 72 hours, a week old


async def test_three_releases_in_ninety_days_leave_one_claim_for_thirty(town: Town) -> None:
    clock.set_to(MONDAY)
    wang = await member(town)
    need = await published(town, "/wishes")
    for _ in range(3):
        await move(wang, need, "claim")
        await move(wang, need, "release", reason="临时有事")
    other = await published(town)
    await move(wang, need, "claim")
    assert (await move(wang, other, "claim", 409))["code"] == "live_limit"
    assert (await wang.get(f"/wishes/{other}")).json()["state"] == "published"
    clock.move(timedelta(days=31))
    await move(wang, other, "claim")


async def test_an_offer_is_accepted_passed_or_expires(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here, wang, li = town.here, await member(town), await member(town, "老李")
    need = await published(town)
    offered = await move(here.worker, need, "offer", person_id=str(wang.id))
    assert (offered["state"], offered["offer"]["member"]["name"]) == ("offered", "党员老王")
    assert (await li.get("/me/offers")).json()["items"] == []
    assert (await wang.get("/me/offers")).json()["items"][0]["need"]["id"] == need
    await move(li, need, "accept", 403)
    assert (await move(li, need, "claim", 409))["code"] == "wrong_moment"
    await move(wang, need, "pass")
    await move(here.worker, need, "offer", person_id=str(li.id))
    clock.move(timedelta(hours=12, minutes=1))
    await pump()
    assert (await li.get(f"/wishes/{need}")).json()["state"] == "published"
    await move(here.worker, need, "offer", person_id=str(li.id))
    accepted = await move(li, need, "accept")
    assert (accepted["state"], accepted["claim"]["member"]["mine"]) == ("claimed", True)
    assert (await li.get("/me/claims")).json()["items"][0]["contact_by"] is not None


async def test_a_transfer_is_one_swap_and_there_are_two_at_most(town: Town) -> None:
    people = [await member(town, f"党员{i}") for i in range(3)]
    need = await published(town)
    await move(people[0], need, "claim")
    for giver, taker in ((people[0], people[1]), (people[1], people[2])):
        await move(giver, need, "transfer", person_id=str(taker.id))
        await move(taker, need, "accept_transfer")
    again = await move(people[2], need, "transfer", 409, person_id=str(people[0].id))
    assert again["code"] == "transferred_enough"
    assert (
        await scalar(town, "select string_agg(live::text, ',' order by person_id) from claimants") == "0,0,1"
    )
    stranger = await somebody(town, "路人乙")
    await move(stranger, need, "accept_transfer", 404)


async def test_silence_brings_a_call_then_no_bonus(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    wang = await member(town)
    need = await published(town)
    await move(wang, need, "claim")
    await move(wang, need, "contact")
    await move(wang, need, "finish", text="好了", minutes=20)
    clock.move(timedelta(hours=72, minutes=1))
    await pump()
    assert "回访任务" in [n["title"] for n in (await town.here.worker.get("/notices")).json()["items"]]
    clock.move(timedelta(days=5))
    await pump()
    assert (await wang.get(f"/wishes/{need}")).json()["state"] == "unconfirmed"
    assert await scalar(town, "select string_agg(kind || amount, ',') from points_entries") == "service10"


async def test_a_dispute_is_decided_by_the_community(town: Town) -> None:
    wang, worker = await member(town), town.here.worker
    need = await published(town)
    await move(wang, need, "claim")
    await move(wang, need, "contact")
    await move(wang, need, "finish", text="好了", minutes=20)
    assert (await move(worker, need, "redo", 409, reason="再看看"))["code"] == "not_disputed"
    await move(town.here.resident, need, "dispute", reason="没修好")
    assert (await move(worker, need, "redo", reason="请重做"))["state"] == "contacted"
    assert await scalar(town, "select live from claimants") == 1
    await move(wang, need, "finish", text="重做好了", minutes=20)
    await move(town.here.resident, need, "dispute", reason="还是不行")
    assert (await move(worker, need, "reopen", reason="换人"))["state"] == "published"
    assert await scalar(town, "select count(*) from points_entries") == 0


async def test_nobody_claims_for_a_week_and_the_community_does_it(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    need = await published(town)
    clock.move(timedelta(days=7, hours=16))
    await pump()
    assert (await town.here.worker.get(f"/wishes/{need}")).json()["state"] == "in_house"
    done = await move(town.here.worker, need, "finish", text="社区送去了", minutes=30)
    assert (done["state"], done["claim"]["in_house"]) == ("done", True)
    await move(town.here.resident, need, "confirm", stars=5)
    assert await scalar(town, "select count(*) from points_entries") == 0


async def test_unscreened_for_two_working_days_it_escalates_and_is_never_published(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    made = await wish(town)
    clock.move(timedelta(days=3))
    await pump()
    assert (await town.here.worker.get(f"/wishes/{made['id']}")).json()["state"] == "submitted"
    assert "审核超时" in [n["title"] for n in (await town.here.secretary.get("/notices")).json()["items"]]
    assert "审核超时" in [n["title"] for n in (await town.supervisor.get("/notices")).json()["items"]]


async def test_three_share_a_task_and_it_goes_on_when_the_last_has_got_there(town: Town) -> None:
    people = [await member(town, f"党员{i}") for i in range(3)]
    need = await published(town, seats=3)
    states = [(await move(p, need, "claim"))["state"] for p in people[:2]]
    assert states == ["published", "published"]
    assert (await move(people[0], need, "contact"))["state"] == "published"
    assert (await move(people[0], need, "claim", 409))["code"] == "already_claimed"
    assert (await move(people[2], need, "claim"))["state"] == "claimed"
    await move(people[1], need, "contact")
    await move(people[0], need, "finish", text="我的完成", minutes=10)
    assert (await move(people[2], need, "contact"))["state"] == "contacted"
    await move(people[1], need, "finish", text="完成", minutes=10)
    assert (await move(people[2], need, "finish", text="完成", minutes=10))["state"] == "done"
    await move(town.here.resident, need, "confirm", stars=4)
    assert await scalar(town, "select count(*) from points_entries where kind = 'service'") == 3


async def test_a_shared_task_may_begin_with_those_who_are_there(town: Town) -> None:
    wang = await member(town)
    need = await published(town, seats=2)
    assert (await move(town.here.worker, need, "settle", 409))["code"] == "nobody_yet"
    await move(wang, need, "claim")
    settled = await move(town.here.worker, need, "settle")
    assert (settled["state"], settled["seats"]) == ("claimed", 1)


async def test_an_extension_needs_the_wishers_consent_and_comes_once(town: Town) -> None:
    wang = await member(town)
    need = await published(town)
    await move(wang, need, "claim")
    before = (await wang.get(f"/wishes/{need}")).json()["due"]["finish"]["due_at"]
    await move(wang, need, "extend", reason="在等配件")
    await move(wang, need, "agree_extension", 403)
    clock.move(timedelta(days=1))
    after = (await move(town.here.resident, need, "agree_extension"))["due"]["finish"]["due_at"]
    assert after > before
    assert (await move(wang, need, "extend", 409, reason="再等等"))["code"] == "extended_enough"


async def test_like_wishes_are_merged_one_level_deep(town: Town) -> None:
    parent = await published(town)
    child = await wish(town)
    merged = await move(town.here.worker, child["id"], "merge", into=parent)
    assert (merged["state"], merged["merged_into"]) == ("merged", parent)
    other = await wish(town)
    answer = await move(town.here.worker, other["id"], "merge", 422, into=child["id"])
    assert answer["code"] == "no_parent"


async def test_a_worker_records_for_somebody_without_a_phone_and_both_are_kept(town: Town) -> None:
    wang = await member(town)
    body = {**_body(town), "home_id": str(town.here.home), "place_id": None}
    body["on_behalf_of"] = {"name": "李奶奶", "phone": "13900008888", "consent": "电话同意"}
    assert (await town.here.resident.post("/wishes", body)).status_code == 403
    made = await town.here.worker.post("/wishes", body)
    assert made.status_code == 201, made.text
    need = made.json()["id"]
    await move(town.here.second_worker, need, "publish")
    assert (await wang.get(f"/wishes/{need}")).json()["author"]["name"] == "一位居民"
    await move(wang, need, "claim")
    await move(wang, need, "contact")
    contact = (await wang.get(f"/wishes/{need}")).json()["contact"]
    assert contact == {"name": "李奶奶", "phone": "13900008888", "home": "1 幢 301"}
    await move(wang, need, "finish", text="好了", minutes=10)
    assert (await move(town.here.second_worker, need, "confirm", stars=4))["confirmed_by_call"] is True


async def test_the_nearest_and_most_urgent_come_first_page_by_page(town: Town) -> None:
    wang = await member(town, skills=["电工"])
    here = town.here
    far = await published(town, title="社区里的")
    near = await published(town, title="楼里的", place_id=str(here.building), skills=["电工"])
    urgent = await published(town, "/help-requests", title="急的", urgency="urgent")
    assert urgent
    first = (await wang.get(f"/wishes?near={here.building}&limit=1")).json()
    assert [(i["id"], i["distance"]) for i in first["items"]] == [(near, 0)]
    second = (await wang.get(f"/wishes?near={here.building}&limit=1&after={first['next']}")).json()
    assert [(i["id"], i["distance"]) for i in second["items"]] == [(far, 1)]
    assert second["next"] is None
    mine = (await wang.get("/wishes?skills=mine")).json()["items"]
    assert [i["id"] for i in mine] == [near]


async def test_the_numbers_say_what_was_posted_claimed_done_and_left_unconfirmed(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    wang = await member(town)
    silent, waiting = await published(town), await published(town)
    assert waiting
    clock.move(timedelta(hours=6))
    await move(wang, silent, "claim")
    await move(wang, silent, "contact")
    clock.move(timedelta(hours=4))
    await move(wang, silent, "finish", text="好了", minutes=20)
    clock.move(timedelta(days=8))
    await pump()
    seen = (await wang.get(f"/need-statistics?place={town.here.place}&period=year")).json()["kinds"][0]
    wanted = {
        "posted": 2,
        "claimed": 1,
        "done": 1,
        "confirmed": 0,
        "unconfirmed": 1,
        "in_house": 1,
        "waiting": 0,
    }
    assert {name: seen[name] for name in wanted} == wanted
    assert (seen["hours_to_claim"], seen["hours_to_done"], seen["rating"]) == (6.0, 10.0, None)
    there = (await wang.get(f"/need-statistics?place={town.there.place}&period=year")).json()["kinds"]
    assert [line["posted"] for line in there] == [0, 0]


async def test_the_overview_says_what_each_branch_did(town: Town) -> None:
    made = await town.operator.post("/branches", {"place_id": str(town.here.place), "name": "第一党支部"})
    assert made.status_code == 201, made.text
    wang = await member(town, branch_id=UUID(made.json()["id"]))
    await member(town, "党员老李", branch_id=UUID(made.json()["id"]))
    await move(wang, await published(town), "claim")
    where = f"/branch-overview?place={town.here.place}"
    seen = (await town.here.secretary.get(where)).json()["branches"]
    line = {"members": 2, "active": 1, "claimed": 1, "done": 0, "minutes": 0}
    assert [{name: b[name] for name in line} for b in seen] == [line]
    assert (await wang.get(where)).status_code == 403
