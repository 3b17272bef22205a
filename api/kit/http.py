"""HTTP edge: request ids, body limits, access log, problems as responses, one transaction a request."""

import logging
import re
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from os import urandom
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.kit import idempotency
from api.kit.faults import Overloaded, as_problem
from api.kit.hot import Lane
from api.kit.late import never
from api.kit.logging import request_id
from api.kit.metrics import REQUESTS, SECONDS
from api.kit.mishaps import told, trail
from api.kit.problems import (
    Internal,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMedia,
)
from api.kit.store import StorageUnavailable
from api.kit.wire import dumps
from api.kit.wording import explain

never("pydantic.v1")  # FastAPI asks of every annotation whether it is one of the old models

log = logging.getLogger("linli.http")
_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_NEVER_REFUSED = frozenset({"/healthz", "/readyz", "/metrics"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_MOST_FAULTS = 100
"""Of a body with more faults than that the rest is not told."""
_GUARDS = {b"cache-control": b"no-store", b"x-content-type-options": b"nosniff"}
"""Said of every answer that does not say otherwise itself."""


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Content already in wire shape, written by orjson; for hot routes that declare a response model."""
    return Response(dumps(content), status, headers, "application/json")


def problem_response(problem: Problem, rid: str) -> Response:
    headers = {"retry-after": str(problem.retry_after)} if problem.retry_after is not None else {}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    body = orjson.dumps(problem.body(rid), default=str)
    return Response(body, problem.status, headers, "application/problem+json")


class TransactionRoute(APIRoute):
    """A route whose handler works in `request.state.tx`: READ ONLY for reads, else one unit of work.

    The order is handler → serialise → idempotent answer → commit → send, so that no answer leaves before
    its effect is durable, and the stored answer is the one that was sent (docs/adr/0004).
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        reads = (self.methods or set()) <= _READS

        async def run(request: Request) -> Response:
            db = request.app.state.db
            async with db.reading() if reads else db.transaction() as tx:
                request.state.tx = tx
                response = await handle(request)
                pending = getattr(request.state, "pending", None)
                if pending is not None and not reads:
                    await idempotency.keep(tx, pending, response.status_code, bytes(response.body))
            return response

        return run


class Edge:
    """The outermost ASGI layer of every request."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body: int,
        limit: int,
        lane: Lane,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        """`max_body` in bytes, `larger` for single paths; more than `limit` requests at once are answered 503
        without any work."""
        self.app = app
        self.lane = lane
        self.max_body = max_body
        self.larger = larger or {}
        self.limit = limit
        self.busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        rid, length = _headers(scope)
        scope.setdefault("state", {})["request_id"] = rid
        token = request_id.set(rid)
        status = 0
        seen = 0
        max_body = self.larger.get(scope["path"], self.max_body)

        async def receive_some() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > max_body:
                raise TooLarge(f"请求内容不能超过 {max_body // 1024} KB", limit_bytes=max_body)
            return message

        async def send_some(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                said = {name for name, _ in headers}
                own = [(name, value) for name, value in _GUARDS.items() if name not in said]
                message["headers"] = [*headers, *own, (b"x-request-id", rid.encode())]
            await send(message)

        self.busy += 1
        try:
            if self.busy > self.limit and scope["path"] not in _NEVER_REFUSED:
                raise Overloaded(retry_after=1)
            if length is not None and length > max_body:
                raise TooLarge(f"请求内容不能超过 {max_body // 1024} KB", limit_bytes=max_body)
            hot = self.lane.find(scope["method"], scope["path"])
            if hot is None:
                await self.app(scope, receive_some, send_some)
            else:
                scope["template"], scope["path_params"], handle = hot
                response = await handle(Request(scope, receive_some))
                await response(scope, receive_some, send_some)
        except Exception as error:  # nothing of it may leave
            if status == 0:
                await problem_response(_problem_of(error), rid)(scope, receive, send_some)
            elif not isinstance(error, Problem):
                _complain("failed after the answer had begun", error)
        finally:
            self.busy -= 1
            _write_access(scope, rid, status, time.perf_counter() - started)
            request_id.reset(token)


def _headers(scope: Scope) -> tuple[str, int | None]:
    rid, length = b"", None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            rid = value
        elif name == b"content-length" and value.isdigit():
            length = int(value)
    if _ID.fullmatch(rid):
        return rid.decode(), length
    return urandom(8).hex(), length


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, RequestValidationError):
        return _malformed(error)
    if isinstance(error, ClientDisconnect):
        return Malformed("请求没有发完")  # nobody hears it
    problem = error if isinstance(error, Problem) else as_problem(error)
    if problem is None:
        _complain("unhandled", error)
        return Internal()
    return problem


def _complain(what: str, error: Exception) -> None:
    """Without the error's message, which may quote a row or a text."""
    log.error(what, extra={"error": told(error), "trail": trail(error)})


_metric_cache: dict[tuple[str, str, int], tuple[Any, Any]] = {}


def _write_access(scope: Scope, rid: str, status: int, seconds: float) -> None:
    route = scope.get("template") or _template(scope)
    # A stranger's methods must not grow the label set.
    method = scope["method"] if route != "-" and scope["method"] in _METHODS else "-"
    cached = _metric_cache.get((method, route, status))
    if cached is None:
        cached = REQUESTS.labels(method, route, str(status)), SECONDS.labels(route)
        _metric_cache[method, route, status] = cached
    cached[0].inc()
    cached[1].observe(seconds)
    if log.isEnabledFor(logging.INFO):
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "level": "info",
            "logger": "linli.access",
            "request_id": rid,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        sys.stderr.write(orjson.dumps(line).decode() + "\n")


def _template(scope: Scope) -> str:
    """The path's template, so that ids stay out of logs and labels."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        return "-"
    mounted = next((p for p in ("/admin/v1", "/v1") if scope["path"].startswith(f"{p}/")), "")
    return f"{mounted}{route}" if not str(route).startswith(mounted or "\0") else str(route)


def install(app: FastAPI) -> None:
    """Register how every kind of failure becomes application/problem+json."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error, request.state.request_id)

    async def on_replay(_: Request, error: Exception) -> Response:
        assert isinstance(error, idempotency.Replayed)
        return Response(error.body, error.status, {"idempotent-replayed": "true"}, "application/json")

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(_malformed(error), request.state.request_id)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = problem_response(_http_problem(error), request.state.request_id)
        if error.status_code == 405:
            response.headers["allow"] = ", ".join(sorted(_allowed(app, request.scope)))
        return response

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(idempotency.Replayed, on_replay)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def _allowed(app: FastAPI, scope: Scope) -> set[str]:
    """The methods under which some route answers this address (RFC 9110, 15.5.6): one address can have many routes,
    and the framework names those of the first alone."""
    asked = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
    return {m for m in _METHODS if _answers(app.routes, {**asked, "method": m, "path_params": {}})}


def _answers(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    for route in routes:
        match, inner = route.matches(scope)
        if match is Match.FULL:
            return not isinstance(route, Mount) or _answers(route.routes, {**scope, **inner})
    return False


def _malformed(error: RequestValidationError) -> Malformed:
    errors = [
        {"loc": [_printable(part) for part in e["loc"]], "msg": explain(e), "type": e["type"]}
        for e in error.errors()[:_MOST_FAULTS]
    ]
    first = errors[0]["msg"] if errors else ""
    return Malformed(f"请求内容有误：{first}", errors=errors)


def _printable(part: Any) -> int | str:
    """Of a name that a stranger made up only what can be written, and not all of it."""
    return part if isinstance(part, int) else str(part)[:100].encode("utf-8", "replace").decode()


def _http_problem(error: HTTPException) -> Problem:
    if isinstance(error.__cause__, Problem):  # raised while the body was read, wrapped by the framework
        return error.__cause__
    if isinstance(error.__cause__, OSError):  # no room for what was being sent
        return StorageUnavailable()
    match error.status_code:
        case 400 | 422:
            return Malformed(
                "请求内容无法解析，应为 UTF-8 编码的 JSON",
                errors=[{"loc": ["body"], "msg": "无法解析", "type": "json_invalid"}],
            )
        case 404:
            return NotFound("没有这个地址")
        case 405:
            return MethodNotAllowed()
        case 413:
            return TooLarge()
        case 415:
            return UnsupportedMedia()
    return Internal()
