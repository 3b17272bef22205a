"""Statements and stances over HTTP, and the map the worker draws from them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

from sqlalchemy import func, insert, select, update
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import Home, OpinionJob, OpinionMap, Person, Residency, Stance, Statement
from api.models.people import PersonId
from api.rules.content import ContentState
from api.rules.people import Relation, ResidencyState
from api.services.jobs import Schedule
from api.services.topics import drawing, speaking
from api.worker import JOBS
from tests.moments import MONDAY
from tests.topic_story import Pump, Story, tell
from tests.town import Actor, Town


async def _consulting(town: Town, pump: Pump, **changes: Any) -> Story:
    clock.set_to(MONDAY)
    story = await tell(town, pump, **changes)
    await story.done(town.here.secretary, "advance")
    return story


async def _said(story: Story, text: str = "夜间只走行人", who: Actor | None = None) -> str:
    """A statement that passed the check."""
    made = await story.post(who or story.town.here.resident, "statements", {"text": text})
    async with story.town.app.state.db.transaction() as tx:
        await tx.execute(
            update(Statement).where(col(Statement.id) == UUID(made["id"])).values(content=ContentState.passed)
        )
    return str(made["id"])


async def _stance(who: Actor, statement: str, stance: str) -> int:
    answer = await who.call("PUT", f"/statements/{statement}/stance", json={"stance": stance})
    return answer.status_code


async def _neighbours(town: Town, count: int) -> list[UUID]:
    """Verified residents of a home here."""
    people = [Person(nickname=f"邻居{n}") for n in range(count)]
    async with town.app.state.db.transaction() as tx:
        tx.add_all(people)
        await tx.flush()
        home = (await tx.execute(select(Home).where(col(Home.id) == town.here.home))).scalar_one()
        tx.add_all(
            Residency(
                person_id=p.id,
                home_id=home.id,
                community_id=town.here.place,
                relation=Relation.tenant,
                state=ResidencyState.verified,
            )
            for p in people
        )
    return [p.id for p in people]


async def _rows(town: Town) -> list[int]:
    async with town.app.state.db.reading() as tx:
        return list((await tx.execute(select(col(Stance.stance)))).scalars())


async def test_a_statement_is_for_its_author_and_staff_until_it_passed(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    here = town.here
    made = await story.post(here.resident, "statements", {"text": "夜间只走行人"})
    assert made["content"] == "pending"
    [neighbour] = await _neighbours(town, 1)
    session = await town.app.state.sessions.open(PersonId(neighbour), "test")
    other = Actor("邻居", neighbour, town.client, session.token)
    path = f"/topics/{story.id}/statements"
    assert (await other.get(path)).json()["items"] == []
    assert await _stance(other, made["id"], "agree") == 404
    assert [s["id"] for s in (await here.resident.get(path)).json()["items"]] == [made["id"]]
    assert [s["id"] for s in (await here.worker.get(path)).json()["items"]] == [made["id"]]


async def test_one_stance_a_person_and_statement_however_many_taps(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    statement = await _said(story)
    resident = town.here.resident
    found = await asyncio.gather(
        *(_stance(resident, statement, word) for word in ("agree", "disagree", "pass") * 6)
    )
    assert set(found) == {200}
    assert await _stance(resident, statement, "disagree") == 200
    assert await _rows(town) == [-1]
    listed = (await resident.get(f"/topics/{story.id}/statements")).json()["items"]
    assert [s["stance"] for s in listed] == ["disagree"]
    unanswered = await resident.get(f"/topics/{story.id}/statements?unanswered=true")
    assert unanswered.json()["items"] == []


async def test_who_does_not_live_there_has_no_say_and_an_invited_expert_has(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    statement = await _said(story)
    assert await _stance(town.there.resident, statement, "agree") == 404
    assert await _stance(town.here.worker, statement, "agree") == 403
    guest = {"person_id": str(town.there.resident.id), "kind": "expert", "name": "王工（噪声）"}
    await story.post(town.here.worker, "guests", guest)
    assert await _stance(town.there.resident, statement, "agree") == 200
    await pump()
    told = (await town.there.resident.get("/notices")).json()["items"]
    assert "邀请您参与协商" in [n["title"] for n in told]


async def test_after_the_consultation_stances_and_statements_are_refused(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    statement = await _said(story)
    await story.done(town.here.worker, "advance")
    assert await _stance(town.here.resident, statement, "agree") == 409
    late = await town.here.resident.post(f"/topics/{story.id}/statements", {"text": "还想说一句"})
    assert (late.status_code, late.json()["code"]) == (409, "wrong_stage")
    assert await _rows(town) == []


async def test_a_sentence_is_one_line_of_at_most_140_characters(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    for text in ("短", "长" * 141):
        answer = await town.here.resident.post(f"/topics/{story.id}/statements", {"text": text})
        assert answer.status_code == 422
    made = await story.post(town.here.resident, "statements", {"text": "第一行\n第二行"})
    assert made["text"] == "第一行 第二行"


async def test_the_stances_of_a_window_cause_one_drawing_after_its_end(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    statements = [await _said(story, f"第 {n} 条观点") for n in range(3)]
    for statement in statements:
        assert await _stance(town.here.resident, statement, "agree") == 200
    db = town.app.state.db
    async with db.reading() as tx:
        jobs = list((await tx.execute(select(OpinionJob))).scalars())
    assert len(jobs) <= 2  # the window may end between two taps
    nothing = await town.here.resident.get(f"/topics/{story.id}/opinion-map")
    assert nothing.status_code == 404
    async with db.transaction() as tx:
        await drawing.draw_due(tx)  # the window is not over
        assert (await tx.execute(select(func.count()).select_from(OpinionMap))).scalar_one() == 0
    clock.move(speaking.WINDOW + drawing.SETTLED)
    schedule = Schedule(db, [job for job in JOBS if job.name == "draw_opinion_maps"])
    assert await schedule.run_one()
    found = (await town.here.resident.get(f"/topics/{story.id}/opinion-map")).json()
    assert (found["people"], found["stances"], len(found["statements"])) == (1, 3, 3)
    async with db.reading() as tx:
        assert list((await tx.execute(select(OpinionJob))).scalars()) == []


async def test_the_map_shows_two_camps_and_the_picture_their_sizes(town: Town, pump: Pump) -> None:
    story = await _consulting(town, pump)
    people = await _neighbours(town, 20)
    now = clock.now()
    async with town.app.state.db.transaction() as tx:
        rows = [
            {
                "id": new_id(),
                "topic_id": UUID(story.id),
                "author_id": people[0],
                "text": f"第 {n} 条观点",
                "content": ContentState.passed,
                "created_at": now,
            }
            for n in range(8)
        ]
        await tx.execute(insert(Statement), rows)
        stances = [
            {
                "statement_id": row["id"],
                "person_id": person,
                "topic_id": row["topic_id"],
                "stance": 1 if n == 0 or p < 12 else -1,
                "at": now,
            }
            for p, person in enumerate(people)
            for n, row in enumerate(rows)
        ]
        await tx.execute(insert(Stance), stances)
        await drawing.draw(tx, UUID(story.id))
    found = (await town.here.resident.get(f"/topics/{story.id}/opinion-map")).json()
    assert [g["size"] for g in found["groups"]] == [12, 8]
    assert found["agreed"] == [str(rows[0]["id"])]
    assert len(found["divided"]) == 7
    assert str(people[0]) not in str(found)
    async with town.app.state.db.transaction() as tx:
        taken_down = update(Statement).where(col(Statement.id) == rows[0]["id"])
        await tx.execute(taken_down.values(content=ContentState.risky))
    again = (await town.here.resident.get(f"/topics/{story.id}/opinion-map")).json()
    assert again["agreed"] == []
    assert len(again["statements"]) == 7
    picture = await town.here.resident.get(f"/topics/{story.id}/opinion-map/picture")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "甲组 12 人" in [t.text for t in ElementTree.fromstring(picture.text).findall("{*}text")]


async def test_a_stance_leaves_no_event(town: Town, pump: Pump) -> None:
    """Who thinks what is in no history that cannot be forgotten."""
    story = await _consulting(town, pump)
    statement = await _said(story)
    assert await _stance(town.here.resident, statement, "agree") == 200
    await pump()
    events = (await town.here.worker.get(f"/topics/{story.id}/events?limit=100")).json()["items"]
    assert "stance" not in {e["move"] for e in events}
    assert timedelta(0) < speaking.window_end(MONDAY) - MONDAY <= speaking.WINDOW
