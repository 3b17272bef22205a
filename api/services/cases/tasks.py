"""协同: tasks handed to other units; the case cannot be finished while one is open."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound, WrongMoment
from api.models import Case, CaseRequest, CaseTask, Unit
from api.models.cases import CaseId
from api.models.places import UnitId
from api.rules.case_requests import TASKS, TaskMove, TaskStanding, TaskState
from api.rules.cases import Standing
from api.rules.places import UnitKind
from api.rules.roles import SERVES, capacity
from api.services import units
from api.services.access import Viewer
from api.services.cases import handling
from api.services.cases.finding import CaseSubject, find
from api.services.cases.talking import watch
from api.services.cases.view import roles
from api.services.moves import Subject

TaskSubject = Subject[TaskState, TaskStanding, None]
_TOLD = {TaskMove.finish: "协同单位已完成任务", TaskMove.waive: "协同任务已免除"}


async def hand_out(tx: AsyncSession, case: CaseSubject, request: CaseRequest) -> None:
    """A task for each unit of an approved request; a finish decided before it starts over."""
    handed = [
        CaseTask(case_id=CaseId(case.id), request_id=request.id, unit_id=UnitId(UUID(unit_id)), text=text)
        for unit_id, text in request.units
    ]
    tx.add_all(handed)
    for task in handed:
        await watch(tx, case, "case_task", task.id, task.text)
    counted = await tx.execute(
        update(Case)
        .where(col(Case.id) == case.id, col(Case.state) == case.state)
        .values(
            tasks_open=col(Case.tasks_open) + len(request.units),
            version=col(Case.version) + 1,
            updated_at=clock.now(),
        )
        .returning(col(Case.id))
    )
    if counted.first() is None:
        raise WrongMoment("别人刚刚处理了这件事，请按最新状态操作", moves=await case.look_again())
    units = [unit_id for unit_id, _ in request.units]
    handling.note(tx, case, "assist", f"已请 {len(units)} 个单位协同办理", {"units": units})


async def act(
    tx: AsyncSession, actor: Viewer, case_id: UUID, task_id: UUID, move: TaskMove, text: str
) -> None:
    """Finish a task as its unit, or waive it as a dispatcher. Raises NotFound, NotAllowed, WrongMoment."""
    case = await find(tx, actor, case_id)
    task = await _find(tx, case, task_id, actor)
    await task.move(tx, move.value, data={"case_id": str(case_id)}, result=text)
    await watch(tx, case, "case_result", task_id, text)
    await tx.execute(
        update(Case)
        .where(col(Case.id) == case_id)
        .values(tasks_open=col(Case.tasks_open) - 1, version=col(Case.version) + 1, updated_at=clock.now())
    )
    told = replace(case, actor_title=task.actor_title)
    handling.note(tx, told, f"task_{move.value}", _TOLD[move], {"task_id": str(task_id)})


async def _find(tx: AsyncSession, case: CaseSubject, task_id: UUID, actor: Viewer) -> TaskSubject:
    found = await tx.execute(
        select(CaseTask, Unit)
        .join(Unit, col(Unit.id) == col(CaseTask.unit_id))
        .where(col(CaseTask.id) == task_id, col(CaseTask.case_id) == case.id)
    )
    pair = found.first()
    if pair is None or not (roles(case.row) or task_id in (case.row["assists"] or ())):
        raise NotFound("没有这项协同任务")
    row, unit = pair
    serves = await units.is_member(tx, unit, actor.person_id)
    standings = set()
    if serves and Standing.reporter not in case.standings:
        standings.add(TaskStanding.unit_member)
    if Standing.dispatcher in case.standings and Standing.reporter not in case.standings:
        standings.add(TaskStanding.dispatcher)

    async def look_again() -> list[str]:
        return []

    return TaskSubject(
        TASKS,
        CaseTask,
        row.id,
        row.state,
        row.version,
        frozenset(standings),
        None,
        actor.person_id,
        case.actor_title if roles(case.row) else capacity(SERVES[UnitKind(unit.kind)]),
        look_again,
        row,
    )
