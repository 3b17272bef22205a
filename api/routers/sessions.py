"""Logging in: wx.login codes for the mini-program, password and one-time code for the console."""

from base64 import b64decode
from typing import Annotated, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Form, Path, Request, Response

from api.kit.db import Database
from api.kit.hot import HotRoute
from api.kit.http import json_response
from api.kit.problems import Malformed, NotAllowed, NotFound, SessionExpired, TooMany
from api.kit.secrets import Vault
from api.kit.throttle import Throttle
from api.models import Person
from api.models.people import PersonId
from api.routers.deps import CurrentViewer, Db, limited, problems
from api.rules.throttling import UNKNOWN_NAME, Limited
from api.schemas.sessions import ConsoleSession, CurrentSession, DeviceOut, SessionOut, StartSession
from api.services import login
from api.services.content import risk
from api.services.login import BadCredentials, Locked, PersonBlocked
from api.services.people import names
from api.services.sessions import Opened, Sessions
from api.services.uploads.pictures import Audience
from api.wechat.client import WeChat
from api.wechat.errors import UserBlocked, WeChatError
from api.wechat.problems import WechatCodeInvalid, WechatUnavailable, WechatUserBlocked, translate

app_router = APIRouter(tags=["会话"])
console_router = APIRouter(tags=["会话"])
fast = APIRouter(tags=["会话"], route_class=HotRoute)
shared_router = APIRouter(tags=["会话"])

_HASHING = CapacityLimiter(2)
"""argon2 takes 64 MiB a check: a burst of guesses waits in line instead of taking the process's memory."""


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _device(request: Request) -> str:
    return request.headers.get("user-agent", "未知设备")


async def _open(request: Request, db: Database, person_id: PersonId, *, console: bool) -> Opened:
    """A session for somebody who has just proven who he is, and was not shut out while proving it."""
    opened = await _sessions(request).open(person_id, _device(request), console=console)
    try:
        async with db.reading() as tx:
            await login.welcome(tx, person_id, console=console)
    except (NotAllowed, PersonBlocked):
        await _sessions(request).close_all(person_id, console_only=console)
        raise
    return opened


def _brief(request: Request, person: Person) -> dict[str, Any]:
    avatar = names.shown(request.app.state.pictures, person.avatar, Audience.everybody)
    return {"id": person.id, "nickname": person.nickname, "avatar": avatar}


@app_router.post(
    "/sessions",
    status_code=201,
    response_model=SessionOut,
    summary="微信登录",
    description="用 wx.login 的 code 换取会话。code 只能用一次，5 分钟内有效；session_key 不出服务器。",
    responses=problems(
        Malformed, WechatCodeInvalid, WechatUserBlocked, WechatUnavailable, PersonBlocked, TooMany
    ),
    dependencies=[limited(Limited.login)],
)
async def start_session(body: StartSession, request: Request, db: Db) -> dict[str, Any]:
    """The code exchange comes before the transaction; the session after its commit."""
    wechat: WeChat = request.app.state.wechat
    app = request.app.state.settings.wechat_appid
    if body.app is not None and body.app != app:
        raise WechatCodeInvalid("不认识这个小程序")
    try:
        identity = await wechat.code_to_session(body.code)
    except UserBlocked as blocked:
        async with db.transaction() as tx:
            login.refused_by_platform(tx, blocked.rid)
        raise translate(blocked) from None
    except WeChatError as error:
        raise translate(error) from None
    async with db.transaction() as tx:
        entered = await login.enter(tx, app=app, openid=identity.openid, unionid=identity.unionid)
        if request.app.state.settings.wechat_risk_rank and request.client is not None:
            await risk.note_login(tx, entered.person.id, identity.openid, request.client.host)
    opened = await _open(request, db, entered.person.id, console=False)
    return {
        "token": opened.token,
        "expires_at": opened.expires_at,
        "person": _brief(request, entered.person),
        "is_new": entered.is_new,
    }


@console_router.post(
    "/sessions",
    response_model=ConsoleSession,
    summary="控制台登录",
    description="OAuth2 密码模式：用户名、密码，动态口令放在 otp；控制台自带的 Authorize 对话框把它放在 client_secret。",
    responses=problems(Malformed, BadCredentials, Locked, PersonBlocked, TooMany),
    dependencies=[limited(Limited.console_login)],
)
async def start_console_session(
    request: Request,
    db: Db,
    username: Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")],
    password: Annotated[str, Form(min_length=1, max_length=256)],
    otp: Annotated[str | None, Form(max_length=16, description="6 位动态口令")] = None,
    client_secret: Annotated[str | None, Form(max_length=16, description="同 otp")] = None,
    grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
    client_id: Annotated[str | None, Form(max_length=64)] = None,
    scope: Annotated[str | None, Form(max_length=64)] = None,
) -> dict[str, Any]:
    """An attempt is counted and committed before anything is compared, so that failing cannot undo the count."""
    vault: Vault = request.app.state.vault
    code = (otp or client_secret or _basic_secret(request)).replace(" ", "")
    async with db.transaction() as tx:
        known = await login.attempt(tx, vault, username)
    if known is None:
        await _strike(request, username)
    hashed = known.password_hash if known else None
    right = await run_sync(login.verify_password, hashed, password, limiter=_HASHING)
    step = login.matching_step(known.totp_secret, code) if known else None
    if known is None:
        raise BadCredentials
    if not right or step is None:
        async with db.transaction() as tx:
            login.fail(tx, known.person_id)
        raise BadCredentials
    async with db.transaction() as tx:
        person = await login.succeed(tx, known.person_id, step)
    opened = await _open(request, db, person.id, console=True)
    return {
        "access_token": opened.token,
        "token_type": "bearer",
        "expires_at": opened.expires_at,
        "person": _brief(request, person),
    }


async def _strike(request: Request, username: str) -> None:
    """A name nobody has is locked like one that somebody has: the answers must not tell them apart."""
    throttle: Throttle = request.app.state.throttle
    left = await throttle.strike("name", username, UNKNOWN_NAME)
    if left is not None:
        raise Locked.for_seconds(left)


def _basic_secret(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


@fast.get(
    "/sessions/current",
    response_model=CurrentSession,
    summary="当前会话",
    description="确认会话仍然有效，并顺延有效期。",
    responses=problems(SessionExpired),
)
async def get_current_session(viewer: CurrentViewer) -> Response:
    return json_response({"id": viewer.session_id, "person_id": viewer.person_id, "console": viewer.console})


@shared_router.get(
    "/sessions",
    response_model=list[DeviceOut],
    summary="登录设备",
    description="本人所有有效的登录，新的在前。",
    responses=problems(SessionExpired),
)
async def list_sessions(request: Request, viewer: CurrentViewer) -> list[dict[str, Any]]:
    devices = await _sessions(request).devices(viewer)
    return [{f: getattr(d, f) for f in ("id", "device", "console", "created_at", "current")} for d in devices]


@shared_router.delete(
    "/sessions/{which}",
    status_code=204,
    summary="退出登录",
    description="current 退出本机，others 退出其他设备，或给出一个设备的标识。立即生效。",
    responses=problems(SessionExpired, NotFound),
)
async def end_session(
    which: Annotated[str, Path(max_length=32, description="current、others 或设备标识")],
    request: Request,
    viewer: CurrentViewer,
) -> Response:
    await _sessions(request).close(viewer, which)
    return Response(status_code=204)
