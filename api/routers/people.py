"""人员, for the console: finding people within reach, seeing a number for a reason, blocking an account."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.models.people import PersonId as Id
from api.routers.deps import CurrentViewer, Db, ThePictures, TheVault, Tx, problems
from api.rules.people import PersonMove
from api.schemas.base import Search
from api.schemas.people import LookUpPerson, PersonItem, PersonOut, PhoneOut, WithReason
from api.services.people import administering, reading
from api.services.people.administering import NoPhone
from api.services.sessions import Sessions

router = APIRouter(tags=["人员"], route_class=TransactionRoute)
blocking_router = APIRouter(tags=["人员"])
"""Ends sessions after the commit, hence opens its transaction itself."""

PersonId = Annotated[UUID, Path(description="人员标识")]


@router.get(
    "/people",
    response_model=Page[PersonItem],
    summary="人员列表",
    description="您范围内的居民、报到人员和工作人员，从新到旧，号码隐去中间四位。"
    "q 按昵称、公职姓名的一部分或完整的用户名查找；按手机号请用 lookup，号码不写进地址。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def list_people(
    viewer: CurrentViewer,
    vault: TheVault,
    pictures: ThePictures,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    q: Annotated[Search | None, Query(description="查找的字词")] = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
) -> dict[str, Any]:
    return await reading.listing(tx, vault, pictures, viewer, place_id=place, q=q, limit=limit, after=after)


@router.post(
    "/people/lookup",
    response_model=PersonOut,
    summary="按手机号查找人员",
    description="您范围内使用这个完整手机号的人。号码只在请求内容中，不进入地址与日志。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def look_up_person(
    body: LookUpPerson, viewer: CurrentViewer, vault: TheVault, pictures: ThePictures, tx: Tx
) -> dict[str, Any]:
    return await reading.lookup(tx, vault, pictures, viewer, body.phone)


@router.get(
    "/people/{person_id}",
    response_model=PersonOut,
    summary="查看人员",
    description="一个人，连同在您范围内的居住、报到与授权。",
    responses=problems(NotAllowed, NotFound),
)
async def get_person(
    person_id: PersonId, viewer: CurrentViewer, vault: TheVault, pictures: ThePictures, tx: Tx
) -> dict[str, Any]:
    return await reading.read(tx, vault, pictures, viewer, person_id)


@router.post(
    "/people/{person_id}/unmask",
    response_model=PhoneOut,
    summary="查看完整手机号",
    description="须写明理由；谁在何时因何查看，记入审计。应答不保存，因此不接受幂等键。",
    responses=problems(Malformed, NotAllowed, NotFound, NoPhone),
)
async def unmask_phone(
    person_id: PersonId, body: WithReason, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    """No `Once`: the kept answer would be the number in the clear."""
    return {"phone": await administering.unmask(tx, vault, viewer, person_id, body.reason)}


@blocking_router.post(
    "/people/{person_id}/moves/{move}",
    response_model=PersonOut,
    summary="停用或恢复账号",
    description="block 停用：所有登录立即失效；unblock 恢复。须写明理由，记入审计。"
    "重复停用得到 409，并再次结束其登录，因此无须幂等键。",
    responses=problems(Malformed, NotAllowed, NotFound, WrongMoment),
)
async def move_person(
    person_id: PersonId,
    move: Annotated[PersonMove, Path(description="操作")],
    body: WithReason,
    request: Request,
    viewer: CurrentViewer,
    vault: TheVault,
    pictures: ThePictures,
    db: Db,
) -> dict[str, Any]:
    sessions: Sessions = request.app.state.sessions
    try:
        async with db.transaction() as tx:
            await administering.move(tx, viewer, person_id, move, body.reason)
            person = await reading.read(tx, vault, pictures, viewer, person_id)
    except WrongMoment:
        # Blocked before, perhaps by this very request whose second half found Redis away.
        if move is PersonMove.block:
            await sessions.close_all(Id(person_id))
        raise
    if move is PersonMove.block:
        await sessions.close_all(Id(person_id))
    return person
