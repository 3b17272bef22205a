"""建档, for the console: grids and buildings, estates, homes, units and branches of a community, by hand."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.places import Level, UnitKind
from api.rules.property import ServiceHoursShort
from api.schemas.places import (
    AddBranch,
    AddEstate,
    AddHome,
    AddPlace,
    AddUnit,
    Bounds,
    BranchOut,
    EstateOut,
    HomeOut,
    PlaceItem,
    UnitOut,
)
from api.services.places import bounds, settling, stewards
from api.services.places.finding import WrongLevel
from api.services.places.settling import AlreadyThere, BuildingTaken

router = APIRouter(tags=["建档"], route_class=TransactionRoute)

_PROBLEMS = (Malformed, WrongLevel, NotFound, NotAllowed, AlreadyThere, *KEY_PROBLEMS)


@router.post(
    "/places",
    status_code=201,
    response_model=PlaceItem,
    summary="新增网格或楼栋",
    description="在一个社区之下。代码由社区代码与编号组成；村（社区）及以上由区划导入。",
    responses=problems(*_PROBLEMS),
    dependencies=[Once],
)
async def add_place(body: AddPlace, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await settling.add_place(
        tx,
        viewer,
        parent_id=body.parent_id,
        level=Level(body.level),
        number=body.number,
        name=body.name,
    )


@router.put(
    "/places/{place_id}/bounds",
    response_model=Bounds,
    summary="划定地域范围",
    description="网格事件的位置须在所选地域的范围内；没有划定的按最近的上级。同样的范围重复提交结果相同，因此无须幂等键。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def draw_bounds(
    place_id: Annotated[UUID, Path(description="地域标识")], body: Bounds, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await bounds.draw(tx, viewer, place_id, **body.model_dump())


@router.post(
    "/estates",
    status_code=201,
    response_model=EstateOut,
    summary="新增小区",
    description="在一个社区之内，连同属于它的楼栋；一个楼栋只属于一个小区。",
    responses=problems(*_PROBLEMS, BuildingTaken),
    dependencies=[Once],
)
async def add_estate(body: AddEstate, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await settling.add_estate(tx, viewer, **body.model_dump())


@router.post(
    "/homes",
    status_code=201,
    response_model=HomeOut,
    summary="新增房屋",
    description="楼栋中的一户；成批的请用导入。",
    responses=problems(*_PROBLEMS),
    dependencies=[Once],
)
async def add_home(body: AddHome, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await settling.add_home(tx, viewer, **body.model_dump())


@router.post(
    "/branches",
    status_code=201,
    response_model=BranchOut,
    summary="新增党支部",
    description="在一个社区之内，供党员报到时选择。",
    responses=problems(*_PROBLEMS),
    dependencies=[Once],
)
async def add_branch(body: AddBranch, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await settling.add_branch(tx, viewer, **body.model_dump())


@router.get(
    "/units",
    response_model=Page[UnitOut],
    summary="承办单位列表",
    description="您范围内的承办单位，连同已停用的；派单时指定单位用它的标识。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def list_units(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    kind: Annotated[UnitKind | None, Query(description="种类")] = None,
) -> dict[str, Any]:
    return await stewards.units(tx, viewer, place_id=place, kind=kind, limit=limit, after=after)


@router.post(
    "/units",
    status_code=201,
    response_model=UnitOut,
    summary="新增承办单位",
    description="一个地域的书记台、物业公司、网格、代办点或商家；有了书记台，诉求才会自动派单。"
    "物业公司按小区设立，一个小区一个在用的。",
    responses=problems(*_PROBLEMS, stewards.EstateNeeded, stewards.EstateTaken, ServiceHoursShort),
    dependencies=[Once],
)
async def add_unit(body: AddUnit, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await stewards.add_unit(tx, viewer, **body.model_dump())
