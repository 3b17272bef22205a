"""附件: one picture a call in; out by a signed address that needs no session, as <image> sends none."""

from typing import Annotated, Any
from uuid import UUID

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, File, Path, Query, Request, Response, UploadFile

from api.kit import idempotency
from api.kit.pictures import MEDIA_TYPE, NotAPicture, PictureTooLarge, remade
from api.kit.problems import Malformed, NotAllowed, NotFound, TooLarge, UnsupportedMedia
from api.kit.store import StorageUnavailable
from api.kit.wire import dumps
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Key, ThePictures, limited, problems
from api.rules.throttling import Limited
from api.schemas.uploads import UploadOut
from api.services.uploads import showing, taking
from api.services.uploads.pictures import Audience, Size, Ticket

router = APIRouter(tags=["附件"])
"""Writes files, hence opens its transactions itself."""
showing_router = APIRouter(tags=["附件"])

_DECODING = CapacityLimiter(2)
"""A picture of 40 million pixels takes 120 MB while it is decoded: a burst waits in line."""


@router.post(
    "/uploads",
    status_code=201,
    response_model=UploadOut,
    summary="上传图片",
    description="一次一张，字段名 file。按文件内容识别格式，去除拍摄位置等信息后重新编码保存；"
    "提交诉求、补充、办结时把标识放进 uploads。24 小时内没有用到的会删除。",
    responses=problems(Malformed, NotAllowed, NotFound, TooLarge, NotAPicture, PictureTooLarge, UnsupportedMedia,
                       StorageUnavailable, *KEY_PROBLEMS),
    dependencies=[limited(Limited.upload)],
)  # fmt: skip
async def upload_picture(
    request: Request,
    viewer: CurrentViewer,
    db: Db,
    pictures: ThePictures,
    file: Annotated[UploadFile, File(description="JPEG、PNG、WebP 或 GIF 图片")],
    key: Key = None,
) -> Response:
    most = request.app.state.settings.upload_max_bytes
    content = await file.read(most + 1)
    if len(content) > most:
        raise TooLarge(f"文件不能超过 {most // 1024 // 1024} MB", limit_bytes=most)
    pending = None
    if key is not None:  # of the file itself: the boundary between the parts differs with each try
        mark = idempotency.fingerprint("POST", request.scope["path"], content)
        pending = idempotency.Pending(viewer.person_id, idempotency.check_key(key), mark)
        async with db.reading() as tx:
            await idempotency.begin(tx, pending)
    picture = await run_sync(remade, content, limiter=_DECODING)
    async with db.transaction() as tx:
        upload_id = await taking.begin(tx, viewer, picture)
    try:
        await pictures.keep(upload_id, picture)
    except BaseException:
        async with db.transaction() as tx:
            await taking.give_up(tx, upload_id)
        raise
    body = dumps(taking.taken(pictures, upload_id))
    async with db.transaction() as tx:
        await taking.finish(tx, viewer, upload_id)
        if pending is not None:
            await idempotency.keep(tx, pending, 201, body)
    return Response(body, 201, media_type="application/json")


@showing_router.get(
    "/uploads/{upload_id}/content",
    summary="查看图片",
    description="只能用系统给出的地址查看，过期或改动即失效；不需要登录。",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}}, **problems(Malformed, NotFound, StorageUnavailable)},
)
async def get_upload_content(
    upload_id: Annotated[UUID, Path(description="图片标识")],
    db: Db,
    pictures: ThePictures,
    size: Annotated[Size, Query(description="full 原图、thumbnail 缩略图")],
    audience: Annotated[Audience, Query(description="i 审核前也可看、e 仅审核通过")],
    expires: Annotated[int, Query(ge=0, le=2**33, description="失效时间，Unix 秒")],
    signature: Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="签名")],
) -> Response:
    async with db.reading() as tx:
        await showing.admit(tx, pictures, upload_id, Ticket(size, audience, expires, signature))
    content: Any = await pictures.content(upload_id, size)
    return Response(content, 200, {"cache-control": "private, max-age=600"}, MEDIA_TYPE)
