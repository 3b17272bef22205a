"""What follows from an event: carried out by the worker in the transaction that takes the event off the queue."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.events import Event
from api.services.cases import following
from api.services.people import following as people

Consequence = Callable[[AsyncSession, Event], Awaitable[None]]

_CONSEQUENCES: dict[str, Consequence] = {
    "case": following.follow,
    "grant": people.follow,
    "membership": people.follow,
    "residency": people.follow,
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Everything that follows from `event`; kinds without consequences are only history."""
    consequence = _CONSEQUENCES.get(event.subject_kind)
    if consequence is not None:
        await consequence(tx, event)
