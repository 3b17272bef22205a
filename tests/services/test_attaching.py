"""Pictures are attached once, by who handed them in; of two at the same instant one gets them."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from api.kit.db import Database
from api.kit.ids import new_id
from api.models import Person, Upload
from api.models.content import UploadId
from api.models.people import PersonId
from api.rules.content import ContentState, UploadState
from api.services import uploads
from api.services.uploads.attaching import TooManyUploads, UploadNotUsable


async def _person(db: Database) -> PersonId:
    async with db.transaction() as tx:
        person = Person(nickname="居民")
        tx.add(person)
    return person.id


async def _upload(
    db: Database,
    owner: PersonId,
    state: UploadState = UploadState.stored,
    content: ContentState = ContentState.pending,
    media_type: str = "image/jpeg",
) -> UploadId:
    async with db.transaction() as tx:
        upload = Upload(owner_id=owner, state=state, content=content, media_type=media_type, size=1)
        tx.add(upload)
    return upload.id


async def _attach(db: Database, who: PersonId, *ids: UUID, subject: UUID | None = None) -> None:
    async with db.transaction() as tx:
        await uploads.attach(tx, who, ids, subject_kind="case", subject_id=subject or new_id())


async def test_an_upload_is_attached_once(db: Database) -> None:
    who = await _person(db)
    one, two = await _upload(db, who), await _upload(db, who)
    subject = new_id()
    await _attach(db, who, one, one, two, subject=subject)
    async with db.reading() as tx:
        found = await tx.execute(select(Upload).where(col(Upload.subject_id) == subject))
        assert {(u.id, u.purpose) for u in found.scalars()} == {(one, "evidence"), (two, "evidence")}
    with pytest.raises(UploadNotUsable) as again:
        await _attach(db, who, one)
    assert again.value.facts["uploads"] == [str(one)]


async def test_what_is_not_ones_own_not_stored_refused_or_no_picture_is_not_attached(db: Database) -> None:
    who, other = await _person(db), await _person(db)
    good = await _upload(db, who)
    for bad in (
        await _upload(db, other),
        await _upload(db, who, state=UploadState.writing),
        await _upload(db, who, state=UploadState.doomed),
        await _upload(db, who, content=ContentState.risky),
        await _upload(db, who, media_type="application/pdf"),
        UploadId(new_id()),
    ):
        with pytest.raises(UploadNotUsable):
            await _attach(db, who, good, bad)
    await _attach(db, who, good)  # none of the failures used it up


async def test_ten_pictures_are_too_many(db: Database) -> None:
    who = await _person(db)
    with pytest.raises(TooManyUploads):
        await _attach(db, who, *(new_id() for _ in range(10)))


async def test_of_sixteen_at_the_same_instant_one_gets_the_picture(db: Database) -> None:
    who = await _person(db)
    picture = await _upload(db, who)
    took = await asyncio.gather(*(_attach(db, who, picture) for _ in range(16)), return_exceptions=True)
    assert sum(result is None for result in took) == 1
    assert sum(isinstance(result, UploadNotUsable) for result in took) == 15
