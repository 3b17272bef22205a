"""居住关系: residents register a home as theirs, staff verify it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, TheVault, Tx, problems
from api.rules.people import BelongingMove, ResidencyState
from api.schemas.base import Happened
from api.schemas.people import ALLOWED, NEEDED, MoveBelonging, RegisterResidency, ResidencyOut
from api.services.people import residencies
from api.services.people.belonging import AlreadyRegistered
from api.services.timeline import timeline

app_router = APIRouter(tags=["居住关系"], route_class=TransactionRoute)
shared_router = APIRouter(tags=["居住关系"], route_class=TransactionRoute)

ResidencyId = Annotated[UUID, Path(description="居住登记标识")]


@app_router.post(
    "/residencies",
    status_code=201,
    response_model=ResidencyOut,
    summary="登记居住",
    description="登记本人居住在一套房屋，由社区工作人员核实。同一套房屋只能有一条有效登记。",
    responses=problems(Malformed, NotFound, NotAllowed, AlreadyRegistered, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def register_residency(
    body: RegisterResidency, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    made = await residencies.register(
        tx, viewer, home_id=body.home_id, relation=body.relation, is_registered=body.is_registered
    )
    return await residencies.read(tx, vault, viewer, made)


@shared_router.get(
    "/residencies",
    response_model=Page[ResidencyOut],
    summary="居住登记列表",
    description="从新到旧。不填 place 只看本人的；填 place 则是该地域内您可以看到的，例如待核实的（state=pending）。",
    responses=problems(Malformed, NotFound),
)
async def list_residencies(
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    state: Annotated[ResidencyState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await residencies.listing(tx, vault, viewer, place_id=place, state=state, limit=limit, after=after)


@shared_router.get(
    "/residencies/{residency_id}",
    response_model=ResidencyOut,
    summary="查看居住登记",
    description="一条居住登记，以及您此刻可以进行的操作 moves。",
    responses=problems(NotFound),
)
async def get_residency(
    residency_id: ResidencyId, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    return await residencies.read(tx, vault, viewer, residency_id)


@shared_router.post(
    "/residencies/{residency_id}/moves/{move}",
    response_model=ResidencyOut,
    summary="核实或结束居住登记",
    description="verify 核实通过、refuse 核实不通过（写明原因）、end 结束（本人搬离，或工作人员更正）。本人不能核实自己的登记。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_residency(
    residency_id: ResidencyId,
    move: Annotated[BelongingMove, Path(description="操作")],
    body: MoveBelonging,
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    await residencies.move(tx, viewer, residency_id, move, body.reason)
    return await residencies.read(tx, vault, viewer, residency_id)


@shared_router.get(
    "/residencies/{residency_id}/events",
    response_model=Page[Happened],
    summary="居住登记时间线",
    description="登记与核实的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_residency_events(
    residency_id: ResidencyId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await residencies.find(tx, viewer, residency_id)
    return await timeline(tx, residency_id, limit=limit, after=after)
