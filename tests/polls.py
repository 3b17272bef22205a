"""Polls to tell stories with: drafted by the supervisor over HTTP, opened and closed by moving the clock."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from api.kit import clock
from api.kit.ids import new_id
from api.models import Home, Person, Residency
from api.models.people import PersonId
from api.models.places import HomeId, PlaceId
from api.rules.people import Relation, ResidencyState
from api.services.polls.sealing import Sealer
from tests.town import Actor, Community, Town

Pump = Callable[[], Awaitable[None]]
MAJORITY = {
    "method": "yes_no",
    "thresholds": [{"share": "1/2", "strict": True}],
}
DAY = timedelta(days=1)


async def neighbours(town: Town, at: Community, count: int, *, area: str = "100.00") -> list[Actor]:
    """That many people, each the verified owner of a home of their own, logged in to the mini-program."""
    people = []
    async with town.app.state.db.transaction() as tx:
        for n in range(count):
            person = Person(nickname=f"邻居{n}")
            home = Home(building_id=at.building, room=f"1{n:04d}", area_m2=Decimal(area))
            tx.add_all([person, home])
            await tx.flush()
            tx.add(residency(person.id, home.id, at.place))
            people.append(person.id)
    found = []
    for person_id in people:
        opened = await town.app.state.sessions.open(person_id, "test")
        found.append(Actor("邻居", person_id, town.client, opened.token))
    return found


def residency(person: PersonId, home: HomeId, community: PlaceId) -> Residency:
    return Residency(
        id=new_id(),
        person_id=person,
        home_id=home,
        community_id=community,
        relation=Relation.owner,
        is_registered=True,
        state=ResidencyState.verified,
    )


async def draft(town: Town, **changes: Any) -> dict[str, Any]:
    """A draft about the community here, opening now, closing in a day."""
    now = clock.now()
    body = {
        "place_id": str(town.here.place),
        "title": "加装电梯",
        "text": "是否同意加装电梯？",
        "basis": "person",
        "rule": MAJORITY,
        "opens_at": now.isoformat(),
        "closes_at": (now + DAY).isoformat(),
        **changes,
    }
    answer = await town.supervisor.post("/polls", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def move(town: Town, poll: str, name: str, **body: Any) -> dict[str, Any]:
    answer = await town.supervisor.post(f"/polls/{poll}/moves/{name}", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def opened(town: Town, **changes: Any) -> str:
    """The id of a poll that is open."""
    poll = str((await draft(town, **changes))["id"])
    await move(town, poll, "announce")
    await move(town, poll, "open")
    return poll


async def sealed(app: FastAPI) -> None:
    """Do by hand what the worker's sealer does, until nothing is left."""
    sealer = Sealer(app.state.db, app.state.vault)
    while await sealer.run_once():
        pass


async def closed(town: Town, pump: Pump) -> None:
    """A day later: what ends is closed by the clock, sealed and counted."""
    clock.move(DAY + timedelta(seconds=1))
    for actor in (town.supervisor, town.operator, town.auditor):
        await renew(town, actor)
    await pump()
    await sealed(town.app)
    await pump()


async def renew(town: Town, actor: Actor) -> None:
    """A console session lasts half an hour; this one starts now."""
    opened_ = await town.app.state.sessions.open(PersonId(actor.id), "test", console=True)
    actor.token = opened_.token


async def vote(who: Actor, poll: str, *choices: str, key: str | None = None, **more: Any) -> Any:
    return await who.post(f"/polls/{poll}/ballots", {"choices": list(choices), **more}, key=key)


async def sql(app: FastAPI, statement: str, **values: Any) -> list[Any]:
    async with app.state.db.reading() as tx:
        return list((await tx.execute(text(statement), values)).all())
