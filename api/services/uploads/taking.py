"""Taking in a picture: a row first, the files next, outside of any transaction, then the row says they are there.

Whatever breaks between leaves a row that nothing refers to and the sweeper removes; no row ever promises files
that are not there.
"""

from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.pictures import MEDIA_TYPE, Picture
from api.kit.problems import NotFound
from api.models import Upload
from api.models.content import UploadId
from api.models.people import PersonId
from api.rules.content import ContentState, UploadState
from api.services.access import Viewer
from api.services.content import moderation
from api.services.people.accounts import active
from api.services.people.belonging import SELF_TITLE
from api.services.uploads.pictures import Audience, Pictures, Size


async def begin(tx: AsyncSession, viewer: Viewer, picture: Picture) -> UploadId:
    """Reserve the row. Raises NotAllowed for a blocked account."""
    await active(tx, viewer)
    upload = Upload(
        owner_id=PersonId(viewer.person_id),
        media_type=MEDIA_TYPE,
        size=len(picture.content),
        width=picture.width,
        height=picture.height,
    )
    tx.add(upload)
    await tx.flush()
    return upload.id


async def finish(tx: AsyncSession, viewer: Viewer, upload_id: UploadId) -> None:
    """The files are there: from here on it can be used, and the platform is asked about it."""
    done = await tx.execute(
        update(Upload)
        .where(col(Upload.id) == upload_id, col(Upload.state) == UploadState.writing)
        .values(state=UploadState.stored)
        .returning(col(Upload.id))
    )
    if done.first() is None:
        raise NotFound("上传用时过长，请重新上传")
    await moderation.watch_picture(
        tx,
        subject_kind="upload",
        subject_id=upload_id,
        author_id=viewer.person_id,
        upload_id=upload_id,
    )
    record(
        tx,
        subject_kind="upload",
        subject_id=upload_id,
        move="upload",
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
    )


async def give_up(tx: AsyncSession, upload_id: UploadId) -> None:
    """The files could not be written: whatever lies there is removed with the row."""
    await tx.execute(
        update(Upload)
        .where(col(Upload.id) == upload_id, col(Upload.state) == UploadState.writing)
        .values(state=UploadState.doomed)
    )


def taken(pictures: Pictures, upload_id: UploadId) -> dict[str, Any]:
    """What the owner is answered."""
    return {
        "id": upload_id,
        "url": pictures.address(upload_id, Size.full, Audience.insiders),
        "thumbnail": pictures.address(upload_id, Size.thumbnail, Audience.insiders),
        "state": ContentState.pending,
    }
