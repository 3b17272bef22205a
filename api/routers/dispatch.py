"""社区派单: order a batch, look at what it proposes, apply it; and the settings it is worked out with."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.dispatch import BatchMove, BatchState, LineState, Weights
from api.schemas.base import Happened
from api.schemas.dispatch import (
    DispatchBatchOut,
    DispatchLineOut,
    DispatchSettingsOut,
    MoveDispatch,
    OrderDispatch,
    WriteDispatchSettings,
)
from api.services.dispatch import batches, settings
from api.services.places.finding import WrongLevel
from api.services.timeline import timeline

router = APIRouter(tags=["社区派单"], route_class=TransactionRoute)

BatchId = Annotated[UUID, Path(description="派单批次标识")]
Place = Annotated[UUID, Query(description="地域标识")]


@router.post(
    "/dispatch-batches",
    status_code=201,
    response_model=DispatchBatchOut,
    summary="计算派单方案",
    description="把一个地域全部待认领的需求一次派给最合适的成员：在后台计算，算好后通知。此时还没有派给任何人。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongLevel, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def order_dispatch_batch(body: OrderDispatch, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await batches.read(tx, viewer, await batches.order(tx, viewer, body.place_id, body.kind))


@router.get(
    "/dispatch-batches",
    response_model=Page[DispatchBatchOut],
    summary="派单批次列表",
    description="您可以派单的地域的批次，从新到旧。",
    responses=problems(Malformed, NotFound),
)
async def list_dispatch_batches(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    state: Annotated[BatchState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await batches.listing(tx, viewer, place_id=place, state=state, limit=limit, after=after)


@router.get(
    "/dispatch-batches/{batch_id}",
    response_model=DispatchBatchOut,
    summary="查看派单批次",
    description="算到哪一步，拟派多少，派出多少，负担是否平均。",
    responses=problems(NotFound),
)
async def get_dispatch_batch(batch_id: BatchId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await batches.read(tx, viewer, batch_id)


@router.get(
    "/dispatch-batches/{batch_id}/lines",
    response_model=Page[DispatchLineOut],
    summary="派单方案",
    description="逐行：哪项需求拟派给谁、为什么；无人可派的说明原因；派出时情况已变的说明如何变了。",
    responses=problems(Malformed, NotFound),
)
async def list_dispatch_lines(
    batch_id: BatchId,
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    state: Annotated[LineState | None, Query(description="只看一种")] = None,
) -> dict[str, Any]:
    return await batches.lines(tx, viewer, batch_id, state=state, limit=limit, after=after)


@router.post(
    "/dispatch-batches/{batch_id}/moves/{move}",
    response_model=DispatchBatchOut,
    summary="办理派单批次",
    description="apply 按方案派出（without 中的不派），在后台逐件派出；discard 放弃；retry 重新计算。两人同时派出只有一人成功。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_dispatch_batch(
    batch_id: BatchId,
    move: Annotated[BatchMove, Path(description="操作")],
    body: MoveDispatch,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    await batches.move(tx, viewer, batch_id, move, body.without)
    await tx.flush()
    return await batches.read(tx, viewer, batch_id)


@router.get(
    "/dispatch-batches/{batch_id}/events",
    response_model=Page[Happened],
    summary="派单批次时间线",
    description="从旧到新。",
    responses=problems(Malformed, NotFound),
)
async def list_dispatch_batch_events(
    batch_id: BatchId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await batches.read(tx, viewer, batch_id)
    return await timeline(tx, batch_id, limit=limit, after=after)


@router.get(
    "/dispatch-settings",
    response_model=DispatchSettingsOut,
    summary="派单设置",
    description="一个地域照用的权重和定时，来自本地域或最近的上级；没有则为默认。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def get_dispatch_settings(viewer: CurrentViewer, tx: Tx, place: Place) -> dict[str, Any]:
    return await settings.read(tx, viewer, place)


@router.post(
    "/dispatch-settings",
    status_code=201,
    response_model=DispatchSettingsOut,
    summary="修改派单设置",
    description="写下新的一版，旧版留存；version 填您看到的最新版本，别人先改了则 409。",
    responses=problems(Malformed, NotFound, NotAllowed, settings.SettingsChanged, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def write_dispatch_settings(
    body: WriteDispatchSettings, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    await settings.write(
        tx,
        viewer,
        body.place_id,
        version=body.version,
        weights=Weights(**body.weights.model_dump()),
        mode=body.mode,
        hours=body.hours,
    )
    return await settings.read(tx, viewer, body.place_id)
