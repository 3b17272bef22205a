"""Every template from its first stage to its last over HTTP, each with its own bodies, polls and rules."""

from io import BytesIO
from xml.etree import ElementTree

import pytest
from PIL import Image
from sqlalchemy import text, update

from api.kit import clock
from api.kit.store import Store
from api.models import Residency
from api.rules.roles import Role
from api.rules.topic_templates import TEMPLATES, TopicTemplate
from api.services.content import deciding
from api.services.topics.printing import Printer
from tests.kit.test_printing import characters
from tests.moments import MONDAY
from tests.neighbours import lives
from tests.polls import move, neighbours, vote
from tests.services.test_uploads import upload
from tests.topic_story import HOUSEHOLDS, OWNERS, Pump, Story, party_members, tell
from tests.town import Town, grant


def _outcomes(story: Story) -> list[str]:
    return [stage["outcome"] for stage in story.topic["stages"]]


async def _moves(story: Story) -> list[str]:
    events = (await story.town.here.resident.get(f"/topics/{story.id}/events?limit=100")).json()["items"]
    return [e["move"] for e in events if e["to"]]


async def _a_picture_to_share(story: Story, poll: str, printer: Printer) -> None:
    """As PNG, drawn by the worker with the count and with every count after it."""
    path = f"/polls/{poll}/result/picture?format=png"
    resident = story.town.here.resident
    found = []
    for _ in range(2):
        early = await resident.get(path)
        assert (early.status_code, early.json()["code"]) == (409, "not_drawn")
        assert await printer.run_one()
        found.append(await resident.get(path))
        await move(story.town, poll, "recount")
        await story.pump()
    with Image.open(BytesIO(found[0].content), formats=["PNG"]) as drawn:
        assert drawn.size == (1280, 2 * (60 + 3 * 34))
    assert found[0].headers["content-type"] == "image/png"
    assert found[0].content == found[1].content
    assert (await story.town.there.resident.get(path)).status_code == 404


async def test_consultation_goes_from_a_resident_without_hukou_to_a_record(
    town: Town, pump: Pump, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: False)
    town.app.state.pictures._store = Store.in_folder(tmp_path)  # type: ignore[arg-type]
    clock.set_to(MONDAY)
    here = town.here
    people = await neighbours(town, here, 3)
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
    [meeting] = (await people[0].get(f"/topics/{story.id}/meetings")).json()["items"]
    paper = f"/topics/{story.id}/meetings/{meeting['id']}/paper"
    await pump()
    unprinted = await people[0].get(paper)
    assert (unprinted.status_code, unprinted.json()["code"]) == (409, "not_printed")
    printer = Printer(town.app.state.db)
    assert (await printer.run_one(), await printer.run_one()) == (True, False)
    pdf = await people[0].get(paper)
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert set("周阿姨居民代表逐一发言同意") <= characters(pdf.content)
    await story.done(here.worker, "advance", result="共识：23 点后关闭")
    waiting = await story.move(here.worker, "advance")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "vote_open")
    poll = await story.poll(secret=True)
    unskipped = await story.move(here.worker, "skip", reason="不用投了")
    assert (unskipped.status_code, unskipped.json()["code"]) == (409, "stage_not_optional")
    for who, choice in zip((*people, here.resident), ("yes", "yes", "no", "yes"), strict=True):
        assert (await vote(who, poll, choice)).status_code == 201
    await story.counted()
    voted = story.topic["stages"][2]
    result = (await here.resident.get(f"/polls/{poll}/result")).json()["outcome"]
    assert (voted["poll_id"], voted["outcome"], voted["result"]) == (
        poll,
        "passed",
        "；".join(words.rstrip("。") for words in result["words"][1:]),
    )
    drawn = ElementTree.fromstring((await here.resident.get(f"/polls/{poll}/result/picture")).text)
    assert {"3 票 75.0%", "1 票 25.0%", "0 票 0.0%"} <= {t.text for t in drawn.findall("{*}text")}
    await _a_picture_to_share(story, poll, printer)
    assert story.stage["kind"] == "publicity"
    hasty = await story.move(here.worker, "advance")
    assert (hasty.status_code, hasty.json()["code"]) == (409, "stage_running")

    objection = await story.post(people[2], "objections", {"text": "公示的费用与纪要不符。"})
    await story.wait(6)
    assert story.stage["kind"] == "publicity", "its days are over, and an objection is open"
    blocked = await story.move(here.worker, "advance")
    assert (blocked.status_code, blocked.json()["code"]) == (409, "objections_open")
    own = await people[2].post(f"/objections/{objection['id']}/moves/answer", {"answer": "无妨"})
    assert own.status_code == 403
    answer = {"answer": "差额为税费，明细已附。"}
    answered = await here.worker.post(f"/objections/{objection['id']}/moves/answer", answer)
    assert (answered.status_code, answered.json()["state"]) == (200, "answered")
    await story.wait(0)
    assert story.stage["kind"] == "execution", "with the last answer it goes on by itself"

    idle = await story.move(here.worker, "advance")
    assert (idle.status_code, idle.json()["code"]) == (409, "milestones_open")
    made = await story.post(here.worker, "milestones", {"title": "安装门禁", "days": 20})
    photo = await upload(here.worker)
    report = {"text": "门禁已安装。", "milestone_id": made["id"], "done": True, "uploads": [photo["id"]]}
    await story.post(here.worker, "progress", report)
    path = f"/topics/{story.id}/progress"
    assert (await people[0].get(path)).json()["items"][0]["uploads"] == [], "not checked yet"
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update uploads set content = 'pass' where id = :u"), {"u": photo["id"]})
    [seen] = (await people[0].get(path)).json()["items"]
    assert [u["id"] for u in seen["uploads"]] == [photo["id"]]
    await story.done(here.worker, "advance", result="按时完成")
    rated = await here.resident.call("PUT", f"/topics/{story.id}/rating", json={"stars": 5})
    assert rated.status_code == 200, rated.text
    await story.wait(8)
    assert story.stage["kind"] == "record"
    await story.done(here.worker, "finish", result="全过程已公开")
    assert (story.topic["state"], set(_outcomes(story))) == ("completed", {"passed"})
    assert await _moves(story) == [
        "raise", "advance", "advance", "decide", "advance", "advance", "advance", "advance", "finish",
    ]  # fmt: skip
    every_step = ("advance", "meet", "minute", "decide", "answer_objection", "plan", "progress", "finish")
    await story.told(here.resident, *every_step)
    await story.told(people[2], "answer_objection", "plan", "progress", "finish")


async def test_four_deliberations_two_publications_and_one_supervision(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    people = await neighbours(town, here, 4)
    branch = await party_members(town, people[:2])
    body = {
        "template": "four_two_one",
        "title": "修通组道路",
        "text": "修 2 公里。",
        "place_id": str(here.place),
    }
    assert (await here.resident.post("/topics", body)).status_code == 403
    story = await tell(town, pump, here.secretary, **body)
    party = {"basis": "members", "source": {"body": "party", "branch_id": branch}}
    staff = [here.secretary, here.worker, here.second_worker]
    deputies = (
        {"label": "代表", "person_id": str(people[2].id)},
        {"label": "代表", "person_id": str(people[3].id)},
    )
    rounds = (
        ("party", people[:2], party),
        ("committees", staff, {"basis": "members", "source": {"body": "committees"}}),
        ("party_members", people[:2], {"basis": "members", "source": {"body": "party"}}),
        ("representatives", people[2:], {"basis": "list", "source": {"entries": list(deputies)}}),
    )
    for owner, voters, roll in rounds:
        assert story.stage["body"] == owner
        poll = await story.voted(voters, **roll)
        size = (await town.supervisor.get(f"/polls/{poll}")).json()["roll"]["size"]
        assert size == len(voters), owner
    assert story.stage["kind"] == "publicity"
    await story.wait(6)
    assert (story.stage["kind"], story.stage["body"]) == ("execution", "supervisors")
    by_secretary = await here.secretary.post(f"/topics/{story.id}/milestones", {"title": "路基", "days": 9})
    assert by_secretary.status_code == 403
    watching = await grant(town, here.second_worker, Role.oversight_member)
    made = await story.post(watching, "milestones", {"title": "路基", "days": 9})
    await story.wait(10)
    assert (story.topic["level"], story.stage["kind"]) == (2, "execution"), (
        "late: the community's leads have it"
    )
    await story.wait(5)
    assert story.topic["level"] == 3, "not mended in two working days: the town has it"
    late = (await here.resident.get(f"/topics/{story.id}/milestones")).json()["items"]
    assert [(m["title"], m["overdue"], m["done_at"]) for m in late] == [("路基", True, None)]
    await story.post(watching, "progress", {"text": "路基完工。", "milestone_id": made["id"], "done": True})
    await story.done(watching, "advance", result="验收合格")
    await story.done(here.worker, "finish", result="结果已张榜公开")
    assert story.topic["state"] == "completed"
    await story.told(here.secretary, "decide", "advance", "plan", "overdue", "progress", "finish")


async def test_owners_see_the_wording_before_they_vote_by_persons_and_area(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    people = await neighbours(town, here, 3, area="80.00")
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update homes set area_m2 = 160 where id = :h"), {"h": here.home})
    story = await tell(town, pump, template="owners", place_id=str(here.building))
    await story.done(here.worker, "advance")
    await story.meet()
    await story.done(here.worker, "advance")
    assert story.stage["title"] == "表决事项公示"
    await story.wait(8)
    assert (story.stage["kind"], story.stage["body"]) == ("vote", "owners")
    assert "二百七十八" in story.stage["voters"]
    await story.voted(people, basis="owner", rule=OWNERS["rule"])
    assert story.stage["outcome"] == "failed", (
        "three of four persons, and 240 of 400 m²: less than two thirds"
    )
    assert "面积" in story.stage["result"]
    await story.done(here.worker, "send_back", reason="再征求意见", to=2)
    await story.wait(8)
    assert (story.stage["kind"], story.stage["poll_id"]) == ("vote", None), "the first vote decides no more"
    await story.voted([*people, here.resident], **OWNERS)
    assert story.stage["title"] == "结果公示"
    await story.wait(8)
    await story.carry_out(here.worker)
    await story.done(here.worker, "finish")
    assert story.topic["state"] == "completed"


async def test_a_building_governs_itself_and_a_poor_mark_begins_its_work_again(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    refused = await here.resident.post(
        "/topics",
        {"template": "building", "title": "楼道整治", "text": "杂物。", "place_id": str(here.place)},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "not_this_template")
    people = await neighbours(town, here, 2)
    story = await tell(town, pump, template="building", place_id=str(here.building))
    await story.meet()
    await story.done(here.worker, "advance")
    await lives(town, town.stranger, here.home)
    poll = await story.voted([here.resident, town.stranger, people[0]], **HOUSEHOLDS)
    counted = (await here.resident.get(f"/polls/{poll}/result")).json()["outcome"]
    assert counted["cast"]["persons"] == 2, "two of one home have one vote"
    await story.carry_out(here.worker)
    for stars, kind, round_ in ((2, "execution", 2), (4, "evaluation", 2)):
        assert story.stage["kind"] == "evaluation"
        rated = await people[0].call("PUT", f"/topics/{story.id}/rating", json={"stars": stars})
        assert rated.status_code == 200
        await story.wait(8)
        assert (story.stage["kind"], story.stage["round"]) == (kind, round_)
        if kind == "execution":
            idle = await story.move(here.worker, "advance")
            assert idle.json()["code"] == "milestones_open", "what was done before does not count again"
            await story.carry_out(here.worker)
    assert (story.topic["state"], set(_outcomes(story))) == ("completed", {"passed"})
    await story.told(here.resident, "decide", "reopen", "finish")
    await story.told(people[0], "reopen", "finish")


async def test_a_report_is_heard_and_graded(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    people = await neighbours(town, here, 2)
    story = await tell(town, pump, here.worker, template="review", title="两委年度述职")
    await story.meet(who=here.secretary)
    await story.done(here.secretary, "advance")
    assert story.stage["voters"] == "评议量表"
    options = [{"id": "secretary", "title": "书记"}, {"id": "director", "title": "主任"}]
    entries = [{"label": f"代表{n}", "person_id": str(p.id)} for n, p in enumerate(people)]
    rule = {"method": "scale", "grades": 4}
    poll = await story.poll(
        basis="list", source={"entries": entries}, rule=rule, options=options, secret=True
    )
    for who, grades in zip(people, ((4, 3), (4, 2)), strict=True):
        ballot = {"choices": {"secretary": grades[0], "director": grades[1]}}
        assert (await who.post(f"/polls/{poll}/ballots", ballot)).status_code == 201
    await story.counted()
    assert story.topic["stages"][1]["outcome"] == "passed"
    await story.done(here.worker, "finish", result="书记 4.0 分，主任 2.5 分")
    assert story.topic["state"] == "completed"
    await story.told(here.worker, "decide", "advance")


async def test_topics_that_say_the_same_are_one_and_a_returned_one_comes_back_mended(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    (neighbour,) = await neighbours(town, here, 1)
    kept = await tell(town, pump)
    same = await tell(town, pump, neighbour, title="北门晚上关吗")
    guest = {"person_id": str(town.stranger.id), "kind": "expert", "name": "王工（噪声）"}
    await same.post(here.secretary, "guests", guest)
    await kept.done(here.secretary, "return", reason="请写明时间")
    assert (kept.topic["state"], kept.topic["stages"][0]["outcome"]) == ("returned", "sent_back")
    into_returned = await same.move(here.secretary, "merge", into=kept.id)
    assert (into_returned.status_code, into_returned.json()["code"]) == (409, "cannot_merge")
    await kept.done(here.resident, "resubmit", text="夜间 23 点至 5 点噪声大。")
    assert (kept.topic["content"], kept.stage["round"]) == ("pending", 2)
    await pump()
    await same.done(here.secretary, "merge", into=kept.id)
    assert (same.topic["state"], same.topic["merged_into"]) == ("merged", kept.id)
    chain = await kept.move(here.secretary, "merge", into=same.id)
    assert chain.json()["code"] == "cannot_merge"
    await kept.done(here.secretary, "advance")
    await kept.told(here.resident, "return", "advance")
    await same.told(neighbour, "merge")
    await kept.told(neighbour, "advance")
    await kept.told(town.stranger, "advance")
    assert (await town.stranger.get(f"/topics/{kept.id}")).json()["can"] == ["statement", "stance"]


def test_no_template_is_without_its_story() -> None:
    told = {"consultation", "four_two_one", "owners", "building", "covenant", "review"}
    assert {t.value for t in TEMPLATES} == told == {t.value for t in TopicTemplate}
