"""A worker to kill: the product's own, slow to commit, with a clock that is ahead of everybody's."""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from api.settings import Settings
from tests.forked import Forked
from tests.neighbours import scalar
from tests.town import Town

Between = Callable[[], Awaitable[object]]


class SlowWorker(Forked):
    """What it did stays uncommitted for `seconds`; see slow_worker_main."""

    def __init__(
        self, settings: Settings, folder: Path, *, seconds: float, ahead: timedelta, also: str = ""
    ) -> None:
        """`also` is what it is slow with beside clocks."""
        self._clock, self._begun = folder / "clock", folder / "begun"
        self._clock.write_bytes(bytes(8))
        self.ahead(ahead)
        super().__init__(
            "slow-worker",
            ["tests.faults.slow_worker_main"],
            folder,
            env={
                "DATABASE_URL": str(settings.database_url),
                "REDIS_URL": str(settings.redis_url),
                "LINLI_WECHAT_BASE": settings.wechat_base,
                "LINLI_WECHAT_APPID": settings.wechat_appid,
                "LINLI_WECHAT_SECRET": settings.wechat_secret.get_secret_value(),
                "LINLI_CLOCK_FILE": str(self._clock),
                "EFFECT_SECONDS": str(seconds),
                "EFFECTS_BEGUN": str(self._begun),
                "SLOW_WITH": also,
            },
        )

    def ahead(self, by: timedelta) -> None:
        """Set how far its clock is ahead of the real time, whether it runs or not."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("<d", by.total_seconds()))

    @property
    def begun(self) -> int:
        """How many effects were begun, by it and by those killed before."""
        return len(self._begun.read_text().split()) if self._begun.exists() else 0

    async def through(
        self,
        town: Town,
        waiting: str,
        kills: int,
        between: Between | None = None,
        *,
        begun: str | None = None,
    ) -> int:
        """Kill it `kills` times in the middle of an effect, with `between` after each; then let it come to an end.

        `waiting` is the SQL of a number that is nothing once all is done, `begun` that of how many effects were begun
        where the database tells it. Returns how many kills interrupted something.
        """
        interrupted = 0

        async def so_far() -> int:
            return self.begun if begun is None else await scalar(town, begun)

        try:
            for _ in range(kills):
                enough = await so_far() + 2
                self.launch()
                # Of two begun one after the other the first has committed: each worker gets on by one at least.
                await self._until(town, waiting, so_far, enough)
                interrupted += await scalar(town, waiting) > 0
                await asyncio.to_thread(self.kill)
                if between is not None:
                    await between()
            self.launch()
            await self._until(town, waiting, pause=0.1)
        finally:
            self.kill()
        return interrupted

    async def _until(
        self,
        town: Town,
        waiting: str,
        so_far: Callable[[], Awaitable[int]] | None = None,
        enough: int = 0,
        *,
        pause: float = 0.02,
    ) -> None:
        """Until `so_far` has come to `enough`, or nothing waits any more."""
        end = time.monotonic() + 120
        while (so_far is None or await so_far() < enough) and await scalar(town, waiting):
            assert time.monotonic() < end, self.output[-2000:]
            await asyncio.sleep(pause)
