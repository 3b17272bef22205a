"""Fills the demo's empty database: the town, its desks and homes, and everybody's roles."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.commands.demo import town
from api.commands.demo.town import Player
from api.kit.db import Database
from api.kit.secrets import Vault
from api.models import Estate, EstateBuilding, Home, Official, Person, Place, Residency, Unit
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.people import Relation, ResidencyState
from api.rules.places import Level, UnitKind, path_of
from api.rules.roles import Role
from api.services import login
from api.services.people.grants import give
from api.services.setup import SYSTEM, create_administrator

LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""What a person can read off a screen; sixteen of them are 79 bits."""


@dataclass(frozen=True, slots=True)
class ConsoleLogin:
    """What one needs to sign in to the console."""

    name: str
    username: str
    password: str
    totp_secret: str
    totp_uri: str


@dataclass(frozen=True, slots=True)
class Seeded:
    """The town as it was made; places by code."""

    places: Mapping[str, PlaceId]
    supervisor: ConsoleLogin
    operator: ConsoleLogin


async def seed(url: str, vault: Vault, app: str, openids: Mapping[str, str]) -> Seeded:
    """Fill the database at `url`, which must be empty; `openids`: the players' by login, for the mini-program `app`."""
    db = Database(url, pool_size=1)
    try:
        async with db.transaction() as tx:
            places = await _places(tx)
            await _estates(tx, places)
            for player in town.PLAYERS:
                await _enter(tx, app, openids[player.login], player, places)
            return Seeded(
                {code: place.id for code, place in places.items()},
                await _administrator(tx, vault, town.SUPERVISOR),
                await _administrator(tx, vault, town.OPERATOR),
            )
    finally:
        await db.close()


async def _places(tx: AsyncSession) -> dict[str, Place]:
    by_path: dict[str, Place] = {}
    for code, level, name in town.PLACES:
        path = path_of(code, level)
        above = by_path.get(f"{path.rstrip('/').rpartition('/')[0]}/")
        place = Place(
            code=code, level=level, name=name, path=path, parent_id=above.id if above is not None else None
        )
        tx.add(place)
        await tx.flush()  # rows refer to their parents
        by_path[path] = place
    return {place.code: place for place in by_path.values()}


async def _estates(tx: AsyncSession, places: dict[str, Place]) -> None:
    for community, name, buildings in town.ESTATES:
        where = places[community]
        estate = Estate(place_id=where.id, name=name)
        desk = Unit(
            kind=UnitKind.secretary_desk,
            place_id=where.id,
            name=f"{where.name}书记台",
            phone="025-00000000",
            hours=town.DESK_HOURS,
        )
        tx.add_all([estate, desk])
        await tx.flush()
        for code in buildings:
            building = places[code]
            tx.add(EstateBuilding(building_id=building.id, estate_id=estate.id))
            tx.add_all(Home(building_id=building.id, room=room) for room in town.ROOMS)
    await tx.flush()


async def _enter(tx: AsyncSession, app: str, openid: str, player: Player, places: dict[str, Place]) -> None:
    """As if the person had logged in once before, been verified, and been given the role."""
    person = (await login.enter(tx, app=app, openid=openid, unionid=None)).person
    person.nickname = player.name
    tx.add(person)
    if player.place is None:
        return
    place = places[player.place]
    if player.role is not None:
        await give(tx, PersonId(person.id), player.role, place, until=None, by=None, title=SYSTEM)
        if player.role is Role.secretary:
            tx.add(Official(person_id=person.id, name=player.name, title=player.what, hours=player.hours))
    else:
        await _settle(tx, person, place, player.room, places)
    await tx.flush()


async def _settle(
    tx: AsyncSession, person: Person, building: Place, room: str | None, places: dict[str, Place]
) -> None:
    community = next(p for p in places.values() if p.level is Level.village and p.id == building.parent_id)
    home = await tx.execute(select(Home).where(col(Home.building_id) == building.id, col(Home.room) == room))
    tx.add(
        Residency(
            person_id=person.id,
            home_id=home.scalar_one().id,
            community_id=community.id,
            relation=Relation.owner,
            is_registered=True,
            state=ResidencyState.verified,
        )
    )


async def _administrator(tx: AsyncSession, vault: Vault, player: Player) -> ConsoleLogin:
    assert player.role is not None
    assert player.place is not None
    password = "-".join("".join(secrets.choice(LEGIBLE) for _ in range(4)) for _ in range(4))
    made = await create_administrator(
        tx,
        vault,
        username=player.login,
        password=password,
        nickname=player.name,
        role=player.role,
        place_code=player.place,
    )
    return ConsoleLogin(player.name, player.login, password, made.totp_secret, made.totp_uri)
