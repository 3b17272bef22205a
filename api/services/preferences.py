"""通知偏好: whether, for what and when a person wants subscription messages. The inbox gets everything always."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import NoticePreference
from api.models.people import PersonId


async def of(tx: AsyncSession, person_id: PersonId) -> NoticePreference:
    """The person's wishes; of somebody who never said any, those that everybody begins with."""
    found = await tx.execute(
        select(NoticePreference)
        .where(col(NoticePreference.person_id) == person_id)
        .execution_options(populate_existing=True)
    )
    return found.scalar_one_or_none() or NoticePreference(person_id=person_id)


async def view(tx: AsyncSession, person_id: PersonId) -> dict[str, Any]:
    """As on the wire: quiet hours as "HH:MM" of the local day."""
    wish = await of(tx, person_id)
    return {
        "messages": wish.messages,
        "muted": wish.muted,
        "quiet_from": _clock(wish.quiet_from),
        "quiet_until": _clock(wish.quiet_until),
        "digest": wish.digest,
    }


async def change(tx: AsyncSession, person_id: PersonId, changes: dict[str, Any]) -> None:
    """Set what is named and leave the rest; quiet hours come in pairs."""
    columns = {
        name: _minutes(value) if name in ("quiet_from", "quiet_until") else value
        for name, value in changes.items()
    }
    if not columns:
        return
    columns["updated_at"] = clock.now()
    fresh = NoticePreference(person_id=person_id).model_dump()
    await tx.execute(
        insert(NoticePreference)
        .values({**fresh, **columns})
        .on_conflict_do_update(index_elements=["person_id"], set_=columns)
    )


def _clock(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


def _minutes(text: str | None) -> int | None:
    return None if text is None else int(text[:2]) * 60 + int(text[3:])
