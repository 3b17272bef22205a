"""Reading activities and seats: who may see which, and one statement for the view, the standings and the guards."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    column,
    or_,
    select,
    true,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import DATE, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound
from api.models import Activity, Person, Place, Seat, Team
from api.rules.activity_words import ActivityState
from api.rules.content import ContentState
from api.rules.roles import Permission
from api.services.access import VIEWER, Viewer, params, reaches, roles_here
from api.services.activities.view import Row, inside, seat_view, view
from api.services.uploads import showing
from api.services.uploads.pictures import Pictures

Community = aliased(Place, name="community")
ACTIVITY_ID = bindparam("activity_id", type_=Uuid())
SEAT_ID = bindparam("seat_id", type_=Uuid())
TODAY = bindparam("today", type_=DATE())
NOBODY = UUID(int=0)
"""Bound as the viewer when the system looks."""
NO_ACTIVITY, NO_SEAT = "没有这个活动，或不在您的查看范围内", "没有这个名额，或不在您的查看范围内"


def bound(viewer: Viewer | None) -> dict[str, Any]:
    """What the statements of this module want beside the id."""
    who: dict[str, Any] = params(viewer) if viewer is not None else {"viewer": NOBODY, "now": clock.now()}
    return {**who, "today": clock.local(clock.now()).date()}


def organised() -> ColumnElement[bool]:
    """The viewer drew it up, or leads its team."""
    leads = (
        select(1)
        .where(col(Team.id) == col(Activity.team_id), col(Team.leader_id) == VIEWER)
        .correlate(Activity)
        .exists()
    )
    return or_(col(Activity.author_id) == VIEWER, leads)


def shown_to_all() -> ColumnElement[bool]:
    """Published and passed: recruiting is public (志愿服务条例 art. 12)."""
    return and_(
        col(Activity.state) != ActivityState.draft,
        col(Activity.published_at).is_not(None),
        col(Activity.content) == ContentState.passed,
    )


def readable_activities() -> ColumnElement[bool]:
    """One's own and one's team's, all in reach of a role that reads, and what was published."""
    return or_(shown_to_all(), organised(), reaches(Permission.activity_read, col(Activity.path)))


_PIECES = (
    sql("""select
(select jsonb_build_object('id', s.id, 'state', s.state, 'offered_until', s.offered_until,
   'position', case when s.state = 'waitlisted' then (select count(*) from seats w
      where w.activity_id = s.activity_id and w.state = 'waitlisted' and w.ticket <= s.ticket) end)
 from seats s where s.activity_id = activities.id and s.person_id = :viewer and s.state not in
   ('cancelled', 'cancelled_late', 'lapsed', 'called_off')) as mine,
(select jsonb_build_object('kinds', coalesce(array_agg(distinct m.kind), '{}'),
   'insured_until', max(m.insured_until), 'birth_year', max(m.birth_year), 'qualifications', (
     select jsonb_agg(jsonb_build_object('name', q.name, 'until', q.expires_on))
     from qualifications q join memberships m2 on m2.id = q.membership_id
     where m2.person_id = :viewer and m2.state = 'verified' and (m2.ends_on is null or m2.ends_on >= :today)))
 from memberships m where m.person_id = :viewer and m.state = 'verified'
   and (m.ends_on is null or m.ends_on >= :today)) as member,
(exists (select 1 from residencies r where r.person_id = :viewer and r.community_id = activities.community_id
   and r.state = 'verified')
 or exists (select 1 from memberships m where m.person_id = :viewer and m.place_id = activities.community_id
   and m.state = 'verified' and (m.ends_on is null or m.ends_on >= :today))) as belongs,
exists (select 1 from teams t where t.id = activities.team_id and t.leader_id = :viewer) as leads""")
    .bindparams(VIEWER, TODAY)
    .columns(
        column("mine", JSONB), column("member", JSONB), column("belongs", Boolean), column("leads", Boolean)
    )
    .lateral("pieces")
)
"""What the viewer is to an activity, beside its row."""
_TABLE = Activity.__table__  # type: ignore[attr-defined]
_HIDDEN = ("last_seated",)


def one_activity(*, readable: bool = True) -> Select[Any]:
    """The whole view of one activity for one viewer: bind `activity_id` and `bound(viewer)`."""
    return (
        select(
            *(c for c in _TABLE.columns if c.name not in _HIDDEN),
            col(Place.name).label("place_name"),
            col(Community.name).label("community_name"),
            col(Team.name).label("team_name"),
            roles_here(col(Activity.path)).scalar_subquery().label("roles"),
            *_PIECES.c,
        )
        .select_from(Activity)
        .join(Place, col(Place.id) == col(Activity.place_id))
        .join(Community, col(Community.id) == col(Activity.community_id))
        .outerjoin(Team, col(Team.id) == col(Activity.team_id))
        .join(_PIECES, true())
        .where(col(Activity.id) == ACTIVITY_ID, readable_activities() if readable else true())
    )


READ_ONE = one_activity()
READ_AS_SYSTEM = one_activity(readable=False)

_AROUND = (
    sql(
        """select case when seats.state = 'waitlisted' then (select count(*) from seats w
           where w.activity_id = seats.activity_id and w.state = 'waitlisted' and w.ticket <= seats.ticket) end
           as position,
           (select count(*) from attendances a where a.seat_id = seats.id and a.day = :today) as pairs_today"""
    )
    .bindparams(TODAY)
    .columns(column("position", Integer), column("pairs_today", Integer))
    .lateral("around")
)
_OF_ACTIVITY = ("title", "spot", "content", "starts_at", "ends_at", "author_id", "path", "community_id")
_SEAT_TABLE = Seat.__table__  # type: ignore[attr-defined]


def seat_rows() -> Select[Any]:
    """Everything a viewer is shown of seats: bind `bound(viewer)`."""
    leads = (
        select(1)
        .where(col(Team.id) == col(Activity.team_id), col(Team.leader_id) == VIEWER)
        .correlate(Activity)
        .exists()
    )
    return (
        select(
            *(c for c in _SEAT_TABLE.columns if c.name != "during"),
            *(_TABLE.c[name] for name in _OF_ACTIVITY),
            col(Activity.state).label("activity_state"),
            col(Person.nickname).label("person_name"),
            roles_here(col(Activity.path)).scalar_subquery().label("roles"),
            leads.label("leads"),
            *_AROUND.c,
        )
        .select_from(Seat)
        .join(Activity, col(Activity.id) == col(Seat.activity_id))
        .join(Person, col(Person.id) == col(Seat.person_id))
        .join(_AROUND, true())
    )


def readable_seats() -> ColumnElement[bool]:
    """One's own, and those of activities one organises or reads by a role."""
    return or_(
        col(Seat.person_id) == VIEWER, organised(), reaches(Permission.activity_read, col(Activity.path))
    )


READ_SEAT = seat_rows().where(col(Seat.id) == SEAT_ID, readable_seats())
READ_SEAT_AS_SYSTEM = seat_rows().where(col(Seat.id) == SEAT_ID)


async def row_of(tx: AsyncSession, viewer: Viewer | None, activity_id: UUID) -> Row:
    """One activity as `viewer` reaches it; None is the system. Raises NotFound."""
    statement = READ_ONE if viewer is not None else READ_AS_SYSTEM
    found = await tx.execute(statement, {"activity_id": activity_id, **bound(viewer)})
    row: Any = found.mappings().first()
    if row is None:
        raise NotFound(NO_ACTIVITY)
    return cast(Row, row)


async def read(tx: AsyncSession, pictures: Pictures, viewer: Viewer, activity_id: UUID) -> dict[str, Any]:
    """One activity with its pictures, and the moves open to this viewer. Raises NotFound."""
    row = await row_of(tx, viewer, activity_id)
    shown = await showing.of(tx, viewer, pictures, [activity_id], insider=inside(row, viewer))
    return {**view(row, viewer), "uploads": shown}


async def seat_row(tx: AsyncSession, viewer: Viewer | None, seat_id: UUID) -> Row:
    """One seat as `viewer` reaches it; None is the system. Raises NotFound."""
    statement = READ_SEAT if viewer is not None else READ_SEAT_AS_SYSTEM
    found = await tx.execute(statement, {"seat_id": seat_id, **bound(viewer)})
    row: Any = found.mappings().first()
    if row is None:
        raise NotFound(NO_SEAT)
    return cast(Row, row)


async def read_seat(tx: AsyncSession, viewer: Viewer, seat_id: UUID) -> dict[str, Any]:
    """One seat as this viewer sees it. Raises NotFound."""
    return seat_view(await seat_row(tx, viewer, seat_id), viewer)
