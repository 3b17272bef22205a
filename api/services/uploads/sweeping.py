"""Removing what nobody used: marked in one statement, its files deleted outside of any transaction, its row last."""

from datetime import timedelta

from sqlalchemy import and_, delete, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.models import ContentCheck, Upload
from api.rules.content import LIVE, UNATTACHED_LIFE, CheckState, UploadState
from api.services.uploads.pictures import Pictures

HALF_WRITTEN_LIFE = timedelta(hours=1)
"""A file that is still being written after so long never will be."""

_ONE = (
    select(col(Upload.id))
    .where(col(Upload.state) == UploadState.doomed)
    .order_by(col(Upload.id))
    .limit(literal_column("1"))
)


async def doom_unused(tx: AsyncSession) -> None:
    """Mark what was never attached; who attaches at the same moment wins or finds it gone."""
    now = clock.now()
    unused = and_(col(Upload.state) == UploadState.stored, col(Upload.created_at) < now - UNATTACHED_LIFE)
    halved = and_(col(Upload.state) == UploadState.writing, col(Upload.created_at) < now - HALF_WRITTEN_LIFE)
    await tx.execute(
        update(Upload)
        .where(col(Upload.subject_id).is_(None), or_(unused, halved))
        .values(state=UploadState.doomed)
    )


class Sweeper:
    """Deletes doomed uploads. Whoever dies between leaves the row, and deleting twice is deleting once."""

    def __init__(self, db: Database, pictures: Pictures) -> None:
        self._db = db
        self._pictures = pictures

    async def run_one(self) -> bool:
        """Delete one. False when there is none. Raises StorageUnavailable, and then nothing is forgotten."""
        async with self._db.reading() as tx:
            upload_id = (await tx.execute(_ONE)).scalar_one_or_none()
        if upload_id is None:
            return False
        await self._pictures.remove(upload_id)
        async with self._db.transaction() as tx:
            of_it = col(ContentCheck.upload_id) == upload_id
            await tx.execute(
                update(ContentCheck)
                .where(of_it, col(ContentCheck.state).in_(LIVE))
                .values(state=CheckState.superseded, version=col(ContentCheck.version) + 1)
            )
            await tx.execute(update(ContentCheck).where(of_it).values(upload_id=None))
            await tx.execute(delete(Upload).where(col(Upload.id) == upload_id))
        return True
