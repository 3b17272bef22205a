"""授权与公职信息, for the console: who may do what and where, and how officials are shown."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, SIGNED_IN, CurrentViewer, Db, Once, TheVault, Tx, problems
from api.rules.roles import CONSOLE_ROLES, GRANTED, PERMISSION_TITLES, ROLE_TITLES, Permission, Role
from api.schemas.people import GiveGrant, GrantOut, RoleOut
from api.schemas.places import DescribeOfficial, OfficialOut
from api.services.people import grants, officials
from api.services.people.grants import AlreadyGranted, NewGrant, OwnGrant, UnitNeeded, UntilPast
from api.services.sessions import Sessions

router = APIRouter(tags=["授权"], route_class=TransactionRoute)
ending_router = APIRouter(tags=["授权"])
"""Ends sessions after the commit, hence opens its transaction itself."""


@router.get(
    "/grants",
    response_model=Page[GrantOut],
    summary="授权列表",
    description="您范围内的授权，从新到旧；live=false 连同已经结束的。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def list_grants(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    person: Annotated[UUID | None, Query(description="人员标识")] = None,
    role: Annotated[Role | None, Query(description="角色")] = None,
    live: Annotated[bool, Query(description="只看有效的")] = True,
) -> dict[str, Any]:
    return await grants.listing(
        tx,
        viewer,
        place_id=place,
        person_id=person,
        role=role,
        only_live=live,
        limit=limit,
        after=after,
    )


@router.post(
    "/grants",
    status_code=201,
    response_model=GrantOut,
    summary="授予角色",
    description="在您范围内的地域授予一个角色，及于其下全部。物业、商家人员在一个单位任职，只及于该单位的诉求。还不在您范围内的人用完整手机号指定。不能给自己授权。",
    responses=problems(
        Malformed,
        UntilPast,
        UnitNeeded,
        NotFound,
        NotAllowed,
        OwnGrant,
        AlreadyGranted,
        WrongMoment,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)
async def give_grant(body: GiveGrant, viewer: CurrentViewer, vault: TheVault, tx: Tx) -> dict[str, Any]:
    new = NewGrant(**{f: getattr(body, f) for f in NewGrant.__slots__})
    return await grants.read(tx, viewer, await grants.grant(tx, vault, viewer, new))


@ending_router.post(
    "/grants/{grant_id}/end",
    response_model=GrantOut,
    summary="收回角色",
    description="即刻收回。失去最后一个控制台角色的人立即退出控制台。已经结束的保持不变，因此无须幂等键。不能收回自己的。",
    responses=problems(NotFound, NotAllowed, OwnGrant),
)
async def end_grant(
    grant_id: Annotated[UUID, Path(description="授权标识")],
    request: Request,
    viewer: CurrentViewer,
    db: Db,
) -> dict[str, Any]:
    async with db.transaction() as tx:
        ended = await grants.end(tx, viewer, grant_id)
        shown = await grants.read(tx, viewer, grant_id)
    if not ended.keeps_console:
        sessions: Sessions = request.app.state.sessions
        await sessions.close_all(ended.person_id, console_only=True)
    return shown


@router.put(
    "/officials/{person_id}",
    response_model=OfficialOut,
    summary="填写公职信息",
    description="书记等工作人员对公众展示的姓名、称呼、接待时间与介绍；须在您范围内有职务。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def put_official(
    person_id: Annotated[UUID, Path(description="人员标识")],
    body: DescribeOfficial,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    return await officials.describe(tx, viewer, person_id, **body.model_dump())


@router.get(
    "/permissions",
    response_model=list[RoleOut],
    summary="角色与权限",
    description="每个角色可以做什么。",
    dependencies=SIGNED_IN,
)
async def list_permissions() -> list[dict[str, Any]]:
    return [
        {
            "role": role,
            "title": ROLE_TITLES[role],
            "console": role in CONSOLE_ROLES,
            "permissions": [
                {"permission": p, "title": PERMISSION_TITLES[p]} for p in Permission if p in GRANTED[role]
            ],
        }
        for role in Role
    ]
