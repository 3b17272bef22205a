"""报到登记: party members and volunteers report to a community, staff verify it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, TheVault, Tx, problems
from api.rules.people import BelongingMove, MembershipKind, MembershipState
from api.schemas.base import Happened
from api.schemas.people import ALLOWED, NEEDED, MembershipOut, MoveBelonging, RegisterMembership
from api.services.people import memberships
from api.services.people.belonging import AlreadyRegistered
from api.services.people.memberships import NewMembership
from api.services.places.finding import WrongLevel
from api.services.timeline import timeline

app_router = APIRouter(tags=["报到登记"], route_class=TransactionRoute)
shared_router = APIRouter(tags=["报到登记"], route_class=TransactionRoute)

MembershipId = Annotated[UUID, Path(description="报到登记标识")]


@app_router.post(
    "/memberships",
    status_code=201,
    response_model=MembershipOut,
    summary="报到登记",
    description="党员向社区报到（双报到），或登记为志愿者；由社区工作人员核实。",
    responses=problems(Malformed, WrongLevel, NotFound, NotAllowed, AlreadyRegistered, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def register_membership(
    body: RegisterMembership, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    fields = {f: getattr(body, f) for f in NewMembership.__slots__}
    fields["qualifications"] = [(q.name, q.expires_on) for q in body.qualifications]
    asked = NewMembership(**fields)
    made = await memberships.register(tx, viewer, asked)
    return await memberships.read(tx, vault, viewer, made)


@shared_router.get(
    "/memberships",
    response_model=Page[MembershipOut],
    summary="报到登记列表",
    description="从新到旧。不填 place 只看本人的；填 place 则是该地域内您可以看到的，例如待核实的（state=pending）。",
    responses=problems(Malformed, NotFound),
)
async def list_memberships(
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    kind: Annotated[MembershipKind | None, Query(description="种类")] = None,
    state: Annotated[MembershipState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await memberships.listing(
        tx, vault, viewer, place_id=place, kind=kind, state=state, limit=limit, after=after
    )


@shared_router.get(
    "/memberships/{membership_id}",
    response_model=MembershipOut,
    summary="查看报到登记",
    description="一条报到登记，以及您此刻可以进行的操作 moves。",
    responses=problems(NotFound),
)
async def get_membership(
    membership_id: MembershipId, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    return await memberships.read(tx, vault, viewer, membership_id)


@shared_router.post(
    "/memberships/{membership_id}/moves/{move}",
    response_model=MembershipOut,
    summary="核实或结束报到登记",
    description="verify 核实通过、refuse 核实不通过（写明原因）、end 结束。本人不能核实自己的登记。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_membership(
    membership_id: MembershipId,
    move: Annotated[BelongingMove, Path(description="操作")],
    body: MoveBelonging,
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    await memberships.move(tx, viewer, membership_id, move, body.reason)
    return await memberships.read(tx, vault, viewer, membership_id)


@shared_router.get(
    "/memberships/{membership_id}/events",
    response_model=Page[Happened],
    summary="报到登记时间线",
    description="登记与核实的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_membership_events(
    membership_id: MembershipId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await memberships.find(tx, viewer, membership_id)
    return await timeline(tx, membership_id, limit=limit, after=after)
