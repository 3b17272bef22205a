"""Minutes as they are shown: one's own ledger, what an activity's people served, and the publicity of it."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event, EventWords
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound
from api.models import Activity, Person, Place, Seat, ServiceRecord
from api.rules.activity_words import RecordKind, SeatState
from api.rules.certificates import masked_name
from api.rules.content import ContentState
from api.rules.roles import Permission
from api.services.access import VIEWER, Viewer, params, reaches
from api.services.activities.reading import organised, row_of
from api.services.activities.view import UNSAID

_SHOWN = ("id", "kind", "minutes", "day", "counters_id", "created_at")
_SAID = (
    select(col(EventWords.words)["reason"].astext)
    .join(Event, col(Event.id) == col(EventWords.event_id))
    .where(col(Event.subject_id) == col(ServiceRecord.counters_id), col(Event.move) == "counter")
    .limit(literal_column("1"))
    .scalar_subquery()
)
"""Why it was countered: beside the event, since the ledger itself cannot forget."""


def readable_records() -> ColumnElement[bool]:
    """One's own, those of activities one organised, and those in reach of a role that reads."""
    return or_(
        col(ServiceRecord.person_id) == VIEWER,
        organised(),
        reaches(Permission.activity_read, col(Activity.path)),
    )


def record_rows() -> Select[Any]:
    """Everything a viewer is shown of records: bind `params(viewer)`."""
    shown: tuple[Any, ...] = (
        ServiceRecord,
        case((col(Activity.content) == ContentState.passed, col(Activity.title)), else_=UNSAID).label(
            "title"
        ),
        col(Activity.path),
        col(Place.name).label("place_name"),
        col(Person.nickname),
        _SAID.label("said"),
    )
    return (
        select(*shown)
        .join(Activity, col(Activity.id) == col(ServiceRecord.activity_id))
        .join(Place, col(Place.id) == col(ServiceRecord.community_id))
        .join(Person, col(Person.id) == col(ServiceRecord.person_id))
    )


async def one(tx: AsyncSession, viewer: Viewer, record_id: UUID) -> Any:
    """One record as the viewer reaches it. Raises NotFound."""
    statement = record_rows().where(col(ServiceRecord.id) == record_id, readable_records())
    row = (await tx.execute(statement, params(viewer))).one_or_none()
    if row is None:
        raise NotFound("没有这条服务记录，或不在您的查看范围内")
    return row


def record_view(viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape of one record."""
    it: ServiceRecord = row.ServiceRecord
    return {
        **{f: getattr(it, f) for f in _SHOWN},
        "reason": row.said or it.reason,
        "activity": {"id": it.activity_id, "name": row.title},
        "community": {"id": it.community_id, "name": row.place_name},
        "person": {"id": it.person_id, "name": row.nickname, "mine": it.person_id == viewer.person_id},
    }


async def mine(tx: AsyncSession, viewer: Viewer, *, limit: int, after: str | None) -> dict[str, Any]:
    """The sums, automatic and added apart, and the lines, newest first."""
    sums = {row[0]: row[1] for row in await tx.execute(_SUMS, params(viewer))}
    found = await tx.execute(
        record_rows()
        .where(col(ServiceRecord.person_id) == VIEWER, col(ServiceRecord.id) < read_cursor(after))
        .order_by(col(ServiceRecord.id).desc())
        .limit(limit + 1),
        params(viewer),
    )
    rows = [record_view(viewer, row) for row in found]
    return {
        "automatic_minutes": sums.get(RecordKind.automatic, 0),
        "added_minutes": sums.get(RecordKind.added, 0),
        **page(rows, limit),
    }


_ORIGINAL = ServiceRecord.__table__.alias("original")  # type: ignore[attr-defined]
_KIND = func.coalesce(_ORIGINAL.c.kind, ServiceRecord.__table__.c.kind)  # type: ignore[attr-defined]
_SUMS = (
    select(_KIND.label("kind"), func.sum(col(ServiceRecord.minutes)))
    .select_from(ServiceRecord)
    .outerjoin(_ORIGINAL, _ORIGINAL.c.id == col(ServiceRecord.counters_id))
    .where(col(ServiceRecord.person_id) == VIEWER)
    .group_by(_KIND)
)
"""A counter-entry counts with what it counters."""


async def of_activity(
    tx: AsyncSession, viewer: Viewer, activity_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """The records of an activity one may see: all of them who organises, one's own who took part. Raises NotFound."""
    await row_of(tx, viewer, activity_id)
    found = await tx.execute(
        record_rows()
        .where(
            col(ServiceRecord.activity_id) == activity_id,
            readable_records(),
            col(ServiceRecord.id) < read_cursor(after),
        )
        .order_by(col(ServiceRecord.id).desc())
        .limit(limit + 1),
        params(viewer),
    )
    return page([record_view(viewer, row) for row in found], limit)


_PUBLIC = (SeatState.hours_pending, SeatState.credited)


async def publicity(
    tx: AsyncSession, viewer: Viewer, activity_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """时长公示 of an activity for whoever may see it: names masked, minutes. Raises NotFound."""
    await row_of(tx, viewer, activity_id)
    found = await tx.execute(
        select(
            col(Seat.id),
            col(Person.nickname),
            col(Seat.state),
            col(Seat.minutes_automatic),
            col(Seat.minutes_added),
        )
        .join(Person, col(Person.id) == col(Seat.person_id))
        .where(
            col(Seat.activity_id) == activity_id,
            col(Seat.state).in_(_PUBLIC),
            col(Seat.id) < read_cursor(after),
        )
        .order_by(col(Seat.id).desc())
        .limit(limit + 1)
    )
    return page(
        [
            {
                "id": row.id,
                "name": masked_name(row.nickname),
                "counted": row.state is SeatState.credited,
                "automatic_minutes": row.minutes_automatic,
                "added_minutes": row.minutes_added,
            }
            for row in found
        ],
        limit,
    )
