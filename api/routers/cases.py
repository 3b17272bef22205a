"""诉求: submit, list, read, handle, talk. Mounted for residents under /v1 and for staff under /admin/v1."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute, json_response
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.models.cases import MessageKind
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Key, Once, ThePictures, TheVault, Tx, problems
from api.rules import case_guards as rules
from api.rules.cases import CaseCategory, CaseKind, CaseMove, CaseState
from api.rules.joining import AlreadyRated, NotMergeable
from api.schemas.base import Happened, Search
from api.schemas.cases import (
    ALLOWED,
    NEEDED,
    CaseContact,
    CaseItem,
    CaseMessageOut,
    CaseOut,
    MoveCase,
    SayOnCase,
    Stars,
    SubmitCase,
)
from api.schemas.people import WithReason
from api.schemas.uploads import PictureOut
from api.services.access import Viewer, params
from api.services.answers import pending_of
from api.services.cases import (
    assigning,
    entering,
    finishing,
    handling,
    holding,
    joining,
    ladder,
    listing,
    merging,
    rating,
    reading,
    redirecting,
    submitting,
    talking,
)
from api.services.cases.entering import EnteredFor, NoContact, Position
from api.services.cases.finding import find
from api.services.cases.searching import SearchTooShort
from api.services.cases.submitting import HouseholdIsPrivate, NewCase, PlaceTooWide
from api.services.cases.view import view
from api.services.places.bounds import PositionElsewhere
from api.services.timeline import timeline
from api.services.uploads.attaching import TooManyUploads, UploadNotUsable

fast = APIRouter(tags=["诉求"], route_class=HotRoute)
"""Hot paths: one or two prebuilt statements, no unit of work."""
router = APIRouter(tags=["诉求"], route_class=TransactionRoute)

CaseId = Annotated[UUID, Path(description="诉求标识")]


@fast.post(
    "/cases",
    status_code=201,
    response_model=CaseOut,
    summary="提交诉求",
    description="找书记、找物业、帮办代办、找商家。危及生命的先拨打 110、119、120（见应答的 advice）。"
    "立即得到回执号和承诺的时限。社区工作者和网格员可以代来访、来电的居民提交（on_behalf_of），"
    "网格员可以登记主动发现的网格事件（kind=grid）。请带 Idempotency-Key，断网重试不会重复提交。",
    responses=problems(
        Malformed,
        NotFound,
        NotAllowed,
        PlaceTooWide,
        HouseholdIsPrivate,
        PositionElsewhere,
        UploadNotUsable,
        *KEY_PROBLEMS,
    ),
)
async def submit_case(
    body: SubmitCase, request: Request, viewer: CurrentViewer, db: Db, vault: TheVault, key: Key = None
) -> Response:
    pending = pending_of(viewer, key, "POST", request.scope["path"], await request.body())
    fields = {f: getattr(body, f) for f in NewCase.__slots__}
    for name, kept in (("on_behalf_of", EnteredFor), ("position", Position)):
        if fields[name] is not None:
            fields[name] = kept(**fields[name].model_dump())
    answer = await submitting.submit(db, vault, viewer, NewCase(**fields), pending)
    headers = {"idempotent-replayed": "true"} if answer.replayed else None
    return Response(answer.body, answer.status, headers, "application/json")


@fast.get(
    "/cases",
    response_model=Page[CaseItem],
    summary="诉求列表",
    description="从新到旧。mine=true 只看自己的；place 看一个地域的；都不填则是您工作和居住之处的。"
    "q 按编号、标题、内容查找，至少两个字，只在可见范围之内。",
    responses=problems(Malformed, SearchTooShort),
)
async def list_cases(
    viewer: CurrentViewer,
    db: Db,
    limit: Limit = 20,
    after: After = None,
    mine: Annotated[bool, Query(description="只看自己提交的")] = False,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    state: Annotated[CaseState | None, Query(description="状态")] = None,
    kind: Annotated[CaseKind | None, Query(description="种类")] = None,
    category: Annotated[CaseCategory | None, Query(description="类别")] = None,
    overdue: Annotated[bool | None, Query(description="true 只看办结超时的，false 只看没有超时的")] = None,
    q: Annotated[Search | None, Query(description="查找的字词：编号、标题、内容")] = None,
) -> Response:
    found = await listing.listing(
        db,
        viewer,
        limit=limit,
        after=after,
        mine=mine,
        place_id=place,
        overdue=overdue,
        q=q,
        state=state,
        kind=kind,
        category=category,
    )
    return json_response(found)


@fast.get(
    "/cases/{case_id}",
    response_model=CaseOut,
    summary="查看诉求",
    description="诉求的全部内容，以及您此刻可以进行的操作 moves。",
    responses=problems(NotFound),
)
async def get_case(case_id: CaseId, viewer: CurrentViewer, db: Db) -> Response:
    return json_response(await reading.read(db, viewer, case_id))


@router.post(
    "/cases/{case_id}/moves/{move}",
    response_model=CaseOut,
    summary="办理诉求",
    description="按生命周期表进行一次操作，返回操作之后的诉求。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, *KEY_PROBLEMS, rules.NobodyContacted,
                       rules.AskedEnough, rules.SameHands, rules.NoUnit, rules.DisputedEnough, rating.StarsMismatch,
                       rules.TransferredEnough, rules.TasksOpen, rules.TooLateToReopen, rules.NothingToConfirm,
                       rules.NoCallBackOwed, rules.NotThatHigh, rules.AlreadyHazard, ladder.NotAnOwner,
                       assigning.NotAMember, assigning.NobodyToAssign, UploadNotUsable, TooManyUploads,
                       rules.TooLateToObject, rules.ReportedAlready, rules.PhotosMissing, NotMergeable),
    dependencies=[Once],
)  # fmt: skip
async def move_case(
    case_id: CaseId,
    move: Annotated[CaseMove, Path(description="操作")],
    body: MoveCase,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    match move:
        case CaseMove.transfer:
            assert body.unit_id is not None
            await redirecting.transfer(tx, viewer, case_id, body.unit_id, body.reason or "")
        case CaseMove.refer:
            await redirecting.refer(tx, viewer, case_id, system=body.system or "", number=body.number or "")
        case CaseMove.resume:
            await holding.resume(tx, viewer, case_id)
        case CaseMove.reopen:
            await rating.reopen(tx, viewer, case_id, body.reason or "")
        case CaseMove.confirm:
            await rating.confirm(tx, viewer, case_id, body.text or "")
        case CaseMove.call_back:
            await rating.call_back(tx, viewer, case_id, body.text or "")
        case CaseMove.plan:
            await ladder.plan(tx, viewer, case_id, owner_id=body.owner_id, text=body.text or "")
        case CaseMove.report_up:
            await ladder.report_up(tx, viewer, case_id, system=body.system or "", number=body.number or "")
        case CaseMove.mark_hazard:
            await ladder.mark_hazard(tx, viewer, case_id, body.reason or "")
        case CaseMove.dispatch:
            await handling.dispatch(tx, viewer, case_id, body.unit_id)
        case CaseMove.assign:
            await assigning.assign(tx, viewer, case_id, body.handler_id)
        case CaseMove.sign:
            await handling.sign(tx, viewer, case_id)
        case CaseMove.ask:
            await handling.ask(tx, viewer, case_id, body.question or "")
        case CaseMove.answer:
            await handling.answer(tx, viewer, case_id, body.text or "", body.uploads or (), body.channel)
        case CaseMove.finish:
            await finishing.finish(tx, viewer, case_id, _done(body))
        case CaseMove.settle:
            await finishing.settle(tx, viewer, case_id, _done(body))
        case CaseMove.pass_check:
            await rating.pass_check(tx, viewer, case_id, body.text)
        case CaseMove.fail_check:
            await rating.fail_check(tx, viewer, case_id, body.reason or "")
        case CaseMove.rate:
            await rating.rate(tx, viewer, case_id, _stars(body.stars))
        case CaseMove.dispute:
            await rating.dispute(tx, viewer, case_id, _stars(body.stars))
        case CaseMove.withdraw:
            await handling.withdraw(tx, viewer, case_id, body.reason)
        case CaseMove.merge:
            assert body.parent_id is not None
            await merging.merge(tx, viewer, case_id, body.parent_id)
        case CaseMove.unmerge | CaseMove.object:
            await merging.unmerge(tx, viewer, case_id, body.reason, move=move.value)
        case _:  # the clock's own move, and those that happen with the approval of a request
            await (await find(tx, viewer, case_id)).move(tx, move.value)
    return await seen(tx, viewer, case_id)


def _done(body: MoveCase) -> finishing.Done:
    assert body.outcome is not None
    return finishing.Done(body.outcome, body.reply or "", body.before or (), body.after or ())


def _stars(stars: Stars | None) -> rating.Stars:
    assert stars is not None
    return rating.Stars(stars.overall, stars.result, stars.attitude, stars.speed, stars.text)


async def seen(tx: Tx, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """The case as it is for the viewer at this point of the transaction."""
    await tx.flush()
    row = (await tx.execute(reading.READ_ONE, {"case_id": case_id, **params(viewer)})).mappings().one()
    return view(row, viewer)


@router.post(
    "/cases/{case_id}/contact",
    response_model=CaseContact,
    summary="查看代录的联系方式",
    description="代录的诉求中居民的姓名与电话。承办单位、派单员和代录人可以查看，须写明理由，记入审计。"
    "应答不保存，因此不接受幂等键。",
    responses=problems(Malformed, NotFound, NotAllowed, NoContact),
)
async def view_case_contact(
    case_id: CaseId, body: WithReason, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, str]:
    """No `Once`: the kept answer would be the number in the clear."""
    return await entering.contact(tx, vault, viewer, case_id, body.reason)


@router.post(
    "/cases/{case_id}/ratings",
    response_model=CaseOut,
    summary="评价诉求",
    description="三星及以上结案；一、二星视为不认可，进入下一轮办理。附和的居民和并案诉求的反映人各自评价，不影响办理。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, AlreadyRated, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def rate_case(case_id: CaseId, body: Stars, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    if await joining.rate(tx, viewer, case_id, _stars(body)):
        pass  # one of those who joined: a mark of his own, no move
    elif body.overall < rules.DISPUTED_BELOW:
        await rating.dispute(tx, viewer, case_id, _stars(body))
    else:
        await rating.rate(tx, viewer, case_id, _stars(body))
    return await seen(tx, viewer, case_id)


@router.post(
    "/cases/{case_id}/messages",
    status_code=201,
    response_model=CaseMessageOut,
    summary="答复、登记联系或写备注",
    description="公开答复与联系记录反映人可见；内部备注只有工作人员可见。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, UploadNotUsable, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def say_on_case(case_id: CaseId, body: SayOnCase, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await talking.say(tx, viewer, case_id, MessageKind(body.kind), body.text, body.uploads)


@router.get(
    "/cases/{case_id}/messages",
    response_model=Page[CaseMessageOut],
    summary="诉求往来",
    description="从旧到新；内部备注只对工作人员列出。",
    responses=problems(NotFound),
)
async def list_case_messages(
    case_id: CaseId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await talking.messages(tx, viewer, case_id, limit=limit, after=after)


@router.get(
    "/cases/{case_id}/uploads",
    response_model=list[PictureOut],
    summary="诉求图片",
    description="诉求、往来与办结的图片，地址 10 分钟内有效；审核通过之前只有上传人和工作人员可见。",
    responses=problems(NotFound),
)
async def list_case_uploads(
    case_id: CaseId, viewer: CurrentViewer, tx: Tx, pictures: ThePictures
) -> list[dict[str, Any]]:
    return await talking.pictures_of(tx, viewer, pictures, case_id)


@router.get(
    "/cases/{case_id}/events",
    response_model=Page[Happened],
    summary="诉求时间线",
    description="公开的办理经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_case_events(
    case_id: CaseId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await find(tx, viewer, case_id)
    return await timeline(tx, case_id, limit=limit, after=after)
