"""Activities near me, my sign-ups, and who takes part."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, and_, bindparam, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.paging import BadCursor, page, read_cursor
from api.kit.problems import NotAllowed
from api.models import Activity, Place, Seat
from api.rules.activity_words import ActivityState, SeatState
from api.rules.places import ancestor_paths
from api.services.access import VIEWER, Viewer, params, under
from api.services.activities.reading import bound, organised, readable_activities, row_of, seat_rows
from api.services.activities.view import inside, seat_view
from api.services.places.finding import find_place

_LINE = (
    "id", "title", "spot", "state", "content", "starts_at", "ends_at", "seats", "free", "queue", "waiting", "series_id",
    "version", "created_at", "updated_at",
)  # fmt: skip
_TABLE = Activity.__table__  # type: ignore[attr-defined]
_NEVER = datetime(1900, 1, 1, tzinfo=UTC)


def _distance(path: str) -> ColumnElement[int]:
    """Steps up from `path` to what it has in common with the activity's place."""
    above = ancestor_paths(path)
    each = func.unnest(bindparam(None, above, type_=ARRAY(Text))).column_valued("above")
    shared = select(func.count()).where(func.starts_with(col(Activity.path), each)).scalar_subquery()
    return literal(len(above)) - shared


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    limit: int,
    after: str | None,
    state: ActivityState | None = None,
    place_id: UUID | None = None,
    near: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    mine: bool = False,
) -> dict[str, Any]:
    """The soonest first; with `near` the nearest first, among them the soonest. Raises NotFound, BadCursor.

    What is over is left out, unless `since` goes back to it; of one's own nothing is.
    """
    if since is None and not mine:
        since = clock.now()
    distance: ColumnElement[int] = literal(0)
    wanted: list[ColumnElement[bool]] = [organised() if mine else readable_activities()]
    if near is not None:
        distance = _distance((await find_place(tx, near)).path)
    if place_id is not None:
        wanted.append(under(col(Activity.path), [(await find_place(tx, place_id)).path]))
    if state is not None:
        wanted.append(col(Activity.state) == state)
    if since is not None:
        wanted.append(col(Activity.ends_at) > since)
    if until is not None:
        wanted.append(col(Activity.starts_at) < until)
    if after is not None:
        rank, moment, last = _read_cursor(after)
        wanted.append(
            or_(
                distance > rank,
                and_(distance == rank, col(Activity.starts_at) > moment),
                and_(distance == rank, col(Activity.starts_at) == moment, col(Activity.id) > last),
            )
        )
    found = await tx.execute(
        select(
            *(_TABLE.c[name] for name in _LINE),
            func.left(col(Activity.text), 80).label("excerpt"),
            col(Place.id).label("place_id"),
            col(Place.name).label("place_name"),
            distance.label("distance"),
        )
        .join(Place, col(Place.id) == col(Activity.place_id))
        .where(*wanted)
        .order_by(distance, col(Activity.starts_at), col(Activity.id))
        .limit(limit + 1),
        params(viewer),
    )
    rows = found.mappings().all()
    items = [_item(row, near is not None) for row in rows[:limit]]
    more = len(rows) > limit
    return {"items": items, "next": _write_cursor(rows[limit - 1]) if more else None}


def _item(row: Any, near: bool) -> dict[str, Any]:
    return {
        **{name: row[name] for name in (*_LINE, "excerpt")},
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "distance": row["distance"] if near else None,
    }


def _write_cursor(row: Any) -> str:
    micros = (row["starts_at"] - _NEVER) // timedelta(microseconds=1)
    raw = row["distance"].to_bytes(1) + micros.to_bytes(8) + row["id"].bytes
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read_cursor(cursor: str) -> tuple[int, datetime, UUID]:
    """Where a soonest-first list goes on. Raises BadCursor."""
    try:
        raw = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        moment = _NEVER + timedelta(microseconds=int.from_bytes(raw[1:9]))
        found = raw[0], moment, UUID(bytes=raw[9:])
    except (ValueError, IndexError, OverflowError, binascii.Error):
        raise BadCursor from None
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
        raise BadCursor
    return found


async def my_seats(
    tx: AsyncSession, viewer: Viewer, *, state: SeatState | None, limit: int, after: str | None
) -> dict[str, Any]:
    """What one has signed up for, the latest sign-up first."""
    statement = seat_rows().where(col(Seat.person_id) == VIEWER, col(Seat.id) < read_cursor(after))
    if state is not None:
        statement = statement.where(col(Seat.state) == state)
    found = await tx.execute(statement.order_by(col(Seat.id).desc()).limit(limit + 1), bound(viewer))
    rows: list[Any] = list(found.mappings())
    return page([seat_view(row, viewer) for row in rows], limit)


async def participants(
    tx: AsyncSession,
    viewer: Viewer,
    activity_id: UUID,
    *,
    state: SeatState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Who signed up, in the order they did: for who organises and for staff. Raises NotFound, NotAllowed."""
    if not inside(await row_of(tx, viewer, activity_id), viewer):
        raise NotAllowed("参加的人只给组织者和工作人员看")
    statement = seat_rows().where(
        col(Seat.activity_id) == activity_id, col(Seat.id) > read_cursor(after, UUID(int=0))
    )
    if state is not None:
        statement = statement.where(col(Seat.state) == state)
    found = await tx.execute(statement.order_by(col(Seat.id)).limit(limit + 1), bound(viewer))
    rows: list[Any] = list(found.mappings())
    return page([seat_view(row, viewer) for row in rows], limit)
