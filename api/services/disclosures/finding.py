"""Finding a disclosure to act on."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.problems import NotFound
from api.models import Disclosure
from api.rules.disclosures import DISCLOSURES, DisclosureFacts, DisclosureStanding, DisclosureState
from api.rules.roles import Role, capacity
from api.services.access import Viewer, params
from api.services.disclosures.reading import READ_ONE, Row, facts, standings
from api.services.moves import Subject

DisclosureSubject = Subject[DisclosureState, DisclosureStanding, DisclosureFacts]


async def read_row(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID) -> Row:
    """Raises NotFound."""
    found = await tx.execute(READ_ONE, {"disclosure_id": disclosure_id, **params(viewer)})
    row = found.mappings().first()
    if row is None:
        raise NotFound("没有这个公开事项，或尚未公开")
    return row


async def find(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID) -> DisclosureSubject:
    """The disclosure as `viewer` reaches it. Raises NotFound."""
    row = await read_row(tx, viewer, disclosure_id)

    async def look_again() -> list[str]:
        return (await find(tx, viewer, disclosure_id)).moves()

    return DisclosureSubject(
        DISCLOSURES,
        Disclosure,
        disclosure_id,
        row["state"],
        row["version"],
        standings(row),
        facts(row, viewer),
        viewer.person_id,
        capacity(frozenset(Role(r) for r in row["roles"] or ())),
        look_again,
        row,
    )
