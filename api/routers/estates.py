"""找物业: categories with their promises, assets, a worker's tasks; companies and assets for the console."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute, json_response
from api.kit.paging import After, BadCursor, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound
from api.routers.deps import KEY_PROBLEMS, SIGNED_IN, CurrentViewer, Db, Once, Tx, problems
from api.rules.cases import CATEGORY_TITLES, CaseKind
from api.rules.limits import CaseClass
from api.rules.property import ADVICE, CATEGORIES_OF, AssetKind, ServiceHoursShort
from api.rules.settings import limits_under
from api.schemas.places import UnitOut
from api.schemas.property import (
    AddAsset,
    AddCompany,
    AssetOut,
    CategoryOut,
    ChangeAsset,
    ChangeUnit,
    CompanyOut,
    MemberOut,
    TaskOut,
)
from api.services import units
from api.services.cases import worklist
from api.services.places import assets, settings, stewards
from api.services.places.settling import AlreadyThere

fast = APIRouter(tags=["找物业"], route_class=HotRoute)
router = APIRouter(tags=["找物业"], route_class=TransactionRoute)
console_router = APIRouter(tags=["建档"], route_class=TransactionRoute)

_PROBLEMS = (Malformed, NotFound, NotAllowed, AlreadyThere, *KEY_PROBLEMS)


@fast.get(
    "/me/tasks",
    response_model=Page[TaskOut],
    summary="我的待办",
    description="您所在单位承办而未办结的诉求，和别的单位请其协同而未完成的任务（task），最先到期的在前；"
    "mine=true 只看由您承办或指派给您的诉求。",
    responses=problems(Malformed, BadCursor),
)
async def list_tasks(
    viewer: CurrentViewer,
    db: Db,
    limit: Limit = 20,
    after: After = None,
    mine: Annotated[bool, Query(description="只看由您承办或指派给您的")] = False,
) -> Response:
    return json_response(await worklist.tasks(db, viewer, mine=mine, limit=limit, after=after))


@router.get(
    "/case-categories",
    response_model=list[CategoryOut],
    summary="诉求类别与时限",
    description="各种类可以选择的类别、承诺的时限，以及提交之前应先做的事。填了 place 为那里的时限，否则为缺省。",
    dependencies=SIGNED_IN,
    responses=problems(Malformed, NotFound),
)
async def list_case_categories(
    tx: Tx,
    kind: Annotated[CaseKind | None, Query(description="种类；不填为全部")] = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
) -> list[dict[str, Any]]:
    promised = await settings.promised(tx, place) if place is not None else None
    found = []
    for of_kind, categories in CATEGORIES_OF.items():
        for category in categories if kind in (None, of_kind) else ():
            limits = limits_under(CaseClass(category.value), promised)
            steps = {f: getattr(limits, f) for f in ("sign", "contact", "finish")}
            found.append(
                {
                    "kind": of_kind,
                    "category": category,
                    "title": CATEGORY_TITLES[category],
                    **{name: limit.text if limit is not None else None for name, limit in steps.items()},
                    "note": limits.note,
                    "advice": ADVICE.get(category),
                }
            )
    return found


@router.get(
    "/assets",
    response_model=Page[AssetOut],
    summary="设施列表",
    description="一个地域内在用的设施；楼栋则是它自己的和全小区共用的。报修时选择。",
    dependencies=SIGNED_IN,
    responses=problems(Malformed, NotFound),
)
async def list_assets(
    place: Annotated[UUID, Query(description="地域标识")],
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    kind: Annotated[AssetKind | None, Query(description="种类")] = None,
) -> dict[str, Any]:
    return await assets.assets(tx, place, kind=kind, limit=limit, after=after)


UnitId = Annotated[UUID, Path(description="承办单位标识")]


@router.get(
    "/units/{unit_id}/members",
    response_model=Page[MemberOut],
    summary="承办单位的成员",
    description="指派承办人时选择；本单位成员和此处的派单员可以查看。",
    responses=problems(NotFound),
)
async def list_unit_members(unit_id: UnitId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return {"items": await units.listing(tx, viewer, unit_id), "next": None}


@console_router.patch(
    "/units/{unit_id}",
    response_model=UnitOut,
    summary="变更承办单位",
    description="电话、服务时间、派工方式、启用或停用；没有写到的保持不变。同样的变更重复提交结果相同，因此无须幂等键。",
    responses=problems(
        Malformed, NotFound, NotAllowed, AlreadyThere, stewards.EstateTaken, ServiceHoursShort
    ),
)
async def change_unit(unit_id: UnitId, body: ChangeUnit, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await stewards.change_unit(tx, viewer, unit_id, body.changes())


@console_router.get(
    "/companies",
    response_model=Page[CompanyOut],
    summary="物业公司列表",
    description="您范围内登记的物业公司。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def list_companies(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
) -> dict[str, Any]:
    return await stewards.companies(tx, viewer, place_id=place, limit=limit, after=after)


@console_router.post(
    "/companies",
    status_code=201,
    response_model=CompanyOut,
    summary="登记物业公司",
    description="及其服务时间；它的签收与联系时限按服务时间计。再为它服务的每个小区新增一个承办单位。",
    responses=problems(*_PROBLEMS, ServiceHoursShort),
    dependencies=[Once],
)
async def add_company(body: AddCompany, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await stewards.add_company(tx, viewer, **body.model_dump())


@console_router.post(
    "/assets",
    status_code=201,
    response_model=AssetOut,
    summary="登记设施",
    description="小区共用的，或其中一栋楼的；成批的请用导入。",
    responses=problems(*_PROBLEMS),
    dependencies=[Once],
)
async def add_asset(body: AddAsset, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await assets.add_asset(tx, viewer, **body.model_dump())


@console_router.patch(
    "/assets/{asset_id}",
    response_model=AssetOut,
    summary="变更设施",
    description="名称、种类、在用或停用；没有写到的保持不变，因此无须幂等键。",
    responses=problems(Malformed, NotFound, NotAllowed, AlreadyThere),
)
async def change_asset(
    asset_id: Annotated[UUID, Path(description="设施标识")], body: ChangeAsset, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await assets.change_asset(tx, viewer, asset_id, body.changes())
