"""服务时长: one's own records, 公示, 补录 by two, 冲正."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.activities import OwnHours
from api.rules.activity_words import AddingMove
from api.schemas.service import (
    ADDING_NEEDED,
    AddHours,
    AddingOut,
    CounterRecord,
    MoveAdding,
    MyRecords,
    PublicMinutes,
    RecordOut,
)
from api.services.hours import adding, reading, recording

app_router = APIRouter(tags=["服务时长"], route_class=TransactionRoute)
router = APIRouter(tags=["服务时长"], route_class=TransactionRoute)

ActivityId = Annotated[UUID, Path(description="活动标识")]


@app_router.get(
    "/me/service-records",
    response_model=MyRecords,
    summary="我的服务记录",
    description="自动记录和补录分开合计；各条从新到旧。只增不改，错了以冲正抵消。",
    responses=problems(Malformed),
)
async def list_my_service_records(
    viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await reading.mine(tx, viewer, limit=limit, after=after)


@router.get(
    "/activities/{activity_id}/service-records",
    response_model=Page[RecordOut],
    summary="活动的服务记录",
    description="组织者和工作人员看全部，参加的人看自己的，从新到旧。",
    responses=problems(Malformed, NotFound),
)
async def list_activity_service_records(
    activity_id: ActivityId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await reading.of_activity(tx, viewer, activity_id, limit=limit, after=after)


@router.get(
    "/activities/{activity_id}/publicity",
    response_model=Page[PublicMinutes],
    summary="时长公示",
    description="活动结束后公示 3 天，期满计入；名字隐去中间。",
    responses=problems(Malformed, NotFound),
)
async def list_public_minutes(
    activity_id: ActivityId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await reading.publicity(tx, viewer, activity_id, limit=limit, after=after)


@router.post(
    "/activities/{activity_id}/added-hours",
    status_code=201,
    response_model=AddingOut,
    summary="补录时长",
    description="由社区工作人员提出，另一人复核后才计入；与自动时长合计不超过活动的长度。自动时长任何人都不能录入。",
    responses=problems(
        Malformed, NotFound, NotAllowed, OwnHours, adding.NotServed, adding.AddedTooMuch, adding.AddingWaits,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)  # fmt: skip
async def add_hours(activity_id: ActivityId, body: AddHours, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    made = await adding.propose(tx, viewer, activity_id, body.seat_id, body.minutes, body.reason)
    await tx.flush()
    return await adding.read(tx, viewer, made)


@router.get(
    "/activities/{activity_id}/added-hours",
    response_model=Page[AddingOut],
    summary="补录列表",
    description="一个活动的补录和复核，从新到旧；只给工作人员。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def list_added_hours(
    activity_id: ActivityId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await adding.listing(tx, viewer, activity_id, limit=limit, after=after)


@router.post(
    "/added-hours/{adding_id}/moves/{move}",
    response_model=AddingOut,
    summary="复核补录",
    description="confirm 通过、refuse 不通过（写明原因）。提出人和本人不能复核。",
    responses=problems(
        Malformed,
        NotFound,
        NotAllowed,
        WrongMoment,
        OwnHours,
        adding.NotServed,
        adding.AddedTooMuch,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)
async def move_added_hours(
    adding_id: Annotated[UUID, Path(description="补录标识")],
    move: Annotated[AddingMove, Path(description="操作")],
    body: MoveAdding,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, ADDING_NEEDED.get(move, ()), ())
    if move is AddingMove.confirm:
        await adding.confirm(tx, viewer, adding_id)
    else:
        await adding.refuse(tx, viewer, adding_id, body.reason or "")
    await tx.flush()
    return await adding.read(tx, viewer, adding_id)


@router.post(
    "/service-records/{record_id}/counter",
    status_code=201,
    response_model=RecordOut,
    summary="冲正服务记录",
    description="整条抵消，连同积分，写明原因；需要更正的另行补录。返回冲正的那一条。",
    responses=problems(Malformed, NotFound, NotAllowed, OwnHours, recording.AlreadyCountered, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def counter_service_record(
    record_id: Annotated[UUID, Path(description="服务记录标识")],
    body: CounterRecord,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    made = await recording.counter(tx, viewer, record_id, body.reason)
    await tx.flush()
    return reading.record_view(viewer, await reading.one(tx, viewer, made))
