"""内容审核, for the console: the queue of what a person must judge."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, ThePictures, Tx, problems
from api.rules.content import CheckMove, CheckState
from api.schemas.moderation import NEEDED, CheckOut, JudgeContent
from api.services.content import reviewing

router = APIRouter(tags=["内容审核"], route_class=TransactionRoute)

CheckId = Annotated[UUID, Path(description="审核标识")]


@router.get(
    "/moderation",
    response_model=Page[CheckOut],
    summary="待审内容",
    description="平台拿不准的、没有按时判定的，以及抽查的，先来的在前。限于您范围内的地域。",
    responses=problems(Malformed, NotAllowed),
)
async def list_moderation(
    viewer: CurrentViewer,
    tx: Tx,
    pictures: ThePictures,
    limit: Limit = 20,
    after: After = None,
    state: Annotated[CheckState | None, Query(description="只看一种状态；不填为待人工与待抽查")] = None,
) -> dict[str, Any]:
    return await reviewing.queue(tx, viewer, pictures, state=state, limit=limit, after=after)


@router.get(
    "/moderation/{check_id}",
    response_model=CheckOut,
    summary="查看一条审核",
    description="待审的文字或图片、平台的建议、作者，以及您此刻可以进行的操作。",
    responses=problems(NotAllowed, NotFound),
)
async def get_moderation(
    check_id: CheckId, viewer: CurrentViewer, tx: Tx, pictures: ThePictures
) -> dict[str, Any]:
    return await reviewing.read(tx, viewer, pictures, check_id)


@router.post(
    "/moderation/{check_id}/moves/{move}",
    response_model=CheckOut,
    summary="审核内容",
    description="pass 通过，立即按作者选择的范围公开；refuse 不通过，写明原因并告知作者。不能审核自己写的。",
    responses=problems(Malformed, NotAllowed, NotFound, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_moderation(
    check_id: CheckId,
    move: Annotated[CheckMove, Path(description="操作")],
    body: JudgeContent,
    viewer: CurrentViewer,
    tx: Tx,
    pictures: ThePictures,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ())
    await reviewing.judge(tx, viewer, check_id, move, body.reason)
    await tx.flush()
    return await reviewing.read(tx, viewer, pictures, check_id)
