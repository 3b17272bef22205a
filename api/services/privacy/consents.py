"""同意记录: by purpose and version, line by line; the last line of a purpose counts."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import PrivacyConsent
from api.models.people import PersonId
from api.rules.privacy import PURPOSE_TITLES, Purpose


async def answer(
    tx: AsyncSession, person_id: PersonId, purpose: Purpose, version: str, *, granted: bool
) -> None:
    """Write one answer to one version of the text."""
    tx.add(PrivacyConsent(person_id=person_id, purpose=purpose, version=version, granted=granted))
    await tx.flush()


async def standing(tx: AsyncSession, person_id: PersonId) -> list[dict[str, Any]]:
    """The last answer to each purpose, in the order of the purposes."""
    found = await tx.execute(
        select(PrivacyConsent)
        .where(col(PrivacyConsent.person_id) == person_id)
        .order_by(col(PrivacyConsent.purpose), col(PrivacyConsent.id).desc())
        .ext(distinct_on(col(PrivacyConsent.purpose)))
    )
    last = {row.purpose: row for row in found.scalars()}
    return [
        {
            "purpose": purpose,
            "title": PURPOSE_TITLES[purpose],
            "version": last[purpose].version,
            "granted": last[purpose].granted,
            "at": last[purpose].at,
        }
        for purpose in Purpose
        if purpose in last
    ]
