"""What follows from an event of a poll: everybody on the roll hears of its opening and of its outcome."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.models import Caster, Poll
from api.models.people import PersonId
from api.models.polls import PollId
from api.rules.polls import PollMove, RollBasis
from api.services import notices
from api.services.polls import picturing

_TOLD = {
    PollMove.open.value: "表决开始",
    PollMove.tally.value: "表决有了结果",
    PollMove.void.value: "表决作废",
}
_AT_ONCE = 1000
"""Notices a statement: PostgreSQL takes 65,535 parameters."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell those on the roll; have a result drawn."""
    if event.move in (PollMove.tally, PollMove.recount):
        await picturing.order(tx, event.subject_id)
    if event.move in _TOLD:
        poll = (await tx.execute(select(Poll).where(col(Poll.id) == event.subject_id))).scalar_one()
        people = await _casters(tx, event.subject_id)
        for n in range(0, len(people), _AT_ONCE):
            await notices.tell(
                tx,
                event,
                people[n : n + _AT_ONCE],
                kind=f"poll.{event.move}",
                title=_TOLD[event.move],
                text=f"“{poll.title}”：{event.text or ''}",
            )
    elif event.move == "cast" and event.actor_id is not None and not event.data.get("first"):
        await _tell_home(tx, event, event.actor_id)


async def _tell_home(tx: AsyncSession, event: Event, actor: UUID) -> None:
    """一户一票: when a later vote of the same home replaces the earlier, the others of the home are told.

    In a secret poll the event names nobody, and nobody is told: the poll's page shows that the home has voted.
    """
    poll = (await tx.execute(select(Poll).where(col(Poll.id) == event.subject_id))).scalar_one()
    if poll.basis is not RollBasis.household:
        return
    mine = select(col(Caster.elector_id)).where(
        col(Caster.poll_id) == poll.id, col(Caster.person_id) == actor, col(Caster.as_proxy).is_(False)
    )
    others = await tx.execute(
        select(col(Caster.person_id)).where(
            col(Caster.poll_id) == poll.id, col(Caster.elector_id).in_(mine), col(Caster.person_id) != actor
        )
    )
    await notices.tell(
        tx,
        event,
        others.scalars(),
        kind="poll.replaced",
        title="本户的票已更改",
        text=f"“{poll.title}”：家人改投了本户的一票，截止前都可以再改。",
    )


async def _casters(tx: AsyncSession, poll_id: UUID) -> list[PersonId]:
    found = await tx.execute(
        select(col(Caster.person_id))
        .where(col(Caster.poll_id) == PollId(poll_id))
        .distinct()
        .order_by(col(Caster.person_id))
    )
    return list(found.scalars())
