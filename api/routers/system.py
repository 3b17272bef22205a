"""Health, metrics, and a page for every problem."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from api.kit.health import Health
from api.kit.metrics import exposition
from api.kit.problems import NotFound, Problem, known_problems

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{title} · 邻里</title></head>
<body><h1>{title}</h1><p>代码 <code>{code}</code>，HTTP 状态 {status}</p><p>{advice}</p>
<p><a href="./">全部问题</a></p></body></html>"""


@router.get("/healthz")
async def is_up() -> dict[str, str]:
    """The process is up; nothing else is asked."""
    return {"status": "up"}


@router.get("/readyz")
async def is_ready(request: Request) -> JSONResponse:
    """Engines answer and the migrations are at head; 503 names what is not."""
    health: Health = request.app.state.health
    report = await health.report()
    ready = all(part["ok"] for part in report.values() if part["needed"])
    return JSONResponse(
        {"ready": ready, "parts": report}, 200 if ready else 503, {} if ready else {"retry-after": "2"}
    )


@router.get("/metrics")
async def read_metrics() -> Response:
    """Prometheus text, summed over the processes of this host."""
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _page(kind: type[Problem]) -> str:
    return _PAGE.format(
        title=escape(kind.title),
        code=escape(kind.code),
        status=kind.status,
        advice=escape(kind.advice or kind.title),
    )


@router.get("/problems/")
async def list_problems() -> HTMLResponse:
    rows = "".join(
        f'<li><a href="{escape(k.code)}">{escape(k.title)}</a> <code>{escape(k.code)}</code> {k.status}</li>'
        for k in known_problems()
    )
    return HTMLResponse(
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>问题一览 · 邻里</title></head>'
        f"<body><h1>问题一览</h1><ul>{rows}</ul></body></html>"
    )


@router.get("/problems/{code}")
async def show_problem(code: str) -> HTMLResponse:
    kind: Any = Problem.registry.get(code)
    if kind is None:
        raise NotFound("没有这种问题")
    return HTMLResponse(_page(kind))
