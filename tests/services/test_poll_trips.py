"""What a vote and its reading cost in round trips, exactly."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.polls import neighbours, opened, vote
from tests.services.test_case_races import counted
from tests.town import Town


async def test_a_vote_is_one_statement_and_so_is_looking_at_polls(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (who,) = await neighbours(town, town.here, 1)
    for secret in (False, True):
        poll = await opened(town, secret=secret)
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "first": lambda poll=poll: vote(who, poll, "no", key="first"),  # type: ignore[misc]
            "change": lambda poll=poll: vote(who, poll, "yes", key="change"),  # type: ignore[misc]
            "again": lambda poll=poll: vote(who, poll, "yes", key="change"),  # type: ignore[misc]
            "one": lambda poll=poll: who.get(f"/polls/{poll}"),  # type: ignore[misc]
            "list": lambda: who.get("/polls?open=true"),
        }
        await vote(who, poll, "yes")  # the process knows the poll, connections are open
        await calls["one"]()
        await calls["list"]()
        for name, call in calls.items():
            async with counted(town.app, monkeypatch) as seen:
                answer = await call()
            assert answer.status_code in (200, 201), (name, answer.text)
            assert seen == Counter({"postgresql": 1, "redis": 1}), (name, secret)
