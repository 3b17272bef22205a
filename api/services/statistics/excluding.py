"""剔除: one proposes, another confirms, before anybody has rated."""

from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotAllowed
from api.models import Case, CaseExclusion, CaseRating
from api.rules.cases import Standing
from api.rules.statistics import EXCLUSION_TITLES, ExclusionReason, ExclusionRefused
from api.services.access import Viewer
from api.services.cases.finding import CaseSubject, find


async def propose(tx: AsyncSession, viewer: Viewer, case_id: UUID, reason: ExclusionReason) -> dict[str, Any]:
    """Raises NotFound, NotAllowed, ExclusionRefused for a case proposed before or rated."""
    case = await _hold(tx, viewer, case_id)
    made = await tx.execute(
        insert(CaseExclusion)
        .values(case_id=case_id, reason=reason, proposed_by=viewer.person_id, proposed_at=clock.now())
        .on_conflict_do_nothing(index_elements=["case_id"])
        .returning(col(CaseExclusion.case_id))
    )
    if made.first() is None:
        raise ExclusionRefused("已有人提出剔除这件诉求", moves=case.moves())
    _record(tx, case, "exclude_propose", f"提出不计入统计：{EXCLUSION_TITLES[reason]}", reason)
    return {"case_id": case_id, "reason": reason, "confirmed": False}


async def confirm(tx: AsyncSession, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """By somebody else than who proposed it; from then on the case is not counted. Raises as `propose`."""
    case = await _hold(tx, viewer, case_id)
    done = await tx.execute(
        update(CaseExclusion)
        .where(
            col(CaseExclusion.case_id) == case_id,
            col(CaseExclusion.confirmed_at).is_(None),
            col(CaseExclusion.proposed_by) != viewer.person_id,
        )
        .values(confirmed_by=viewer.person_id, confirmed_at=clock.now())
        .returning(col(CaseExclusion.reason))
    )
    row = done.first()
    if row is None:
        raise ExclusionRefused("没有待您确认的剔除；提出人不能自行确认", moves=case.moves())
    reason = ExclusionReason(row.reason)
    _record(tx, case, "exclude_confirm", f"经两人确认，不计入统计：{EXCLUSION_TITLES[reason]}", reason)
    return {"case_id": case_id, "reason": reason, "confirmed": True}


async def _hold(tx: AsyncSession, viewer: Viewer, case_id: UUID) -> CaseSubject:
    """The case, locked against a rating at the same moment, for somebody who checks others' work."""
    await tx.execute(select(col(Case.id)).where(col(Case.id) == case_id).with_for_update(key_share=True))
    case = await find(tx, viewer, case_id)
    if Standing.verifier not in case.standings:
        raise NotAllowed("只有核查人员可以提出或确认剔除", moves=case.moves())
    rated = await tx.execute(select(exists().where(col(CaseRating.case_id) == case_id)))
    if rated.scalar_one():
        raise ExclusionRefused("这件诉求已经评价，不能再剔除", moves=case.moves())
    return case


def _record(tx: AsyncSession, case: CaseSubject, move: str, text: str, reason: ExclusionReason) -> None:
    record(
        tx,
        subject_kind="case",
        subject_id=case.id,
        move=move,
        actor_id=case.actor_id,
        actor_title=case.actor_title,
        text=text,
        data={"reason": reason.value},
    )
