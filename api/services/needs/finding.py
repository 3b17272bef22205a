"""Finding a need to act on: what it is, what the actor is to it, what the guards look at."""

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound, WrongMoment
from api.models import Claim, Need
from api.rules.need_words import ClaimState, NeedState, Standing
from api.rules.needs import NEEDS, NeedFacts
from api.rules.roles import Role, capacity
from api.services.access import Viewer, params
from api.services.moves import Subject
from api.services.needs.reading import NOBODY, READ_AS_SYSTEM, READ_ONE, today
from api.services.needs.view import facts, my_claim, standings

NeedSubject = Subject[NeedState, Standing, NeedFacts]


async def find(tx: AsyncSession, actor: Viewer | None, need_id: UUID) -> NeedSubject:
    """The need as `actor` reaches it; None is the system. Raises NotFound."""
    if actor is None:
        values: dict[str, Any] = {"viewer": NOBODY, "now": clock.now()}
        found = await tx.execute(READ_AS_SYSTEM, {"need_id": need_id, **values, **today()})
    else:
        found = await tx.execute(READ_ONE, {"need_id": need_id, **params(actor), **today()})
    row = found.mappings().first()
    if row is None:
        raise NotFound("没有这项需求，或不在您的查看范围内")

    async def look_again() -> list[str]:
        return (await find(tx, actor, need_id)).moves() if actor is not None else []

    return NeedSubject(
        NEEDS,
        Need,
        need_id,
        NeedState(row["state"]),
        row["version"],
        standings(row, actor) if actor is not None else frozenset({Standing.system}),
        facts(row, actor),
        actor.person_id if actor is not None else None,
        _title(row, actor),
        look_again,
        row,
    )


def _title(row: Any, actor: Viewer | None) -> str:
    if actor is None:
        return "系统"
    if row["author_id"] == actor.person_id:
        return "提出人"
    if my_claim(row, actor) is not None:
        return "认领人"
    return capacity(frozenset(Role(r) for r in row["roles"] or ()))


async def claim_goes(
    tx: AsyncSession, need: NeedSubject, claim: dict[str, Any], to: ClaimState, **columns: Any
) -> None:
    """The claim follows its need's move. The need's version has decided the race; the condition is the proof."""
    changed = await tx.execute(
        update(Claim)
        .where(col(Claim.id) == UUID(claim["id"]), col(Claim.state) == ClaimState(claim["state"]))
        .values(state=to, **columns)
        .returning(col(Claim.id))
    )
    if changed.first() is None:
        raise WrongMoment("别人刚刚处理了这件事，请按最新状态操作", moves=await need.look_again())
