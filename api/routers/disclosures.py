"""三务公开: what is owed to the public, shown, asked about. Mounted for residents and for staff alike."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Key, Once, ThePictures, TheVault, Tx, problems
from api.rules.disclosures import DisclosureKind, DisclosureMove, DisclosureState, OwnDraft, QuestionsOpen
from api.schemas.base import Happened, Search
from api.schemas.cases import CaseOut
from api.schemas.disclosures import (
    ALLOWED,
    NEEDED,
    AskOnDisclosure,
    DisclosureItem,
    DisclosureOut,
    MoveDisclosure,
    PlanDisclosure,
    QuestionOut,
)
from api.services.answers import pending_of
from api.services.cases.submitting import PlaceTooWide
from api.services.disclosures import asking, moving, planning, reading
from api.services.disclosures.finding import find, read_row
from api.services.places.finding import WrongLevel
from api.services.timeline import timeline
from api.services.uploads.attaching import TooManyUploads, UploadNotUsable

fast = APIRouter(tags=["三务公开"], route_class=HotRoute)
"""Asks by the case's own statement, hence opens its transactions itself."""
router = APIRouter(tags=["三务公开"], route_class=TransactionRoute)

DisclosureId = Annotated[UUID, Path(description="公开事项标识")]


@fast.post(
    "/disclosures/{disclosure_id}/questions",
    status_code=201,
    response_model=CaseOut,
    summary="对公开内容提出疑问",
    description="当地已核实的居民提出；每条疑问是一件书记信箱的诉求，按其时限答复、由您评价。请带 Idempotency-Key。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, PlaceTooWide, UploadNotUsable, *KEY_PROBLEMS),
)  # fmt: skip
async def ask_on_disclosure(
    disclosure_id: DisclosureId,
    body: AskOnDisclosure,
    request: Request,
    viewer: CurrentViewer,
    db: Db,
    vault: TheVault,
    key: Key = None,
) -> Response:
    pending = pending_of(viewer, key, "POST", request.scope["path"], await request.body())
    answer = await asking.ask(db, vault, viewer, disclosure_id, body.text, body.anonymous, pending)
    headers = {"idempotent-replayed": "true"} if answer.replayed else None
    return Response(answer.body, answer.status, headers, "application/json")


@router.post(
    "/disclosures",
    status_code=201,
    response_model=DisclosureOut,
    summary="列出须公开的重大事项",
    description="3 个工作日内公开。每季度的党务、村（居）务和每月的财务由系统按期列出。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongLevel, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def plan_disclosure(
    body: PlanDisclosure, viewer: CurrentViewer, tx: Tx, pictures: ThePictures
) -> dict[str, Any]:
    disclosure_id = await planning.plan(tx, viewer, body.place_id, body.kind, body.title)
    return await reading.view(tx, viewer, pictures, await read_row(tx, viewer, disclosure_id))


@router.get(
    "/disclosures",
    response_model=Page[DisclosureItem],
    summary="公开事项列表",
    description="从新到旧。已公开的人人可见；尚未公开的只有当地工作人员和监督委员会可见。q 按标题和内容查找。",
    responses=problems(Malformed, NotFound),
)
async def list_disclosures(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识，含其下")] = None,
    kind: Annotated[DisclosureKind | None, Query(description="种类")] = None,
    state: Annotated[DisclosureState | None, Query(description="状态")] = None,
    q: Annotated[Search | None, Query(description="查找的字词")] = None,
) -> dict[str, Any]:
    return await reading.listing(
        tx, viewer, limit=limit, after=after, place_id=place, kind=kind, state=state, q=q
    )


@router.get(
    "/disclosures/{disclosure_id}",
    response_model=DisclosureOut,
    summary="查看公开事项",
    description="公开的内容、监督委员会的意见、期限，以及您此刻可以进行的操作。",
    responses=problems(NotFound),
)
async def get_disclosure(
    disclosure_id: DisclosureId, viewer: CurrentViewer, tx: Tx, pictures: ThePictures
) -> dict[str, Any]:
    return await reading.view(tx, viewer, pictures, await read_row(tx, viewer, disclosure_id))


@router.get(
    "/disclosures/{disclosure_id}/events",
    response_model=Page[Happened],
    summary="公开事项时间线",
    description="从列出到归档的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_disclosure_events(
    disclosure_id: DisclosureId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await read_row(tx, viewer, disclosure_id)
    return await timeline(tx, disclosure_id, limit=limit, after=after)


@router.get(
    "/disclosures/{disclosure_id}/questions",
    response_model=Page[QuestionOut],
    summary="疑问列表",
    description="每条疑问的诉求编号与办理状态，从新到旧。",
    responses=problems(NotFound),
)
async def list_disclosure_questions(
    disclosure_id: DisclosureId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await read_row(tx, viewer, disclosure_id)
    return await reading.questions(tx, disclosure_id, limit=limit, after=after)


@router.post(
    "/disclosures/{disclosure_id}/moves/{move}",
    response_model=DisclosureOut,
    summary="推进公开事项",
    description="起草、审核、退回、公开、归档；返回操作之后的公开事项。question 由居民提出疑问时系统进行。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, OwnDraft, QuestionsOpen, UploadNotUsable, TooManyUploads,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)  # fmt: skip
async def move_disclosure(
    disclosure_id: DisclosureId,
    move: Annotated[DisclosureMove, Path(description="操作")],
    body: MoveDisclosure,
    viewer: CurrentViewer,
    tx: Tx,
    pictures: ThePictures,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    match move:
        case DisclosureMove.draft:
            await moving.draft(tx, viewer, disclosure_id, body.text or "", body.uploads or ())
        case DisclosureMove.review:
            await moving.review(tx, viewer, disclosure_id, body.opinion or "")
        case DisclosureMove.return_:
            await moving.return_(tx, viewer, disclosure_id, body.reason or "")
        case DisclosureMove.publish:
            await moving.publish(tx, viewer, disclosure_id)
        case DisclosureMove.archive:
            await moving.archive(tx, viewer, disclosure_id)
        case DisclosureMove.question:  # the system's own
            (await find(tx, viewer, disclosure_id)).require(move)
    return await reading.view(tx, viewer, pictures, await read_row(tx, viewer, disclosure_id))
