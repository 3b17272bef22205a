"""评价 of a case as one viewer sees them: stars for everybody who sees the case, words once they have passed."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, case, null, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.paging import LAST, page, read_cursor
from api.models import CaseRating
from api.rules.content import ContentState
from api.rules.roles import Permission, permissions_of
from api.services.access import Viewer
from api.services.cases.finding import CaseSubject, find
from api.services.cases.view import roles

_STARS = ("id", "cycle", "overall", "result", "attitude", "speed", "content", "created_at")


def readable_words(rated: CaseSubject, viewer: Viewer) -> ColumnElement[bool]:
    """One's own, all for those whose role reads the case, others' once they have passed."""
    if Permission.case_read in permissions_of(roles(rated.row)):
        return true()
    return or_(
        col(CaseRating.reporter_id) == viewer.person_id, col(CaseRating.content) == ContentState.passed
    )


async def listing(
    tx: AsyncSession, viewer: Viewer, case_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """What the reporter and those who joined gave, oldest first. Raises NotFound."""
    rated = await find(tx, viewer, case_id)
    words = case((readable_words(rated, viewer), col(CaseRating.text)), else_=null().cast(Text))
    found = await tx.execute(
        select(
            *(col(getattr(CaseRating, name)) for name in _STARS),
            col(CaseRating.reporter_id),
            words.label("words"),
        )
        .where(col(CaseRating.case_id) == case_id, col(CaseRating.id) > read_cursor(after, LAST))
        .order_by(col(CaseRating.id))
        .limit(limit + 1)
    )
    return page([_shape(row, rated, viewer) for row in found], limit)


def _shape(row: Any, rated: CaseSubject, viewer: Viewer) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in _STARS},
        "text": row.words,
        "joined": row.reporter_id != rated.row["reporter_id"],
        "mine": row.reporter_id == viewer.person_id,
    }
