"""A small server that stands behind nginx in the tests of nginx: it says what reached it, and can misbehave.

Run as `python -m tests.e2e.upstream NAME PORT SEEN`; each arrival appends a line to the file SEEN. A request
asks for misbehaviour by header: `x-die: NAME` (this process ends without an answer), `x-sleep: SECONDS`,
`x-status: CODE`.
"""

import asyncio
import os
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def application(name: str, seen: Path) -> Starlette:
    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def answer(request: Request) -> Response:
        body = await request.body()
        with seen.open("a") as lines:
            lines.write(f"{name} {request.method} {request.url.path} {len(body)}\n")
        if request.headers.get("x-die") in (name, "all"):
            os._exit(9)
        await asyncio.sleep(float(request.headers.get("x-sleep", 0)))
        told = {
            "name": name,
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "length": len(body),
            "headers": dict(request.headers),
            "padding": "x" * int(request.headers.get("x-padding", 0)),
        }
        headers = {
            "x-request-id": request.headers.get("x-request-id", "-"),
            "x-content-type-options": "nosniff",
        }
        return JSONResponse(told, int(request.headers.get("x-status", 200)), headers)

    return Starlette(routes=[Route("/readyz", ready), Route("/{path:path}", answer, methods=METHODS)])


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1], Path(sys.argv[3])), port=int(sys.argv[2]), log_level="warning")
