"""统计: the public rates, and the exclusions two persons decide."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, NotFound
from api.routers.deps import KEY_PROBLEMS, SIGNED_IN, CurrentViewer, Once, Tx, problems
from api.rules.statistics import BadPeriod, ExclusionRefused, Grouping
from api.schemas.statistics import ExclusionOut, ProposeExclusion, StatisticsOut
from api.services.statistics import counting, excluding

router = APIRouter(tags=["统计"], route_class=TransactionRoute)
console_router = APIRouter(tags=["统计"], route_class=TransactionRoute)


@router.get(
    "/statistics",
    response_model=StatisticsOut,
    summary="办理统计",
    description="响应率、解决率、满意率：按到期日归集，逾期和未结的都在内；并列出剔除、并单、撤回的件数。只有件数，没有个人内容。",
    responses=problems(Malformed, NotFound, BadPeriod),
    dependencies=SIGNED_IN,
)
async def get_statistics(
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    period: Annotated[str, Query(max_length=7, description="周期：2026、2026-Q4 或 2026-11")],
    by: Annotated[Grouping, Query(description="分组")] = Grouping.total,
) -> dict[str, Any]:
    return await counting.statistics(tx, place_id=place, period=period, by=by)


@console_router.post(
    "/statistics/exclusions",
    status_code=201,
    response_model=ExclusionOut,
    summary="提出剔除",
    description="提出一件诉求不计入统计；须由另一人确认，且在评价之前。",
    responses=problems(Malformed, NotFound, NotAllowed, ExclusionRefused, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def propose_exclusion(body: ProposeExclusion, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await excluding.propose(tx, viewer, body.case_id, body.reason)


@console_router.post(
    "/statistics/exclusions/{case_id}/confirm",
    response_model=ExclusionOut,
    summary="确认剔除",
    description="由提出人以外的人确认；此后这件诉求不计入统计，在统计中列出。",
    responses=problems(Malformed, NotFound, NotAllowed, ExclusionRefused, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def confirm_exclusion(
    case_id: Annotated[UUID, Path(description="诉求标识")], viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await excluding.confirm(tx, viewer, case_id)
