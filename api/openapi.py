"""The two OpenAPI documents: the public one, and the console's for signed-in administrators."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from api.kit.hot import HotRoute
from api.kit.problems import SessionExpired, TooMany, Unavailable
from api.routers.deps import get_viewer, problems

ADMIN = "/admin/"

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "出错说明（RFC 9457）；除列出的成员外还可能有与错误有关的事实，例如 moves",
    "required": ["type", "code", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "说明页地址"},
        "code": {"type": "string", "description": "稳定的错误代码，供程序判断"},
        "title": {"type": "string", "description": "错误名称"},
        "status": {"type": "integer", "description": "HTTP 状态码"},
        "detail": {"type": "string", "description": "给人看的说明"},
        "request_id": {"type": "string", "description": "请求编号，报障时请提供"},
        "moves": {"type": "array", "items": {"type": "string"}, "description": "此刻可以进行的操作"},
        "errors": {
            "type": "array",
            "description": "逐项错误",
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
            },
        },
    },
}

_PUBLIC_TEXT = "邻里：居民参与社区（村）治理的小程序后端。时间为带时区的 RFC 3339，标识为 UUID。"
_ADMIN_TEXT = "邻里控制台：工作人员使用的接口。点击 Authorize 登录：client_secret 处填写 6 位动态口令。"


def operation_id(route: APIRoute) -> str:
    """verb_noun from the handler's name; the console's copies of shared routes say so."""
    return f"admin_{route.name}" if route.path.startswith(ADMIN) else route.name


def document(app: FastAPI, *, admin: bool) -> dict[str, Any]:
    """One of the two documents, OpenAPI 3.1, of the routes `app` includes."""
    # An included router is resolved lazily: app.routes holds routers, the contexts are what they lead to.
    routes = [
        r
        for r in iter_route_contexts(app.routes)
        if isinstance(r.original_route, APIRoute)
        and r.include_in_schema
        and str(r.path).startswith(ADMIN) == admin
    ]
    found = get_openapi(
        title="邻里控制台" if admin else "邻里",
        version=app.version,
        openapi_version="3.1.0",
        description=_ADMIN_TEXT if admin else _PUBLIC_TEXT,
        routes=routes,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = _schemes(admin)
    signed_in = {f"{r.path_format}{m.lower()}" for r in routes for m in r.methods or () if _asks_who(r)}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _finish(operation, path + method in signed_in, admin, writes=method != "get")
    return found


def hot_routes(doors: Mapping[str, Iterable[APIRouter]]) -> list[tuple[str, HotRoute]]:
    """The routes to be found before the framework's router looks, with their full paths; `doors` by prefix.

    Raises TypeError for one whose router depends on something: only the endpoint's own signature is compiled,
    and what is silently left out might be who may call it.
    """
    found = []
    for prefix, routers in doors.items():
        for route in (route for router in routers for route in router.routes):
            if isinstance(route, HotRoute):
                if route.dependencies:
                    raise TypeError(f"{route.path}: a hot path takes its dependencies in its signature")
                found.append((prefix + route.path, route))
    return found


def _schemes(admin: bool) -> dict[str, Any]:
    if not admin:
        return {
            "session": {"type": "http", "scheme": "bearer", "description": "POST /v1/sessions 返回的 token"}
        }
    return {
        "console": {
            "type": "oauth2",
            "description": "用户名、密码，6 位动态口令填在 client_secret",
            "flows": {"password": {"tokenUrl": "/admin/v1/sessions", "scopes": {}}},
        }
    }


def _asks_who(route: RouteContext) -> bool:
    """Whether any dependency of the route resolves the viewer."""
    waiting = list(route.dependant.dependencies)
    while waiting:
        dependency = waiting.pop()
        if dependency.call is get_viewer:
            return True
        waiting += dependency.dependencies
    return False


def _finish(operation: dict[str, Any], signed_in: bool, admin: bool, *, writes: bool) -> None:
    """Security, and the problems every operation can have, in our own shape instead of the framework's."""
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    signed = (SessionExpired, TooMany) if writes else (SessionExpired,)
    common = problems(Unavailable, *(signed if signed_in else ()))
    for status, entry in common.items():
        responses.setdefault(str(status), entry)
    if signed_in:
        operation["security"] = [{"console": []}] if admin else [{"session": []}]
