"""A callback as a router will be: it lets the gate judge, keeps each event once by its key, answers at once."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.wechat.events import PushEvent
from api.wechat.push import SUCCESS, PushGate, PushRejected, PushReplayed

PATH = "/wechat/push"


@dataclass
class Receiver:
    """What arrived at `url`, in order; `failing` is how many pushes it cannot queue first."""

    gate: PushGate
    url: str = ""
    events: list[PushEvent] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    rejections: list[str] = field(default_factory=list)
    replays: int = 0
    failing: int = 0
    arrival: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def check(self, request: Request) -> Response:
        try:
            return PlainTextResponse(self.gate.echo(request.query_params))
        except PushRejected as rejected:
            self.rejections.append(rejected.reason)
            return PlainTextResponse("", 403)

    async def receive(self, request: Request) -> Response:
        try:
            push = await self.gate.open(request.query_params, await request.body())
        except PushReplayed:
            self.replays += 1
            return PlainTextResponse(SUCCESS)
        except PushRejected as rejected:
            self.rejections.append(rejected.reason)
            return PlainTextResponse("", 403)
        if self.failing:
            self.failing -= 1
            await self.gate.forget(push)
            return PlainTextResponse("", 503)
        if push.event.key not in self.keys:
            self.keys.add(push.event.key)
            self.events.append(push.event)
            async with self.arrival:
                self.arrival.notify_all()
        return PlainTextResponse(SUCCESS)

    async def until(self, count: int) -> list[PushEvent]:
        """The events, once there are `count`."""
        async with asyncio.timeout(10), self.arrival:
            await self.arrival.wait_for(lambda: len(self.events) >= count)
        return self.events


@asynccontextmanager
async def receiving(gate: PushGate) -> AsyncIterator[Receiver]:
    """A receiver served by this loop on a free port."""
    receiver = Receiver(gate)
    app = Starlette(
        routes=[
            Route(PATH, receiver.check, methods=["GET"]),
            Route(PATH, receiver.receive, methods=["POST"]),
        ]
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield receiver
        finally:
            server.should_exit = True
            await serving
