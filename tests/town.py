"""A small town to tell stories in: two communities, their desks, their people, everybody logged in over HTTP."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import httpx
import pyotp
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.ids import new_id
from api.models import Credential, Estate, EstateBuilding, Grant, Home, Person, Place, Residency, Unit
from api.models.people import PersonId
from api.models.places import HomeId, PlaceId
from api.rules.people import Relation, ResidencyState
from api.rules.places import Level, UnitKind, path_of
from api.rules.roles import Role
from api.services import login
from tests.wechat_fixture import Simulator

VISITORS = [f"{who}{mark}" for mark in "甲乙" for who in ("居民", "社工", "社工二", "书记")] + ["路人"]
"""Who has just opened the mini-program."""
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""When everybody took office: before any moment a story sets the clock to, whatever day it is told on."""
PASSWORD = "正确的口令 horse battery"


@dataclass
class Actor:
    """Somebody with a session, speaking HTTP."""

    name: str
    id: UUID
    client: httpx.AsyncClient
    token: str = ""
    prefix: str = "/v1"
    username: str = ""
    totp: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    async def call(self, method: str, path: str, *, key: str | None = None, **kw: Any) -> httpx.Response:
        headers = {**self.headers, **kw.pop("headers", {})}
        if key is not None:
            headers["idempotency-key"] = key
        return await self.client.request(method, self.prefix + path, headers=headers, **kw)

    async def get(self, path: str, **kw: Any) -> httpx.Response:
        return await self.call("GET", path, **kw)

    async def post(self, path: str, json: Any = None, **kw: Any) -> httpx.Response:
        return await self.call("POST", path, json=json if json is not None else {}, **kw)

    async def move(self, case: str, move: str, **body: Any) -> httpx.Response:
        return await self.post(f"/cases/{case}/moves/{move}", body)


@dataclass
class Community:
    """One 社区 with a building, a home, a desk and its people."""

    place: PlaceId
    code: str
    building: PlaceId
    home: HomeId
    desk: UUID
    resident: Actor
    worker: Actor
    second_worker: Actor
    secretary: Actor
    people: dict[str, Actor] = field(default_factory=dict)


@dataclass
class Town:
    """The town: `here` and `there` are neighbours under the same supervisor."""

    app: FastAPI
    client: httpx.AsyncClient
    place: PlaceId
    county: PlaceId
    here: Community
    there: Community
    supervisor: Actor
    operator: Actor
    auditor: Actor
    stranger: Actor

    async def submit(self, who: Actor | None = None, **changes: Any) -> dict[str, Any]:
        """A case handed in by `who` (the resident here), as it was answered."""
        body = {
            "category": "help",
            "title": "三单元楼道灯不亮",
            "text": "三单元二楼到三楼的楼道灯坏了一周。",
            "place_id": str(self.here.place),
            **changes,
        }
        answer = await (who or self.here.resident).post("/cases", body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def _log_in(client: httpx.AsyncClient, simulator: Simulator, name: str) -> Actor:
    answer = await client.post("/v1/sessions", json={"code": simulator.login_code(name)})
    assert answer.status_code == 201, answer.text
    session = answer.json()
    return Actor(name, UUID(session["person"]["id"]), client, session["token"])


@cache
def _hashed() -> str:
    """Slow on purpose, hence once a run."""
    return login.hash_password(PASSWORD)


async def grant(
    town: Town, who: Actor, role: Role, *, place: PlaceId | None = None, unit: UUID | None = None
) -> Actor:
    """Somebody gets one more role: of the community here unless `place` is named."""
    async with town.app.state.db.transaction() as tx:
        tx.add(
            Grant(
                person_id=PersonId(who.id),
                role=role,
                place_id=place or town.here.place,
                unit_id=unit,
                since=SINCE,
            )
        )
    return who


async def make_admin(app: FastAPI, client: httpx.AsyncClient, name: str, role: Role, place: PlaceId) -> Actor:
    """A person with a console login and one grant; not yet logged in."""
    secret = pyotp.random_base32()
    person = Person(nickname=name)
    async with app.state.db.transaction() as tx:
        tx.add(person)
        await tx.flush()
        tx.add(
            Credential(
                person_id=person.id,
                username=f"u-{person.id.hex[-8:]}",
                password_hash=_hashed(),
                totp_sealed=app.state.vault.seal(login.TOTP, secret),
            )
        )
        tx.add(Grant(person_id=person.id, role=role, place_id=place, since=SINCE))
    return Actor(name, person.id, client, "", "/admin/v1", f"u-{person.id.hex[-8:]}", secret)


async def sign_in(actor: Actor) -> Actor:
    """Console sign-in with the current one-time code."""
    answer = await actor.client.post(
        "/admin/v1/sessions",
        data={"username": actor.username, "password": PASSWORD, "otp": pyotp.TOTP(actor.totp).now()},
    )
    assert answer.status_code == 200, answer.text
    actor.token = answer.json()["access_token"]
    return actor


async def _place(tx: AsyncSession, code: str, level: Level, name: str, parent: PlaceId | None) -> PlaceId:
    place = Place(code=code, level=level, name=name, parent_id=parent, path=path_of(code, level))
    tx.add(place)
    await tx.flush()
    return place.id


async def build_town(app: FastAPI, client: httpx.AsyncClient, simulator: Simulator) -> Town:
    """Make it, over the database where there is no call for it yet and over HTTP where there is."""
    async with app.state.db.transaction() as tx:
        province = await _place(tx, "320000000000", Level.province, "江苏省", None)
        city = await _place(tx, "320100000000", Level.city, "南京市", province)
        county = await _place(tx, "320102000000", Level.county, "玄武区", city)
        street = await _place(tx, "320102002000", Level.town, "梅园新村街道", county)
    here = await _community(app, client, simulator, street, "320102002001", "梅园新村社区", "甲")
    there = await _community(app, client, simulator, street, "320102002002", "大行宫社区", "乙")
    supervisor = await make_admin(app, client, "街道督办", Role.town_supervisor, street)
    operator = await make_admin(app, client, "县级运营", Role.operator, county)
    auditor = await make_admin(app, client, "审计", Role.auditor, county)
    for actor in (supervisor, operator, auditor):
        await sign_in(actor)
    stranger = await _log_in(client, simulator, "路人")
    return Town(app, client, street, county, here, there, supervisor, operator, auditor, stranger)


async def _community(
    app: FastAPI,
    client: httpx.AsyncClient,
    simulator: Simulator,
    street: PlaceId,
    code: str,
    name: str,
    mark: str,
) -> Community:
    resident = await _log_in(client, simulator, f"居民{mark}")
    worker = await _log_in(client, simulator, f"社工{mark}")
    second = await _log_in(client, simulator, f"社工二{mark}")
    secretary = await _log_in(client, simulator, f"书记{mark}")
    async with app.state.db.transaction() as tx:
        place = await _place(tx, code, Level.village, name, street)
        building = await _place(tx, f"{code}-b01", Level.building, "1 幢", place)
        estate = Estate(place_id=place, name=f"{name}小区")
        tx.add(estate)
        await tx.flush()
        tx.add(EstateBuilding(building_id=building, estate_id=estate.id))
        home = Home(building_id=building, room="301")
        desk = Unit(kind=UnitKind.secretary_desk, place_id=place, name=f"{name}书记台")
        tx.add_all([home, desk])
        await tx.flush()
        tx.add(
            Residency(
                id=new_id(),
                person_id=PersonId(resident.id),
                home_id=home.id,
                community_id=place,
                relation=Relation.owner,
                is_registered=True,
                state=ResidencyState.verified,
            )
        )
        for actor, role in (
            (worker, Role.community_worker),
            (second, Role.community_worker),
            (secretary, Role.secretary),
        ):
            tx.add(Grant(person_id=PersonId(actor.id), role=role, place_id=place, since=SINCE))
    return Community(place, code, building, home.id, desk.id, resident, worker, second, secretary)
