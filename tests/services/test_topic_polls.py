"""A stage and its poll: voted again, void, counted anew, sent back; and only its own poll decides a stage."""

from dataclasses import replace

from sqlalchemy import text

from api.kit import clock
from api.models import Membership
from api.models.people import PersonId
from api.rules.people import MembershipKind, MembershipState
from api.rules.places import Level
from api.rules.voting.rule import as_json, simple_majority
from tests.moments import MONDAY
from tests.polls import draft, move, neighbours, renew, vote
from tests.topic_story import HOUSEHOLDS, OWNERS, PERSONS, Pump, party_members, tell
from tests.town import Actor, Town, _place


async def test_a_failed_vote_stops_the_topic_until_it_is_sent_back_or_voted_again(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    (member,) = people = await neighbours(town, here, 1)
    await party_members(town, people)
    story = await tell(town, pump, here.secretary, template="four_two_one")
    await story.voted([member], basis="members", source={"body": "party"})
    committees = {"basis": "members", "source": {"body": "committees"}}
    failed = await story.voted([here.worker], [here.secretary, here.second_worker], **committees)
    assert (story.stage["title"], story.stage["outcome"]) == ("两委商议", "failed")
    stuck = await story.move(here.secretary, "advance")
    assert (stuck.status_code, stuck.json()["code"]) == (409, "vote_failed")
    times = {"opens_at": clock.now().isoformat(), "closes_at": clock.now().replace(year=2027).isoformat()}
    await renew(town, town.supervisor)
    await move(town, failed, "revote", reason="有人未收到通知", **times)
    await pump()
    await story.look()
    assert (story.stage["title"], story.stage["round"], story.stage["outcome"]) == ("两委商议", 2, None)
    again = story.stage["poll_id"]
    assert again not in (None, failed)
    await story.done(here.secretary, "send_back", reason="修改预算后重新提议")
    assert (story.stage["title"], story.stage["round"], story.stage["outcome"]) == ("党支部提议", 2, None)
    dropped = (await town.supervisor.get(f"/polls/{again}")).json()
    assert dropped["state"] == "void", "a vote under way decides nothing once its stage is left"
    await story.told(here.secretary, "decide", "revote")


async def test_a_covenant_is_voted_again_when_its_vote_is_void_while_it_is_shown(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    people = await neighbours(town, here, 2)
    story = await tell(town, pump, template="covenant")
    await story.meet()
    await story.done(here.worker, "advance")
    assert (story.stage["kind"], story.stage["body"]) == ("screening", "party")
    await story.done(here.secretary, "advance", result="合法合规")
    assert story.stage["voters"] == "一户一票"
    poll = await story.voted(people, **HOUSEHOLDS)
    assert story.stage["kind"] == "publicity"
    await move(town, poll, "recount")
    await pump()
    assert (await story.look())["position"] == 3, "counted again, the same"
    ends = clock.now().replace(month=12, day=20).isoformat()
    await move(town, poll, "revote", reason="一户重复", opens_at=clock.now().isoformat(), closes_at=ends)
    await pump()
    await story.look()
    assert (story.stage["kind"], story.stage["round"]) == ("vote", 2), "nothing is published on a void vote"
    again = story.stage["poll_id"]
    for step in ("announce", "open"):
        await move(town, again, step)
    for who in (*people, here.resident):
        assert (await vote(who, again, "yes")).status_code == 201
    clock.set_to(clock.now().replace(month=12, day=19))
    await story.counted()
    assert (story.stage["kind"], story.topic["stages"][2]["poll_id"]) == ("publicity", again)
    async with town.app.state.db.transaction() as tx:  # behind everybody's back
        await tx.execute(text("update ballots set choices = '[\"no\"]' where poll_id = :p"), {"p": again})
    await move(town, again, "recount")
    await pump()
    await story.look()
    assert (story.stage["kind"], story.stage["outcome"]) == ("vote", "failed"), "decided anew"
    await story.told(here.resident, "decide", "revote")


async def test_only_the_stages_own_poll_of_its_own_people_decides_it(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here, there = town.here, town.there
    story = await tell(town, pump, here.secretary, template="four_two_one")
    await renew(town, town.supervisor)
    asked = {
        "title": "修路",
        "text": "是否同意？",
        "rule": as_json(simple_majority()),
        "opens_at": clock.now().isoformat(),
        "closes_at": clock.now().replace(month=12).isoformat(),
        "stage_id": story.stage["id"],
        "place_id": str(here.place),
        "basis": "members",
        "source": {"body": "party"},
    }

    async def drafted(**changes: object) -> tuple[int, str]:
        answer = await town.supervisor.post("/polls", {**asked, **changes})
        return answer.status_code, answer.json().get("code", answer.json().get("topic_id"))

    later = story.topic["stages"][1]["id"]
    assert await drafted(place_id=str(there.place)) == (422, "poll_unfit"), "another community"
    assert await drafted(basis="person", source={}) == (422, "poll_unfit"), "not the branch's members"
    assert await drafted(stage_id=later) == (409, "stage_not_voting")
    assert await drafted(topic_id=str(there.place)) == (404, "not_found")
    elsewhere = Actor("书记乙", there.secretary.id, town.client, "", "/admin/v1")
    await renew(town, elsewhere)
    beyond = await elsewhere.post("/polls", {**asked, "place_id": str(there.place)})
    assert beyond.status_code == 404, "a topic out of reach"
    assert await drafted() == (201, story.id)
    assert await drafted() == (409, "stage_not_voting"), "one at a time"
    flat = await tell(town, pump, template="owners", place_id=str(here.building))
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update topics set position = 3 where id = :t"), {"t": flat.id})
    weak = {"stage_id": flat.topic["stages"][3]["id"], "place_id": str(here.building), "basis": "owner"}
    assert await drafted(**weak) == (422, "poll_unfit"), "less than art. 278 asks for"
    assert await drafted(**weak, rule=OWNERS["rule"]) == (201, flat.id)


async def test_a_topic_of_two_communities_is_voted_on_by_them_and_not_by_the_whole_town(
    town: Town, pump: Pump
) -> None:
    here, there = town.here, town.there
    async with town.app.state.db.transaction() as tx:
        place = await _place(tx, "320102002003", Level.village, "后宰门社区", town.place)
        building = await _place(tx, "320102002003-b01", Level.building, "1 幢", place)
    third = replace(here, place=place, building=building)
    (outsider,) = await neighbours(town, third, 1)
    for who, at in ((here.resident, here.place), (outsider, place)):
        async with town.app.state.db.transaction() as tx:
            party = {"kind": MembershipKind.party, "state": MembershipState.verified, "place_id": at}
            tx.add(Membership(person_id=PersonId(who.id), **party))
    story = await tell(town, pump, place_id=None, place_ids=[str(here.place), str(there.place)])
    assert story.topic["place"]["id"] == str(town.place)

    async def size(topic: str | None = story.id, **asked: object) -> int:
        poll = await draft(town, place_id=str(town.place), topic_id=topic, **asked)
        found: int = (await town.supervisor.get(f"/polls/{poll['id']}/roll-preview")).json()["size"]
        return found

    party, committees = ({"basis": "members", "source": {"body": body}} for body in ("party", "committees"))
    of_the_topic = [
        await size(**asked) for asked in ({"basis": "person"}, HOUSEHOLDS, OWNERS, party, committees)
    ]
    assert of_the_topic == [2, 2, 2, 1, 6]
    assert [await size(None), await size(None, **OWNERS), await size(None, **party)] == [3, 3, 2]
    now = clock.now()
    asked = {"title": "修路", "text": "？", "basis": "person", "rule": PERSONS["rule"], "topic_id": story.id}
    times = {"opens_at": now.isoformat(), "closes_at": now.replace(month=12).isoformat()}
    elsewhere = await town.supervisor.post("/polls", {**asked, **times, "place_id": str(place)})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "poll_unfit"), "not its matter"
