"""The town is built over HTTP once a run; each test gets a copy: database from a template, sessions into Redis."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from api.kit.cache import Redis
from tests.town import Actor, Community, Town


@dataclass(frozen=True)
class Mold:
    """A town as it was when it had just been built."""

    database: str
    """The template with its rows."""
    town: Town
    sessions: dict[bytes, tuple[bytes, int]]
    """Redis' own dump of each key, and its life in milliseconds."""


async def keep(redis: Redis) -> dict[bytes, tuple[bytes, int]]:
    """Everything in Redis."""
    found: dict[bytes, tuple[bytes, int]] = {}
    for key in await redis.keys("*"):
        dumped = await redis.dump(key)
        assert dumped is not None
        found[key] = (dumped, max(await redis.pttl(key), 0))
    return found


async def cast(mold: Mold, app: FastAPI, client: httpx.AsyncClient, redis: Redis) -> Town:
    """The same town behind another app: its people are logged in there."""
    for key, (dumped, life) in mold.sessions.items():
        await redis.restore(key, life, dumped, replace=True)
    town = copy.copy(mold.town)
    town.app, town.client = app, client

    def here(actor: Actor) -> Actor:
        again = copy.copy(actor)
        again.client = client
        return again

    for name in ("here", "there"):
        setattr(town, name, _with(getattr(town, name), here))
    for name in ("supervisor", "operator", "auditor", "stranger"):
        setattr(town, name, here(getattr(town, name)))
    return town


def _with(community: Community, here: Callable[[Actor], Actor]) -> Community:
    again = copy.copy(community)
    for name, value in vars(community).items():
        if isinstance(value, Actor):
            setattr(again, name, here(value))
    again.people = {name: here(actor) for name, actor in community.people.items()}
    return again
