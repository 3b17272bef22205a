"""服务队: set up by the community, joined by its volunteers, confirmed by the leader, who may draw up activities."""

from tests.activities import drawn_up, passed, volunteer
from tests.activities import move as move_activity
from tests.neighbours import scalar, somebody
from tests.town import Actor, Town


async def _move(who: Actor, member: str, name: str, code: int = 200, **body: str) -> dict[str, object]:
    answer = await who.post(f"/team-members/{member}/moves/{name}", body)
    assert answer.status_code == code, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_a_team_is_set_up_joined_led_and_left(town: Town) -> None:
    here, leader, chen = town.here, await volunteer(town, "队长"), await volunteer(town, "小陈")
    body = {"place_id": str(here.place), "name": "邻里电工队", "leader_id": str(leader.id)}
    assert (await here.resident.post("/teams", body)).status_code == 403
    stranger = await somebody(town, "路人")
    unfit = await here.worker.post("/teams", {**body, "leader_id": str(stranger.id)})
    assert (unfit.status_code, unfit.json()["code"]) == (403, "not_a_volunteer")
    made = (await here.worker.post("/teams", body)).json()
    assert (made["leader"]["name"], made["members"]) == ("队长", 1)
    assert (await here.worker.post("/teams", body)).json()["code"] == "team_name_taken"
    team = f"/teams/{made['id']}"

    assert (await stranger.post(f"{team}/members")).json()["code"] == "not_a_volunteer"
    joined = (await chen.post(f"{team}/members")).json()
    assert (joined["state"], joined["moves"]) == ("pending", ["leave"])
    assert (await chen.post(f"{team}/members")).json()["code"] == "already_registered"
    assert (await stranger.get(f"{team}/members")).json()["items"] == []
    seen = {m["person"]["name"]: m["moves"] for m in (await leader.get(f"{team}/members")).json()["items"]}
    assert seen == {"小陈": ["confirm", "refuse"], "队长": []}
    assert (await _move(chen, joined["id"], "confirm", 403))["code"] == "not_allowed"
    assert (await _move(leader, joined["id"], "confirm"))["state"] == "member"
    assert (await chen.get(team)).json()["mine"] == "member"

    [own] = [m for m in (await leader.get(f"{team}/members")).json()["items"] if m["leads"]]
    assert (await _move(leader, own["id"], "leave", 409))["code"] == "leader_stays"
    changed = await here.worker.call("PATCH", team, json={"leader_id": str(chen.id)})
    assert changed.json()["leader"]["name"] == "小陈"
    assert (await _move(leader, own["id"], "leave"))["state"] == "left"
    assert (await leader.post(f"{team}/members")).status_code == 201
    assert await scalar(town, "select count(*) from team_members") == 3


async def test_a_leader_draws_up_for_the_team_and_the_community_publishes(town: Town) -> None:
    here, leader, other = town.here, await volunteer(town, "队长"), await volunteer(town, "小陈")
    body = {"place_id": str(here.place), "name": "邻里队", "leader_id": str(leader.id)}
    team = (await here.worker.post("/teams", body)).json()["id"]
    made = await drawn_up(town, leader, team_id=team)
    assert (made["organiser"], made["moves"]) == (True, ["revise", "cancel"])
    await passed(town)
    assert (await move_activity(leader, made["id"], "publish", 403))["code"] == "not_allowed"
    await move_activity(here.worker, made["id"], "publish")
    seat = (await other.post(f"/activities/{made['id']}/seats")).json()
    [shown] = (await leader.get(f"/activities/{made['id']}/seats")).json()["items"]
    assert (shown["id"], shown["moves"]) == (seat["id"], ["remove"])
    assert (await other.get(f"/activities/{made['id']}/seats")).status_code == 403
