"""Reading cases: who may see which, one statement for the whole view, keyset lists over `case_reach`."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    union,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.db import Database, Statement
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound
from api.models import Case, CaseRating, CaseReach, Deadline, Grant, Person, Place, Residency, Unit
from api.models.cases import Audience
from api.rules.cases import CaseState, Visibility
from api.rules.people import ResidencyState
from api.rules.places import UnitKind
from api.rules.roles import Permission, roles_with
from api.services.access import NOW, VIEWER, Viewer, live, lives_in, params, reaches, roles_here
from api.services.cases.view import item, view

Community = aliased(Place, name="community")
CASE_ID = bindparam("case_id", type_=Uuid())


def readable_cases() -> ColumnElement[bool]:
    """Own cases; all within the reach of a role that reads; others' once public and checked."""
    open_to_all = col(Case.visibility) == Visibility.public
    open_to_neighbours = and_(col(Case.visibility) == Visibility.community, lives_in(col(Case.community_id)))
    return or_(
        col(Case.reporter_id) == VIEWER,
        reaches(Permission.case_read, col(Case.path)),
        and_(col(Case.passed_at).is_not(None), or_(open_to_all, open_to_neighbours)),
    )


def _clocks() -> Any:
    """`{"sign": {"due_at": …, "met_at": …, "overdue": …}, …}` of the current cycle."""
    done = func.coalesce(col(Deadline.met_at), NOW)
    return (
        select(
            func.jsonb_object_agg(
                col(Deadline.kind),
                func.jsonb_build_object(
                    "due_at",
                    col(Deadline.due_at),
                    "met_at",
                    col(Deadline.met_at),
                    "overdue",
                    func.coalesce(done > col(Deadline.due_at), literal(False)),
                    "provisional",
                    col(Deadline.provisional),
                ),
            )
        )
        .where(
            col(Deadline.subject_id) == col(Case.id),
            col(Deadline.cycle) == col(Case.cycle),
            col(Deadline.cancelled_at).is_(None),
        )
        .scalar_subquery()
    )


def _roles_at_unit() -> Any:
    return (
        select(func.array_agg(col(Grant.role).distinct()))
        .where(col(Grant.person_id) == VIEWER, live(), col(Grant.place_id) == col(Unit.place_id))
        .scalar_subquery()
    )


def _route() -> Any:
    """The desk a secretary case would go to, asked only while it waits for one."""
    desk = aliased(Unit)
    return case(
        (
            col(Case.state) == CaseState.submitted,
            select(col(desk.id))
            .where(
                col(desk.place_id) == col(Case.community_id),
                col(desk.kind) == UnitKind.secretary_desk,
                col(desk.active),
            )
            .order_by(col(desk.id))
            .limit(1)
            .scalar_subquery(),
        )
    )


_TABLE = Case.__table__  # type: ignore[attr-defined]
_SHOWN = [c for c in _TABLE.columns if c.name not in ("path",)]


def one_case() -> Select[Any]:
    """The whole view of one case for one viewer: bind `case_id`, `viewer`, `now`."""
    return (
        select(
            *_SHOWN,
            col(Place.name).label("place_name"),
            col(Community.name).label("community_name"),
            col(Unit.name).label("unit_name"),
            col(Unit.kind).label("unit_kind"),
            col(Person.nickname).label("reporter_name"),
            _clocks().label("clocks"),
            roles_here(col(Case.path)).scalar_subquery().label("roles"),
            _roles_at_unit().label("unit_roles"),
            _route().label("route_unit_id"),
            select(col(CaseRating.overall))
            .where(col(CaseRating.case_id) == col(Case.id))
            .order_by(col(CaseRating.cycle).desc())
            .limit(1)
            .scalar_subquery()
            .label("stars"),
        )
        .join(Place, col(Place.id) == col(Case.place_id))
        .join(Community, col(Community.id) == col(Case.community_id))
        .outerjoin(Unit, col(Unit.id) == col(Case.unit_id))
        .outerjoin(Person, col(Person.id) == col(Case.reporter_id))
        .where(col(Case.id) == CASE_ID, readable_cases())
    )


READ_ONE = one_case()
_READ_ONE = Statement(READ_ONE)


async def read(db: Database, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """One case as this viewer sees it, with the moves open to them; one round trip. Raises NotFound."""
    row = await db.fetch_one(_READ_ONE, case_id=case_id, **params(viewer))
    if row is None:
        raise NotFound("没有这件诉求，或不在您的查看范围内")
    return view(row, viewer)


def _places_of_viewer() -> Any:
    """From which places this viewer sees lists: (place, audience)."""
    working = select(col(Grant.place_id), literal(Audience.staff.value, Text).label("audience")).where(
        col(Grant.person_id) == VIEWER, live(), col(Grant.role).in_(roles_with(Permission.case_read))
    )
    living = select(col(Residency.community_id), literal(Audience.residents.value, Text)).where(
        col(Residency.person_id) == VIEWER, col(Residency.state) == ResidencyState.verified
    )
    return union(working, living).subquery("seen_from")


def _one_place() -> Any:
    """A named place, seen as staff where a role reaches it, as a resident otherwise."""
    place = (
        select(col(Place.id), col(Place.path))
        .where(col(Place.id) == bindparam("place", type_=Uuid()))
        .subquery()
    )
    return select(
        place.c.id.label("place_id"),
        case(
            (reaches(Permission.case_read, place.c.path), Audience.staff.value),
            else_=Audience.residents.value,
        )
        .cast(Text)
        .label("audience"),
    ).subquery("seen_from")


@cache
def _list_statement(limit: int, source: str, by_state: bool) -> Statement:
    """Prebuilt lists: `source` is "mine", "place" or "reach". LIMIT is literal: a bound one doubles the work."""
    more: Any = literal_column(str(limit + 1))
    after = bindparam("after", type_=Uuid())
    wanted = [col(Case.state) == cast(bindparam("state", type_=String()), String)] if by_state else []
    if source == "mine":
        ids = (
            select(col(Case.id))
            .where(col(Case.reporter_id) == VIEWER, col(Case.id) < after, *wanted)
            .order_by(col(Case.id).desc())
            .limit(more)
            .subquery("ids")
        )
    else:
        seen_from = _one_place() if source == "place" else _places_of_viewer()
        seen: Select[Any] = (
            select(col(CaseReach.case_id).label("id"))
            .where(
                col(CaseReach.place_id) == seen_from.c.place_id,
                col(CaseReach.audience) == seen_from.c.audience,
                col(CaseReach.case_id) < after,
            )
            .order_by(col(CaseReach.case_id).desc())
            .limit(more)
        )
        if by_state:
            seen = seen.join(Case, col(Case.id) == col(CaseReach.case_id)).where(*wanted)
        if source == "place":
            # Here a resident of elsewhere looks too: what is for neighbours only must not fill the page.
            open_to_viewer = select(readable_cases()).where(col(Case.id) == col(CaseReach.case_id))
            staff = seen_from.c.audience == Audience.staff.value
            seen = seen.where(or_(staff, open_to_viewer.correlate(CaseReach).scalar_subquery()))
        lateral = seen.lateral("seen")
        ids = (
            select(lateral.c.id)
            .select_from(seen_from.join(lateral, literal(True)))
            .group_by(lateral.c.id)
            .order_by(lateral.c.id.desc())
            .limit(more)
            .subquery("ids")
        )
    finish = aliased(Deadline, name="finish")
    return Statement(
        select(
            col(Case.id),
            col(Case.number),
            col(Case.kind),
            col(Case.category),
            col(Case.title),
            func.left(col(Case.text), 80).label("excerpt"),
            col(Case.state),
            col(Case.cycle),
            col(Case.level),
            col(Case.visibility),
            col(Case.anonymous),
            col(Case.reporter_id),
            col(Case.reporter_alias),
            col(Case.place_id),
            col(Place.name).label("place_name"),
            col(Person.nickname).label("reporter_name"),
            col(finish.due_at).label("finish_due_at"),
            col(finish.met_at).label("finish_met_at"),
            col(Case.version),
            col(Case.created_at),
            col(Case.updated_at),
        )
        .join(ids, ids.c.id == col(Case.id))
        .join(Place, col(Place.id) == col(Case.place_id))
        .outerjoin(Person, col(Person.id) == col(Case.reporter_id))
        .outerjoin(
            finish,
            and_(
                col(finish.subject_id) == col(Case.id),
                col(finish.kind) == "finish",
                col(finish.cycle) == col(Case.cycle),
                col(finish.cancelled_at).is_(None),
            ),
        )
        .where(readable_cases())
        .order_by(col(Case.id).desc())
    )


async def listing(
    db: Database,
    viewer: Viewer,
    *,
    limit: int,
    after: str | None,
    mine: bool = False,
    place_id: UUID | None = None,
    state: CaseState | None = None,
) -> dict[str, Any]:
    """A page of cases, newest first: own, of a place, or of everywhere the viewer works and lives."""
    source = "mine" if mine else "place" if place_id is not None else "reach"
    values: dict[str, Any] = {"after": read_cursor(after), **params(viewer)}
    if source == "place":
        values["place"] = place_id
    if state is not None:
        values["state"] = state.value
    rows = await db.fetch(_list_statement(limit, source, state is not None), **values)
    return page([item(row, viewer) for row in rows], limit)
