"""我的待办: the live cases of the viewer's units and the tasks others ask of them, what is due next first.

A unit has some hundred live cases at most, whatever lies in its archive: they are found by `ix_cases_unit_live`,
its open tasks by `ix_case_tasks_open`, their clocks by `uq_deadlines_subject_id_kind_cycle`, and sorted; see
docs/adr/0009.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database, Statement
from api.kit.paging import LAST, BadCursor
from api.models import Asset, Case, CaseTask, Deadline, Grant, Home, Person, Place, Unit
from api.rules.case_requests import TaskState
from api.rules.cases import ACTIVE, CaseClock
from api.rules.roles import OWN_UNIT_ONLY, SERVES
from api.services.access import VIEWER, Viewer, live, params

NEXT = (CaseClock.sign, CaseClock.contact, CaseClock.finish)
"""The clocks a unit works against."""
_OF_THE_CASE = (
    "id", "number", "kind", "category", "title", "state", "cycle", "level", "version",
    "created_at", "place_id", "home_id", "asset_id",
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_DUE = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for paused or handled: nothing is due, so it comes last."""


def _serving() -> Any:
    """Units the viewer is a member of."""
    serves = or_(
        *(and_(col(Unit.kind) == kind, col(Grant.role).in_(roles)) for kind, roles in SERVES.items())
    )
    of_viewer = and_(col(Grant.person_id) == VIEWER, live())
    at_own = select(col(Unit.id)).join(Grant, col(Grant.unit_id) == col(Unit.id)).where(of_viewer, serves)
    at_place = (
        select(col(Unit.id))
        .join(Grant, col(Grant.place_id) == col(Unit.place_id))
        .where(of_viewer, col(Grant.unit_id).is_(None), col(Unit.kind).not_in(OWN_UNIT_ONLY), serves)
    )
    return at_own.union(at_place).cte("serving")


def _work(own: bool) -> Any:
    """One row for each live case of the viewer's units, and one for each open task on somebody else's.

    `key` tells the rows apart: a unit may be asked to assist with a case of its own.
    """
    serving = _serving()
    live_case = col(Case.state).in_(ACTIVE)
    cases = (
        select(*(getattr(Case, name) for name in _OF_THE_CASE))
        .add_columns(
            col(Case.id).label("key"),
            col(Case.unit_id),
            col(Case.handler_id),
            cast(null(), Text).label("text"),
        )
        .join(serving, col(Case.unit_id) == serving.c.id)
        .where(live_case)
    )
    if own:
        return cases.where(col(Case.handler_id) == VIEWER).subquery("work")
    assisting = (
        select(*(getattr(Case, name) for name in _OF_THE_CASE))
        .add_columns(col(CaseTask.id), col(CaseTask.unit_id), cast(null(), Uuid), col(CaseTask.text))
        .join(CaseTask, col(CaseTask.case_id) == col(Case.id))
        .join(serving, col(CaseTask.unit_id) == serving.c.id)
        .where(col(CaseTask.state) == TaskState.open, live_case)
    )
    return cases.union_all(assisting).subquery("work")


@cache
def _statement(limit: int, own: bool) -> Statement:
    """Prebuilt; LIMIT is literal: a bound one doubles the work."""
    work, handler = _work(own), aliased(Person, name="handler")
    due = (
        select(
            func.coalesce(
                func.min(col(Deadline.due_at)), literal_column(f"'{NOT_DUE.isoformat()}'::timestamptz")
            ).label("due_at"),
            func.array_agg(aggregate_order_by(col(Deadline.kind), col(Deadline.due_at)), type_=ARRAY(Text))[
                1
            ].label("clock"),
        )
        .where(
            col(Deadline.subject_id) == work.c.id,
            col(Deadline.cycle) == work.c.cycle,
            col(Deadline.kind).in_([kind.value for kind in NEXT]),
            or_(work.c.text.is_(None), col(Deadline.kind) == CaseClock.finish.value),
            col(Deadline.met_at).is_(None),
            col(Deadline.cancelled_at).is_(None),
            col(Deadline.due_at).is_not(None),
        )
        .correlate(work)
        .lateral("due")
    )
    after = tuple_(
        bindparam("after_due", type_=DateTime(timezone=True)), bindparam("after_key", type_=Uuid())
    )
    return Statement(
        select(
            *(column for column in work.c if column.name != "home_id"),
            due.c.due_at,
            due.c.clock,
            col(Place.name).label("place_name"),
            col(Home.room),
            col(Asset.name).label("asset_name"),
            col(Unit.name).label("unit_name"),
            col(handler.nickname).label("handler_name"),
        )
        .select_from(work)
        .join(due, true())
        .join(Place, col(Place.id) == work.c.place_id)
        .join(Unit, col(Unit.id) == work.c.unit_id)
        .outerjoin(Home, col(Home.id) == work.c.home_id)
        .outerjoin(Asset, col(Asset.id) == work.c.asset_id)
        .outerjoin(handler, col(handler.id) == work.c.handler_id)
        .where(tuple_(due.c.due_at, work.c.key) > after)
        .order_by(due.c.due_at, work.c.key)
        .limit(literal_column(str(limit + 1)))
    )


async def tasks(db: Database, viewer: Viewer, *, mine: bool, limit: int, after: str | None) -> dict[str, Any]:
    """A page of live cases of the viewer's units with what other units ask of them, or of the cases he handles;
    what is due first comes first, a task with the case it belongs to.

    A case handled or whose clocks stand still comes last. Raises BadCursor.
    """
    due, last = _read(after)
    rows = await db.fetch(_statement(limit, mine), **params(viewer), after_due=due, after_key=last)
    items = [_item(row) for row in rows[:limit]]
    more = len(rows) > limit
    return {
        "items": items,
        "next": _write(rows[limit - 1]["due_at"], rows[limit - 1]["key"]) if more else None,
    }


def _item(row: Any) -> dict[str, Any]:
    plain = (
        "id",
        "number",
        "kind",
        "category",
        "title",
        "state",
        "cycle",
        "level",
        "room",
        "version",
        "created_at",
    )
    due = row["due_at"] if row["due_at"] < NOT_DUE else None
    return {
        **{f: row[f] for f in plain},
        "next_clock": row["clock"],
        "next_due_at": due,
        "overdue": due is not None and clock.now() > due,
        **{what: _named(row, what) for what in ("place", "asset", "unit", "handler")},
        "task": None if row["text"] is None else {"id": row["key"], "text": row["text"]},
    }


def _named(row: Any, what: str) -> dict[str, Any] | None:
    return None if row[f"{what}_id"] is None else {"id": row[f"{what}_id"], "name": row[f"{what}_name"]}


def _write(due: datetime, last: UUID) -> str:
    """Moment and key: the order's own, so that a case finished meanwhile does not end the list."""
    micros = (due - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(micros.to_bytes(8, "big") + last.bytes).decode()


def _read(cursor: str | None) -> tuple[datetime, UUID]:
    if cursor is None:
        return _EPOCH, LAST
    try:
        raw = urlsafe_b64decode(cursor.encode())
        if len(raw) != 24:
            raise BadCursor
        due = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big"))
        found = due, UUID(bytes=raw[8:])
    except (ValueError, binascii.Error, OverflowError):
        raise BadCursor from None
    if _write(*found) != cursor:
        raise BadCursor
    return found
