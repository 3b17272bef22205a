"""The matrix's lines for dispatch, and the batches they ask about."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import DispatchBatch, Place
from api.models.people import PersonId
from api.rules.dispatch import BatchState
from api.rules.roles import Permission
from tests.routers.matrix import NOBODY, TABLE, Line, holds
from tests.town import Community

_DISPATCH = holds(Permission.need_dispatch)
_ONE = "/dispatch-batches/{batch_id}"


def _line(state: BatchState, move: str = "") -> Line:
    subject = {"batch_id": f"dispatch_{state}"} | ({"move": move} if move else {})
    return Line(see=_DISPATCH, body={} if move else None, subject=subject)


TABLE |= {
    "POST /dispatch-batches": Line(may=_DISPATCH, ok=201, body={"place_id": "{place}"}),
    "GET /dispatch-batches": Line(see=_DISPATCH, listed="dispatch_ready"),
    f"GET {_ONE}": _line(BatchState.ready),
    f"GET {_ONE}/lines": _line(BatchState.ready),
    f"GET {_ONE}/events": _line(BatchState.ready),
    f"POST {_ONE}/moves/{{move}}": [
        _line(BatchState.ready, "apply"),
        _line(BatchState.ready, "discard"),
        _line(BatchState.failed, "retry"),
        Line(
            see=_DISPATCH,
            may=NOBODY,
            body={},
            subject={"batch_id": f"dispatch_{BatchState.ready}", "move": "expire"},
        ),
    ],
    "GET /dispatch-settings": Line(may=_DISPATCH, query="?place={place}"),
    "POST /dispatch-settings": Line(may=_DISPATCH, ok=201, body={"place_id": "{place}", "version": 0}),
}


async def fill(tx: AsyncSession, names: dict[str, str], at: Community, made_by: PersonId) -> None:
    """A batch that waits to be applied and one that failed."""
    path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one()
    for state in (BatchState.ready, BatchState.failed):
        batch = DispatchBatch(
            place_id=at.place, path=path, state=state, made_by=made_by, computed_at=clock.now()
        )
        tx.add(batch)
        names[f"dispatch_{state}"] = str(batch.id)
