"""The console: Swagger UI behind our own sign-in, for administrators, without one outside request.

The page and its small script are ours (static/); Swagger UI comes from the installed package
`fastapi_offline`, read in place. Every address in the page is relative, so that the console works
under any prefix a proxy puts before it.
"""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.routing import APIRoute

from api.kit.http import problem_response
from api.kit.problems import NotFound, Problem

GUARDS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
"""What every answer of the console tells the browser. `data:` is for the small icons in Swagger UI's CSS."""

FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
READS = ["GET", "HEAD"]
EVERY_METHOD = [*READS, "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "html": "text/html; charset=utf-8",
}
_SHIPPED = {
    "api.console": ("console.css", "console.js", "mark.svg"),
    "fastapi_offline": ("swagger-ui.css", "swagger-ui-bundle.js"),
}
Known = Annotated[str | None, Header(alias="if-none-match")]
_REFERENCE = re.compile(r"(?<=\")assets/([a-z.-]+)(?=\")")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the console; `version` is the head of its SHA-256, in its address and its ETag."""

    body: bytes
    media_type: str
    version: str

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'  # weak: a proxy may compress it on the way


def _asset(name: str, body: bytes) -> Asset:
    return Asset(body, _MEDIA_TYPES[name.rpartition(".")[2]], sha256(body).hexdigest()[:16])


def load_assets() -> dict[str, Asset]:
    """Every file the page refers to, by name. Raises FileNotFoundError when a package does not ship one."""
    return {
        name: _asset(name, files(package).joinpath("static", name).read_bytes())
        for package, names in _SHIPPED.items()
        for name in names
    }


def load_page(assets: dict[str, Asset]) -> Asset:
    """The page, each `assets/…` in it stamped with the version of the file it names."""
    text = files("api.console").joinpath("static", "console.html").read_text("utf-8")
    stamped = _REFERENCE.sub(lambda found: f"{found[0]}?v={assets[found[1]].version}", text)
    return _asset("console.html", stamped.encode())


class ConsoleRoute(APIRoute):
    """A route whose every answer, problems included, carries GUARDS."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def run(request: Request) -> Response:
            try:
                response = await handle(request)
            except Problem as problem:
                response = problem_response(problem, request.state.request_id)
            response.headers.update(GUARDS)
            return response

        return run


def _answer(asset: Asset, asked: str | None, cache: str) -> Response:
    headers = {"etag": asset.etag, "cache-control": cache}
    if asked is not None and asset.etag in (tag.strip() for tag in asked.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


def mount(app: FastAPI) -> None:
    """Add /console to `app`. Call it after everything else that lives under /console."""
    assets = load_assets()
    page = load_page(assets)
    router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

    @router.api_route("/console", methods=READS)
    async def to_the_page() -> Response:
        # Relative, so that it stays under whatever prefix the browser came through.
        return Response(status_code=307, headers={"location": "console/", "cache-control": ASK_AGAIN})

    @router.api_route("/console/", methods=READS)
    async def show_page(known: Known = None) -> Response:
        return _answer(page, known, ASK_AGAIN)

    @router.api_route("/console/assets/{name}", methods=READS)
    async def show_asset(name: str, v: str | None = None, known: Known = None) -> Response:
        asset = assets.get(name)
        if asset is None:
            raise NotFound("没有这个文件")
        return _answer(asset, known, FOREVER if v == asset.version else ASK_AGAIN)

    @router.api_route("/console", methods=EVERY_METHOD)
    @router.api_route("/console/{path:path}", methods=EVERY_METHOD)
    async def nothing_here() -> Response:
        raise NotFound("没有这个地址")

    app.include_router(router)
