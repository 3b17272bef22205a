"""Attaching uploads to what they belong to: one's own, stored, not yet used, at most nine."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import Problem
from api.models import Upload
from api.rules.content import MOST_UPLOADS, ContentState, UploadPurpose, UploadState

PICTURES = ("image/jpeg", "image/png", "image/webp")


class UploadNotUsable(Problem):
    status, code, title = 422, "upload_not_usable", "附件不能使用"
    advice = "附件须由本人上传、未被使用过，且在 24 小时之内；请重新上传后再提交。"


class TooManyUploads(Problem):
    status, code, title = 422, "too_many_uploads", "附件过多"


def check_number(upload_ids: Sequence[UUID]) -> list[UUID]:
    """The ids without repetitions. Raises TooManyUploads."""
    wanted = list(dict.fromkeys(upload_ids))
    if len(wanted) > MOST_UPLOADS:
        raise TooManyUploads(f"一次最多 {MOST_UPLOADS} 个附件", most=MOST_UPLOADS)
    return wanted


def usable(person_id: Any, upload_ids: Any) -> list[Any]:
    """The conditions under which uploads may be attached by this person; what the platform refused is not."""
    return [
        col(Upload.id).in_(upload_ids),
        col(Upload.owner_id) == person_id,
        col(Upload.state) == UploadState.stored,
        col(Upload.content) != ContentState.risky,
        col(Upload.subject_id).is_(None),
    ]


async def attach(
    tx: AsyncSession,
    person_id: UUID,
    upload_ids: Sequence[UUID],
    *,
    subject_kind: str,
    subject_id: UUID,
    purpose: UploadPurpose = UploadPurpose.evidence,
    types: Sequence[str] = PICTURES,
) -> None:
    """Tie the person's own unused uploads to a subject, all or none. Raises UploadNotUsable, TooManyUploads.

    One conditional statement: of two requests with the same upload one gets it.
    """
    wanted = check_number(upload_ids)
    if not wanted:
        return
    tied = await tx.execute(
        update(Upload)
        .where(*usable(person_id, wanted), col(Upload.media_type).in_(list(types)))
        .values(subject_kind=subject_kind, subject_id=subject_id, purpose=purpose, attached_at=clock.now())
        .returning(col(Upload.id))
    )
    lost = set(wanted) - set(tied.scalars())
    if lost:
        raise UploadNotUsable(uploads=sorted(str(upload_id) for upload_id in lost))
