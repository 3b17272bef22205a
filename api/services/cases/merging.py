"""并单 and its undoing. Merged cases form a forest of depth 1, whatever happens at once.

Both cases are locked, in the order of their ids, before either is looked at: of A into B and B into A the second
finds the first done, and so does a merge into a case that is just being merged itself.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import Case, Deadline
from api.models.cases import MessageKind
from api.rules.cases import RESIDENT_CLOCKS, CaseClock, Visibility
from api.rules.joining import PARENTS, NotMergeable, wider
from api.rules.limits import STEPS
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.cases import talking
from api.services.cases.finding import CaseSubject, find

_GOES_ON = (
    *RESIDENT_CLOCKS,
    CaseClock.confirming,
    CaseClock.calling_back,
    CaseClock.planning,
    CaseClock.to_town,
    CaseClock.supervising,
)
"""What was owed before a merge is owed after it; the unit's own clocks begin with the next unit."""


async def merge(tx: AsyncSession, actor: Viewer, case_id: UUID, parent_id: UUID) -> None:
    """并单: the case becomes part of `parent_id`, which goes on for both. Raises NotFound, NotMergeable."""
    await _lock(tx, (case_id, parent_id))
    case = await find(tx, actor, case_id)
    case.require("merge")
    parent = await find(tx, actor, parent_id)
    reason = await _against(tx, case, parent)
    if reason is not None:
        raise NotMergeable(reason, moves=case.moves())
    await case.move(
        tx,
        "merge",
        text=f"与 {parent.row['number']} 反映的是同一件事，已并案办理",
        data={"parent_id": str(parent_id)},
        merged_into_id=parent_id,
        merged_at=clock.now(),
    )
    await deadlines.cancel(tx, case_id)
    _note(tx, case, parent_id, "join", "又有一件同类诉求并入")


async def _against(tx: AsyncSession, case: CaseSubject, parent: CaseSubject) -> str | None:
    """What speaks against it; both rows are locked."""
    if case.id == parent.id:
        return "不能并入自身"
    if parent.row["merged_into_id"] is not None:
        return "这件诉求自身已并入另一件"
    if parent.state not in PARENTS:
        return "这件诉求已不在办理中"
    if parent.row["community_id"] != case.row["community_id"]:
        return "只能并入同一社区的诉求"
    if wider(Visibility(parent.row["visibility"]), Visibility(case.row["visibility"])):
        return "不能并入公开范围更宽的诉求"
    has_children = await tx.execute(select(exists().where(col(Case.merged_into_id) == case.id)))
    return "已有诉求并入这件，不能再并入别的" if has_children.scalar_one() else None


async def _lock(tx: AsyncSession, ids: Iterable[UUID]) -> None:
    await tx.execute(
        select(col(Case.id))
        .where(col(Case.id).in_(list(ids)))
        .order_by(col(Case.id))
        .with_for_update(key_share=True)
    )


async def unmerge(
    tx: AsyncSession, actor: Viewer | None, case_id: UUID, reason: str | None = None, *, move: str = "unmerge"
) -> None:
    """撤销并单, or the reporter's objection: the case is dispatched anew, its clocks as if never merged."""
    case = await find(tx, actor, case_id)
    parent_id = case.row["merged_into_id"]
    await case.move(
        tx,
        move,
        text="反映人对并案有异议，恢复单独办理" if move == "object" else "撤销并案，恢复单独办理",
        data={"parent_id": str(parent_id)},
        merged_into_id=None,
        merged_at=None,
        unit_id=None,
        handler_id=None,
        routing_rule=None,
        dispatched_at=None,
    )
    if reason and actor is not None:
        kind = MessageKind.answer if move == "object" else MessageKind.note
        await talking.put_in(tx, case, kind, reason)
    await tx.execute(
        update(Deadline)
        .where(
            col(Deadline.subject_id) == case_id,
            col(Deadline.cycle) == case.row["cycle"],
            col(Deadline.kind).in_([kind.value for kind in _GOES_ON]),
            col(Deadline.met_at).is_(None),
            col(Deadline.cancelled_at) >= case.row["merged_at"],
        )
        .values(cancelled_at=None)
    )
    calendar = await calendars.current(tx)
    screening = CaseClock.screening.value
    await deadlines.replace(
        tx, "case", case_id, screening, STEPS[CaseClock.screening], calendar, case.row["cycle"]
    )
    _note(tx, case, parent_id, "part", "一件并入的诉求恢复单独办理")


async def release(tx: AsyncSession, parent_id: UUID) -> None:
    """The case ended without a result: what was merged into it goes on by itself."""
    merged = await tx.execute(
        select(col(Case.id)).where(col(Case.merged_into_id) == parent_id).order_by(col(Case.id))
    )
    for case_id in merged.scalars().all():
        await unmerge(tx, None, case_id, "并入的诉求已撤回或不再办理")


def _note(tx: AsyncSession, case: CaseSubject, parent_id: UUID, move: str, text: str) -> None:
    data: dict[str, Any] = {"case_id": str(case.id)}
    record(
        tx,
        subject_kind="case",
        subject_id=parent_id,
        move=move,
        actor_id=case.actor_id,
        actor_title=case.actor_title,
        text=text,
        data=data,
    )
