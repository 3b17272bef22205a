"""What follows from an event: carried out by the worker in the transaction that takes the event off the queue."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.events import Event
from api.rules.roles import Role
from api.services import notices
from api.services.cases import following
from api.services.people import following as people

Consequence = Callable[[AsyncSession, Event], Awaitable[None]]


async def _calendar(tx: AsyncSession, event: Event) -> None:
    """The operators hear that the holidays of the coming year are not known yet."""
    if event.move == "warn":
        people = await notices.holders_anywhere(tx, Role.operator)
        await notices.tell(
            tx, event, people, kind="calendar.warn", title="请导入放假安排", text=event.text or ""
        )


_CONSEQUENCES: dict[str, Consequence] = {
    "case": following.follow,
    "calendar": _calendar,
    "grant": people.follow,
    "membership": people.follow,
    "residency": people.follow,
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Everything that follows from `event`; kinds without consequences are only history."""
    consequence = _CONSEQUENCES.get(event.subject_kind)
    if consequence is not None:
        await consequence(tx, event)
