"""Requests on a case, tasks of other units, urging, and the clocks. Mounted on both doors."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.cases import CaseId, seen
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules import case_requests as rules
from api.rules.case_guards import NoUnit
from api.rules.case_requests import RequestMove, TaskMove
from api.schemas.case_requests import ActOnTask, AskOnCase, ClocksOut, DecideRequest
from api.schemas.cases import CaseOut
from api.services.cases import clocks, ladder, requests, tasks
from api.services.cases.requests import NewRequest

router = APIRouter(tags=["诉求"], route_class=TransactionRoute)

_MOVED = (Malformed, NotFound, NotAllowed, WrongMoment, *KEY_PROBLEMS)


@router.post(
    "/cases/{case_id}/requests",
    status_code=201,
    response_model=CaseOut,
    summary="提出申请",
    description="退单、延期、挂账、协同、督办、不予受理或申诉，须由另一人审批；同类申请同时只能有一个，审批期间时钟不停。",
    responses=problems(*_MOVED, NoUnit, rules.RequestPending, rules.AskedTooLate, rules.ExtendedEnough,
                       rules.AppealedBefore, rules.SuspendedEnough),
    dependencies=[Once],
)  # fmt: skip
async def ask_on_case(case_id: CaseId, body: AskOnCase, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    new = NewRequest(
        kind=body.kind,
        reason=body.reason,
        days=body.days,
        reject_reason=body.reject_reason,
        suspend_reason=body.suspend_reason,
        unit_id=body.unit_id,
        units=[(unit.unit_id, unit.text) for unit in body.units or ()],
    )
    await requests.ask(tx, viewer, case_id, new)
    return await seen(tx, viewer, case_id)


@router.post(
    "/cases/{case_id}/requests/{request_id}/moves/{move}",
    response_model=CaseOut,
    summary="审批申请",
    description="批准或不批准；批准时所申请的事项一并发生。自己的申请须由他人审批。",
    responses=problems(*_MOVED, rules.OwnRequest, rules.AskedTooLate, rules.SuspendedEnough),
    dependencies=[Once],
)
async def decide_request(
    case_id: CaseId,
    request_id: Annotated[UUID, Path(description="申请标识")],
    move: Annotated[RequestMove, Path(description="操作")],
    body: DecideRequest,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, ("text",) if move is RequestMove.refuse else (), ("text",))
    await requests.decide(tx, viewer, case_id, request_id, move, body.text)
    return await seen(tx, viewer, case_id)


@router.post(
    "/cases/{case_id}/tasks/{task_id}/moves/{move}",
    response_model=CaseOut,
    summary="完成或免除协同任务",
    description="协同单位完成自己的任务，派单员可以附理由免除；全部完成或免除之后诉求才能办结。",
    responses=problems(*_MOVED),
    dependencies=[Once],
)
async def act_on_task(
    case_id: CaseId,
    task_id: Annotated[UUID, Path(description="协同任务标识")],
    move: Annotated[TaskMove, Path(description="操作")],
    body: ActOnTask,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    await tasks.act(tx, viewer, case_id, task_id, move, body.text)
    return await seen(tx, viewer, case_id)


@router.post(
    "/cases/{case_id}/urges",
    status_code=201,
    response_model=CaseOut,
    summary="催单",
    description="反映人每天可以催一次；诉求至少升级到承办单位负责人。",
    responses=problems(*_MOVED, ladder.UrgedToday),
    dependencies=[Once],
)
async def urge_case(case_id: CaseId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await ladder.urge(tx, viewer, case_id)
    return await seen(tx, viewer, case_id)


@router.get(
    "/cases/{case_id}/clock",
    response_model=ClocksOut,
    summary="诉求的时钟",
    description="居民的与承办单位的时钟：日历版本、时限、计时段、暂停与剩余时间，任何人都可据此复算。",
    responses=problems(NotFound),
)
async def get_case_clock(case_id: CaseId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await clocks.clocks(tx, viewer, case_id)
