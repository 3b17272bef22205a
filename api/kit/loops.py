"""Work that goes on for as long as the process lives: repeated steps that survive faults and end gracefully."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from api.kit.backoff import backoff
from api.kit.faults import as_problem
from api.kit.mishaps import told, trail

log = logging.getLogger("linli.loops")

Step = Callable[[], Awaitable[bool]]
"""One piece of work. True: there may be more at once; False: nothing to do for now."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
"""Seconds between attempts of a step that raises: an engine back after a restart is noticed soon enough."""


@dataclass(frozen=True)
class _Loop:
    name: str
    step: Step
    idle: float
    hands: int
    limit: float
    lookout: asyncio.Lock = field(default_factory=asyncio.Lock)


class Loops:
    """`add` the steps, then `run` them until told to stop."""

    def __init__(self, *, grace: float = 10.0) -> None:
        """`grace`: seconds that steps under way have to finish after the stop."""
        self._grace = grace
        self._loops: list[_Loop] = []

    def add(self, name: str, step: Step, *, idle: float, hands: int = 1, limit: float = 60.0) -> None:
        """Repeat `step` with up to `hands` at once, and look for work every `idle` seconds when there is none.

        `limit`: seconds after which a step is given up, as one that waits on a dead connection must be.
        """
        self._loops.append(_Loop(name, step, idle, hands, limit))

    async def run(self, stop: asyncio.Event) -> bool:
        """Work until `stop` is set. True when everything under way was finished within the grace."""
        tasks = [
            asyncio.create_task(_repeat(loop, stop), name=f"{loop.name}-{hand}")
            for loop in self._loops
            for hand in range(loop.hands)
        ]
        try:
            await stop.wait()
            _, late = await asyncio.wait(tasks, timeout=self._grace) if tasks else (set(), set())
            if late:
                log.warning("not finished in time", extra={"late": sorted(task.get_name() for task in late)})
            return not late
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(loop: _Loop, stop: asyncio.Event) -> None:
    failures = 0
    while not stop.is_set():
        try:
            async with asyncio.timeout(loop.limit):
                busy = await loop.step()
        except Exception as error:
            failures += 1
            _complain(loop.name, failures, error)
            await _pause(stop, backoff(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE))
            continue
        if failures:
            log.info("%s goes on", loop.name, extra={"failures": failures})
            failures = 0
        if not busy:
            # Idle hands take turns at looking out, so that four of them ask no more often than one.
            async with loop.lookout:
                await _pause(stop, loop.idle)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _complain(name: str, failures: int, error: Exception) -> None:
    """Once an outage in a line, however long it lasts; a fault of our own each time, with its way."""
    if as_problem(error) is None:
        log.error("%s failed", name, extra={"error": told(error), "trail": trail(error)})
    elif failures == 1:
        log.warning("%s waits", name, extra={"error": told(error)})
