"""找书记·预约接待: office hours and slots, appointments and their moves, delegates, the letterbox in numbers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, SIGNED_IN, CurrentViewer, Once, Tx, problems
from api.rules.appointments import (
    AppointmentMove,
    AppointmentState,
    BookedEnough,
    SlotAhead,
    SlotPast,
    SlotTaken,
)
from api.schemas.appointments import (
    ALLOWED,
    NEEDED,
    AddDelegation,
    AddOfficeHours,
    AppointmentOut,
    BookAppointment,
    DelegationOut,
    LetterboxOut,
    MoveAppointment,
    OfficeHoursOut,
    SlotOut,
    minutes_of,
)
from api.schemas.base import Happened
from api.services.appointments import booking, letterbox, office
from api.services.timeline import timeline

router = APIRouter(tags=["找书记"], route_class=TransactionRoute)

SecretaryId = Annotated[UUID, Path(description="人员标识")]
AppointmentId = Annotated[UUID, Path(description="预约标识")]


@router.get(
    "/secretaries/{person_id}/slots",
    response_model=Page[SlotOut],
    summary="接待时段",
    description="一位书记今后四周的接待时段，按时间排列；free=false 的已被预约。法定节假日不接待。",
    dependencies=SIGNED_IN,
    responses=problems(Malformed),
)
async def list_slots(person_id: SecretaryId, tx: Tx) -> dict[str, Any]:
    return {"items": await office.listed_slots(tx, person_id), "next": None}


@router.get(
    "/secretaries/{person_id}/statistics",
    response_model=LetterboxOut,
    summary="书记信箱统计",
    description="近 12 个月按地域与月份：收到、已答复、已结案的件数，答复时长中位数。",
    dependencies=SIGNED_IN,
    responses=problems(NotFound),
)
async def get_secretary_statistics(person_id: SecretaryId, tx: Tx) -> dict[str, Any]:
    return await letterbox.statistics(tx, person_id)


@router.get(
    "/secretaries/{person_id}/office-hours",
    response_model=list[OfficeHoursOut],
    summary="接待时间",
    description="一位书记每周的接待时间。",
    dependencies=SIGNED_IN,
    responses=problems(Malformed),
)
async def list_office_hours(person_id: SecretaryId, tx: Tx) -> list[dict[str, Any]]:
    return await office.hours_of(tx, person_id)


@router.post(
    "/secretaries/{person_id}/office-hours",
    status_code=201,
    response_model=OfficeHoursOut,
    summary="新增接待时间",
    description="每周的一段，切成若干时段供居民预约；由书记本人或县级运营填写。",
    responses=problems(
        Malformed, NotFound, NotAllowed, office.NoSuchPost, office.HoursOverlap, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def add_office_hours(
    person_id: SecretaryId, body: AddOfficeHours, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await office.add_hours(
        tx,
        viewer,
        person_id,
        place_id=body.place_id,
        weekday=body.weekday,
        opens=minutes_of(body.opens),
        closes=minutes_of(body.closes),
        minutes=body.minutes,
        since=body.since,
        until=body.until,
    )


@router.post(
    "/office-hours/{hours_id}/end",
    response_model=OfficeHoursOut,
    summary="停止一段接待时间",
    description="今天之后不再有它的时段；已经预约的不受影响。重复提交结果相同，因此无须幂等键。",
    responses=problems(NotFound, NotAllowed),
)
async def end_office_hours(
    hours_id: Annotated[UUID, Path(description="接待时间标识")], viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await office.end_hours(tx, viewer, hours_id)


@router.get(
    "/secretaries/{person_id}/delegations",
    response_model=list[DelegationOut],
    summary="代理人",
    description="此刻代理一位书记处理预约的人。",
    dependencies=SIGNED_IN,
    responses=problems(Malformed),
)
async def list_delegations(person_id: SecretaryId, tx: Tx) -> list[dict[str, Any]]:
    return await office.delegations(tx, person_id)


@router.post(
    "/secretaries/{person_id}/delegations",
    status_code=201,
    response_model=DelegationOut,
    summary="指定代理人",
    description="书记本人指定同一地域的工作人员代理；代理人所做的都同时写明两人的姓名。",
    responses=problems(
        Malformed, NotFound, NotAllowed, office.NoSuchPost, office.NotADelegate, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def add_delegation(
    person_id: SecretaryId, body: AddDelegation, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await office.delegate(tx, viewer, person_id, **body.model_dump())


@router.post(
    "/delegations/{delegation_id}/end",
    response_model=list[DelegationOut],
    summary="结束代理",
    description="返回还在代理的人。由书记或代理人本人结束，即刻生效。重复提交结果相同，因此无须幂等键。",
    responses=problems(NotFound),
)
async def end_delegation(
    delegation_id: Annotated[UUID, Path(description="代理标识")], viewer: CurrentViewer, tx: Tx
) -> list[dict[str, Any]]:
    return await office.end_delegation(tx, viewer, delegation_id)


@router.post(
    "/appointments",
    status_code=201,
    response_model=AppointmentOut,
    summary="预约书记",
    description="占下一个空闲时段；书记或其代理人在 1 个工作日内确认或另约，逾期升级。",
    responses=problems(Malformed, NotFound, NotAllowed, SlotTaken, BookedEnough, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def book_appointment(body: BookAppointment, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    appointment_id = await booking.book(tx, viewer, **body.model_dump())
    return await booking.read(tx, viewer, appointment_id)


@router.get(
    "/appointments",
    response_model=Page[AppointmentOut],
    summary="预约列表",
    description="从新到旧：您提出的、向您或您代理的书记提出的、您范围内的；mine=true 只看您提出的。",
    responses=problems(Malformed),
)
async def list_appointments(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    mine: Annotated[bool, Query(description="只看您提出的")] = False,
    state: Annotated[AppointmentState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await booking.listing(tx, viewer, mine=mine, state=state, limit=limit, after=after)


@router.get(
    "/appointments/{appointment_id}",
    response_model=AppointmentOut,
    summary="查看预约",
    description="一个预约，以及您此刻可以进行的操作。",
    responses=problems(NotFound),
)
async def get_appointment(appointment_id: AppointmentId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await booking.read(tx, viewer, appointment_id)


@router.get(
    "/appointments/{appointment_id}/events",
    response_model=Page[Happened],
    summary="预约时间线",
    description="经过，从旧到新；代理人所做的写明代理谁。",
    responses=problems(NotFound),
)
async def list_appointment_events(
    appointment_id: AppointmentId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await booking.read(tx, viewer, appointment_id)
    return await timeline(tx, appointment_id, limit=limit, after=after)


@router.post(
    "/appointments/{appointment_id}/moves/{move}",
    response_model=AppointmentOut,
    summary="处理预约",
    description="确认 confirm、另约 propose、接受 accept、已接待 meet、未到 miss、取消 cancel；返回操作之后的预约。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, SlotTaken, SlotPast, SlotAhead, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def move_appointment(
    appointment_id: AppointmentId,
    move: Annotated[AppointmentMove, Path(description="操作")],
    body: MoveAppointment,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    await booking.move(tx, viewer, appointment_id, move, slot_id=body.slot_id, reason=body.reason)
    return await booking.read(tx, viewer, appointment_id)
