"""个人信息保护: consents, everything about me, and being forgotten."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api.kit.db import Database
from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Once, TheVault, Tx, limited, problems
from api.rules.privacy import ErasureSource
from api.rules.throttling import Limited
from api.schemas.privacy import AnswerConsent, ConsentsOut, ErasureOut, ExportOut
from api.services.people.accounts import active
from api.services.privacy import consents, erasing, exporting
from api.services.sessions import Sessions

app_router = APIRouter(tags=["个人信息"], route_class=TransactionRoute)
leaving_router = APIRouter(tags=["个人信息"])
"""Ends sessions after the commit, hence opens its transaction itself."""
link_router = APIRouter(route_class=TransactionRoute, include_in_schema=False)
"""Opened by its signature, without a session, as the address given by the export's own resource."""


@app_router.post(
    "/me/consents",
    response_model=ConsentsOut,
    summary="同意或撤回",
    description="对一个目的的一个文本版本作答；逐笔留存，最近一次有效。返回各目的最近的回答。",
    responses=problems(Malformed, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def answer_consent(body: AnswerConsent, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await consents.answer(tx, viewer.person_id, body.purpose, body.version, granted=body.granted)
    return {"items": await consents.standing(tx, viewer.person_id)}


@app_router.get(
    "/me/consents",
    response_model=ConsentsOut,
    summary="我的同意记录",
    description="每个目的最近的一次回答。",
)
async def list_consents(viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return {"items": await consents.standing(tx, viewer.person_id)}


@app_router.post(
    "/me/export",
    status_code=202,
    response_model=ExportOut,
    summary="导出我的信息",
    description="由后台整理本系统中关于本人的全部信息，完成后有站内通知；已有一份在准备时返回那一份。",
    responses=problems(NotAllowed, *KEY_PROBLEMS),
    dependencies=[limited(Limited.export), Once],
)
async def start_export(viewer: CurrentViewer, vault: TheVault, tx: Tx) -> dict[str, Any]:
    await active(tx, viewer)
    await exporting.start(tx, viewer.person_id)
    return await exporting.last(tx, vault, viewer)


@app_router.get(
    "/me/export",
    response_model=ExportOut,
    summary="我的导出",
    description="最近一次导出；可下载时给出十分钟内有效的签名地址（zip，内为 JSON），文件保留 24 小时。",
    responses=problems(NotFound),
)
async def get_export(viewer: CurrentViewer, vault: TheVault, tx: Tx) -> dict[str, Any]:
    return await exporting.last(tx, vault, viewer)


@link_router.get("/exports/{export_id}")
async def download_export(
    export_id: UUID,
    until: Annotated[int, Query(ge=0, le=2**40)],
    signature: Annotated[str, Query(min_length=64, max_length=64)],
    vault: TheVault,
    tx: Tx,
) -> Response:
    """The zip; whoever holds the address within its minutes may have it."""
    content = await exporting.download(tx, vault, export_id, until, signature)
    headers = {"content-disposition": 'attachment; filename="linli-export.zip"'}
    return Response(content, media_type="application/zip", headers=headers)


@leaving_router.delete(
    "/me",
    status_code=202,
    response_model=ErasureOut,
    summary="注销",
    description="申请注销账号。其他设备立即退出；十五日内完成，此前可撤回。"
    "完成后昵称、头像、手机号、微信身份和所写内容清除，表决和操作留痕只余无身份的编号。重复申请返回同一申请。",
    responses=problems(NotAllowed),
)
async def delete_me(request: Request, viewer: CurrentViewer, db: Db) -> dict[str, Any]:
    shown = await _request_erasure(db, viewer)
    sessions: Sessions = request.app.state.sessions
    await sessions.close(viewer, "others")
    return shown


async def _request_erasure(db: Database, viewer: CurrentViewer) -> dict[str, Any]:
    async with db.transaction() as tx:
        await active(tx, viewer)
        return erasing.view(await erasing.request(tx, viewer.person_id, ErasureSource.person))


@app_router.get(
    "/me/erasure",
    response_model=ErasureOut,
    summary="我的注销申请",
    description="最近一次注销申请的进展。",
    responses=problems(NotFound),
)
async def get_erasure(viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await erasing.last(tx, viewer)


@app_router.post(
    "/me/erasure/moves/{move}",
    response_model=ErasureOut,
    summary="撤回注销",
    description="完成之前撤回，一切照旧。",
    responses=problems(Malformed, NotFound, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_erasure(
    move: Annotated[Literal["cancel"], Path(description="操作：撤回 cancel")], viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    del move  # the only one a person can make
    await erasing.cancel(tx, viewer)
    return await erasing.last(tx, viewer)
