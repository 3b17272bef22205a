"""Reading disclosures: what is published is for everybody, what is still owed for staff in reach."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.paging import page, read_cursor
from api.models import Case, Deadline, Disclosure, DisclosureQuestion, Place
from api.rules.cases import OVER
from api.rules.disclosures import (
    DISCLOSURES,
    OWED,
    DisclosureClock,
    DisclosureFacts,
    DisclosureKind,
    DisclosureStanding,
    DisclosureState,
)
from api.rules.roles import Permission, Role, permissions_of
from api.services.access import Viewer, lives_in, params, reaches, roles_here
from api.services.places.finding import find_place
from api.services.uploads import showing
from api.services.uploads.pictures import Pictures

DISCLOSURE_ID = bindparam("disclosure_id", type_=Uuid())
Row = Any


def readable_disclosures() -> ColumnElement[bool]:
    """Published ones; those still owed within the reach of a role that reads them."""
    return or_(col(Disclosure.state).not_in(OWED), reaches(Permission.disclosure_read, col(Disclosure.path)))


def _questions(*wanted: ColumnElement[bool]) -> Any:
    return (
        select(func.count())
        .select_from(DisclosureQuestion)
        .join(Case, col(Case.id) == col(DisclosureQuestion.case_id))
        .where(col(DisclosureQuestion.disclosure_id) == col(Disclosure.id), *wanted)
        .correlate(Disclosure)
        .scalar_subquery()
    )


def disclosures_seen() -> Select[Any]:
    """Disclosures as the viewer sees them: bind `viewer`, `now`."""
    return (
        select(
            *Disclosure.__table__.columns,  # type: ignore[attr-defined]
            col(Place.name).label("place_name"),
            col(Deadline.due_at).label("due_at"),
            roles_here(col(Disclosure.path)).scalar_subquery().label("roles"),
            lives_in(col(Disclosure.place_id)).label("lives_here"),
            _questions().label("asked"),
            _questions(col(Case.state).not_in(OVER)).label("open"),
        )
        .join(Place, col(Place.id) == col(Disclosure.place_id))
        .join(
            Deadline,
            and_(col(Deadline.subject_id) == col(Disclosure.id), col(Deadline.kind) == DisclosureClock.due),
        )
        .where(readable_disclosures())
    )


READ_ONE = disclosures_seen().where(col(Disclosure.id) == DISCLOSURE_ID)


def permissions(row: Row) -> frozenset[Permission]:
    return permissions_of(frozenset(Role(r) for r in row["roles"] or ()))


def standings(row: Row) -> frozenset[DisclosureStanding]:
    able = permissions(row)
    found = set()
    if Permission.disclosure_write in able:
        found.add(DisclosureStanding.writer)
    if Permission.disclosure_review in able:
        found.add(DisclosureStanding.reviewer)
    return frozenset(found)


def facts(row: Row, viewer: Viewer) -> DisclosureFacts:
    return DisclosureFacts(row["drafted_by"] == viewer.person_id, row["open"])


def may_ask(row: Row) -> bool:
    """Verified residents of the community ask on what is shown and not yet archived."""
    shown = row["state"] in (DisclosureState.published, DisclosureState.questioned)
    return shown and bool(row["lives_here"])


def item(row: Row, viewer: Viewer) -> dict[str, Any]:
    """A line of the list."""
    shown = ("id", "kind", "pace", "period", "title", "state", "level", "due_at", "published_at", "version",
             "created_at", "updated_at")  # fmt: skip
    return {name: row[name] for name in shown} | {
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "overdue": (row["published_at"] or clock.now()) > row["due_at"],
        "questions": {"asked": row["asked"], "open": row["open"]},
        "can_ask": may_ask(row),
        "moves": DISCLOSURES.open(row["state"], standings(row), facts(row, viewer)),
    }


async def view(tx: AsyncSession, viewer: Viewer, pictures: Pictures, row: Row) -> dict[str, Any]:
    """The whole of one, with its pictures."""
    insider = Permission.disclosure_read in permissions(row)
    shown = await showing.of(tx, viewer, pictures, [row["id"]], insider=insider)
    return item(row, viewer) | {"text": row["body"], "opinion": row["opinion"], "uploads": shown}


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    limit: int,
    after: str | None,
    place_id: UUID | None = None,
    kind: DisclosureKind | None = None,
    state: DisclosureState | None = None,
    q: str | None = None,
) -> dict[str, Any]:
    """A page, newest first. Raises NotFound for a place that is none."""
    wanted: list[ColumnElement[bool]] = [col(Disclosure.id) < read_cursor(after)]
    if place_id is not None:
        top = (await find_place(tx, place_id)).path
        wanted += [col(Disclosure.path) >= top, col(Disclosure.path) < f"{top[:-1]}0"]
    if kind is not None:
        wanted.append(col(Disclosure.kind) == kind)
    if state is not None:
        wanted.append(col(Disclosure.state) == state)
    if q is not None:
        words = func.concat(col(Disclosure.title), "\n", col(Disclosure.body))
        wanted.append(func.strpos(words, q) > 0)
    found = await tx.execute(
        disclosures_seen().where(*wanted).order_by(col(Disclosure.id).desc()).limit(limit + 1),
        params(viewer),
    )
    return page([item(row, viewer) for row in found.mappings()], limit)


async def questions(
    tx: AsyncSession, disclosure_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """The questions by number and state, newest first; their words are for who may read the case."""
    rows: Any = await tx.execute(
        select(col(Case.id), col(Case.number), col(Case.state), col(DisclosureQuestion.created_at))
        .join(DisclosureQuestion, col(DisclosureQuestion.case_id) == col(Case.id))
        .where(col(DisclosureQuestion.disclosure_id) == disclosure_id, col(Case.id) < read_cursor(after))
        .order_by(col(Case.id).desc())
        .limit(limit + 1)
    )
    return page([dict(row) for row in rows.mappings()], limit)
