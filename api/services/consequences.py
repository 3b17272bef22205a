"""What follows from an event: carried out by the worker in the transaction that takes the event off the queue."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.events import Event, record
from api.rules.roles import Role
from api.services import calendars, deadlines, notices, pushes
from api.services.activities import following as activities
from api.services.appointments import following as appointments
from api.services.cases import claiming, following
from api.services.certificates import following as certificates
from api.services.content import following as content
from api.services.disclosures import following as disclosures
from api.services.dispatch import following as dispatch
from api.services.needs import following as needs
from api.services.people import following as people
from api.services.people import team_members
from api.services.polls import following as polls
from api.services.privacy import erasing
from api.services.topics import following as topics

RECOUNT, AT_MOST = "recount", 500
"""The event that asks for the next batch of provisional due times, and how many a batch has."""

Consequence = Callable[[AsyncSession, Event], Awaitable[None]]


async def _calendar(tx: AsyncSession, event: Event) -> None:
    """The operators hear that the holidays of the coming year are not known yet."""
    if event.move == "warn":
        people = await notices.holders_anywhere(tx, Role.operator)
        await notices.tell(
            tx, event, people, kind="calendar.warn", title="请导入放假安排", text=event.text or ""
        )
    if event.move in ("import", RECOUNT):
        await _recount(tx, event)


async def _recount(tx: AsyncSession, event: Event) -> None:
    """Provisional due times by the newer calendar, some at a time: each batch is a transaction of its own."""
    done = await deadlines.recount(tx, await calendars.current(tx), at_most=AT_MOST)
    if done == AT_MOST:
        record(
            tx,
            subject_kind=event.subject_kind,
            subject_id=event.subject_id,
            move=RECOUNT,
            actor_id=None,
            actor_title="系统",
        )


async def _need(tx: AsyncSession, event: Event) -> None:
    """A need somebody passed goes to the next, and only where there is none a dispatcher has to look."""
    if event.move in ("pass", "expire") and await dispatch.next_candidate(tx, event):
        return
    await needs.follow(tx, event)


async def _poll(tx: AsyncSession, event: Event) -> None:
    """Who is on the roll hears of it, and the topic that waited for the outcome goes on."""
    await polls.follow(tx, event)
    await topics.follow_poll(tx, event)


_CONSEQUENCES: dict[str, Consequence] = {
    "activity": activities.follow,
    "seat": activities.follow_seat,
    "added_hours": activities.follow_adding,
    "service_record": activities.follow_record,
    "certificate": certificates.follow,
    "team_member": team_members.follow,
    "appointment": appointments.follow,
    "case": following.follow,
    "case_request": following.follow_request,
    "calendar": _calendar,
    "content_check": content.follow,
    "grant": people.follow,
    "membership": people.follow,
    "disclosure": disclosures.follow,
    "dispatch_batch": dispatch.follow,
    "need": _need,
    "person": claiming.follow,
    "residency": people.follow,
    "erasure": erasing.follow,
    pushes.SUBJECT: pushes.follow,
    "topic": topics.follow,
    "poll": _poll,
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Everything that follows from `event`; kinds without consequences are only history."""
    consequence = _CONSEQUENCES.get(event.subject_kind)
    if consequence is not None:
        await consequence(tx, event)
