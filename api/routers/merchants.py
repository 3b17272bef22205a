"""找商家: the list for everybody, and its upkeep in the console."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound
from api.routers.deps import KEY_PROBLEMS, SIGNED_IN, CurrentViewer, Once, Tx, problems
from api.rules.property import MerchantCategory, ServiceHoursShort
from api.schemas.base import Search
from api.schemas.merchants import AddMerchant, ChangeMerchant, MerchantOut
from api.services.places import merchants
from api.services.places.finding import WrongLevel
from api.services.places.settling import AlreadyThere

router = APIRouter(tags=["找商家"], route_class=TransactionRoute)
console_router = APIRouter(tags=["找商家"], route_class=TransactionRoute)


@router.get(
    "/merchants",
    response_model=Page[MerchantOut],
    summary="商家列表",
    description="一个地域内的商家；楼栋、网格则是所在社区的。online=true 的可以在线预约。",
    dependencies=SIGNED_IN,
    responses=problems(Malformed, NotFound),
)
async def list_merchants(
    place: Annotated[UUID, Query(description="地域标识")],
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    category: Annotated[MerchantCategory | None, Query(description="类别")] = None,
    q: Annotated[Search | None, Query(description="名称或介绍中的字词")] = None,
) -> dict[str, Any]:
    return await merchants.merchants(tx, place, category=category, q=q, limit=limit, after=after)


@console_router.post(
    "/merchants",
    status_code=201,
    response_model=MerchantOut,
    summary="登记商家",
    description="在一个社区之内。takes_orders=true 的同时建立它的承办单位，再为其人员授权“商家人员”。",
    responses=problems(
        Malformed, NotFound, WrongLevel, NotAllowed, AlreadyThere, ServiceHoursShort, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def add_merchant(body: AddMerchant, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await merchants.add_merchant(tx, viewer, **body.model_dump())


@console_router.patch(
    "/merchants/{merchant_id}",
    response_model=MerchantOut,
    summary="变更商家",
    description="没有写到的保持不变，因此无须幂等键；active=false 不再展示。",
    responses=problems(Malformed, NotFound, NotAllowed, AlreadyThere),
)
async def change_merchant(
    merchant_id: Annotated[UUID, Path(description="商家标识")],
    body: ChangeMerchant,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    return await merchants.change_merchant(tx, viewer, merchant_id, body.changes())
