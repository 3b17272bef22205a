"""Every template from its first stage to its last, each with its own bodies and rules."""

from sqlalchemy import update

from api.kit import clock
from api.models import Residency
from api.rules.roles import Role
from api.rules.topic_templates import TEMPLATES, TopicTemplate
from tests.topic_story import MONDAY, Pump, Story, grant, tell
from tests.town import Town


def _passed(story: Story) -> list[str]:
    return [stage["outcome"] for stage in story.topic["stages"]]


async def test_consultation_goes_from_a_resident_without_hukou_to_a_record(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    async with town.app.state.db.transaction() as tx:
        await tx.execute(update(Residency).values(is_registered=False))
    story = await tell(town, pump)
    assert (story.topic["state"], story.stage["kind"], story.topic["moves"]) == (
        "running",
        "screening",
        ["withdraw"],
    )
    refused = await story.move(here.worker, "advance")
    assert refused.status_code == 403  # the party organisation screens
    await story.done(here.secretary, "advance", result="同意列入协商")
    early = await story.move(here.worker, "advance")
    assert (early.status_code, early.json()["code"]) == (409, "not_heard")
    await story.meet()
    await story.done(here.worker, "advance", result="共识：23 点后关闭")
    waiting = await story.move(here.worker, "advance")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "vote_open")
    await story.voted()
    assert (story.stage["kind"], story.topic["stages"][2]["result"]) == (
        "publicity",
        "赞成 8，反对 1，弃权 0",
    )
    hasty = await story.move(here.worker, "advance")
    assert (hasty.status_code, hasty.json()["code"]) == (409, "stage_running")
    await story.wait(6)
    assert story.stage["kind"] == "execution"
    idle = await story.move(here.worker, "advance")
    assert (idle.status_code, idle.json()["code"]) == (409, "milestones_open")
    await story.carry_out(here.worker)
    rated = await here.resident.call("PUT", f"/topics/{story.id}/rating", json={"stars": 5})
    assert rated.status_code == 200, rated.text
    await story.wait(8)
    assert story.stage["kind"] == "record"
    await story.done(here.worker, "finish", result="全过程已公开")
    assert (story.topic["state"], set(_passed(story))) == ("completed", {"passed"})
    events = (await here.resident.get(f"/topics/{story.id}/events?limit=100")).json()["items"]
    assert [e["move"] for e in events if e["to"]] == [
        "raise", "advance", "advance", "decide", "advance", "advance", "advance", "advance", "finish",
    ]  # fmt: skip
    await pump()
    told = (await here.resident.get("/notices?limit=100")).json()["items"]
    assert {"topic.advance.participants", "topic.minute.participants", "topic.finish.participants"} <= {
        n["kind"] for n in told
    }


async def test_four_deliberations_two_publications_and_one_supervision(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    body = {
        "template": "four_two_one",
        "title": "修通组道路",
        "text": "修 2 公里。",
        "place_id": str(here.place),
    }
    assert (await here.resident.post("/topics", body)).status_code == 403
    story = await tell(town, pump, here.secretary, **body)
    bodies = []
    for _ in range(4):
        bodies.append(story.stage["body"])
        await story.voted()
    assert bodies == ["party", "committees", "party_members", "representatives"]
    assert story.stage["kind"] == "publicity"
    await story.wait(6)
    assert (story.stage["kind"], story.stage["body"]) == ("execution", "supervisors")
    by_secretary = await here.secretary.post(f"/topics/{story.id}/milestones", {"title": "路基", "days": 9})
    assert by_secretary.status_code == 403
    await story.carry_out(await grant(town, here.second_worker, Role.oversight_member))
    await story.done(here.worker, "finish", result="结果已张榜公开")
    assert story.topic["state"] == "completed"


async def test_a_failed_vote_stops_the_topic_until_it_is_sent_back(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    story = await tell(town, pump, town.here.secretary, template="four_two_one")
    await story.voted()
    await story.voted(passed=False)
    assert (story.stage["title"], story.stage["outcome"]) == ("两委商议", "failed")
    stuck = await story.move(town.here.secretary, "advance")
    assert (stuck.status_code, stuck.json()["code"]) == (409, "vote_failed")
    await story.done(town.here.secretary, "send_back", reason="修改预算后重新提议")
    assert (story.stage["title"], story.stage["round"], story.stage["outcome"]) == ("党支部提议", 2, None)


async def test_owners_see_the_wording_before_they_vote(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    story = await tell(town, pump, template="owners", place_id=str(here.building))
    await story.done(here.worker, "advance")
    await story.meet()
    await story.done(here.worker, "advance")
    assert story.stage["title"] == "表决事项公示"
    await story.wait(8)
    assert (story.stage["kind"], story.stage["body"]) == ("vote", "owners")
    assert "二百七十八" in story.stage["voters"]
    await story.voted()
    assert story.stage["title"] == "结果公示"
    await story.wait(8)
    await story.carry_out(here.worker)
    await story.done(here.worker, "finish")
    assert story.topic["state"] == "completed"


async def test_a_building_governs_itself(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    refused = await here.resident.post(
        "/topics",
        {"template": "building", "title": "楼道整治", "text": "杂物。", "place_id": str(here.place)},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "not_this_template")
    story = await tell(town, pump, template="building", place_id=str(here.building))
    await story.meet()
    await story.done(here.worker, "advance")
    await story.voted()
    await story.carry_out(here.worker)
    assert story.stage["kind"] == "evaluation"
    await story.wait(8)
    assert (story.topic["state"], set(_passed(story))) == ("completed", {"passed"})


async def test_a_covenant_is_heard_screened_voted_shown_and_recorded(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    story = await tell(town, pump, template="covenant")
    await story.meet()
    await story.done(here.worker, "advance")
    assert (story.stage["kind"], story.stage["body"]) == ("screening", "party")
    await story.done(here.secretary, "advance", result="合法合规")
    assert story.stage["voters"] == "一户一票"
    await story.voted()
    await story.wait(6)
    await story.done(here.worker, "finish")
    assert story.topic["state"] == "completed"


async def test_a_report_is_heard_and_graded(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    story = await tell(town, pump, here.worker, template="review", title="两委年度述职")
    await story.meet(who=here.secretary)
    await story.done(here.secretary, "advance")
    assert story.stage["voters"] == "评议量表"
    await story.voted()
    await story.done(here.worker, "finish", result="优秀 12，称职 5")
    assert story.topic["state"] == "completed"


def test_no_template_is_without_its_story() -> None:
    told = {"consultation", "four_two_one", "owners", "building", "covenant", "review"}
    assert {t.value for t in TEMPLATES} == told == {t.value for t in TopicTemplate}
