"""Handing words and pictures to moderation, in the transaction that writes them.

The check is the row the worker takes (api/services/content/checking.py). Its subject's own column `content` is set
by the caller to `pending` and from then on by the check's verdict alone.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import ContentCheck, Place, Residency, WechatIdentity
from api.rules.content import LIVE, CheckKind, CheckScene, CheckState
from api.rules.people import ResidencyState

_AUTHOR: Any = bindparam("author", type_=Uuid())
OPENID = (
    select(col(WechatIdentity.openid))
    .where(col(WechatIdentity.person_id) == _AUTHOR)
    .order_by(col(WechatIdentity.created_at).desc())
    .limit(literal_column("1"))
    .scalar_subquery()
)
"""The author as the platform knows them; null for who only uses the console."""
_HOME = (
    select(col(Place.path))
    .join(Residency, col(Residency.community_id) == col(Place.id))
    .where(col(Residency.person_id) == _AUTHOR, col(Residency.state) == ResidencyState.verified)
    .order_by(col(Residency.id))
    .limit(literal_column("1"))
    .scalar_subquery()
)
_REPLACE = (
    update(ContentCheck)
    .where(
        col(ContentCheck.subject_kind) == bindparam("kind", type_=Text()),
        col(ContentCheck.subject_id) == bindparam("subject", type_=Uuid()),
        col(ContentCheck.state).in_(LIVE),
    )
    .values(
        state=CheckState.superseded,
        texts=[],
        version=col(ContentCheck.version) + 1,
        updated_at=bindparam("now"),
    )
)


async def watch(
    tx: AsyncSession,
    *,
    subject_kind: str,
    subject_id: UUID,
    author_id: UUID | None,
    texts: Sequence[str | None],
    path: str | None = None,
    scene: CheckScene = CheckScene.forum,
) -> UUID | None:
    """Have `texts` (what is None or empty is left out) judged; an earlier check of the subject is replaced.

    `path`: where the subject lies, for the reach of those who review; the author's home where it is not given.
    Returns the check's id, None where there is nothing to judge: then the caller's column stays as it was set.
    """
    words = [text for text in texts if text and text.strip()]
    if not words:
        await _replace(tx, subject_kind, subject_id)
        return None
    return await _write(
        tx,
        subject_kind,
        subject_id,
        author_id,
        what=CheckKind.text,
        texts=words,
        path=path,
        scene=scene,
    )


async def watch_picture(
    tx: AsyncSession,
    *,
    subject_kind: str,
    subject_id: UUID,
    author_id: UUID,
    upload_id: UUID | None = None,
    url: str | None = None,
    scene: CheckScene = CheckScene.forum,
) -> UUID:
    """Have one picture judged: an upload of ours, or what lies at a public address."""
    return await _write(
        tx,
        subject_kind,
        subject_id,
        author_id,
        what=CheckKind.picture,
        texts=[url] if url is not None else [],
        upload_id=upload_id,
        scene=scene,
    )


async def unwatch(tx: AsyncSession, *, subject_kind: str, subject_id: UUID) -> None:
    """What was to be judged is no longer there (withdrawn before it passed, replaced by nothing)."""
    await _replace(tx, subject_kind, subject_id)


async def _write(
    tx: AsyncSession,
    subject_kind: str,
    subject_id: UUID,
    author_id: UUID | None,
    *,
    path: str | None = None,
    **columns: Any,
) -> UUID:
    await _replace(tx, subject_kind, subject_id)
    check_id, now = new_id(), clock.now()
    await tx.execute(
        insert(ContentCheck).values(
            id=check_id,
            subject_kind=subject_kind,
            subject_id=subject_id,
            author_id=author_id,
            openid=OPENID,
            path=path if path is not None else _HOME,
            state=CheckState.pending,
            next_at=now,
            created_at=now,
            updated_at=now,
            **columns,
        ),
        {"author": author_id},
    )
    return check_id


async def _replace(tx: AsyncSession, subject_kind: str, subject_id: UUID) -> None:
    await tx.flush()  # the subject's row first: whoever judges locks in the same order
    await tx.execute(_REPLACE, {"kind": subject_kind, "subject": subject_id, "now": clock.now()})
