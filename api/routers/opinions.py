"""观点、态度、观点图: statements, stances on a hot path, the map as data and as a picture."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute, json_response
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Once, Tx, problems
from api.routers.topics import TopicId
from api.rules.topics import WrongStage
from api.schemas.opinions import OpinionMapOut, Speak, StanceOut, StatementOut, TakeStance
from api.services.topics import mapping, speaking

fast = APIRouter(tags=["议题"], route_class=HotRoute)
"""A stance is one prebuilt statement."""
router = APIRouter(tags=["议题"], route_class=TransactionRoute)


@router.post(
    "/topics/{topic_id}/statements",
    status_code=201,
    response_model=StatementOut,
    summary="发表观点",
    description="协商环节中，当地居民（户籍不限）和受邀人员各说一句话；审核通过后他人可见、可表态。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, WrongStage, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def create_statement(topic_id: TopicId, body: Speak, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await speaking.speak(tx, viewer, topic_id, body.text)


@router.get(
    "/topics/{topic_id}/statements",
    response_model=Page[StatementOut],
    summary="观点列表",
    description="从旧到新，连同您的态度；unanswered=true 只看您还没有表态的。",
    responses=problems(Malformed, NotFound),
)
async def list_statements(
    topic_id: TopicId,
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    unanswered: Annotated[bool, Query(description="只看尚未表态的")] = False,
) -> dict[str, Any]:
    return await speaking.statements(tx, viewer, topic_id, limit=limit, after=after, unanswered=unanswered)


@fast.put(
    "/statements/{statement_id}/stance",
    response_model=StanceOut,
    summary="表态",
    description="对一条观点表示赞成、反对或略过；每人一次，可以更改，以最后的为准。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongStage),
)
async def put_stance(
    statement_id: Annotated[UUID, Path(description="观点标识")],
    body: TakeStance,
    viewer: CurrentViewer,
    db: Db,
) -> Response:
    return json_response(await speaking.take_stance(db, viewer, statement_id, body.stance))


@router.get(
    "/topics/{topic_id}/opinion-map",
    response_model=OpinionMapOut,
    summary="观点图",
    description="有哪些观点群体、各群体都赞成什么、在什么上对立。表态后约 20 秒更新。",
    responses=problems(NotFound),
)
async def get_opinion_map(topic_id: TopicId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await mapping.read_map(tx, viewer, topic_id)


@router.get(
    "/topics/{topic_id}/opinion-map/picture",
    response_class=Response,
    summary="观点图的图片",
    description="观点图的矢量图（SVG），640 × 480。",
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}, **problems(NotFound)},
)
async def get_opinion_picture(topic_id: TopicId, viewer: CurrentViewer, tx: Tx) -> Response:
    return Response(await mapping.read_picture(tx, viewer, topic_id), media_type="image/svg+xml")
