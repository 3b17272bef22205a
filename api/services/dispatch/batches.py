"""派单批次: ordered, found, and moved by the dispatcher; worked out and applied elsewhere, by the worker."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import FIRST, LAST, page, read_cursor
from api.kit.problems import NotFound
from api.models import Deadline, DispatchBatch, DispatchLine, Need, Person, Place
from api.models.dispatch import BatchId
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.dispatch import BATCHES, BatchClock, BatchMove, BatchStanding, BatchState, LineState
from api.rules.need_words import NeedKind
from api.rules.places import Level
from api.rules.roles import Permission, Role, capacity, permissions_of
from api.services import deadlines
from api.services.access import Viewer, params, reaches, require, roles_here
from api.services.moves import Subject
from api.services.places.finding import find_place

SUBJECT = BATCHES.subject
BatchSubject = Subject[BatchState, BatchStanding, None]
AT = (Level.county, Level.town, Level.village)
"""Places a batch is made for."""
_FIELDS = (
    "id", "kind", "state", "settings_version", "slot", "at_once", "needs", "members", "matched", "cost", "gini",
    "computed_at", "finished_at", "version", "created_at", "updated_at",
)  # fmt: skip


def readable_batches() -> ColumnElement[bool]:
    """Those in the reach of a role that dispatches."""
    return reaches(Permission.need_dispatch, col(DispatchBatch.path))


def _counted(state: LineState) -> Any:
    return (
        select(func.count())
        .where(col(DispatchLine.batch_id) == col(DispatchBatch.id), col(DispatchLine.state) == state)
        .correlate(DispatchBatch)
        .scalar_subquery()
    )


def _rows() -> Select[Any]:
    return (
        select(
            DispatchBatch,
            col(Place.name).label("place_name"),
            roles_here(col(DispatchBatch.path)).scalar_subquery().label("roles"),
            _counted(LineState.offered).label("offered"),
            _counted(LineState.stale).label("stale"),
        )
        .join(Place, col(Place.id) == col(DispatchBatch.place_id))
        .execution_options(populate_existing=True)
    )


_ONE = _rows().where(col(DispatchBatch.id) == bindparam("batch_id", type_=Uuid()))


def _standings(row: Any) -> frozenset[BatchStanding]:
    permissions = permissions_of(frozenset(Role(r) for r in row.roles or ()))
    return frozenset({BatchStanding.dispatcher} if Permission.need_dispatch in permissions else ())


def _view(row: Any) -> dict[str, Any]:
    batch: DispatchBatch = row.DispatchBatch
    return {
        **{f: getattr(batch, f) for f in _FIELDS},
        "place": {"id": batch.place_id, "name": row.place_name},
        "unmatched": batch.needs - batch.matched,
        "offered": row.offered,
        "stale": row.stale,
        "moves": BATCHES.open(batch.state, _standings(row), None),
    }


async def order(tx: AsyncSession, viewer: Viewer, place_id: UUID, kind: NeedKind | None) -> BatchId:
    """Have a batch worked out. Raises NotFound, WrongLevel, NotAllowed."""
    place = await find_place(tx, place_id, *AT)
    roles = await require(tx, viewer, Permission.need_dispatch, place.path)
    batch = DispatchBatch(
        place_id=PlaceId(place.id), path=place.path, kind=kind, made_by=PersonId(viewer.person_id)
    )
    tx.add(batch)
    record(
        tx,
        subject_kind=SUBJECT,
        subject_id=batch.id,
        move="order",
        to_state=BatchState.queued.value,
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text="申请社区派单",
    )
    await tx.flush()
    return batch.id


async def find(tx: AsyncSession, actor: Viewer | None, batch_id: UUID) -> BatchSubject:
    """The batch as `actor` reaches it; None is the system. Raises NotFound."""
    row = await _row(tx, actor, batch_id)
    batch: DispatchBatch = row.DispatchBatch

    async def look_again() -> list[str]:
        return (await find(tx, actor, batch_id)).moves() if actor is not None else []

    return BatchSubject(
        BATCHES,
        DispatchBatch,
        batch_id,
        batch.state,
        batch.version,
        _standings(row) if actor is not None else frozenset({BatchStanding.system}),
        None,
        actor.person_id if actor is not None else None,
        capacity(frozenset(Role(r) for r in row.roles or ())) if actor is not None else "系统",
        look_again,
        batch,
    )


async def _row(tx: AsyncSession, actor: Viewer | None, batch_id: UUID) -> Any:
    if actor is None:
        values: dict[str, Any] = {"viewer": UUID(int=0), "now": clock.now()}
        found = await tx.execute(_ONE, {"batch_id": batch_id, **values})
    else:
        found = await tx.execute(_ONE.where(readable_batches()), {"batch_id": batch_id, **params(actor)})
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这个派单批次，或不在您的范围内")
    return row


async def read(tx: AsyncSession, viewer: Viewer, batch_id: UUID) -> dict[str, Any]:
    """One batch. Raises NotFound."""
    return _view(await _row(tx, viewer, batch_id))


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    state: BatchState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Newest first. Raises NotFound for no such place."""
    rows = _rows().where(readable_batches(), col(DispatchBatch.id) < read_cursor(after, FIRST))
    if place_id is not None:
        top = (await find_place(tx, place_id)).path
        rows = rows.where(col(DispatchBatch.path) >= top, col(DispatchBatch.path) < f"{top[:-1]}0")
    if state is not None:
        rows = rows.where(col(DispatchBatch.state) == state)
    found = await tx.execute(rows.order_by(col(DispatchBatch.id).desc()).limit(limit + 1), params(viewer))
    return page([_view(row) for row in found], limit)


async def lines(
    tx: AsyncSession,
    viewer: Viewer,
    batch_id: UUID,
    *,
    state: LineState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """What a batch proposes, in its order, and whom nobody was found for. Raises NotFound."""
    await _row(tx, viewer, batch_id)
    rows = (
        select(DispatchLine, Need, col(Person.nickname))
        .join(Need, col(Need.id) == col(DispatchLine.need_id))
        .outerjoin(Person, col(Person.id) == col(DispatchLine.member_id))
        .where(col(DispatchLine.batch_id) == batch_id, col(DispatchLine.id) > read_cursor(after, LAST))
    )
    if state is not None:
        rows = rows.where(col(DispatchLine.state) == state)
    found = await tx.execute(rows.order_by(col(DispatchLine.id)).limit(limit + 1))
    return page([_line(*row) for row in found], limit)


def _line(line: DispatchLine, need: Need, nickname: str | None) -> dict[str, Any]:
    return {
        **{f: getattr(line, f) for f in ("id", "state", "cost", "reasons", "cause", "note", "offer_id")},
        "need": {f: getattr(need, f) for f in ("id", "kind", "title", "urgency", "state", "published_at")},
        "member": {"id": line.member_id, "name": nickname} if line.member_id is not None else None,
    }


async def move(
    tx: AsyncSession, viewer: Viewer, batch_id: UUID, name: BatchMove, without: list[UUID]
) -> None:
    """Apply (all but the needs `without`), discard, retry. Of two who apply at once one does.

    Raises NotFound, NotAllowed, WrongMoment.
    """
    batch = await find(tx, viewer, batch_id)
    match name:
        case BatchMove.apply:
            await begin_applying(tx, batch, without)
        case BatchMove.discard:
            await batch.move(tx, name, text="放弃派单方案")
            await deadlines.cancel(tx, batch_id)
        case BatchMove.retry:
            await batch.move(tx, name, text="重新计算派单方案", tries=0, leased_until=None)
        case _:
            await batch.move(tx, name)


async def begin_applying(tx: AsyncSession, batch: BatchSubject, without: list[UUID]) -> None:
    """From here on the worker offers line by line."""
    await batch.move(tx, BatchMove.apply, text="按方案派出", applied_by=batch.actor_id, leased_until=None)
    if without:
        await tx.execute(
            update(DispatchLine)
            .where(
                col(DispatchLine.batch_id) == batch.id,
                col(DispatchLine.state) == LineState.proposed,
                col(DispatchLine.need_id).in_(without),
            )
            .values(state=LineState.dropped)
        )
    await deadlines.meet(tx, batch.id, [BatchClock.apply])


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Nobody applied it in time."""
    batch = await find(tx, None, deadline.subject_id)
    if batch.state is BatchState.ready:
        await batch.move(tx, BatchMove.expire, text="24 小时内没有派出，方案作废")
