"""议题的协商、公示、执行、评议: meetings, objections, milestones and progress, marks."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, ThePictures, Tx, problems
from api.routers.topics import TopicId
from api.rules.objections import ObjectionMove, OwnObjection
from api.rules.topics import WrongStage
from api.schemas.topics import (
    AnnounceMeeting,
    InviteGuest,
    MeetingOut,
    MilestoneOut,
    MoveObjection,
    ObjectionOut,
    PlanMilestone,
    ProgressOut,
    RaiseObjection,
    RateTopic,
    ReportProgress,
    TopicOut,
    WriteMinutes,
)
from api.services.topics import executing, meeting, objecting, papers
from api.services.topics.executing import NoSuchMilestone
from api.services.topics.meeting import Attendant, NotHeldYet
from api.services.topics.objecting import AlreadyObjected
from api.services.topics.papers import NotPrinted
from api.services.topics.view import read
from api.services.uploads.attaching import TooManyUploads, UploadNotUsable

router = APIRouter(tags=["议题"], route_class=TransactionRoute)

_WRITES = (Malformed, NotFound, NotAllowed, WrongMoment, WrongStage, *KEY_PROBLEMS)


@router.post(
    "/topics/{topic_id}/guests",
    status_code=201,
    response_model=TopicOut,
    summary="邀请专家或利益相关方",
    description="受邀人可以查看议题、发表观点和态度，不必是当地居民。",
    responses=problems(*_WRITES),
    dependencies=[Once],
)
async def invite_guest(topic_id: TopicId, body: InviteGuest, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await meeting.invite(tx, viewer, topic_id, body.person_id, body.kind, body.name)
    return await read(tx, viewer, topic_id)


@router.post(
    "/topics/{topic_id}/meetings",
    status_code=201,
    response_model=MeetingOut,
    summary="预告协商会议",
    description="民情恳谈、听证或论证的时间地点；参与者会收到通知。",
    responses=problems(*_WRITES),
    dependencies=[Once],
)
async def announce_meeting(
    topic_id: TopicId, body: AnnounceMeeting, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await meeting.announce(tx, viewer, topic_id, body.kind, body.title, body.venue, body.held_at)


@router.get(
    "/topics/{topic_id}/meetings",
    response_model=Page[MeetingOut],
    summary="协商会议",
    description="全部会议，连同纪要、结论和到会情况。",
    responses=problems(NotFound),
)
async def list_meetings(topic_id: TopicId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return {"items": await meeting.meetings(tx, viewer, topic_id), "next": None}


@router.put(
    "/topics/{topic_id}/meetings/{meeting_id}/minutes",
    response_model=MeetingOut,
    summary="记录会议纪要",
    description="会议之后记录纪要、结论和到会人，只写一次，公开。",
    responses=problems(*_WRITES, NotHeldYet),
    dependencies=[Once],
)
async def write_minutes(
    topic_id: TopicId,
    meeting_id: Annotated[UUID, Path(description="会议标识")],
    body: WriteMinutes,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    came = [Attendant(a.name, a.capacity, a.person_id) for a in body.attendants]
    return await meeting.minute(tx, viewer, topic_id, meeting_id, body.minutes, body.conclusion, came)


@router.get(
    "/topics/{topic_id}/meetings/{meeting_id}/paper",
    response_class=Response,
    summary="会议纪要的打印件",
    description="可打印的会议纪要（PDF，A4），附到会人签名栏；记录纪要后几秒之内排好。",
    responses={
        200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(NotFound, NotPrinted),
    },
)
async def get_minutes_paper(
    topic_id: TopicId,
    meeting_id: Annotated[UUID, Path(description="会议标识")],
    viewer: CurrentViewer,
    tx: Tx,
) -> Response:
    pdf = await papers.read(tx, viewer, topic_id, meeting_id)
    return Response(pdf, media_type="application/pdf")


@router.post(
    "/topics/{topic_id}/objections",
    status_code=201,
    response_model=ObjectionOut,
    summary="提出异议",
    description="公示期间提出；处理完之前不会进入执行。",
    responses=problems(*_WRITES, AlreadyObjected),
    dependencies=[Once],
)
async def raise_objection(
    topic_id: TopicId, body: RaiseObjection, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await objecting.object_(tx, viewer, topic_id, body.text)


@router.get(
    "/topics/{topic_id}/objections",
    response_model=Page[ObjectionOut],
    summary="异议与答复",
    description="从旧到新；未通过审核的只有本人和工作人员可见。",
    responses=problems(NotFound),
)
async def list_objections(
    topic_id: TopicId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await objecting.listing(tx, viewer, topic_id, limit=limit, after=after)


@router.post(
    "/objections/{objection_id}/moves/{move}",
    response_model=ObjectionOut,
    summary="处理异议",
    description="answer 答复、uphold 认定成立（议题须退回），由本环节负责组织；withdraw 由异议人撤回。",
    responses=problems(*_WRITES, OwnObjection),
    dependencies=[Once],
)
async def move_objection(
    objection_id: Annotated[UUID, Path(description="异议标识")],
    move: Annotated[ObjectionMove, Path(description="操作")],
    body: MoveObjection,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, () if move is ObjectionMove.withdraw else ("answer",), ())
    return await objecting.move(tx, viewer, objection_id, move, body.answer)


@router.post(
    "/topics/{topic_id}/milestones",
    status_code=201,
    response_model=MilestoneOut,
    summary="列出执行事项",
    description="每个事项有期限，超期逐级上报。",
    responses=problems(*_WRITES),
    dependencies=[Once],
)
async def plan_milestone(
    topic_id: TopicId, body: PlanMilestone, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    return await executing.plan(tx, viewer, topic_id, body.title, body.days)


@router.get(
    "/topics/{topic_id}/milestones",
    response_model=Page[MilestoneOut],
    summary="执行事项",
    description="按期限排列。",
    responses=problems(NotFound),
)
async def list_milestones(topic_id: TopicId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return {"items": await executing.milestones(tx, viewer, topic_id), "next": None}


@router.post(
    "/topics/{topic_id}/progress",
    status_code=201,
    response_model=ProgressOut,
    summary="报告进展",
    description="公开进展；done=true 时所指事项就此完成。",
    responses=problems(*_WRITES, NoSuchMilestone, UploadNotUsable, TooManyUploads),
    dependencies=[Once],
)
async def report_progress(
    topic_id: TopicId, body: ReportProgress, viewer: CurrentViewer, tx: Tx, pictures: ThePictures
) -> dict[str, Any]:
    return await executing.report(
        tx,
        viewer,
        pictures,
        topic_id,
        body.text,
        milestone_id=body.milestone_id,
        done=body.done,
        upload_ids=body.uploads,
    )


@router.get(
    "/topics/{topic_id}/progress",
    response_model=Page[ProgressOut],
    summary="执行进展",
    description="从旧到新。",
    responses=problems(NotFound),
)
async def list_progress(
    topic_id: TopicId,
    viewer: CurrentViewer,
    tx: Tx,
    pictures: ThePictures,
    limit: Limit = 20,
    after: After = None,
) -> dict[str, Any]:
    return await executing.reports(tx, viewer, pictures, topic_id, limit=limit, after=after)


@router.put(
    "/topics/{topic_id}/rating",
    response_model=TopicOut,
    summary="评议执行结果",
    description="当地居民每人一次，期内可改；平均不合格的退回重新执行。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, WrongStage),
)
async def rate_topic(topic_id: TopicId, body: RateTopic, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await executing.rate(tx, viewer, topic_id, body.stars)
    return await read(tx, viewer, topic_id)
