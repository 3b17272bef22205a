"""Lists of cases: keyset pages over `case_reach`, prebuilt for each shape of question."""

from collections.abc import Callable, Sequence
from enum import StrEnum
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
    not_,
    or_,
    select,
    union,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.db import Database, Statement
from api.kit.paging import page, read_cursor
from api.models import Case, CaseReach, Deadline, Grant, Person, Place, Residency
from api.models.cases import Audience
from api.rules.cases import CaseState
from api.rules.people import ResidencyState
from api.rules.roles import Permission, roles_with
from api.services.access import NOW, VIEWER, Viewer, asked_of_each, live, params, reaches
from api.services.cases import searching
from api.services.cases.reading import readable_cases
from api.services.cases.view import item


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
    seen_from = select(
        place.c.id.label("place_id"),
        case(
            (reaches(Permission.case_read, place.c.path), Audience.staff.value),
            else_=Audience.residents.value,
        )
        .cast(Text)
        .label("audience"),
    )
    # Or else PostgreSQL asks for the role again at each case it looks at.
    return seen_from.cte("seen_from").prefix_with("materialized")


def _ids_in_state(
    seen_from: Any, state: CaseState, after: Any, more: Any, wanted: Sequence[ColumnElement[bool]]
) -> Any:
    """Ids of the cases in one state: a range of `ix_cases_state` for each place they are seen from.

    The state is written into the statement, since that index holds all but the closed ones; OFFSET 0 keeps PostgreSQL
    from walking all cases from new to old instead, because only a page is wanted.
    """
    top, ranged = aliased(Place, name="top"), aliased(Case, name="ranged")
    tops = (
        select(seen_from.c.place_id, seen_from.c.audience, col(top.path))
        .join(top, col(top.id) == seen_from.c.place_id)
        .cte("tops")
        .prefix_with("materialized")
    )
    as_resident = asked_of_each(
        select(1)
        .select_from(CaseReach)
        .join(Case, col(Case.id) == col(CaseReach.case_id))
        .where(
            col(CaseReach.place_id) == tops.c.place_id,
            col(CaseReach.audience) == Audience.residents.value,
            col(CaseReach.case_id) == col(ranged.id),
            readable_cases(),
        )
    )
    found = (
        select(col(ranged.id))
        .where(
            col(ranged.state) == state,
            col(ranged.path) >= tops.c.path,
            col(ranged.path) < func.left(tops.c.path, -1).concat("0"),
            col(ranged.id) < after,
            or_(tops.c.audience == Audience.staff.value, as_resident),
            *([asked_of_each(select(1).where(col(Case.id) == col(ranged.id), *wanted))] if wanted else []),
        )
        .offset(literal_column("0"))
        .lateral("found")
    )
    return (
        select(found.c.id)
        .select_from(tops.join(found, literal(True)))
        .group_by(found.c.id)
        .order_by(found.c.id.desc())
        .limit(more)
        .subquery("ids")
    )


def _named(column: Any, name: str) -> ColumnElement[bool]:
    """The column equals the bound word; cast, since the column's own type would ask for its enum."""
    equal: ColumnElement[bool] = column == cast(bindparam(name, type_=String()), String)
    return equal


def _overdue() -> ColumnElement[bool]:
    """The finish clock of the current cycle ran out before the case was finished, or has run out by now."""
    return (
        select(1)
        .select_from(Deadline)
        .where(
            col(Deadline.subject_id) == col(Case.id),
            col(Deadline.kind) == "finish",
            col(Deadline.cycle) == col(Case.cycle),
            col(Deadline.cancelled_at).is_(None),
            col(Deadline.due_at) < func.coalesce(col(Deadline.met_at), NOW),
        )
        .correlate(Case)
        .exists()
    )


FILTERS: dict[str, Callable[[], ColumnElement[bool]]] = {
    "state": lambda: _named(col(Case.state), "state"),
    "kind": lambda: _named(col(Case.kind), "kind"),
    "category": lambda: _named(col(Case.category), "category"),
    "overdue": _overdue,
    "in_time": lambda: not_(_overdue()),
}

INDEXED_STATES = frozenset(CaseState) - {CaseState.closed}
"""Those of `ix_cases_state`. Among all cases a closed one is never far, so these are found by walking."""
WORDS = "words"
"""The name of the filter by words, and of what it binds."""


@cache
def _list_statement(
    limit: int, source: str, filters: frozenset[str] = frozenset(), state: CaseState | None = None
) -> Statement:
    """Prebuilt lists: `source` is "mine", "place" or "reach"; `state` one of INDEXED_STATES, written in.

    LIMIT is literal: a bound one doubles the work.
    """
    more: Any = literal_column(str(limit + 1))
    after = bindparam("after", type_=Uuid())
    wanted = [FILTERS[name]() for name in sorted(filters - {WORDS})]
    if source == "mine":
        if WORDS in filters:
            wanted.append(searching.has_words(col(Case.id)))
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
        )
        if wanted and WORDS not in filters and state is None:
            seen = seen.join(Case, col(Case.id) == col(CaseReach.case_id)).where(*wanted)
        if source == "place":
            # Here a resident of elsewhere looks too: what is for neighbours only must not fill the page.
            open_to_viewer = select(readable_cases()).where(col(Case.id) == col(CaseReach.case_id))
            staff = seen_from.c.audience == Audience.staff.value
            seen = seen.where(or_(staff, open_to_viewer.correlate(CaseReach).scalar_subquery()))
        if WORDS in filters:
            ids = searching.found_from(seen_from, seen, after, more, wanted)
        elif state is not None:
            ids = _ids_in_state(seen_from, state, after, more, wanted)
        else:
            lateral = seen.limit(more).lateral("seen")
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
    overdue: bool | None = None,
    q: str | None = None,
    **words: StrEnum | None,
) -> dict[str, Any]:
    """A page of cases, newest first: own, of a place, or of everywhere the viewer works and lives.

    `words` are the filters by an enum: state, kind, category. Raises SearchTooShort for `q`.
    """
    source = "mine" if mine else "place" if place_id is not None else "reach"
    values: dict[str, Any] = {"after": read_cursor(after), **params(viewer)}
    if source == "place":
        values["place"] = place_id
    wanted: dict[str, Any] = {name: word.value for name, word in words.items() if word is not None}
    if q is not None:
        wanted[WORDS] = searching.words_of(q)
    filters = set(wanted) | ({"overdue" if overdue else "in_time"} if overdue is not None else set())
    state = words.get("state")
    written = CaseState(state) if state in INDEXED_STATES and source != "mine" and q is None else None
    if written is not None:
        filters.remove("state")
    statement = _list_statement(limit, source, frozenset(filters), written)
    rows = await db.fetch(statement, **values, **wanted)
    return page([item(row, viewer) for row in rows], limit)
