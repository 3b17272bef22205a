"""The simulator as an ASGI application: envelope, faults, and answers that break off or drip."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.wechat.simulator import control
from api.wechat.simulator.endpoints import CALLS
from api.wechat.simulator.faults import FaultName
from api.wechat.simulator.platform import Platform, Refusal

_log = logging.getLogger("linli.wechat.simulator")
_HANG = 3600.0


class _Broken(Response):
    """Promises more than it sends: the server cuts the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"65536")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class _Silent(Response):
    """Says nothing until the caller has gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(_HANG):
            while (await receive())["type"] != "http.disconnect":
                pass


class _QuietQuery:
    """Takes the query out of the scope the server logs from: it carries the secret, the token and the codes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = dict(scope)
        if scope["type"] == "http":
            scope["query_string"] = b""
        await self._app(inner, receive, send)


def simulator_app(platform: Platform) -> ASGIApp:
    """The platform's calls and `/_control/`."""
    platform_routes = [
        Route(path, _endpoint(platform, method, path), methods=[method]) for method, path in CALLS
    ]
    return _QuietQuery(Starlette(routes=[*platform_routes, *control.routes(platform)]))


def _endpoint(platform: Platform, method: str, path: str) -> Any:
    handler, asks_for_token = CALLS[method, path]

    async def endpoint(request: Request) -> Response:
        faults = platform.faults
        query = dict(request.query_params)
        raw = await request.body()
        note: dict[str, Any] = {"path": path, "errcode": None}
        platform.calls.append(note)
        if faults.strikes(FaultName.gateway_page, path):
            return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
        answer: dict[str, Any] | bytes
        try:
            _stricken(platform, path)
            platform.count(path)
            if asks_for_token:
                platform.check_token(query.get("access_token"))
            answer = await handler(platform, path, query, _body(method, raw))
            note["errcode"] = 0
        except Refusal as refusal:
            note["errcode"] = refusal.errcode
            answer = {"errcode": refusal.errcode, "errmsg": f"{refusal.errmsg} rid: {_rid()}"}
        _log.info("%s %s", path, note["errcode"])
        if faults.strikes(FaultName.lost_answer, path):
            return _Broken()
        if faults.strikes(FaultName.hung_answer, path):
            return _Silent()
        return _written(platform, path, answer)

    return endpoint


def _stricken(platform: Platform, path: str) -> None:
    """The refusals that are switched on."""
    for name, errcode, errmsg in (
        (FaultName.busy, -1, "system error"),
        (FaultName.minute_limit, 45011, "api minute-quota reach limit"),
        (FaultName.day_quota, 45009, "reach max api daily quota limit"),
    ):
        if platform.faults.strikes(name, path):
            raise Refusal(errcode, errmsg)
    if fault := platform.faults.strikes(FaultName.error, path):
        raise Refusal(fault.errcode, "as ordered")


def _body(method: str, raw: bytes) -> dict[str, Any]:
    if method == "GET":
        return {}
    if b"\\u" in raw.replace(b"\\\\", b""):
        raise Refusal(47001, "data format error")  # the platform checks the escapes as they stand
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refusal(47001, "data format error") from None
    if not isinstance(body, dict):
        raise Refusal(47001, "data format error")
    return body


def _written(platform: Platform, path: str, answer: dict[str, Any] | bytes) -> Response:
    faults = platform.faults
    mislabelled = faults.strikes(FaultName.wrong_type, path)
    if isinstance(answer, bytes):
        return Response(answer, media_type="application/json" if mislabelled else "image/png")
    if answer.get("errcode") == 0 and faults.strikes(FaultName.omit_errcode, path):
        answer = {key: value for key, value in answer.items() if key not in ("errcode", "errmsg")}
    if "errcode" in answer and faults.strikes(FaultName.errcode_as_text, path):
        answer = {**answer, "errcode": str(answer["errcode"])}
    content = json.dumps(answer, ensure_ascii=False).encode()
    if faults.strikes(FaultName.cut_off, path):
        content = content[: len(content) // 2]
    if fault := faults.strikes(FaultName.slow_drip, path):
        return StreamingResponse(_drops(content, fault.seconds), media_type="application/json")
    if mislabelled:
        return Response(content, media_type="image/jpeg")
    return (
        JSONResponse(answer) if content.endswith(b"}") else Response(content, media_type="application/json")
    )


async def _drops(content: bytes, seconds: float) -> AsyncIterator[bytes]:
    for index in range(len(content)):
        yield content[index : index + 1]
        await asyncio.sleep(seconds)


def _rid() -> str:
    return "-".join(secrets.token_hex(4) for _ in range(3))
