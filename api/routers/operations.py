"""运行, for the console: the working calendar, the audit, the queue."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, UnsupportedMedia, WrongMoment
from api.kit.queue import NoSuchDelivery
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.schemas.base import Line, Moment
from api.schemas.operations import CalendarOut, EventOut, QueueOut
from api.services import audit, holidays, queues
from api.services.holidays import CalendarFaulty

router = APIRouter(tags=["运行"], route_class=TransactionRoute)

_CALENDAR_EXAMPLE = "日期,类型,名称\n2027-01-01,放假,元旦\n2027-01-02,上班,元旦\n"


@router.get(
    "/calendar",
    response_model=CalendarOut,
    summary="工作日历",
    description="现行版本：放假与调休的日子、已知到哪一天；将要用完时给出提醒。",
    responses=problems(NotAllowed),
)
async def get_calendar(viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await holidays.current(tx, viewer)


@router.post(
    "/calendar",
    status_code=201,
    response_model=CalendarOut,
    summary="导入放假安排",
    description="内容为 CSV：日期,类型,名称，一行一天，整年提交。文件中的年份整体替换，成为新的一版；"
    "已经算出的期限不变。有误则逐行指出，不写入任何内容。",
    responses=problems(Malformed, CalendarFaulty, UnsupportedMedia, NotAllowed, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def replace_calendar(
    csv: Annotated[
        bytes,
        Body(
            media_type="text/csv",
            max_length=200_000,
            description="UTF-8 或 GB 18030 编码的 CSV",
            openapi_examples={"2027": {"summary": "2027 年（节选）", "value": _CALENDAR_EXAMPLE}},
        ),
    ],
    note: Annotated[Line, Query(description="依据，例如发文字号")],
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    return await holidays.replace(tx, viewer, csv, note)


@router.get(
    "/events",
    response_model=Page[EventOut],
    summary="审计查询",
    description="谁在何时对什么做了什么，从新到旧，含内部数据。限于您范围内的地域；"
    "不属于任何地域的（日历、队列）由县（区）及以上的审计查看，填了 place 则不列。",
    responses=problems(Malformed, NotAllowed, NotFound),
)
async def list_events(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    subject: Annotated[UUID | None, Query(description="对象标识")] = None,
    actor: Annotated[UUID | None, Query(description="操作人标识")] = None,
    move: Annotated[str | None, Query(pattern="^[a-z_]{1,40}$", description="操作")] = None,
    since: Annotated[Moment | None, Query(description="起，含")] = None,
    until: Annotated[Moment | None, Query(description="止，不含")] = None,
) -> dict[str, Any]:
    return await audit.search(
        tx,
        viewer,
        place_id=place,
        subject_id=subject,
        actor_id=actor,
        move=move,
        since=since,
        until=until,
        limit=limit,
        after=after,
    )


@router.get(
    "/queue",
    response_model=QueueOut,
    summary="查看队列与死信",
    description="等待处理的事件数、最早的等了多久、多次失败不再重试的投递（死信）。",
    responses=problems(Malformed, NotAllowed),
)
async def get_queue(viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None) -> dict[str, Any]:
    return await queues.state(tx, viewer, limit=limit, after=after)


@router.post(
    "/queue/{event_id}/retry",
    response_model=QueueOut,
    summary="重试投递",
    description="让一条等待中或已放弃的投递立即从头再试，返回之后的队列。",
    responses=problems(NotAllowed, NoSuchDelivery, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def retry_delivery(
    event_id: Annotated[UUID, Path(description="事件标识")], viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    await queues.retry(tx, viewer, event_id)
    return await queues.state(tx, viewer, limit=20, after=None)
