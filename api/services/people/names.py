"""Nicknames and avatars: the old one stays until the new one has passed.

An avatar is an address elsewhere, or `upload:` and the id of a picture of ours, shown by an address made when asked.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import ContentCheck, Person, Upload
from api.rules.content import CheckScene, CheckState, ContentState, UploadPurpose
from api.rules.people import UNNAMED
from api.services.content import moderation
from api.services.uploads import attaching
from api.services.uploads.pictures import Audience, Pictures, Size

NICKNAME, AVATAR, AVATAR_UPLOAD = "nickname", "avatar", "avatar_upload"
_OURS = "upload:"
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


async def propose_upload(tx: AsyncSession, person_id: UUID, upload_id: UUID) -> None:
    """Have one of the person's own uploads judged as the avatar. Raises UploadNotUsable."""
    await attaching.attach(
        tx, person_id, [upload_id], subject_kind=AVATAR, subject_id=person_id, purpose=UploadPurpose.avatar
    )
    await moderation.watch_picture(
        tx,
        subject_kind=AVATAR,
        subject_id=person_id,
        author_id=person_id,
        upload_id=upload_id,
        url=f"{_OURS}{upload_id}",
        scene=CheckScene.profile,
    )


def shown(pictures: Pictures, avatar: str | None, audience: Audience) -> str | None:
    """The address under which an avatar is seen: its own, or one of ours that is good for a while."""
    if avatar is None or not avatar.startswith(_OURS):
        return avatar
    return pictures.address(UUID(avatar.removeprefix(_OURS)), Size.thumbnail, audience)


async def judged(tx: AsyncSession, check: ContentCheck, content: ContentState) -> None:
    """Put the new one in the place of the old once it passed; take it back where a second look refused it."""
    value = check.texts[0] if check.texts else None
    if value is None:
        return
    if content is ContentState.passed:
        await _set(tx, check.subject_id, check.subject_kind, value)
    elif check.state is CheckState.sampled and content is ContentState.risky:
        await _take_back(tx, check.subject_id, check.subject_kind, value)


async def proposed(tx: AsyncSession, pictures: Pictures, person_id: UUID) -> dict[str, str | None]:
    """What the person has asked to be called and shown by, while it waits."""
    found = await tx.execute(
        select(col(ContentCheck.subject_kind), col(ContentCheck.texts)).where(
            col(ContentCheck.subject_kind).in_((NICKNAME, AVATAR)),
            col(ContentCheck.subject_id) == person_id,
            col(ContentCheck.state).in_(_WAITING),
        )
    )
    waiting = {kind: texts[0] for kind, texts in found if texts}
    avatar = shown(pictures, waiting.get(AVATAR), Audience.insiders)
    return {f"{NICKNAME}_pending": waiting.get(NICKNAME), f"{AVATAR}_pending": avatar}


async def _set(tx: AsyncSession, person_id: UUID, what: str, value: str | None) -> None:
    changes: dict[str, Any] = {what: value}
    await tx.execute(
        update(Person)
        .where(col(Person.id) == person_id)
        .values(**changes, version=col(Person.version) + 1, updated_at=clock.now())
    )
    if what == AVATAR:
        await _let_go(tx, person_id, value)


async def _let_go(tx: AsyncSession, person_id: UUID, kept: str | None) -> None:
    """Uploads that were the avatar, or asked to be, belong to nothing any more: the sweeper takes them."""
    wanted = [col(Upload.subject_kind) == AVATAR, col(Upload.subject_id) == person_id]
    if kept is not None and kept.startswith(_OURS):
        wanted.append(col(Upload.id) != UUID(kept.removeprefix(_OURS)))
    await tx.execute(update(Upload).where(*wanted).values(subject_kind=None, subject_id=None, purpose=None))


async def _take_back(tx: AsyncSession, person_id: UUID, what: str, value: str) -> None:
    column = col(getattr(Person, what))
    nothing: dict[str, Any] = {what: UNNAMED if what == NICKNAME else None}
    await tx.execute(
        update(Person)
        .where(col(Person.id) == person_id, column == value)
        .values(**nothing, version=col(Person.version) + 1, updated_at=clock.now())
    )
    if what == AVATAR:
        await _let_go(tx, person_id, None)
