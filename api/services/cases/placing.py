"""Where a new case belongs, and what has to be known before it is written: one statement for all of it."""

from typing import Any

from sqlalchemy import Select, Uuid, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.db import Statement
from api.models import (
    Asset,
    CalendarVersion,
    Company,
    Estate,
    EstateBuilding,
    Home,
    Merchant,
    Person,
    Place,
    Residency,
    Unit,
)
from api.rules.people import ResidencyState
from api.services.access import VIEWER, prefixes
from api.services.answers import with_key
from api.services.places.settings import in_force


def _where(*, nearer: bool = False) -> Statement:
    """Place, community and ancestors of a place or home, the viewer, the versions of calendar and
    settings, the key's past.

    `nearer`: estate, asset and merchant too, and the service hours of the unit that the case will go to.
    """
    home = (
        select(col(Home.building_id))
        .where(col(Home.id) == bindparam("home_id", type_=Uuid()))
        .scalar_subquery()
    )
    community, above = aliased(Place, name="community"), aliased(Place, name="above")
    lives_there = (
        exists()
        .where(
            col(Residency.person_id) == VIEWER,
            col(Residency.home_id) == bindparam("home_id", type_=Uuid()),
            col(Residency.state).in_([ResidencyState.pending, ResidencyState.verified]),
        )
        .select()
        .scalar_subquery()
    )
    statement = (
        select(
            col(Place.id),
            col(Place.name),
            col(Place.path),
            col(Place.level),
            col(community.id).label("community_id"),
            col(community.code).label("community_code"),
            col(community.name).label("community_name"),
            select(func.array_agg(col(above.id)))
            .where(col(above.path) == func.any(prefixes(col(Place.path))))
            .scalar_subquery()
            .label("reach"),
            lives_there.label("lives_there"),
            select(col(Home.room))
            .where(col(Home.id) == bindparam("home_id", type_=Uuid()))
            .scalar_subquery()
            .label("room"),
            col(Person.nickname),
            col(Person.state).label("person_state"),
            select(func.max(col(CalendarVersion.version))).scalar_subquery().label("calendar"),
            in_force(col(Place.path)).label("setting_id"),
        )
        .select_from(Person)
        .outerjoin(
            Place,
            and_(
                col(Place.active),
                or_(col(Place.id) == bindparam("place_id", type_=Uuid()), col(Place.id) == home),
            ),
        )
        .outerjoin(
            community, and_(col(community.path) == func.left(col(Place.path), 17), col(community.active))
        )
        .where(col(Person.id) == VIEWER)
    )
    return Statement(with_key(_nearer(statement, community) if nearer else statement))


def _nearer(statement: Select[Any], community: Any) -> Select[Any]:
    """What is named must lie in the community of the place, and is not there otherwise."""
    building, unit = aliased(EstateBuilding), aliased(Unit)
    estate_id = func.coalesce(
        col(building.estate_id), col(Asset.estate_id), bindparam("estate_id", type_=Uuid())
    )
    whose = or_(
        and_(col(Merchant.id).is_(None), col(unit.estate_id) == col(Estate.id)),
        col(unit.id) == col(Merchant.unit_id),
    )
    return (
        statement.add_columns(
            col(Estate.id).label("estate_id"),
            col(Estate.name).label("estate_name"),
            col(Asset.id).label("asset_id"),
            col(Asset.name).label("asset_name"),
            col(Asset.estate_id).label("asset_estate_id"),
            col(Merchant.id).label("merchant_id"),
            col(Merchant.name).label("merchant_name"),
            func.coalesce(col(unit.service_hours), col(Company.service_hours)).label("service_hours"),
        )
        .outerjoin(building, col(building.building_id) == col(Place.id))
        .outerjoin(Asset, and_(col(Asset.id) == bindparam("asset_id", type_=Uuid()), col(Asset.active)))
        .outerjoin(Estate, and_(col(Estate.id) == estate_id, col(Estate.place_id) == col(community.id)))
        .outerjoin(
            Merchant,
            and_(
                col(Merchant.id) == bindparam("merchant_id", type_=Uuid()),
                col(Merchant.place_id) == col(community.id),
                col(Merchant.active),
            ),
        )
        .outerjoin(unit, and_(col(unit.active), whose))
        .outerjoin(Company, col(Company.id) == col(unit.company_id))
    )


NEARER = _where(nearer=True)
WHERE = _where()
