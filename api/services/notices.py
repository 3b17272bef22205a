"""通知: telling people, in the app always, by subscription message where they agreed to one."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.kit.ids import new_id
from api.kit.paging import FIRST, page, read_cursor
from api.models import Grant, Notice, Person, Place
from api.models.people import PersonId
from api.rules.people import PersonState
from api.rules.places import ancestor_paths
from api.rules.roles import CONSOLE_ROLES, Role
from api.services.access import live, of_place

Audience = TypeVar("Audience", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Word(Generic[Audience]):
    """One kind of notice: to whom, and what it says; names in braces are filled in with the subject's own."""

    to: Audience
    title: str
    text: str


async def tell(
    tx: AsyncSession, event: Event, people: Iterable[UUID], *, kind: str, title: str, text: str
) -> list[Notice]:
    """One line in each inbox; the same event tells the same person the same thing once."""
    rows = [
        {
            "id": new_id(),
            "person_id": person_id,
            "event_id": event.id,
            "kind": kind,
            "title": title,
            "text": text,
            "subject_kind": event.subject_kind,
            "subject_id": event.subject_id,
            "created_at": clock.now(),
        }
        for person_id in sorted(set(people))
    ]
    if not rows:
        return []
    told = await tx.execute(
        insert(Notice)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["event_id", "person_id", "kind"])
        .returning(Notice)
    )
    return list(told.scalars())


async def tell_each(
    tx: AsyncSession,
    event: Event,
    words: Iterable[Word[Audience]],
    people: Callable[[Audience], Awaitable[Iterable[UUID]]],
    *,
    named: Callable[[Audience], str],
    **said: str,
) -> None:
    """Every word to those it is for, but not to who did it; `named` gives the kind of the notice."""
    for word in words:
        whom = [person for person in await people(word.to) if person != event.actor_id]
        text = word.text.format(**said)
        await tell(tx, event, whom, kind=named(word.to), title=word.title, text=text)


async def holders(tx: AsyncSession, roles: Iterable[Role], place_id: UUID) -> list[PersonId]:
    """Who holds one of `roles` at exactly this place now."""
    found = await tx.execute(
        select(col(Grant.person_id))
        .join(Person, col(Person.id) == col(Grant.person_id))
        .where(
            col(Grant.place_id) == place_id,
            col(Grant.role).in_(list(roles)),
            col(Person.state) == PersonState.active,
            live(literal(clock.now())),
            of_place(),
        )
        .distinct()
    )
    return list(found.scalars())


async def holders_over(tx: AsyncSession, path: str, roles: Iterable[Role] = CONSOLE_ROLES) -> list[PersonId]:
    """Who holds one of `roles` now at a place that is, or lies above, the place with `path`."""
    found = await tx.execute(
        select(col(Grant.person_id))
        .join(Person, col(Person.id) == col(Grant.person_id))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(
            col(Place.path).in_(ancestor_paths(path)),
            col(Grant.role).in_(list(roles)),
            col(Person.state) == PersonState.active,
            live(literal(clock.now())),
        )
        .distinct()
    )
    return list(found.scalars())


async def holders_anywhere(tx: AsyncSession, role: Role) -> list[PersonId]:
    """Who holds `role` at any place now."""
    found = await tx.execute(
        select(col(Grant.person_id))
        .join(Person, col(Person.id) == col(Grant.person_id))
        .where(col(Grant.role) == role, col(Person.state) == PersonState.active, live(literal(clock.now())))
        .distinct()
    )
    return list(found.scalars())


async def inbox(
    tx: AsyncSession, person_id: PersonId, *, limit: int, after: str | None, unread: bool = False
) -> dict[str, Any]:
    """The person's notices, newest first."""
    wanted = [col(Notice.person_id) == person_id, col(Notice.id) < read_cursor(after, FIRST)]
    if unread:
        wanted.append(col(Notice.read_at).is_(None))
    found = await tx.execute(select(Notice).where(*wanted).order_by(col(Notice.id).desc()).limit(limit + 1))
    fields = ("id", "kind", "title", "text", "subject_kind", "subject_id", "created_at", "read_at")
    return page([{f: getattr(n, f) for f in fields} for n in found.scalars()], limit)


async def mark_read(tx: AsyncSession, person_id: PersonId, ids: list[UUID] | None) -> int:
    """Mark all, or those of `ids` that are the person's own; returns how many were unread."""
    wanted = [col(Notice.person_id) == person_id, col(Notice.read_at).is_(None)]
    if ids is not None:
        wanted.append(col(Notice.id).in_(ids))
    marked = await tx.execute(
        update(Notice).where(*wanted).values(read_at=clock.now()).returning(col(Notice.id))
    )
    return len(marked.all())
