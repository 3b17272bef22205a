"""R2: one counted ballot an elector under parallel posts over two processes, and a close amid five hundred casts."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from api.kit import clock
from api.rules.voting.verify import verify
from api.settings import Settings
from tests.faults.racing import two_processes
from tests.polls import Pump, neighbours, opened, renew, sealed, sql
from tests.town import Actor, Town

ELECTORS = int(os.environ.get("LINLI_ELECTORS", "50"))
"""2,000 at full size."""
CASTS = int(os.environ.get("LINLI_CASTS", "150"))
"""A burst, repeated until the close refuses one; 500 at full size."""
pytestmark = [pytest.mark.timeout(600 if ELECTORS < 500 else 3_600)]


@contextmanager
def booths(settings: Settings, folder: Path, *how: str) -> Iterator[tuple[str, ...]]:
    """The addresses of two API processes on the town's engines."""
    with two_processes(settings, folder, *how, main="poll_main", pool=8) as pair:
        yield pair.urls


@pytest.fixture
def urls(town: Town, settings: Settings, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    with booths(settings, tmp_path) as found:
        yield found


async def posted(client: httpx.AsyncClient, who: Actor, poll: str, choice: str) -> dict[str, Any]:
    answer = await client.post(f"/v1/polls/{poll}/ballots", json={"choices": [choice]}, headers=who.headers)
    return {"status": answer.status_code, **answer.json()}


async def burst(
    urls: tuple[str, ...], people: list[Actor], poll: str, choices: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Everybody posts once for each of `choices` at the same time, spread over the processes."""
    limits = httpx.Limits(max_connections=32)
    clients = [httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False) for url in urls]
    try:
        answers = []
        for start in range(0, len(people), 25):
            asked = [
                posted(clients[n % len(clients)], who, poll, choice)
                for who in people[start : start + 25]
                for n, choice in enumerate(choices)
            ]
            answers += await asyncio.gather(*asked)
        return answers
    finally:
        for client in clients:
            await client.aclose()


async def finish(town: Town, pump: Pump, poll: str) -> dict[str, Any]:
    """Closed, sealed, counted: the bulletin."""
    await pump()
    await sealed(town.app)
    await renew(town, town.supervisor)
    answer = await town.supervisor.get(f"/polls/{poll}/bulletin")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = orjson.loads(answer.content)
    return found


@pytest.mark.parametrize("secret", [False, True])
async def test_four_parallel_posts_of_each_elector_end_as_one_ballot(
    town: Town, urls: tuple[str, ...], pump: Pump, secret: bool
) -> None:
    people = await neighbours(town, town.here, ELECTORS)
    poll = await opened(town, secret=secret)
    for choices in (("yes", "no", "yes", "abstain"), ("no", "yes", "no", "yes")):
        answers = await burst(urls, people, poll, choices)
        assert Counter(a["status"] for a in answers) == {201: 4 * ELECTORS}
        slots = Counter((a["elector"], a["turn"]) for a in answers)
        assert max(slots.values()) == 1, "two receipts for the same turn of one elector"
    clock.move(timedelta(days=1, seconds=1))
    bulletin = await finish(town, pump, poll)
    assert verify(bulletin) == []
    outcome = bulletin["records"][-1]["outcome"]
    assert outcome["cast"]["persons"] == ELECTORS
    last = {b["elector"]: b for b in sorted(bulletin["ballots"], key=lambda b: b["turn"])}
    assert len(last) == ELECTORS
    assert {b["turn"] for b in last.values()} == {8}
    tally = Counter(b["choices"][0] for b in last.values())
    assert {t["option"]: t["persons"] for t in outcome["totals"]} == {
        n: tally[n] for n in ("yes", "no", "abstain")
    }
    marks = await sql(town.app, "select count(*) from marks where poll_id = :p", p=poll)
    assert marks[0][0] == ELECTORS


async def test_a_build_that_looks_first_and_writes_afterwards_is_caught(
    town: Town, settings: Settings, tmp_path: Path, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    """What the story above asserts does not hold of it, so the story can fail."""
    people = await neighbours(town, town.here, 25)
    poll = await opened(town)
    for table in ("marks", "ballots"):
        await as_owner(f"alter table {table} drop constraint pk_{table}")
    with booths(settings, tmp_path, "check-then-write") as urls:
        answers = await burst(urls, people, poll, ("yes", "no", "yes", "abstain"))
    assert Counter(a["status"] for a in answers) == {201: 100}
    slots = Counter((a["elector"], a["turn"]) for a in answers)
    assert max(slots.values()) > 1, "two receipts for the same turn of one elector"


async def test_a_final_vote_is_taken_once_however_often_it_is_posted(
    town: Town, urls: tuple[str, ...]
) -> None:
    people = await neighbours(town, town.here, 25)
    poll = await opened(town, allow_change=False)
    answers = await burst(urls, people, poll, ("yes", "no", "yes", "no"))
    assert Counter(a["status"] for a in answers) == {201: 25, 409: 75}
    assert {a["code"] for a in answers if a["status"] == 409} == {"already_voted"}


async def test_every_receipt_given_before_the_close_is_counted_and_none_after(
    town: Town, urls: tuple[str, ...], pump: Pump
) -> None:
    people = await neighbours(town, town.here, CASTS)
    ends = clock.now() + timedelta(seconds=8)  # however long a crowded machine takes to open it
    poll = await opened(town, closes_at=ends.isoformat())
    await asyncio.sleep(max(0.0, (ends - clock.now()).total_seconds() - 2))

    async def go_on_until_refused() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while not any(answer["status"] == 409 for answer in found[-CASTS:]):
            found += await burst(urls, people, poll, ("yes",))
        return found

    casting = asyncio.create_task(go_on_until_refused())
    while not await sql(town.app, "select 1 from polls where id = :p and state = 'closed'", p=poll):
        await asyncio.sleep(max(0.0, (ends - clock.now()).total_seconds()))
        await pump()
    answers = await casting
    codes = Counter(a.get("code", "cast") for a in answers)
    assert set(codes) == {"cast", "poll_closed"}, codes
    bulletin = await finish(town, pump, poll)
    assert verify(bulletin) == []
    given = {a["leaf"] for a in answers if a["status"] == 201}
    assert given == {b["leaf"] for b in bulletin["ballots"]}
    assert all(a["at"] < ends.isoformat().replace("+00:00", "Z") for a in answers if a["status"] == 201)
