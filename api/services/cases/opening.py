"""Letting neighbours see a case once its words have passed, and hiding it again where they turn out not to."""

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Case, CaseReach, ContentCheck, Place
from api.models.cases import Audience, CaseId
from api.rules.cases import Visibility
from api.rules.content import ContentState
from api.rules.places import PREFIX_LENGTHS


async def judged(tx: AsyncSession, check: ContentCheck, content: ContentState) -> None:
    """Set the case's content state; passed, it opens as far as its reporter agreed, else it is the parties' alone."""
    passed = content is ContentState.passed
    found = await tx.execute(
        update(Case)
        .where(col(Case.id) == check.subject_id)
        .values(content=content, passed_at=clock.now() if passed else None)
        .returning(col(Case.visibility), col(Case.path))
    )
    visibility, path = found.one()
    if not passed:
        await tx.execute(
            delete(CaseReach).where(
                col(CaseReach.case_id) == check.subject_id, col(CaseReach.audience) == Audience.residents
            )
        )
    elif visibility is not Visibility.private:
        await _open_to_residents(tx, CaseId(check.subject_id), visibility, path)


async def _open_to_residents(tx: AsyncSession, case_id: CaseId, visibility: Visibility, path: str) -> None:
    """From its community and the places inside it where it happened; a public one also from the town above."""
    paths = {path[: PREFIX_LENGTHS[-1]], path}
    if visibility is Visibility.public:
        paths.add(path[: PREFIX_LENGTHS[-2]])
    places = await tx.execute(select(col(Place.id)).where(col(Place.path).in_(paths)))
    await tx.execute(
        insert(CaseReach)
        .values(
            [
                {"place_id": place_id, "audience": Audience.residents, "case_id": case_id}
                for place_id in places.scalars()
            ]
        )
        .on_conflict_do_nothing()
    )
