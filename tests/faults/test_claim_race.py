"""R1: two hundred claim one wish at once against two API processes, again and again; and one member claims many."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from api.kit import clock
from api.settings import Settings
from tests.faults.often import PATIENCE_S, often
from tests.faults.racing import RACERS, Pair, race, two_processes
from tests.neighbours import member, scalar
from tests.town import Actor, Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
ROUNDS, MEMBERS = often(3), 20


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


def _asks(people: list[Actor], need: str) -> list[tuple[Actor, str]]:
    """Two hundred taps on one wish."""
    return [(people[n % len(people)], need) for n in range(RACERS)]


async def _race(pair: Pair, asks: list[tuple[Actor, str]]) -> Counter[int]:
    """How many were answered what."""
    answers = await race(pair, [(who, f"/wishes/{need}/moves/claim") for who, need in asks])
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


async def test_of_two_hundred_claims_one_succeeds_every_time_and_looking_first_is_caught(
    town: Town, settings: Settings, tmp_path: Path, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    people = [await member(town, f"党员{n}") for n in range(MEMBERS)]
    with two_processes(settings, tmp_path, "claims") as pair:
        for need in await _wishes(town, ROUNDS):
            assert await _race(pair, _asks(people, need)) == {200: 1, 409: RACERS - 1}
        eager = await member(town, "热心人")
        answers = await _race(pair, [(eager, need) for need in await _wishes(town, RACERS)])
        assert answers == {200: 3, 409: RACERS - 3}
        assert await _overclaimed(town) == (0, 0)
        assert await scalar(town, "select count(*) from claims") == ROUNDS + 3
        assert await scalar(town, "select count(*) from events where move = 'claim'") == ROUNDS + 3
        assert await scalar(town, "select sum(live) from claimants") == ROUNDS + 3
        assert await scalar(town, "select count(*) from needs where state = 'published'") == RACERS - 3

        await as_owner("drop index uq_claims_seat")
        pair.look_first()
        winners = [(await _race(pair, _asks(people, need)))[200] for need in await _wishes(town, 2)]
        other = await member(town, "更热心的人")
        await _race(pair, [(other, need) for need in await _wishes(town, 20)])
    needs, members = await _overclaimed(town)
    assert max(winners) > 1
    assert needs > 0
    assert members > 0
