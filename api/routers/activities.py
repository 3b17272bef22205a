"""志愿活动: draw up, publish, find, sign up, check in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import (
    KEY_PROBLEMS,
    CurrentViewer,
    Db,
    Key,
    Once,
    ThePictures,
    TheVault,
    Tx,
    problems,
)
from api.rules import activities as rules
from api.rules import checkins
from api.rules.activity_words import ActivityMove, ActivityState, SeatMove, SeatState
from api.schemas.activities import (
    ACTIVITY_ALLOWED,
    ACTIVITY_NEEDED,
    REVISED,
    SEAT_ALLOWED,
    SEAT_NEEDED,
    ActivityItem,
    ActivityOut,
    CheckIn,
    CheckinCode,
    DrawUpActivity,
    MoveActivity,
    MoveSeat,
    SeatOut,
    SignUp,
)
from api.schemas.base import Happened, Moment
from api.services.access import Viewer
from api.services.activities import attending, leaving, listing, organising, queueing, reading, signing_up
from api.services.activities.finding import find, find_seat
from api.services.activities.organising import NewActivity
from api.services.answers import pending_of
from api.services.places.finding import WrongLevel
from api.services.timeline import timeline
from api.services.uploads.attaching import TooManyUploads, UploadNotUsable

fast = APIRouter(tags=["志愿活动"], route_class=HotRoute)
mine_router = APIRouter(tags=["志愿活动"], route_class=TransactionRoute)
router = APIRouter(tags=["志愿活动"], route_class=TransactionRoute)

ActivityId = Annotated[UUID, Path(description="活动标识")]
SeatId = Annotated[UUID, Path(description="名额标识")]


@router.post(
    "/activities",
    status_code=201,
    response_model=ActivityOut,
    summary="起草活动",
    description="社区工作人员，或队长为本队起草；内容审核通过后由社区发布。填 repeats 一次起草一个系列，返回第一次。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongLevel, UploadNotUsable, TooManyUploads, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def draw_up_activity(
    body: DrawUpActivity, viewer: CurrentViewer, pictures: ThePictures, tx: Tx
) -> dict[str, Any]:
    position, repeats = body.position, body.repeats
    fields = {f: getattr(body, f) for f in NewActivity.__slots__ if f in DrawUpActivity.model_fields}
    fields |= {
        "latitude": position.latitude if position else None,
        "longitude": position.longitude if position else None,
        "every": repeats.every if repeats else None,
        "times": repeats.times if repeats else 1,
    }
    made = await organising.draw_up(tx, viewer, NewActivity(**fields))
    await tx.flush()
    return await reading.read(tx, pictures, viewer, made)


@router.get(
    "/activities",
    response_model=Page[ActivityItem],
    summary="志愿活动列表",
    description="先开始的在前；near 由近到远，同样近的先开始的在前。已结束的不列出，除非 since 早于它；"
    "mine=true 是您组织的，包括草稿和已结束的。",
    responses=problems(Malformed, NotFound),
)
async def list_activities(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    state: Annotated[ActivityState | None, Query(description="状态")] = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    near: Annotated[UUID | None, Query(description="离这个地域近的在前")] = None,
    since: Annotated[Moment | None, Query(description="在此之后结束的")] = None,
    until: Annotated[Moment | None, Query(description="在此之前开始的")] = None,
    mine: Annotated[bool, Query(description="只看您组织的")] = False,
) -> dict[str, Any]:
    return await listing.listing(
        tx,
        viewer,
        limit=limit,
        after=after,
        state=state,
        place_id=place,
        near=near,
        since=since,
        until=until,
        mine=mine,
    )


@router.get(
    "/activities/{activity_id}",
    response_model=ActivityOut,
    summary="查看活动",
    description="全部内容、您的名额、您要报名还差什么，以及您此刻可以进行的操作。",
    responses=problems(NotFound),
)
async def get_activity(
    activity_id: ActivityId, viewer: CurrentViewer, pictures: ThePictures, tx: Tx
) -> dict[str, Any]:
    return await reading.read(tx, pictures, viewer, activity_id)


@router.get(
    "/activities/{activity_id}/events",
    response_model=Page[Happened],
    summary="活动时间线",
    description="公开的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_activity_events(
    activity_id: ActivityId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await find(tx, viewer, activity_id)
    return await timeline(tx, activity_id, limit=limit, after=after)


@router.post(
    "/activities/{activity_id}/moves/{move}",
    response_model=ActivityOut,
    summary="办理活动",
    description="按生命周期表进行一次操作，返回操作之后的内容。",
    responses=problems(
        Malformed,
        NotFound,
        NotAllowed,
        WrongMoment,
        rules.ActivityOver,
        rules.ActivityNotReady,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)
async def move_activity(
    activity_id: ActivityId,
    move: Annotated[ActivityMove, Path(description="操作")],
    body: MoveActivity,
    viewer: CurrentViewer,
    pictures: ThePictures,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, ACTIVITY_NEEDED.get(move, ()), ACTIVITY_ALLOWED.get(move, ()))
    await _move_activity(tx, viewer, activity_id, move, body)
    await tx.flush()
    return await reading.read(tx, pictures, viewer, activity_id)


async def _move_activity(
    tx: Tx, viewer: Viewer, activity_id: UUID, move: ActivityMove, body: MoveActivity
) -> None:
    whole = bool(body.whole_series)
    match move:
        case ActivityMove.revise:
            given: dict[str, Any] = {f: getattr(body, f) for f in REVISED if getattr(body, f) is not None}
            await organising.revise(tx, viewer, activity_id, given)
        case ActivityMove.publish:
            await organising.publish(tx, viewer, activity_id, whole_series=whole)
        case ActivityMove.enlarge:
            await organising.enlarge(tx, viewer, activity_id, body.more or 0)
        case ActivityMove.cancel:
            await organising.cancel(tx, viewer, activity_id, body.reason or "", whole_series=whole)
        case ActivityMove.end:  # the clock's own: refused in its name
            await (await find(tx, viewer, activity_id)).move(tx, move.value)


@fast.post(
    "/activities/{activity_id}/seats",
    status_code=201,
    response_model=SeatOut,
    summary="报名",
    description="有空名额即报上，没有则按先后候补。同一时间不能有两个活动。请带 Idempotency-Key，断网重试不会重复报名。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, rules.ActivityOver, rules.ActivityFull, rules.AlreadySignedUp,
        rules.DoubleBooked, rules.NotEligible, rules.SignUpSuspended, *KEY_PROBLEMS,
    ),
)  # fmt: skip
async def sign_up_for_activity(
    activity_id: ActivityId, body: SignUp, request: Request, viewer: CurrentViewer, db: Db, key: Key = None
) -> Response:
    pending = pending_of(viewer, key, "POST", request.scope["path"], await request.body())
    answer = await signing_up.sign_up(db, viewer, activity_id, pending)
    headers = {"idempotent-replayed": "true"} if answer.replayed else None
    return Response(answer.body, answer.status, headers, "application/json")


@router.get(
    "/activities/{activity_id}/seats",
    response_model=Page[SeatOut],
    summary="参加的人",
    description="报名、候补、签到的情况，按报名先后；只给组织者和工作人员。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def list_seats(
    activity_id: ActivityId,
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    state: Annotated[SeatState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await listing.participants(tx, viewer, activity_id, state=state, limit=limit, after=after)


@mine_router.get(
    "/me/seats",
    response_model=Page[SeatOut],
    summary="我的报名",
    description="从新到旧，包括候补、已取消和已结束的。",
    responses=problems(Malformed),
)
async def list_my_seats(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    state: Annotated[SeatState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await listing.my_seats(tx, viewer, state=state, limit=limit, after=after)


@router.get(
    "/seats/{seat_id}",
    response_model=SeatOut,
    summary="查看名额",
    description="本人、组织者和工作人员可以查看。",
    responses=problems(NotFound),
)
async def get_seat(seat_id: SeatId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await reading.read_seat(tx, viewer, seat_id)


@router.get(
    "/seats/{seat_id}/events",
    response_model=Page[Happened],
    summary="名额时间线",
    description="报名、候补、签到、记时长的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_seat_events(
    seat_id: SeatId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await find_seat(tx, viewer, seat_id)
    return await timeline(tx, seat_id, limit=limit, after=after)


@router.post(
    "/seats/{seat_id}/moves/{move}",
    response_model=SeatOut,
    summary="办理名额",
    description="accept 接受候补名额、decline 放弃、cancel 取消报名；组织者 remove 移出、excuse 核销。签到用签到接口。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, rules.ActivityOver, rules.DoubleBooked, rules.OwnSeat,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)  # fmt: skip
async def move_seat(
    seat_id: SeatId,
    move: Annotated[SeatMove, Path(description="操作")],
    body: MoveSeat,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, SEAT_NEEDED.get(move, ()), SEAT_ALLOWED.get(move, ()))
    reason = body.reason or ""
    match move:
        case SeatMove.accept:
            await queueing.accept(tx, viewer, seat_id)
        case SeatMove.decline:
            await queueing.decline(tx, viewer, seat_id)
        case SeatMove.cancel:
            await leaving.cancel(tx, viewer, seat_id, body.reason)
        case SeatMove.remove:
            await leaving.remove(tx, viewer, seat_id, reason)
        case SeatMove.excuse:
            await leaving.excuse(tx, viewer, seat_id, reason)
        case SeatMove.check_in | SeatMove.check_out:
            await find_seat(tx, viewer, seat_id)
            raise NotAllowed("签到、签退须扫码或定位", moves=[])
        case _:  # the clock's own: refused in its name
            await (await find_seat(tx, viewer, seat_id)).move(tx, move.value)
    await tx.flush()
    return await reading.read_seat(tx, viewer, seat_id)


@router.get(
    "/activities/{activity_id}/checkin-code",
    response_model=CheckinCode,
    summary="出示签到码",
    description="组织者在现场出示，每半分钟更换；开始前 2 小时至结束后 2 小时。",
    responses=problems(NotFound, NotAllowed, rules.CheckinClosed),
)
async def get_checkin_code(
    activity_id: ActivityId, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    return await attending.current_code(tx, vault, viewer, activity_id)


@mine_router.post(
    "/activities/{activity_id}/checkins",
    status_code=201,
    response_model=SeatOut,
    summary="签到、签退",
    description="扫现场的二维码，或在活动地点附近定位。没有签到的签到，已签到的签退；只能本人操作，每天最多 3 次。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, rules.CheckinClosed, rules.CheckinsSpent, rules.DoubleBooked,
        checkins.CheckinCodeRefused, checkins.TooFar, checkins.NoPosition, attending.NotSignedUp,
        attending.CheckedInJustNow, *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)  # fmt: skip
async def check_in(
    activity_id: ActivityId, body: CheckIn, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    position = (body.position.latitude, body.position.longitude) if body.position is not None else None
    shown = attending.Presence(body.qr, position)
    seat_id = await attending.check(tx, vault, viewer, activity_id, shown)
    await tx.flush()
    return await reading.read_seat(tx, viewer, seat_id)
