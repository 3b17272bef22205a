"""起草、审核、退回、公开、归档: each move as one use-case."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.disclosures import DisclosureClock, DisclosureMove
from api.services import deadlines, uploads
from api.services.access import Viewer
from api.services.disclosures.finding import find
from api.services.disclosures.planning import SUBJECT


async def draft(
    tx: AsyncSession, viewer: Viewer, disclosure_id: UUID, words: str, upload_ids: Sequence[UUID]
) -> None:
    """起草, or write it anew before it is reviewed. Raises NotFound, NotAllowed, WrongMoment, UploadNotUsable."""
    disclosure = await find(tx, viewer, disclosure_id)
    disclosure.require(DisclosureMove.draft)
    await uploads.attach(tx, viewer.person_id, upload_ids, subject_kind=SUBJECT, subject_id=disclosure_id)
    await disclosure.move(
        tx, DisclosureMove.draft, text="已起草，待监督委员会审核", drafted_by=viewer.person_id, body=words
    )


async def review(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID, opinion: str) -> None:
    """审核通过, by the supervisors, with their opinion for everybody to read. Raises OwnDraft too."""
    disclosure = await find(tx, viewer, disclosure_id)
    await disclosure.move(
        tx,
        DisclosureMove.review,
        text="监督委员会审核通过",
        told=f"监督委员会审核通过：{opinion}",
        reviewed_by=viewer.person_id,
        opinion=opinion,
    )


async def return_(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID, reason: str) -> None:
    """退回修改; nobody gets more time by it."""
    disclosure = await find(tx, viewer, disclosure_id)
    await disclosure.move(tx, DisclosureMove.return_, text="退回修改", told=f"退回修改：{reason}")


async def publish(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID) -> None:
    """公开: from now on everybody reads it; its clocks end, kept or broken."""
    disclosure = await find(tx, viewer, disclosure_id)
    now = clock.now()
    await disclosure.move(tx, DisclosureMove.publish, text="已公开", published_at=now)
    await deadlines.meet(tx, disclosure_id, [DisclosureClock.due], at=now)
    await deadlines.cancel(tx, disclosure_id)


async def archive(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID) -> None:
    """归档. Raises QuestionsOpen."""
    disclosure = await find(tx, viewer, disclosure_id)
    await disclosure.move(tx, DisclosureMove.archive, text="已归档")
