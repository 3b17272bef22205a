"""议题: raise, list, read, move. Mounted for residents under /v1 and for staff under /admin/v1."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules import topics as rules
from api.rules.topics import TopicMove, TopicState
from api.schemas.base import Happened
from api.schemas.topics import ALLOWED, NEEDED, MoveTopic, RaiseTopic, TopicItem, TopicOut
from api.services.timeline import timeline
from api.services.topics import moving, reading
from api.services.topics.finding import find, read_row
from api.services.topics.moving import CannotMerge, NoSuchStage
from api.services.topics.raising import NewTopic, NotThisTemplate, PlacesApart, raise_topic
from api.services.topics.view import read

router = APIRouter(tags=["议题"], route_class=TransactionRoute)

TopicId = Annotated[UUID, Path(description="议题标识")]
GUARDS = (
    rules.StageRunning,
    rules.ObjectionsOpen,
    rules.NotHeard,
    rules.ExpertAbsent,
    rules.VoteOpen,
    rules.VoteFailed,
    rules.MilestonesOpen,
    rules.PoorlyRated,
    rules.LastStage,
    rules.NotLastStage,
    rules.NotOptional,
    rules.WrongStage,
)


@router.post(
    "/topics",
    status_code=201,
    response_model=TopicOut,
    summary="提出议题",
    description="已核实的居民（户籍不限）和工作人员都可以提出。居民的议题审核通过后对邻居可见。请带 Idempotency-Key。",
    responses=problems(Malformed, NotFound, NotAllowed, PlacesApart, NotThisTemplate, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def create_topic(body: RaiseTopic, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    places = tuple(body.place_ids or ([body.place_id] if body.place_id else []))
    topic_id = await raise_topic(tx, viewer, NewTopic(body.template, body.title, body.text, places))
    await tx.flush()
    return await read(tx, viewer, topic_id)


@router.get(
    "/topics",
    response_model=Page[TopicItem],
    summary="议题列表",
    description="从新到旧。mine=true 只看自己提出的；place 看一个地域的，连同涉及它的街道议题。",
    responses=problems(Malformed),
)
async def list_topics(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    mine: Annotated[bool, Query(description="只看自己提出的")] = False,
    place: Annotated[UUID | None, Query(description="地域标识")] = None,
    state: Annotated[TopicState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await reading.listing(tx, viewer, limit=limit, after=after, mine=mine, place_id=place, state=state)


@router.get(
    "/topics/{topic_id}",
    response_model=TopicOut,
    summary="查看议题",
    description="议题、全部环节及其结果，以及您此刻可以进行的操作 moves 和参与方式 can。",
    responses=problems(NotFound),
)
async def get_topic(topic_id: TopicId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await read(tx, viewer, topic_id)


@router.get(
    "/topics/{topic_id}/events",
    response_model=Page[Happened],
    summary="议题时间线",
    description="各环节的经过与结果，从旧到新。",
    responses=problems(NotFound),
)
async def list_topic_events(
    topic_id: TopicId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await read_row(tx, viewer, topic_id)
    return await timeline(tx, topic_id, limit=limit, after=after)


@router.post(
    "/topics/{topic_id}/moves/{move}",
    response_model=TopicOut,
    summary="推进议题",
    description="按生命周期表进行一次操作，返回操作之后的议题。decide 与 reopen 由系统进行。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, NoSuchStage, CannotMerge, *GUARDS, *KEY_PROBLEMS),
    dependencies=[Once],
)  # fmt: skip
async def move_topic(
    topic_id: TopicId,
    move: Annotated[TopicMove, Path(description="操作")],
    body: MoveTopic,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ALLOWED.get(move, ()))
    reason = body.reason or ""
    match move:
        case TopicMove.advance:
            await moving.advance(tx, viewer, topic_id, body.result)
        case TopicMove.finish:
            await moving.finish(tx, viewer, topic_id, body.result)
        case TopicMove.skip:
            await moving.skip(tx, viewer, topic_id, reason)
        case TopicMove.send_back:
            await moving.send_back(tx, viewer, topic_id, reason, body.to)
        case TopicMove.return_:
            await moving.return_(tx, viewer, topic_id, reason)
        case TopicMove.resubmit:
            await moving.resubmit(tx, viewer, topic_id, body.title, body.text)
        case TopicMove.end:
            await moving.end(tx, viewer, topic_id, reason)
        case TopicMove.merge:
            assert body.into is not None
            await moving.merge(tx, viewer, topic_id, body.into)
        case TopicMove.withdraw:
            await moving.withdraw(tx, viewer, topic_id, body.reason)
        case _:  # decide, reopen: the system's own moves
            (await find(tx, viewer, topic_id)).require(move)
    await tx.flush()
    return await read(tx, viewer, topic_id)
