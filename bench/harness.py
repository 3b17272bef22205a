"""Short alternating bursts against ASGI apps in one process: CPU of the application per request, as ratios.

A neighbour that takes the cores hits both sides of a round alike, so the ratio holds where throughput does not.
`process_time` is this process only; what the engines spend is not in it.
"""

import asyncio
import gc
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

ROUNDS, OPERATIONS, CONCURRENT = 25, 160, 16
GOOD = frozenset({200, 201})
RACED = GOOD | {409}
"""Where all but few are to lose."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Ratio:
    """What a path costs, in CPU of the application against its limit: min, median and max over the rounds."""

    low: float
    median: float
    high: float
    limit_us: float
    """Median CPU of the limit, microseconds a request."""
    wall: float
    """Median ratio of elapsed time."""
    answers: dict[str, Counter[int]]


async def call(app: Any, ask: Ask) -> int:
    """Send one request through ASGI; the status."""
    sent, status = False, 0
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
        "method": ask.method, "path": ask.path, "raw_path": ask.path.encode(), "query_string": ask.query.encode(),
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        "headers": [(b"host", b"bench"), (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(ask.body)), *ask.headers],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.sleep(3600)
        sent = True
        return {"type": "http.request", "body": ask.body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    await app(scope, receive, send)
    return status


async def _burst(
    app: Any, asks: Iterator[Ask], seen: Counter[int], operations: int, concurrent: int
) -> tuple[float, float]:
    async def one_client() -> None:
        for _ in range(operations // concurrent):
            seen[await call(app, next(asks))] += 1

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one_client() for _ in range(concurrent)))
    return (time.process_time() - cpu) / operations * 1e6, (time.perf_counter() - wall) / operations * 1e6


async def compare(
    limit: Any,
    product: Any,
    asks: Iterator[Ask],
    *,
    rounds: int = ROUNDS,
    operations: int = OPERATIONS,
    concurrent: int = CONCURRENT,
    good: frozenset[int] = GOOD,
) -> Ratio:
    """Alternate bursts of both apps (their lifespans running) over the same stream of requests.

    RuntimeError for an answer that is not `good`: what fails is cheap.
    """
    apps = {"limit": limit, "product": product}
    answers: dict[str, Counter[int]] = {name: Counter() for name in apps}
    cost: dict[str, list[tuple[float, float]]] = {name: [] for name in apps}
    for app in apps.values():
        await _burst(app, asks, Counter(), operations, concurrent)
    for round_ in range(rounds):
        gc.collect()
        names = list(apps) if round_ % 2 else list(reversed(apps))
        for name in names:
            cost[name].append(await _burst(apps[name], asks, answers[name], operations, concurrent))
    for name, seen in answers.items():
        if not set(seen) <= good:
            raise RuntimeError(f"{name} answered {dict(seen)}")
    pairs = list(zip(cost["product"], cost["limit"], strict=True))
    ratios = sorted(mine[0] / theirs[0] for mine, theirs in pairs)
    return Ratio(
        ratios[len(ratios) // 10],
        statistics.median(ratios),
        ratios[-1 - len(ratios) // 10],
        statistics.median(c for c, _ in cost["limit"]),
        statistics.median(mine[1] / theirs[1] for mine, theirs in pairs),
        answers,
    )


async def with_lifespans(stack: AsyncExitStack, *apps: Any) -> None:
    """Run the apps' lifespans until the stack closes."""
    for app in apps:
        await stack.enter_async_context(app.router.lifespan_context(app))
