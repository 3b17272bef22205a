"""Nicknames and avatars: the old one stays until the new one has passed."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import ContentCheck, Person
from api.rules.content import CheckScene, CheckState, ContentState
from api.rules.people import UNNAMED
from api.services.content import moderation

NICKNAME, AVATAR = "nickname", "avatar"
_WAITING = (CheckState.pending, CheckState.review)


async def propose(tx: AsyncSession, person_id: UUID, what: str, value: str | None) -> None:
    """Have a new nickname or avatar judged. No avatar at all needs no judge and holds at once."""
    if value is None:
        await moderation.unwatch(tx, subject_kind=what, subject_id=person_id)
        await _set(tx, person_id, what, None)
    elif what == AVATAR:
        await moderation.watch_picture(
            tx,
            subject_kind=what,
            subject_id=person_id,
            author_id=person_id,
            url=value,
            scene=CheckScene.profile,
        )
    else:
        await moderation.watch(
            tx,
            subject_kind=what,
            subject_id=person_id,
            author_id=person_id,
            texts=[value],
            scene=CheckScene.profile,
        )


async def judged(tx: AsyncSession, check: ContentCheck, content: ContentState) -> None:
    """Put the new one in the place of the old once it passed; take it back where a second look refused it."""
    value = check.texts[0] if check.texts else None
    if value is None:
        return
    if content is ContentState.passed:
        await _set(tx, check.subject_id, check.subject_kind, value)
    elif check.state is CheckState.sampled and content is ContentState.risky:
        await _take_back(tx, check.subject_id, check.subject_kind, value)


async def proposed(tx: AsyncSession, person_id: UUID) -> dict[str, str | None]:
    """What the person has asked to be called and shown by, while it waits."""
    found = await tx.execute(
        select(col(ContentCheck.subject_kind), col(ContentCheck.texts)).where(
            col(ContentCheck.subject_kind).in_((NICKNAME, AVATAR)),
            col(ContentCheck.subject_id) == person_id,
            col(ContentCheck.state).in_(_WAITING),
        )
    )
    waiting = {kind: texts[0] for kind, texts in found if texts}
    return {f"{what}_pending": waiting.get(what) for what in (NICKNAME, AVATAR)}


async def _set(tx: AsyncSession, person_id: UUID, what: str, value: str | None) -> None:
    changes: dict[str, Any] = {what: value}
    await tx.execute(
        update(Person)
        .where(col(Person.id) == person_id)
        .values(**changes, version=col(Person.version) + 1, updated_at=clock.now())
    )


async def _take_back(tx: AsyncSession, person_id: UUID, what: str, value: str) -> None:
    column = col(getattr(Person, what))
    nothing: dict[str, Any] = {what: UNNAMED if what == NICKNAME else None}
    await tx.execute(
        update(Person)
        .where(col(Person.id) == person_id, column == value)
        .values(**nothing, version=col(Person.version) + 1, updated_at=clock.now())
    )
