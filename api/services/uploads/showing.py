"""Showing pictures: of subjects the caller has found readable, what has passed; to insiders what has not as well."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotFound
from api.models import Upload
from api.rules.content import ContentState, UploadState
from api.services.access import Viewer
from api.services.uploads.pictures import Audience, Pictures, Size, Ticket


async def of(
    tx: AsyncSession, viewer: Viewer, pictures: Pictures, subjects: Sequence[UUID], *, insider: bool
) -> list[dict[str, Any]]:
    """The pictures of `subjects`, in the order they were attached.

    `insider`: staff in reach, who see what has not passed. Its owner does in any case, everybody else never.
    """
    wanted = [col(Upload.subject_id).in_(subjects), col(Upload.state) == UploadState.stored]
    if not insider:
        wanted.append(
            or_(col(Upload.content) == ContentState.passed, col(Upload.owner_id) == viewer.person_id)
        )
    found = await tx.execute(select(Upload).where(*wanted).order_by(col(Upload.attached_at), col(Upload.id)))
    return [_view(pictures, upload) for upload in found.scalars()]


def _view(pictures: Pictures, upload: Upload) -> dict[str, Any]:
    passed = upload.content is ContentState.passed
    audience = Audience.everybody if passed else Audience.insiders
    return {
        "id": upload.id,
        "subject_kind": upload.subject_kind,
        "subject_id": upload.subject_id,
        "purpose": upload.purpose,
        "state": upload.content,
        "url": pictures.address(upload.id, Size.full, audience),
        "thumbnail": pictures.address(upload.id, Size.thumbnail, audience),
        "width": upload.width,
        "height": upload.height,
    }


async def admit(tx: AsyncSession, pictures: Pictures, upload_id: UUID, ticket: Ticket) -> None:
    """Let the bearer of a signed address see the picture as long as its content still allows. Raises NotFound."""
    pictures.check(upload_id, ticket)
    found = await tx.execute(
        select(col(Upload.content)).where(
            col(Upload.id) == upload_id, col(Upload.state) == UploadState.stored
        )
    )
    content = found.scalar_one_or_none()
    if content is None or (ticket.audience is Audience.everybody and content is not ContentState.passed):
        raise NotFound("没有这张图片，或已不再公开")
