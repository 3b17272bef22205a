"""What a deadline's end means, by what it belongs to. The worker calls this in the transaction that fires the row."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from api.models import Deadline
from api.services.cases import timing

_BY_SUBJECT: dict[str, Callable[[AsyncSession, Deadline], Awaitable[None]]] = {
    "case": timing.ran_out,
}


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Act as the system on a deadline that passed."""
    await _BY_SUBJECT[deadline.subject_kind](tx, deadline)
