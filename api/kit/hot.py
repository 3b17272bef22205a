"""Hot paths: the same declared endpoints, resolved and dispatched without the framework's machinery.

A hot endpoint is an ordinary FastAPI endpoint: its signature is its contract and its documentation. `HotRoute`
compiles that signature once into a straight run of look-ups, and `Lane` finds it before the framework's router
does. What is left is the use-case itself (docs/adr/0003; figures in docs/performance.md).
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, get_type_hints

from fastapi import Request, Response, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.kit.problems import UnsupportedMedia

Handler = Callable[[Request], Awaitable[Response]]
_ID_LENGTH = 36
"""What is no id may be the name of a sibling path (/cases/similar): the framework's router knows."""
_Resolve = Callable[[Request], Awaitable[Any]]


def compile_endpoint(endpoint: Callable[..., Awaitable[Response]]) -> Handler:
    """A handler for `endpoint`, whose parameters are the request, dependencies of the request alone, one JSON
    body, and single path, query and header values. TypeError for anything else: that endpoint is not hot."""
    hints = get_type_hints(endpoint, include_extras=True)
    dependencies: list[tuple[str, _Resolve]] = []
    inputs: list[tuple[str, _Resolve]] = []
    wants_request = []
    for name, parameter in inspect.signature(endpoint).parameters.items():
        hint = hints[name]
        marks = getattr(hint, "__metadata__", ())
        if hint is Request:
            wants_request.append(name)
        elif isinstance(hint, type) and issubclass(hint, BaseModel):
            inputs.append((name, _body(TypeAdapter(hint))))
        elif depends := next((m for m in marks if isinstance(m, params.Depends)), None):
            dependencies.append((name, _dependency(depends)))
        elif mark := next((m for m in marks if isinstance(m, params.Param)), None):
            inputs.append((name, _value(name, mark, TypeAdapter(hint), parameter.default)))
        else:
            raise TypeError(f"{endpoint.__name__}: {name} cannot be resolved on a hot path")

    async def handle(request: Request) -> Response:
        values: dict[str, Any] = dict.fromkeys(wants_request, request)
        for name, resolve in dependencies:
            values[name] = await resolve(request)
        errors: list[Any] = []
        for name, resolve in inputs:
            try:
                values[name] = await resolve(request)
            except RequestValidationError as error:
                errors += error.errors()
        if errors:
            raise RequestValidationError(errors)
        return await endpoint(**values)

    return handle


def _dependency(depends: params.Depends) -> _Resolve:
    call: Any = depends.dependency
    if list(inspect.signature(call).parameters) != ["request"]:
        raise TypeError(f"{call.__name__} asks for more than the request")
    found: _Resolve = call
    return found


def _body(adapter: TypeAdapter[Any]) -> _Resolve:
    async def resolve(request: Request) -> Any:
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind.strip().lower() != "application/json":
            raise UnsupportedMedia("请求内容应为 application/json")
        raw = await request.body()
        try:
            return adapter.validate_json(raw)
        except ValidationError as error:
            raise _refused(error, ("body",)) from None

    return resolve


def _value(name: str, mark: params.Param, adapter: TypeAdapter[Any], default: Any) -> _Resolve:
    kind = mark.in_.value
    wire_name = mark.alias or (name.replace("_", "-") if kind == "header" else name)

    async def resolve(request: Request) -> Any:
        if kind == "path":
            raw = request.path_params.get(wire_name)
        elif kind == "query":
            raw = request.query_params.get(wire_name)
        else:
            raw = request.headers.get(wire_name)
        if raw is None:
            if default is inspect.Parameter.empty:
                raise _missing(kind, wire_name)
            return default
        try:
            return adapter.validate_python(raw)
        except ValidationError as error:
            raise _refused(error, (kind, wire_name)) from None

    return resolve


def _missing(*where: str) -> RequestValidationError:
    return RequestValidationError([{"type": "missing", "loc": where, "msg": "Field required", "input": None}])


def _refused(error: ValidationError, where: tuple[str, ...]) -> RequestValidationError:
    return RequestValidationError(
        [{**e, "loc": (*where, *e["loc"])} for e in error.errors(include_url=False)]
    )


class HotRoute(APIRoute):
    """A route whose endpoint is compiled. Reached through the framework's router it behaves the same."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = compile_endpoint(self.endpoint)

        async def run(request: Request) -> Response:
            return await handle(request)

        return run


class Lane:
    """Finds the handler of a hot path; a handful of templates, matched by method and segments."""

    def __init__(self, routes: Iterable[tuple[str, HotRoute]]) -> None:
        """`routes` with the full path each is reached under."""
        self._by_shape: dict[tuple[str, int], list[tuple[tuple[str, ...], str, Handler]]] = {}
        for path, route in routes:
            segments = tuple(path.split("/"))
            handler = compile_endpoint(route.endpoint)
            for method in route.methods or ():
                self._by_shape.setdefault((method, len(segments)), []).append((segments, path, handler))

    def find(self, method: str, path: str) -> tuple[str, dict[str, str], Handler] | None:
        """The template, its values and the handler; None leaves the path to the framework."""
        parts = path.split("/")
        for segments, template, handler in self._by_shape.get((method, len(parts)), ()):
            values = {}
            for segment, part in zip(segments, parts, strict=True):
                if segment[:1] != "{":
                    if segment != part:
                        break
                elif not part or (len(part) != _ID_LENGTH and segment.endswith("_id}")):
                    break
                else:
                    values[segment[1:-1]] = part
            else:
                return template, values, handler
        return None
