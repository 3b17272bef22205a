"""相似诉求、附和、评价: before a second case is made of one matter, and what those say who shared it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.cases import CaseCategory
from api.rules.joining import AlreadySupported, OwnCase
from api.schemas.base import Line, ShortText, Title
from api.schemas.joining import RatingOut, SimilarCases, Supports
from api.services.cases import joining, rated
from api.services.cases.similar import similar

router = APIRouter(tags=["诉求"], route_class=TransactionRoute)
"""Before the router of cases: `similar` is no case's identifier."""

CaseId = Annotated[UUID, Path(description="诉求标识")]


@router.get(
    "/cases/similar",
    response_model=SimilarCases,
    summary="查找相似诉求",
    description="提交之前先看：同一社区 72 小时内、您可以查看、仍在办理的相似诉求，最像的在前，附理由。"
    "确是同一件事，请附和（我也遇到），不必另行提交。place_id 与 home_id 二选一。",
    responses=problems(Malformed, NotFound),
)
async def list_similar_cases(
    viewer: CurrentViewer,
    tx: Tx,
    category: Annotated[CaseCategory, Query(description="类别")],
    title: Annotated[Title, Query(description="标题")],
    text: Annotated[ShortText, Query(description="内容，前 500 字即可")],
    place_id: Annotated[UUID | None, Query(description="发生地")] = None,
    home_id: Annotated[UUID | None, Query(description="房屋")] = None,
    asset: Annotated[Line | None, Query(description="设施名称，如 2 号电梯")] = None,
    asset_id: Annotated[UUID | None, Query(description="设施标识，见 GET /assets")] = None,
) -> dict[str, Any]:
    if (place_id is None) == (home_id is None):
        raise Malformed(
            "place_id 与 home_id 须填且只填一个",
            errors=[{"loc": ["query", "place_id"], "msg": "须填且只填一个", "type": "value_error"}],
        )
    found = await similar(
        tx,
        viewer,
        place_id=place_id,
        home_id=home_id,
        category=category,
        asset=asset,
        asset_id=asset_id,
        text=f"{title} {text}",
    )
    return {"items": found}


@router.post(
    "/cases/{case_id}/supports",
    status_code=201,
    response_model=Supports,
    summary="附和诉求（我也遇到）",
    description="每人一次。此后每一步公开进展都通知您，办结后您可以单独评价。",
    responses=problems(Malformed, NotFound, OwnCase, AlreadySupported, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def support_case(case_id: CaseId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await joining.support(tx, viewer, case_id)


@router.delete(
    "/cases/{case_id}/supports",
    response_model=Supports,
    summary="收回附和",
    description="此后不再通知您。没有附和过也不算错。",
    responses=problems(Malformed, NotFound),
)
async def unsupport_case(case_id: CaseId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await joining.take_back(tx, viewer, case_id)


@router.get(
    "/cases/{case_id}/ratings",
    response_model=Page[RatingOut],
    summary="诉求评价",
    description="反映人和附和居民的评价，从旧到新；评语在审核通过之前只有本人和工作人员可见。",
    responses=problems(Malformed, NotFound),
)
async def list_case_ratings(
    case_id: CaseId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await rated.listing(tx, viewer, case_id, limit=limit, after=after)
