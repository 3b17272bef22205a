"""微心愿 and 志愿求助: submit, list, read, screen, claim, do, confirm. Both are one machine at two addresses."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute, json_response
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Key, Once, TheVault, Tx, problems
from api.rules import needs as rules
from api.rules.channels import WrongChannel
from api.rules.need_words import NeedKind, NeedMove, NeedState
from api.rules.points import Period
from api.schemas.base import Happened
from api.schemas.needs import (
    ALLOWED,
    NEEDED,
    BranchesOverview,
    ClaimNeed,
    MoveNeed,
    MyClaim,
    MyOffer,
    NeedItem,
    NeedNumbers,
    NeedOut,
    SubmitHelp,
    SubmitWish,
)
from api.services.access import Viewer
from api.services.answers import pending_of
from api.services.needs import (
    claiming,
    confirming,
    listing,
    offering,
    reading,
    screening,
    statistics,
    submitting,
    working,
)
from api.services.needs.finding import find
from api.services.needs.submitting import NewNeed, OnBehalf
from api.services.needs.view import view
from api.services.places.finding import WrongLevel
from api.services.timeline import timeline
from api.services.uploads.attaching import TooManyUploads, UploadNotUsable

fast = APIRouter(tags=["微心愿与志愿求助"], route_class=HotRoute)
router = APIRouter(tags=["微心愿与志愿求助"], route_class=TransactionRoute)
mine_router = APIRouter(tags=["微心愿与志愿求助"], route_class=TransactionRoute)

NeedId = Annotated[UUID, Path(description="需求标识")]
_SUBMIT = problems(
    Malformed, NotFound, NotAllowed, WrongLevel, WrongChannel, submitting.WishesEnough, submitting.RisksMissing,
    UploadNotUsable, TooManyUploads, *KEY_PROBLEMS,
)  # fmt: skip
_MOVE = problems(
    Malformed, NotFound, NotAllowed, WrongMoment, WrongChannel, UploadNotUsable, TooManyUploads, screening.NoParent,
    rules.OwnHousehold, rules.NotQualified, rules.LiveLimit, rules.AlreadyClaimed, rules.ContentRefused,
    rules.AlreadyContacted, rules.ContactFirst, rules.ReleaseAsked, rules.NothingAsked, rules.TransferredEnough,
    rules.ExtendedEnough, rules.NotDisputed, rules.AlreadyDisputed, rules.OwnWork, rules.SharedTask, rules.NobodyYet,
    *KEY_PROBLEMS,
)  # fmt: skip
_CLAIM = problems(
    Malformed, NotFound, NotAllowed, WrongMoment, rules.OwnHousehold, rules.NotQualified, rules.LiveLimit,
    rules.AlreadyClaimed, *KEY_PROBLEMS,
)  # fmt: skip
PlaceAsked = Annotated[UUID, Query(description="地域标识")]
PeriodAsked = Annotated[Period, Query(description="本月、本季度、本年")]
Mine = Annotated[Literal["author", "claimant"] | None, Query(description="author 我提的，claimant 我认领的")]


@router.post(
    "/wishes",
    status_code=201,
    response_model=NeedOut,
    summary="提微心愿",
    description="由社区审核后公开，党员认领。一户同时最多两个。涉及钱款、买卖和紧急情况的会指明对口渠道。",
    responses=_SUBMIT,
    dependencies=[Once],
)
async def submit_wish(body: SubmitWish, viewer: CurrentViewer, vault: TheVault, tx: Tx) -> dict[str, Any]:
    return await _submit(tx, vault, viewer, NeedKind.wish, body)


@router.post(
    "/help-requests",
    status_code=201,
    response_model=NeedOut,
    summary="提志愿求助",
    description="由社区审核后公开，志愿者认领。须说明可能的风险（《志愿服务条例》第十三条）。",
    responses=_SUBMIT,
    dependencies=[Once],
)
async def submit_help_request(
    body: SubmitHelp, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    return await _submit(tx, vault, viewer, NeedKind.help, body)


async def _submit(
    tx: Tx, vault: TheVault, viewer: Viewer, kind: NeedKind, body: SubmitWish | SubmitHelp
) -> dict[str, Any]:
    fields = {f: getattr(body, f) for f in NewNeed.__slots__}
    if body.on_behalf_of is not None:
        fields["on_behalf_of"] = OnBehalf(**body.on_behalf_of.model_dump())
    return await _seen(tx, viewer, await submitting.submit(tx, vault, viewer, kind, NewNeed(**fields)))


def _list(kind: NeedKind) -> Any:
    async def endpoint(
        viewer: CurrentViewer,
        db: Db,
        limit: Limit = 20,
        after: After = None,
        state: Annotated[NeedState | None, Query(description="状态")] = None,
        place: Annotated[UUID | None, Query(description="地域标识")] = None,
        skills: Annotated[
            str | None, Query(max_length=200, description="特长，逗号分隔；mine 为本人登记的特长")
        ] = None,
        near: Annotated[UUID | None, Query(description="离这个地域近的在前，同样近的紧急的在前")] = None,
        mine: Mine = None,
    ) -> Response:
        found = await listing.listing(
            db,
            viewer,
            kind,
            limit=limit,
            after=after,
            state=state,
            place_id=place,
            skills=skills,
            near=near,
            mine=mine,
        )
        return json_response(found)

    return endpoint


async def _get(need_id: NeedId, viewer: CurrentViewer, vault: TheVault, db: Db) -> Response:
    return json_response(await reading.read(db, vault, viewer, need_id))


async def _claim(
    need_id: NeedId, body: ClaimNeed, request: Request, viewer: CurrentViewer, db: Db, key: Key = None
) -> Response:
    pending = pending_of(viewer, key, "POST", request.scope["path"], await request.body())
    answer = await claiming.claim(db, viewer, need_id, pending)
    headers = {"idempotent-replayed": "true"} if answer.replayed else None
    return Response(answer.body, answer.status, headers, "application/json")


async def _move(
    need_id: NeedId,
    move: Annotated[NeedMove, Path(description="操作")],
    body: MoveNeed,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    await _carry_out(tx, viewer, need_id, move, body)
    return await _seen(tx, viewer, need_id)


async def _carry_out(tx: Tx, viewer: Viewer, need_id: UUID, move: NeedMove, body: MoveNeed) -> None:
    reason, person = body.reason or "", body.person_id or need_id
    match move:
        case NeedMove.submit:
            await submitting.submit_again(tx, viewer, need_id, title=body.title, text=body.text)
        case NeedMove.return_:
            await screening.give_back(tx, viewer, need_id, reason)
        case NeedMove.decline:
            await screening.decline(tx, viewer, need_id, reason)
        case NeedMove.publish:
            await screening.publish(tx, viewer, need_id)
        case NeedMove.merge:
            await screening.merge(tx, viewer, need_id, body.into or need_id)
        case NeedMove.offer:
            await offering.offer(tx, viewer, need_id, person, reasons=["社区指定"])
        case NeedMove.recall:
            await offering.recall(tx, viewer, need_id)
        case NeedMove.accept:
            await offering.accept(tx, viewer, need_id)
        case NeedMove.pass_:
            await offering.pass_on(tx, viewer, need_id)
        case NeedMove.contact:
            await working.contact(tx, viewer, need_id)
        case NeedMove.release:
            await working.release(tx, viewer, need_id, reason)
        case NeedMove.let_go:
            await working.let_go(tx, viewer, need_id)
        case NeedMove.hold_to:
            await working.hold_to(tx, viewer, need_id, reason)
        case NeedMove.transfer:
            await working.transfer(tx, viewer, need_id, person)
        case NeedMove.accept_transfer:
            await working.accept_transfer(tx, viewer, need_id)
        case NeedMove.refuse_transfer:
            await working.refuse_transfer(tx, viewer, need_id)
        case NeedMove.extend:
            await working.extend(tx, viewer, need_id, reason)
        case NeedMove.agree_extension:
            await working.agree_extension(tx, viewer, need_id)
        case NeedMove.refuse_extension:
            await working.refuse_extension(tx, viewer, need_id)
        case NeedMove.settle:
            await working.settle(tx, viewer, need_id)
        case NeedMove.finish:
            await working.finish(
                tx,
                viewer,
                need_id,
                text=body.text or "",
                minutes=body.minutes or 0,
                uploads=body.uploads or [],
            )
        case NeedMove.confirm:
            await confirming.confirm(tx, viewer, need_id, body.stars or 0, body.text)
        case NeedMove.dispute:
            await confirming.dispute(tx, viewer, need_id, reason)
        case NeedMove.redo:
            await confirming.redo(tx, viewer, need_id, reason)
        case NeedMove.reopen:
            await confirming.reopen(tx, viewer, need_id, reason)
        case NeedMove.close:
            await confirming.close(tx, viewer, need_id, reason)
        case NeedMove.withdraw:
            await confirming.withdraw(tx, viewer, need_id, body.reason)
        case _:  # take_over by staff; expire, time_out, lapse: the clock's own; claim has its own route
            await (await find(tx, viewer, need_id)).move(tx, move.value)


async def _events(
    need_id: NeedId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await find(tx, viewer, need_id)
    return await timeline(tx, need_id, limit=limit, after=after)


async def _seen(tx: Tx, viewer: Viewer, need_id: UUID) -> dict[str, Any]:
    await tx.flush()
    return view((await find(tx, viewer, need_id)).row, viewer)


_PLACES = (
    (NeedKind.wish, "/wishes", "微心愿", "wishes", "wish"),
    (NeedKind.help, "/help-requests", "志愿求助", "help_requests", "help_request"),
)
for _kind, _path, _title, _many, _one in _PLACES:
    fast.add_api_route(
        _path,
        _list(_kind),
        methods=["GET"],
        response_model=Page[NeedItem],
        name=f"list_{_many}",
        summary=f"{_title}列表",
        description="从新到旧。不填 place 是您居住、报到和工作之处的；mine 只看自己提的或认领的；near 由近到远。",
        responses=problems(Malformed, NotFound),
    )
    fast.add_api_route(
        _path + "/{need_id}",
        _get,
        methods=["GET"],
        response_model=NeedOut,
        name=f"get_{_one}",
        summary=f"查看{_title}",
        description="全部内容和您此刻可以进行的操作。联系方式只给已登记联系的认领人，每次查看留痕。",
        responses=problems(NotFound),
    )
    fast.add_api_route(
        _path + "/{need_id}/moves/claim",
        _claim,
        methods=["POST"],
        response_model=NeedOut,
        name=f"claim_{_one}",
        summary=f"认领{_title}",
        description="一个名额只有一人认领成功，其余得到 409。请带 Idempotency-Key，断网重试不会重复认领。",
        responses=_CLAIM,
    )
    router.add_api_route(
        _path + "/{need_id}/moves/{move}",
        _move,
        methods=["POST"],
        response_model=NeedOut,
        name=f"move_{_one}",
        summary=f"办理{_title}",
        description="按生命周期表进行一次操作，返回操作之后的内容。",
        responses=_MOVE,
        dependencies=[Once],
    )
    router.add_api_route(
        _path + "/{need_id}/events",
        _events,
        methods=["GET"],
        response_model=Page[Happened],
        name=f"list_{_one}_events",
        summary=f"{_title}时间线",
        description="公开的经过，从旧到新。",
        responses=problems(NotFound),
    )


@mine_router.get(
    "/me/claims",
    response_model=Page[MyClaim],
    summary="我的认领",
    description="从新到旧；contact_by 之前要联系对方。",
)
async def list_my_claims(
    viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await listing.my_claims(tx, viewer, limit=limit, after=after)


@mine_router.get(
    "/me/offers",
    response_model=Page[MyOffer],
    summary="派给我的单",
    description="还没有答复的派单，从新到旧。",
)
async def list_my_offers(
    viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await listing.my_offers(tx, viewer, limit=limit, after=after)


@router.get(
    "/need-statistics",
    response_model=NeedNumbers,
    summary="群众点单统计",
    description="一个地域本期公开的微心愿和志愿求助：多少、多少有人认领、完成、未确认，和所用时间的中位数。",
    responses=problems(Malformed, NotFound),
)
async def get_need_statistics(
    viewer: CurrentViewer, tx: Tx, place: PlaceAsked, period: PeriodAsked = Period.month
) -> dict[str, Any]:
    return await statistics.numbers(tx, place, period)


@router.get(
    "/branch-overview",
    response_model=BranchesOverview,
    summary="党支部接单情况",
    description="一个地域各党支部本期的报到党员、认领、完成和时长。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def get_branch_overview(
    viewer: CurrentViewer, tx: Tx, place: PlaceAsked, period: PeriodAsked = Period.month
) -> dict[str, Any]:
    return await statistics.branches(tx, viewer, place, period)
