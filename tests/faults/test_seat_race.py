"""R1: two hundred want the five seats and ten places of one activity at once, against two API processes."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from api.kit import clock
from api.settings import Settings
from tests.activities import published
from tests.faults.often import PATIENCE_S, often
from tests.faults.racing import RACERS, crowd_of, race, two_processes
from tests.neighbours import scalar
from tests.services.test_seat_races import BROKEN
from tests.town import Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
SEATS, QUEUE, ROUNDS = 5, 10, often(2)
CROWDED = """select count(*) from activities a where a.seats <
  (select count(*) from seats s where s.activity_id = a.id and s.state in ('offered', 'confirmed'))"""
"""Activities with more people than seats."""


async def _activity(town: Town, days: int, queue: int) -> str:
    """So many days ahead: nobody is kept from it by another."""
    return await published(town, starts=clock.now() + timedelta(days=days), seats=SEATS, queue=queue)


async def test_two_hundred_find_five_seats_and_ten_places_in_order_and_looking_first_is_caught(
    town: Town, settings: Settings, tmp_path: Path
) -> None:
    crowd = await crowd_of(town)
    by_id = {str(who.id): who for who in crowd}
    with two_processes(settings, tmp_path, "seats") as pair:
        for n in range(ROUNDS):
            activity = await _activity(town, 2 + n, QUEUE)
            answers = await race(pair, [(who, f"/activities/{activity}/seats") for who in crowd])
            refused = Counter(a.json()["code"] for a in answers if a.status_code != 201)
            assert refused == {"activity_full": RACERS - SEATS - QUEUE}
            given = sorted((a.json() for a in answers if a.status_code == 201), key=lambda s: s["ticket"])
            assert [s["ticket"] for s in given] == list(range(1, SEATS + QUEUE + 1))
            assert [s["state"] for s in given] == ["confirmed"] * SEATS + ["waitlisted"] * QUEUE
            assert [s["position"] for s in given[SEATS:]] == list(range(1, QUEUE + 1))
            # All who hold a seat leave at once: the first of the queue are asked, and nobody is passed over.
            leaving = [(by_id[s["person"]["id"]], f"/seats/{s['id']}/moves/cancel") for s in given[:SEATS]]
            assert {a.status_code for a in await race(pair, leaving)} == {200}
            asked = await scalar(
                town,
                "select array_agg(ticket order by ticket) from seats where state = 'offered' and activity_id = :a",
                a=activity,
            )
            assert asked == list(range(SEATS + 1, 2 * SEATS + 1))
        assert await scalar(town, BROKEN) == await scalar(town, CROWDED) == 0
        taken = ROUNDS * (SEATS + QUEUE)
        assert await scalar(town, "select count(*) from seats") == taken
        assert await scalar(town, "select count(*) from events where move = 'sign_up'") == taken

        pair.look_first()
        activity = await _activity(town, 2 + ROUNDS, 0)
        answers = await race(pair, [(who, f"/activities/{activity}/seats") for who in crowd])
    assert sum(a.status_code == 201 for a in answers) > SEATS
    assert await scalar(town, CROWDED) == await scalar(town, BROKEN) == 1
