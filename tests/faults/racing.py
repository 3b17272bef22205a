"""Races over two API processes: everybody at once, half of them at either."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.settings import Settings
from tests.e2e.topology import Program, free_port, running
from tests.forked import Forked
from tests.neighbours import somebody
from tests.town import Actor, Town

RACERS = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """Two API processes."""

    urls: tuple[str, ...]
    programs: tuple[Program, ...]

    def look_first(self) -> None:
        """From here on they look first and write afterwards."""
        for program in self.programs:
            program.tell(signal.SIGUSR1)


@contextmanager
def two_processes(
    settings: Settings, folder: Path, *how: str, main: str = "racing_main", pool: int = 16
) -> Iterator[Pair]:
    """Of the product, ready; `how` the guards of `main` are broken: see racing_main, poll_main."""
    environment = {
        "DATABASE_URL": str(settings.database_url),
        "REDIS_URL": str(settings.redis_url),
        "LINLI_WECHAT_BASE": settings.wechat_base,
        "LINLI_WECHAT_APPID": settings.wechat_appid,
        "LINLI_WECHAT_SECRET": settings.wechat_secret.get_secret_value(),
        "LINLI_POOL_SIZE": str(pool),
    }
    ports = [free_port(), free_port()]
    programs = [
        Forked(
            f"racing-{port}",
            [f"tests.faults.{main}", str(port), *how],
            folder,
            f"http://127.0.0.1:{port}/readyz",
            environment,
        )
        for port in ports
    ]
    with running(*programs):
        yield Pair(tuple(f"http://127.0.0.1:{port}" for port in ports), tuple(programs))


async def crowd_of(town: Town, many: int = RACERS) -> list[Actor]:
    """So many people, each with a session."""
    found: list[Actor] = []
    while len(found) < many:  # as many at a time as the pool serves
        found += await asyncio.gather(*(somebody(town, f"志愿者{len(found) + n}") for n in range(10)))
    return found


async def race(pair: Pair, asks: Sequence[tuple[Actor, str]]) -> list[httpx.Response]:
    """Everybody posts nothing to a path under /v1, at once; the answers in the order of `asks`."""
    limits = httpx.Limits(max_connections=RACERS)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
        return await asyncio.gather(
            *(
                client.post(
                    f"{pair.urls[n % 2]}/v1{path}",
                    json={},
                    headers={**who.headers, "idempotency-key": f"{path.split('/')[2]}-{n}"},
                )
                for n, (who, path) in enumerate(asks)
            )
        )
