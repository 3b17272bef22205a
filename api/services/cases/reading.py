"""Reading one case: who may see which, and one statement for the whole view."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.db import Database, Statement
from api.kit.problems import NotFound
from api.models import (
    Asset,
    Case,
    CaseRating,
    CaseRequest,
    CaseTask,
    Deadline,
    Estate,
    Grant,
    Home,
    Person,
    Place,
    Unit,
)
from api.rules.cases import Visibility
from api.rules.roles import OWN_UNIT_ONLY, SERVES, Permission
from api.services.access import (
    NOW,
    VIEWER,
    Viewer,
    live,
    lives_in,
    of_place,
    params,
    reaches,
    roles_here,
)
from api.services.cases.view import view

Community = aliased(Place, name="community")
AssistingUnit = aliased(Unit, name="assisting")
CASE_ID = bindparam("case_id", type_=Uuid())


def serves(unit_id: Any) -> ColumnElement[bool]:
    """The viewer holds a role at the unit itself."""
    return (
        select(1)
        .select_from(Grant)
        .where(col(Grant.person_id) == VIEWER, live(), col(Grant.unit_id) == unit_id)
        .exists()
    )


def readable_cases() -> ColumnElement[bool]:
    """Own cases; all within the reach of a role that reads, or of one's own unit; others' once public and checked."""
    open_to_all = col(Case.visibility) == Visibility.public
    open_to_neighbours = and_(col(Case.visibility) == Visibility.community, lives_in(col(Case.community_id)))
    return or_(
        col(Case.reporter_id) == VIEWER,
        reaches(Permission.case_read, col(Case.path)),
        serves(col(Case.unit_id)),
        and_(col(Case.passed_at).is_not(None), or_(open_to_all, open_to_neighbours)),
    )


def _assists() -> Any:
    """Tasks of the case that were given to units the viewer serves."""
    return (
        select(func.array_agg(col(CaseTask.id).distinct()))
        .select_from(CaseTask)
        .join(AssistingUnit, col(AssistingUnit.id) == col(CaseTask.unit_id))
        .join(Grant, at_unit(AssistingUnit))
        .where(
            col(CaseTask.case_id) == col(Case.id),
            col(Grant.person_id) == VIEWER,
            or_(
                *(
                    and_(col(AssistingUnit.kind) == k, col(Grant.role).in_(sorted(r)))
                    for k, r in SERVES.items()
                )
            ),
            live(),
        )
        .scalar_subquery()
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


def _requests() -> Any:
    """What was asked for on the case, oldest first, each with its tasks."""
    tasks = (
        select(
            func.jsonb_agg(
                aggregate_order_by(
                    func.jsonb_build_object(
                        "id", col(CaseTask.id), "unit_id", col(CaseTask.unit_id), "text", col(CaseTask.text),
                        "state", col(CaseTask.state), "result", col(CaseTask.result), "content", col(CaseTask.content),
                    ),
                    col(CaseTask.id),
                )
            )
        )
        .where(col(CaseTask.request_id) == col(CaseRequest.id))
        .scalar_subquery()
    )  # fmt: skip
    fields = [
        *((name, getattr(CaseRequest, name)) for name in _OF_A_REQUEST),
        ("asker", CaseRequest.asker_title),
        ("decider", CaseRequest.decider_title),
        ("asked_at", CaseRequest.created_at),
        ("tasks", tasks),
    ]
    shaped = func.jsonb_build_object(*(part for field in fields for part in field))
    return (
        select(func.jsonb_agg(aggregate_order_by(shaped, col(CaseRequest.id))))
        .where(col(CaseRequest.case_id) == col(Case.id))
        .scalar_subquery()
    )


_OF_A_REQUEST = (
    "id", "kind", "state", "cycle", "reason", "days", "level", "reject_reason", "suspend_reason",
    "unit_id", "asker_id", "answer", "answer_passed_at", "decided_at", "content",
)  # fmt: skip


def _roles_at_unit() -> Any:
    return (
        select(func.array_agg(col(Grant.role).distinct()))
        .where(col(Grant.person_id) == VIEWER, live(), at_unit())
        .scalar_subquery()
    )


def at_unit(unit: type[Unit] = Unit) -> ColumnElement[bool]:
    """Grants that make members of the unit: held at it, or at its place where the unit is a public one."""
    public = col(unit.kind).not_in(OWN_UNIT_ONLY)
    return or_(
        col(Grant.unit_id) == col(unit.id),
        and_(of_place(), col(Grant.place_id) == col(unit.place_id), public),
    )


_TABLE = Case.__table__  # type: ignore[attr-defined]
_HIDDEN = ("behalf_name_sealed", "behalf_phone_sealed", "behalf_phone_index")
"""Opened for a reason and noted, never with the case."""
_SHOWN = [column for column in _TABLE.columns if column.name not in _HIDDEN]


def one_case() -> Select[Any]:
    """The whole view of one case for one viewer: bind `case_id`, `viewer`, `now`.

    A unit asked to assist opens the case as well, and lists it nowhere.
    """
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
            _requests().label("requests"),
            _assists().label("assists"),
            col(Estate.name).label("estate_name"),
            col(Asset.name).label("asset_name"),
            col(Home.room),
            select(col(CaseRating.overall))
            .where(
                col(CaseRating.case_id) == col(Case.id), col(CaseRating.reporter_id) == col(Case.reporter_id)
            )
            .order_by(col(CaseRating.cycle).desc())
            .limit(1)
            .scalar_subquery()
            .label("stars"),
        )
        .join(Place, col(Place.id) == col(Case.place_id))
        .join(Community, col(Community.id) == col(Case.community_id))
        .outerjoin(Unit, col(Unit.id) == col(Case.unit_id))
        .outerjoin(Person, col(Person.id) == col(Case.reporter_id))
        .outerjoin(Estate, col(Estate.id) == col(Case.estate_id))
        .outerjoin(Asset, col(Asset.id) == col(Case.asset_id))
        .outerjoin(Home, col(Home.id) == col(Case.home_id))
        .where(col(Case.id) == CASE_ID, or_(readable_cases(), _assists().is_not(None)))
    )


READ_ONE = one_case()
_READ_ONE = Statement(READ_ONE)


async def read(db: Database, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """One case as this viewer sees it, with the moves open to them; one round trip. Raises NotFound."""
    row = await db.fetch_one(_READ_ONE, case_id=case_id, **params(viewer))
    if row is None:
        raise NotFound("没有这件诉求，或不在您的查看范围内")
    return view(row, viewer)
