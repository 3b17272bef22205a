"""小程序码: the picture to print, and what a scanned one leads to."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotFound, TooMany
from api.routers.deps import CurrentViewer, Db, Tx, limited, problems
from api.rules.codes import PAGES, SceneKind, scene_of
from api.rules.throttling import Limited
from api.schemas.codes import SceneOut
from api.services import codes
from api.wechat.client import WeChat
from api.wechat.errors import WeChatError
from api.wechat.problems import WechatUnavailable, translate

shared_router = APIRouter(tags=["小程序码"], route_class=TransactionRoute)
drawing_router = APIRouter(tags=["小程序码"])
"""Calls the platform, hence opens its transactions itself."""


@drawing_router.get(
    "/codes/{kind}/{subject_id}",
    response_class=Response,
    summary="小程序码图片",
    description="社区、志愿活动、表决或议题的小程序码，由微信绘制一次后保存。",
    responses={
        200: {"description": "图片", "content": {"image/png": {}, "image/jpeg": {}}},
        **problems(Malformed, NotFound, WechatUnavailable, TooMany),
    },
    dependencies=[limited(Limited.code)],
)
async def draw_code(
    kind: Annotated[SceneKind, Path(description="种类")],
    subject_id: Annotated[UUID, Path(description="社区、活动、表决或议题的标识")],
    request: Request,
    viewer: CurrentViewer,
    db: Db,
) -> Response:
    async with db.reading() as tx:
        await codes.title(tx, viewer, kind, subject_id)
        picture = await codes.kept(tx, kind, subject_id)
    if picture is None:
        wechat: WeChat = request.app.state.wechat
        version: Any = "release" if request.app.state.settings.production else "develop"
        try:
            drawn = await wechat.program_code(scene_of(kind, subject_id), page=PAGES[kind], version=version)
        except WeChatError as error:
            raise translate(error) from None
        picture = codes.Picture(drawn.content, drawn.media_type)
        async with db.transaction() as tx:
            await codes.keep(tx, kind, subject_id, picture)
    headers = {"cache-control": "private, max-age=86400"}
    return Response(picture.image, media_type=picture.media_type, headers=headers)


@shared_router.get(
    "/scenes/{scene}",
    response_model=SceneOut,
    summary="识别小程序码",
    description="小程序以 scene 打开时，问它指向什么、该去哪一页。",
    responses=problems(Malformed, NotFound),
)
async def resolve_scene(
    scene: Annotated[str, Path(min_length=1, max_length=32, description="小程序启动参数 scene 的值")],
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    return await codes.resolve(tx, viewer, scene)
