"""Finding a case to act on: what it is, what the actor is to it, what the guards look at."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotFound, WrongMoment
from api.models import Case
from api.rules.case_guards import CaseFacts
from api.rules.cases import CASES, CaseState, Standing
from api.rules.roles import capacity
from api.services.access import Viewer, params
from api.services.cases.reading import READ_ONE
from api.services.cases.view import facts, roles, standings
from api.services.moves import Subject

CaseSubject = Subject[CaseState, Standing, CaseFacts]


async def find(tx: AsyncSession, actor: Viewer | None, case_id: UUID) -> CaseSubject:
    """The case as `actor` reaches it. Raises NotFound."""
    if actor is None:
        return await _find_as_system(tx, case_id)
    row = (await tx.execute(READ_ONE, {"case_id": case_id, **params(actor)})).mappings().first()
    if row is None:
        raise NotFound("没有这件诉求，或不在您的查看范围内")
    mine = row["reporter_id"] == actor.person_id
    who = standings(row, actor)

    async def look_again() -> list[str]:
        return (await find(tx, actor, case_id)).moves()

    return CaseSubject(
        CASES,
        Case,
        case_id,
        CaseState(row["state"]),
        row["version"],
        who,
        facts(row, actor, who),
        actor.person_id,
        "反映人" if mine else capacity(roles(row)),
        look_again,
        row,
    )


async def _find_as_system(tx: AsyncSession, case_id: UUID) -> CaseSubject:
    case = (await tx.execute(select(Case).where(col(Case.id) == case_id))).scalar_one_or_none()
    if case is None:
        raise NotFound
    row = case.model_dump()

    async def look_again() -> list[str]:
        return []

    return CaseSubject(
        CASES,
        Case,
        case_id,
        case.state,
        case.version,
        frozenset({Standing.system}),
        facts(row, None, frozenset({Standing.system})),
        None,
        "系统",
        look_again,
        row,
    )


async def hold(tx: AsyncSession, case: CaseSubject) -> None:
    """Nobody moves the case between the look at it and the end of this transaction. Raises WrongMoment where
    somebody just did."""
    held = await tx.execute(
        select(col(Case.id))
        .where(col(Case.id) == case.id, col(Case.state) == case.state)
        .with_for_update(key_share=True)
    )
    if held.first() is None:
        raise WrongMoment("别人刚刚处理了这件事，请按最新状态操作", moves=await case.look_again())
