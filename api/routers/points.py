"""积分: one's own, rankings, the catalogue and redemptions."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.points import Period, RedemptionMove
from api.schemas.points import (
    BeNamed,
    OfferReward,
    PointsOut,
    RankingsOut,
    Redeem,
    RedemptionOut,
    RewardOut,
)
from api.services.places.finding import WrongLevel
from api.services.points import reading, spending
from api.services.points.spending import PointsShort, SoldOut

app_router = APIRouter(tags=["积分"], route_class=TransactionRoute)
shared_router = APIRouter(tags=["积分"], route_class=TransactionRoute)


@app_router.get(
    "/me/points",
    response_model=PointsOut,
    summary="我的积分",
    description="余额和流水，从新到旧。积分在确认之后给，花掉积分不影响服务时长。",
    responses=problems(Malformed),
)
async def list_my_points(
    viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await reading.ledger(tx, viewer, limit=limit, after=after)


@app_router.patch(
    "/me/points",
    response_model=PointsOut,
    summary="排行中是否显示名字",
    description="同意或收回同意；默认不显示。",
    responses=problems(Malformed),
)
async def name_my_points(body: BeNamed, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await reading.be_named(tx, viewer, body.named)
    return await reading.ledger(tx, viewer, limit=20, after=None)


@shared_router.get(
    "/rankings",
    response_model=RankingsOut,
    summary="服务排行",
    description="一个地域本月、本季度或本年的服务：先是分布，再是同意显示名字的人，同分同名次。",
    responses=problems(Malformed, NotFound),
)
async def get_rankings(
    viewer: CurrentViewer,
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    period: Annotated[Period, Query(description="本月、本季度、本年")] = Period.month,
) -> dict[str, Any]:
    return await reading.rankings(tx, viewer, place, period)


@shared_router.get(
    "/rewards",
    response_model=Page[RewardOut],
    summary="积分兑换品",
    description="一个地域可以兑换的，从新到旧。",
    responses=problems(Malformed, NotFound),
)
async def list_rewards(
    viewer: CurrentViewer,
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    limit: Limit = 20,
    after: After = None,
) -> dict[str, Any]:
    return await spending.rewards(tx, place, limit=limit, after=after)


@shared_router.post(
    "/rewards",
    status_code=201,
    response_model=RewardOut,
    summary="上架兑换品",
    description="由社区工作人员维护。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongLevel, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def offer_reward(body: OfferReward, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await spending.offer_reward(tx, viewer, **body.model_dump())


@app_router.post(
    "/rewards/{reward_id}/redemptions",
    status_code=201,
    response_model=RedemptionOut,
    summary="兑换",
    description="扣分并留出一件；库存和余额都不会变成负数。",
    responses=problems(Malformed, NotFound, NotAllowed, SoldOut, PointsShort, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def redeem_reward(
    reward_id: Annotated[UUID, Path(description="兑换品标识")], body: Redeem, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await spending.read(tx, viewer, await spending.redeem(tx, viewer, reward_id))


@shared_router.post(
    "/redemptions/{redemption_id}/moves/{move}",
    response_model=RedemptionOut,
    summary="发放或取消兑换",
    description="hand_over 由工作人员发放；cancel 由本人或工作人员取消，积分以反向流水退回。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_redemption(
    redemption_id: Annotated[UUID, Path(description="兑换标识")],
    move: Annotated[RedemptionMove, Path(description="操作")],
    body: Redeem,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    await spending.move(tx, viewer, redemption_id, move)
    return await spending.read(tx, viewer, redemption_id)
