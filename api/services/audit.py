"""Who did what: every event within an auditor's reach, with its private data.

An event lies where its subject lies. What belongs to no place (the calendar, the queue, somebody without any tie)
concerns the whole deployment: whoever audits a county or more sees it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.models import (
    Branch,
    Case,
    ContentCheck,
    Estate,
    Grant,
    Home,
    Membership,
    Place,
    Poll,
    Residency,
    Unit,
)
from api.rules.roles import Permission
from api.services.access import Viewer, asked_of_each, is_wide, narrowed, require_anywhere, under
from api.services.places.finding import find_place
from api.services.timeline import audit

NOWHERE = ("calendar", "login", "queue", "upload")
"""Kinds of subjects without a place."""


def _at(table: Any, link: Any) -> Select[Any]:
    return select(col(table.id)).join(Place, col(Place.id) == link)


_SUBJECTS: dict[str, tuple[Select[Any], Any, Any]] = {
    "case": (select(col(Case.id)), col(Case.id), col(Case.path)),
    "content_check": (select(col(ContentCheck.id)), col(ContentCheck.id), col(ContentCheck.path)),
    "residency": (_at(Residency, col(Residency.community_id)), col(Residency.id), col(Place.path)),
    "membership": (_at(Membership, col(Membership.place_id)), col(Membership.id), col(Place.path)),
    "grant": (_at(Grant, col(Grant.place_id)), col(Grant.id), col(Place.path)),
    "place": (select(col(Place.id)), col(Place.id), col(Place.path)),
    "estate": (_at(Estate, col(Estate.place_id)), col(Estate.id), col(Place.path)),
    "home": (_at(Home, col(Home.building_id)), col(Home.id), col(Place.path)),
    "poll": (select(col(Poll.id)), col(Poll.id), col(Poll.path)),
    "unit": (_at(Unit, col(Unit.place_id)), col(Unit.id), col(Place.path)),
    "branch": (_at(Branch, col(Branch.place_id)), col(Branch.id), col(Place.path)),
}
"""By kind of subject: its row, its id, its path."""


_TIES: tuple[tuple[Any, Any], ...] = (
    (Residency, Residency.community_id),
    (Membership, Membership.place_id),
    (Grant, Grant.place_id),
)


def readable_events(tops: list[str], *, anywhere: bool) -> ColumnElement[bool]:
    """Events whose subject lies in one of the subtrees; `anywhere`: also those that lie in no place.

    A person lies wherever he ever lived, belonged or worked: what an official did stays visible after he left.
    """
    subject, kind = col(Event.subject_id), col(Event.subject_kind)
    inside = under(col(Place.path), tops)
    if not any(map(is_wide, tops)):
        ids = [rows.where(under(path, tops)) for rows, _, path in _SUBJECTS.values()]
        people = [
            _at(table, col(link)).with_only_columns(col(table.person_id)).where(inside)
            for table, link in _TIES
        ]
        return subject.in_(union(*ids, *people))
    within = [
        and_(kind == name, asked_of_each(rows.where(row_id == subject, under(path, tops))))
        for name, (rows, row_id, path) in _SUBJECTS.items()
    ]
    ties = [_at(table, col(link)).where(col(table.person_id) == subject) for table, link in _TIES]
    within.append(and_(kind == "person", or_(*(asked_of_each(tie.where(inside)) for tie in ties))))
    if anywhere:
        within += [kind.in_(NOWHERE), and_(kind == "person", ~or_(*map(asked_of_each, ties)))]
    return or_(*within)


async def search(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    subject_id: UUID | None,
    actor_id: UUID | None,
    move: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Events within reach, newest first. Raises NotAllowed, NotFound for no such place."""
    tops = await require_anywhere(tx, viewer, Permission.audit_read)
    if place_id is not None:
        tops = narrowed(tops, (await find_place(tx, place_id)).path)
    return await audit(
        tx,
        readable_events(tops, anywhere=place_id is None),
        limit=limit,
        after=after,
        subject_id=subject_id,
        actor_id=actor_id,
        move=move,
        since=since,
        until=until,
    )
