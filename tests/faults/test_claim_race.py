"""R1: two hundred claim one wish at once against two API processes, again and again; and one member claims many."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from api.kit import clock
from api.settings import Settings
from tests.e2e.topology import Program, free_port, running
from tests.faults.often import often
from tests.neighbours import member, scalar
from tests.town import Actor, Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(420)]
RACERS, ROUNDS, MEMBERS = 200, often(3), 20


@contextmanager
def two_processes(settings: Settings, folder: Path, *how: str) -> Iterator[list[str]]:
    """Their addresses."""
    environment = {
        "DATABASE_URL": str(settings.database_url),
        "REDIS_URL": str(settings.redis_url),
        "LINLI_WECHAT_BASE": settings.wechat_base,
        "LINLI_WECHAT_APPID": settings.wechat_appid,
        "LINLI_WECHAT_SECRET": settings.wechat_secret.get_secret_value(),
        "LINLI_POOL_SIZE": "16",
    }
    ports = [free_port(), free_port()]
    programs = [
        Program(
            f"claims-{port}",
            [sys.executable, "-m", "tests.faults.claim_main", str(port), *how],
            folder,
            f"http://127.0.0.1:{port}/readyz",
            environment,
        )
        for port in ports
    ]
    with running(*programs):
        yield [f"http://127.0.0.1:{port}" for port in ports]


async def _wishes(town: Town, many: int) -> list[str]:
    """Published, of as many households."""
    now = clock.now()
    async with town.app.state.db.transaction() as tx:
        made = await tx.execute(
            text("""insert into needs (id, kind, category, title, text, urgency, skills, qualifications, content, state,
                      seats, free_seats, round, place_id, path, community_id, household, place_in_household, author_id,
                      published_at, created_at, updated_at)
                    select gen_random_uuid(), 'wish', 'goods', '老花镜', '三百度', 'normal', '{}', '{}', 'pass', 'published',
                      1, '{1}', 1, p.id, p.path, p.id, gen_random_uuid(), 1, :author, :now, :now, :now
                    from places p, generate_series(1, :many) where p.id = :place returning id"""),
            {"author": town.here.resident.id, "place": town.here.place, "many": many, "now": now},
        )
        return [str(row[0]) for row in made]


async def _race(urls: list[str], asks: list[tuple[Actor, str]]) -> Counter[int]:
    """Everybody at once, half at either process."""
    limits = httpx.Limits(max_connections=RACERS)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    f"{urls[n % 2]}/v1/wishes/{need}/moves/claim",
                    json={},
                    headers={**who.headers, "idempotency-key": f"{need[:8]}-{n}"},
                )
                for n, (who, need) in enumerate(asks)
            )
        )
    return Counter(answer.status_code for answer in answers)


async def _overclaimed(town: Town) -> tuple[int, int]:
    """Needs with more than one live claim, and members with more than three."""
    live = "select {} from claims where state in ('claimed', 'contacted') group by 1 having count(*) > {}"
    return tuple(  # type: ignore[return-value]
        [
            await scalar(town, f"select count(*) from ({live.format(column, most)}) x")
            for column, most in (("need_id", 1), ("member_id", 3))
        ]
    )


async def test_of_two_hundred_claims_one_succeeds_every_time(
    town: Town, settings: Settings, tmp_path: Path
) -> None:
    people = [await member(town, f"党员{n}") for n in range(MEMBERS)]
    with two_processes(settings, tmp_path) as urls:
        for need in await _wishes(town, ROUNDS):
            asks = [(people[n % MEMBERS], need) for n in range(RACERS)]
            assert await _race(urls, asks) == {200: 1, 409: RACERS - 1}
        eager = await member(town, "热心人")
        answers = await _race(urls, [(eager, need) for need in await _wishes(town, RACERS)])
        assert answers == {200: 3, 409: RACERS - 3}
    assert await _overclaimed(town) == (0, 0)
    assert await scalar(town, "select count(*) from claims") == ROUNDS + 3
    assert await scalar(town, "select count(*) from events where move = 'claim'") == ROUNDS + 3
    assert await scalar(town, "select sum(live) from claimants") == ROUNDS + 3
    assert await scalar(town, "select count(*) from needs where state = 'published'") == RACERS - 3


async def test_a_build_that_looks_first_and_writes_afterwards_is_caught(
    town: Town, settings: Settings, tmp_path: Path, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    people = [await member(town, f"党员{n}") for n in range(MEMBERS)]
    await as_owner("drop index uq_claims_seat")
    with two_processes(settings, tmp_path, "check-then-write") as urls:
        winners = []
        for need in await _wishes(town, 3):
            answers = await _race(urls, [(people[n % MEMBERS], need) for n in range(RACERS)])
            winners.append(answers[200])
        eager = await member(town, "热心人")
        await _race(urls, [(eager, need) for need in await _wishes(town, 20)])
    needs, members = await _overclaimed(town)
    assert max(winners) > 1
    assert needs > 0
    assert members > 0
