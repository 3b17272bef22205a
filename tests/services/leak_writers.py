"""Writers of the search for leaks: each puts one marker into what residents write; nothing of it is judged."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import text

from api.models.people import PersonId
from tests import activities, neighbours, polls
from tests.estates import made
from tests.routers import matrix_disclosures
from tests.routers.matrix_topics import fill as add_topics
from tests.town import Actor, Town

MARK = "玄鸟衔枝"
"""In every word the resident writes; nobody else writes it."""


@dataclass
class World:
    """What has been written, and everything that may stand in an address."""

    town: Town
    ids: dict[str, list[str]] = field(default_factory=dict)
    """By parameter's name, in paths and queries alike: all that is worth asking for."""
    marked: set[str] = field(default_factory=set)
    """Tables of which a row holds the marker."""
    pictures: list[str] = field(default_factory=list)
    refused: Actor | None = None
    """Somebody whom a leader did not take into the team, for a reason nobody has judged."""


async def _picture(who: Actor) -> dict[str, Any]:
    out = BytesIO()
    Image.new("RGB", (16, 16), "teal").save(out, "JPEG")
    answer = await who.call("POST", "/uploads", files={"file": ("a.jpg", out.getvalue(), "image/jpeg")})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _cases(world: World) -> None:
    """A case for everybody, one for neighbours, each with a picture, a resident's word and an answer on it."""
    town, world.ids["case_id"] = world.town, []
    who = town.here.resident
    for visibility in ("public", "community"):
        picture = (await _picture(who))["id"]
        body = {"visibility": visibility, "title": f"{MARK}标题", "text": f"{MARK}内容", "uploads": [picture]}
        case = await town.submit(**body)
        said = await who.post(
            f"/cases/{case['id']}/messages",
            {"kind": "reply", "text": f"{MARK}补充", "uploads": [(await _picture(who))["id"]]},
        )
        assert said.status_code == 201, said.text
        world.ids["case_id"].append(case["id"])
        world.pictures.append(picture)
    world.ids["upload_id"] = world.pictures
    world.marked |= {"cases", "case_messages", "uploads"}


async def _work(world: World) -> None:
    """A case whose own words have passed; what is asked for, planned, reported back and said of it has not."""
    here, town = world.town.here, world.town
    case = (await town.submit(visibility="public"))["id"]
    path = f"/cases/{case}/requests"
    await done(here.worker.move(case, "dispatch"))
    await done(here.worker.move(case, "sign"))

    async def granted(decider: Actor, who: Actor, kind: str, **fields: Any) -> dict[str, Any]:
        asked = await made(who.post(path, {"kind": kind, "reason": f"{MARK}理由", **fields}))
        [request] = [r for r in asked["requests"] if r["state"] == "pending"]
        return await done(decider.post(f"{path}/{request['id']}/moves/approve", {"text": f"{MARK}意见"}))

    await granted(here.secretary, here.worker, "extend", days=2)
    task = {"unit_id": str(here.desk), "text": f"{MARK}任务"}
    helped = await granted(here.secretary, here.worker, "assist", units=[task])
    [given] = [r["tasks"][0] for r in helped["requests"] if r["tasks"]]
    await done(here.worker.post(f"/cases/{case}/tasks/{given['id']}/moves/finish", {"text": f"{MARK}结果"}))
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update cases set level = 2, content = 'pass', passed_at = now() where id = :id"),
            {"id": case},
        )
    await done(here.secretary.move(case, "plan", text=f"{MARK}方案"))
    await granted(town.supervisor, here.secretary, "suspend", days=7, suspend_reason="season")
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update cases set state = 'awaiting_rating' where id = :id"), {"id": case})
    await done(here.resident.post(f"/cases/{case}/ratings", {"overall": 4, "text": f"{MARK}评价"}))
    world.ids["case_id"].append(case)
    world.marked |= {"case_requests", "case_tasks", "case_ratings"}


async def done(answer: Awaitable[Any]) -> dict[str, Any]:
    response = await answer
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def _topics(world: World) -> None:
    """A topic in each stage; the one that waits for its screening, and what residents say in the others, are marked."""
    here = world.town.here
    names: dict[str, str] = {}
    async with world.town.app.state.db.transaction() as tx:
        await add_topics(tx, here, PersonId(here.resident.id), names)
        await tx.execute(
            text("update topics set title = :mark, text = :mark where content = 'pending'"), {"mark": MARK}
        )
        for table in ("statements", "objections"):
            await tx.execute(text(f"update {table} set text = :mark, content = 'pending'"), {"mark": MARK})
        for parameter, table in (("topic_id", "topics"), ("statement_id", "statements")):
            world.ids[parameter] = [
                str(i) for i in (await tx.execute(text(f"select id from {table}"))).scalars()
            ]
        world.ids["objection_id"] = [names["objection"]]
        world.ids["meeting_id"] = [names["meeting"]]
    world.marked |= {"topics", "statements", "objections"}


async def _needs(world: World) -> None:
    """A wish nobody has screened; a request among the public ones that no check has passed; one wish worked off."""
    town, here = world.town, world.town.here
    marked = {"title": f"{MARK}心愿", "text": f"{MARK}内容"}
    wish = await neighbours.wish(town, **marked)
    request = await neighbours.wish(town, path="/help-requests", risks=f"{MARK}风险", **marked)
    done = await neighbours.published(town)
    wang = await neighbours.member(town)
    await neighbours.move(wang, done, "claim")
    await neighbours.move(wang, done, "contact")
    await neighbours.move(wang, done, "extend", reason=f"{MARK}原因")
    await neighbours.move(here.resident, done, "agree_extension")
    await neighbours.move(wang, done, "finish", text=f"{MARK}完成", minutes=30)
    await neighbours.move(here.resident, done, "confirm", stars=5, text=f"{MARK}评语")
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update needs set state = 'published', published_at = now() where id = :id"),
            {"id": request["id"]},
        )
        # Proposed to somebody next door, as it would stand were its pass taken back afterwards.
        await tx.execute(
            text(
                "insert into offers (id, need_id, member_id, state, reasons, expires_at, created_at)"
                " values (gen_random_uuid(), :need, :who, 'open', '{}', now() + interval '1 day', now())"
            ),
            {"need": request["id"], "who": town.there.resident.id},
        )
        await tx.execute(
            text(
                "insert into claims (id, need_id, member_id, seat, state, in_house, content, claimed_at)"
                " values (gen_random_uuid(), :need, :who, 1, 'released', false, 'pending', now())"
            ),
            {"need": request["id"], "who": town.there.resident.id},
        )
    world.ids["need_id"] = [wish["id"], request["id"], done]
    world.marked |= {"needs", "claims"}


async def _appointments(world: World) -> None:
    here = world.town.here
    hours = {"place_id": str(here.place), "weekday": 4, "opens": "09:00", "closes": "11:00"}
    await made(here.secretary.post(f"/secretaries/{here.secretary.id}/office-hours", hours))
    slots = (await here.resident.get(f"/secretaries/{here.secretary.id}/slots")).json()["items"]
    body = {"secretary_id": str(here.secretary.id), "slot_id": slots[0]["id"], "topic": f"{MARK}事由"}
    booked = await made(here.resident.post("/appointments", body))
    world.ids["appointment_id"] = [booked["id"]]
    world.marked.add("appointments")


async def _polls(world: World) -> None:
    """Nobody but staff writes words here; what residents wrote must not come through it all the same."""
    world.ids["poll_id"] = [await polls.opened(world.town)]


async def _disclosures(world: World) -> None:
    """Staff's words; a question on them is a case, whose words wait like those of any other."""
    names: dict[str, str] = {}
    async with world.town.app.state.db.transaction() as tx:
        await matrix_disclosures.fill(tx, world.town.here, names)
    shown = names["disclosure_published"]
    asked = await made(
        world.town.here.resident.post(f"/disclosures/{shown}/questions", {"text": f"{MARK}疑问"})
    )
    world.ids["case_id"].append(asked["id"])
    world.ids["disclosure_id"] = [shown, names["disclosure_planned"]]


async def _activities(world: World) -> None:
    """A team leader's draft, and one among the published that no check has passed, with the leader's seat in it."""
    town = world.town
    leader = await activities.volunteer(town, "队长")
    team = await made(
        town.here.worker.post(
            "/teams", {"place_id": str(town.here.place), "name": "邻里队", "leader_id": str(leader.id)}
        )
    )
    later = activities.START + timedelta(days=1)
    off, kept = await activities.published(town), await activities.published(town, starts=later)
    marked = {name: f"{MARK}{name}" for name in ("title", "text", "spot")}
    drafts = [
        await activities.drawn_up(town, leader, team_id=team["id"], uploads=[], **marked) for _ in range(2)
    ]
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update activities set state = 'published', published_at = now() where id = :id"),
            {"id": drafts[1]["id"]},
        )
        seat = await tx.execute(
            text(
                "insert into seats (id, activity_id, person_id, ticket, state, during, created_at, updated_at)"
                " select gen_random_uuid(), id, author_id, 1, 'confirmed', tstzrange(starts_at, ends_at), now(), now()"
                " from activities where id = :id returning id"
            ),
            {"id": drafts[1]["id"]},
        )
        world.ids["seat_id"] = [str(seat.scalar_one())]
    for activity in (off, kept):
        seat = await activities.sign_up(town.there.resident, activity)
        world.ids["seat_id"].append(seat["id"])
    await activities.move(town.here.worker, off, "cancel", reason=f"{MARK}停办")
    await activities.seat_move(town.here.worker, world.ids["seat_id"][-1], "remove", reason=f"{MARK}移出")
    asks = await activities.volunteer(town, "想入队")
    member = await made(asks.post(f"/teams/{team['id']}/members"))
    await done(town.here.worker.post(f"/team-members/{member['id']}/moves/refuse", {"reason": f"{MARK}不收"}))
    world.refused = asks
    world.ids["activity_id"] = [*(draft["id"] for draft in drafts), off, kept]
    world.ids["team_id"] = [team["id"]]
    world.ids["certificate_id"] = [team["id"]]
    world.ids["number"] = ["320102002001-2026-ABCDEFGHJKMN"]
    world.marked.add("activities")


async def _names(world: World) -> None:
    changed = await world.town.here.resident.call(
        "PATCH", "/me", json={"nickname": f"{MARK}之名", "avatar": "https://example.org/xuanniao.jpg"}
    )
    assert changed.status_code == 200, changed.text


async def _dispatch(world: World) -> None:
    """A batch over the wishes; its lines hold the machine's words, the wishes in it residents'."""
    here = world.town.here
    async with world.town.app.state.db.transaction() as tx:
        made = await tx.execute(
            text(
                "insert into dispatch_batches (id, place_id, path, state, settings_version, at_once, tries, needs,"
                " members, matched, cost, gini, made_by, computed_at, version, created_at, updated_at)"
                " select gen_random_uuid(), p.id, p.path, 'ready', 1, false, 0, 1, 1, 1, 1, 0, :who, now(), 1,"
                " now(), now() from places p where p.id = :at returning id"
            ),
            {"who": here.worker.id, "at": here.place},
        )
        batch = made.scalar_one()
        await tx.execute(
            text(
                "insert into dispatch_lines (id, batch_id, need_id, member_id, state, cost, reasons, created_at)"
                " select gen_random_uuid(), :batch, n.id, :member, 'proposed', 1, '{}', now()"
                " from needs n where n.id = :need"
            ),
            {"batch": batch, "member": world.town.there.resident.id, "need": world.ids["need_id"][1]},
        )
    world.ids["batch_id"] = [str(batch)]


async def _memberships(world: World) -> None:
    """What is said at registering is for the person and the staff alone, judged or not."""
    here = world.town.here
    asked = {"kind": "volunteer", "place_id": str(here.place), "work_unit": f"{MARK}单位"}
    said = {"skills": [f"{MARK}手艺"], "availability": f"{MARK}周末"}
    answer = await here.resident.post("/memberships", {**asked, **said})
    assert answer.status_code == 201, answer.text
    world.ids["own_membership"] = [answer.json()["id"]]
    world.marked.add("memberships")


WRITERS: tuple[Callable[[World], Awaitable[None]], ...] = (
    _cases,
    _work,
    _topics,
    _needs,
    _appointments,
    _polls,
    _disclosures,
    _activities,
    _names,
    _memberships,
    _dispatch,
)
"""Each puts the marker into what residents write; a new table brings its own."""
