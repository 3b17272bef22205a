"""R1: two hundred want the five pieces of one reward at once, against two API processes."""

from collections import Counter
from pathlib import Path

import pytest

from api.kit import clock
from api.kit.ids import new_id
from api.rules.points import DAILY_CAP, EntryKind
from api.services.points import earning
from api.settings import Settings
from tests.faults.often import PATIENCE_S, often
from tests.faults.racing import RACERS, crowd_of, race, two_processes
from tests.neighbours import scalar
from tests.town import Actor, Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
STOCK, ROUNDS, PIECE = 5, often(2), 2


async def _reward(town: Town) -> str:
    made = await town.here.worker.post(
        "/rewards", {"place_id": str(town.here.place), "title": "洗衣液", "cost": PIECE, "stock": STOCK}
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _pay(town: Town, people: list[Actor]) -> None:
    """What one may earn in a day: enough for a piece in every round."""
    async with town.app.state.db.transaction() as tx:
        for who in people:
            earned = await earning.grant(
                tx,
                person_id=who.id,
                kind=EntryKind.service,
                amount=DAILY_CAP,
                source_kind="claim",
                source_id=new_id(),
                place_id=None,
                minutes=30,
                reason="送药",
                on=clock.local(clock.now()).date(),
            )
            assert earned == DAILY_CAP >= PIECE * (ROUNDS + 1)


async def test_of_two_hundred_five_take_a_piece_every_time_and_looking_first_is_caught(
    town: Town, settings: Settings, tmp_path: Path
) -> None:
    crowd = await crowd_of(town)
    await _pay(town, crowd)
    with two_processes(settings, tmp_path, "stock") as pair:
        for n in range(1, ROUNDS + 1):
            reward = await _reward(town)
            answers = await race(pair, [(who, f"/rewards/{reward}/redemptions") for who in crowd])
            assert Counter(a.status_code for a in answers) == {201: STOCK, 409: RACERS - STOCK}
            assert {a.json()["code"] for a in answers if a.status_code == 409} == {"sold_out"}
            assert await scalar(town, "select stock from rewards where id = :r", r=reward) == 0
            assert await scalar(town, "select count(*) from redemptions") == n * STOCK
        spent = RACERS * DAILY_CAP - ROUNDS * STOCK * PIECE
        assert await scalar(town, "select sum(balance) from points_accounts") == spent
        assert await scalar(town, "select sum(amount) from points_entries") == spent

        pair.look_first()
        reward = await _reward(town)
        answers = await race(pair, [(who, f"/rewards/{reward}/redemptions") for who in crowd])
    assert sum(a.status_code == 201 for a in answers) > STOCK
    sold = await scalar(town, "select count(*) from redemptions where reward_id = :r", r=reward)
    assert sold > STOCK
