"""What a deadline's end means, by what it belongs to. The worker calls this in the transaction that fires the row."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from api.models import Deadline
from api.services.activities import queueing
from api.services.activities import timing as activities
from api.services.appointments import following as appointments
from api.services.cases import requests, timing
from api.services.disclosures import following as disclosures
from api.services.dispatch import batches
from api.services.needs import timing as needs
from api.services.polls import running
from api.services.privacy import erasing
from api.services.topics import executing, objecting, stages
from api.services.topics import timing as topics

_BY_SUBJECT: dict[str, Callable[[AsyncSession, Deadline], Awaitable[None]]] = {
    "activity": activities.ran_out,
    "seat": queueing.ran_out,
    "appointment": appointments.ran_out,
    "case": timing.ran_out,
    "case_request": requests.ran_out,
    "disclosure": disclosures.ran_out,
    batches.SUBJECT: batches.ran_out,
    "erasure": erasing.ran_out,
    stages.SUBJECT: topics.ran_out,
    objecting.SUBJECT: topics.objection_ran_out,
    executing.MILESTONE: topics.milestone_ran_out,
    "need": needs.need_ran_out,
    "claim": needs.claim_ran_out,
    "offer": needs.offer_ran_out,
    "poll": running.ran_out,
}


_RUNGS: dict[str, Callable[[AsyncSession, Deadline], Awaitable[None]]] = {
    "case": timing.warned,
    "disclosure": disclosures.warned,
}
"""What a part of a deadline's time means, for those that have rungs."""


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Act as the system on a deadline that passed, or that has only reached a rung of its ladder."""
    acts = _BY_SUBJECT if deadline.fired_at is not None else _RUNGS
    await acts[deadline.subject_kind](tx, deadline)
