"""地域与找书记: where one is, who is responsible there. Open to everybody signed in; no resident's data."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotFound
from api.routers.deps import SIGNED_IN, Tx, problems
from api.rules.places import Level
from api.schemas.base import Search
from api.schemas.places import (
    BranchOut,
    EstateOut,
    HomeItem,
    PlaceItem,
    PlaceOut,
    SecretaryItem,
    SecretaryOut,
    UnitOut,
)
from api.services.places import browsing, directory
from api.services.places.browsing import ParentNeeded
from api.services.places.finding import WrongLevel

router = APIRouter(tags=["地域"], route_class=TransactionRoute, dependencies=SIGNED_IN)
directory_router = APIRouter(tags=["找书记"], route_class=TransactionRoute, dependencies=SIGNED_IN)

PlaceId = Annotated[UUID, Path(description="地域标识")]
At = Annotated[UUID, Query(alias="place", description="地域标识")]


@router.get(
    "/places",
    response_model=Page[PlaceItem],
    summary="地域列表",
    description="按代码排列。只填 parent 是直接下级；再填 level 或 q 则在其下各级中查找；都不填是各省。"
    "不填 parent 时只查到县（区）为止。",
    responses=problems(Malformed, NotFound, ParentNeeded),
)
async def list_places(
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    parent: Annotated[UUID | None, Query(description="上级地域标识")] = None,
    level: Annotated[Level | None, Query(description="层级")] = None,
    q: Annotated[Search | None, Query(description="名称中的字词")] = None,
) -> dict[str, Any]:
    return await browsing.search(tx, parent_id=parent, level=level, q=q, limit=limit, after=after)


@router.get(
    "/places/{place_id}",
    response_model=PlaceOut,
    summary="查看地域",
    description="一个地域，连同从省到它的各级上级；楼栋还有所属小区。",
    responses=problems(NotFound),
)
async def get_place(place_id: PlaceId, tx: Tx) -> dict[str, Any]:
    return await browsing.read(tx, place_id)


@router.get(
    "/places/{place_id}/homes",
    response_model=Page[HomeItem],
    summary="楼栋中的房屋",
    description="按房号排列，供登记居住时选择；不含任何住户信息。",
    responses=problems(NotFound, WrongLevel),
)
async def list_homes(place_id: PlaceId, tx: Tx, limit: Limit = 20, after: After = None) -> dict[str, Any]:
    return await browsing.homes(tx, place_id, limit=limit, after=after)


@router.get(
    "/estates",
    response_model=Page[EstateOut],
    summary="小区列表",
    description="一个地域内的小区及其楼栋。",
    responses=problems(Malformed, NotFound),
)
async def list_estates(place: At, tx: Tx, limit: Limit = 20, after: After = None) -> dict[str, Any]:
    return await browsing.estates(tx, place, limit=limit, after=after)


@router.get(
    "/branches",
    response_model=Page[BranchOut],
    summary="党支部列表",
    description="一个地域内的党支部，供党员报到时选择。",
    responses=problems(Malformed, NotFound),
)
async def list_branches(place: At, tx: Tx, limit: Limit = 20, after: After = None) -> dict[str, Any]:
    return await browsing.branches(tx, place, limit=limit, after=after)


@directory_router.get(
    "/secretaries",
    response_model=Page[SecretaryItem],
    summary="我的书记",
    description="一个地域的书记与副主任，由近及远，直到县（区）；附接待时间与书记台的地址、电话。",
    responses=problems(Malformed, NotFound),
)
async def list_secretaries(place: At, tx: Tx) -> dict[str, Any]:
    return {"items": await directory.secretaries(tx, place), "next": None}


@directory_router.get(
    "/secretaries/{person_id}",
    response_model=SecretaryOut,
    summary="查看书记",
    description="一位书记或副主任，及其全部职务。",
    responses=problems(NotFound),
)
async def get_secretary(person_id: Annotated[UUID, Path(description="人员标识")], tx: Tx) -> dict[str, Any]:
    return await directory.secretary(tx, person_id)


@directory_router.get(
    "/contacts",
    response_model=Page[UnitOut],
    summary="常用联系方式",
    description="一个地域的书记台、物业、网格等单位及其对外电话，由近及远。",
    responses=problems(Malformed, NotFound),
)
async def list_contacts(place: At, tx: Tx) -> dict[str, Any]:
    return {"items": await directory.contacts(tx, place), "next": None}
