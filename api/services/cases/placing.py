"""Where a new case belongs, and what has to be known before it is written: one statement for all of it."""

from sqlalchemy import Uuid, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import idempotency
from api.kit.db import Statement
from api.models import CalendarVersion, Home, Person, Place, Residency
from api.rules.people import ResidencyState
from api.services.access import VIEWER, prefixes


def _where() -> Statement:
    """Place, community and ancestors of a place or home, the viewer, the calendar's version, the key's past."""
    home = (
        select(col(Home.building_id))
        .where(col(Home.id) == bindparam("home_id", type_=Uuid()))
        .scalar_subquery()
    )
    community, above = aliased(Place, name="community"), aliased(Place, name="above")
    key, answer = aliased(idempotency.IdempotencyKey), aliased(idempotency.IdempotencyAnswer)
    key_name = bindparam("key", type_=col(key.key).type)  # type: ignore[attr-defined]
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
    return Statement(
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
            col(Person.nickname),
            col(Person.state).label("person_state"),
            select(func.max(col(CalendarVersion.version))).scalar_subquery().label("calendar"),
            col(key.fingerprint),
            col(answer.status),
            col(answer.body),
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
        .outerjoin(key, and_(col(key.person_id) == VIEWER, col(key.key) == key_name))
        .outerjoin(answer, and_(col(answer.person_id) == VIEWER, col(answer.key) == key_name))
        .where(col(Person.id) == VIEWER)
    )


WHERE = _where()
