"""The ledger's only writers: automatic minutes by the clock, added ones by two people, counter-entries by one.

Automatic minutes come from check-ins alone: nobody who calls a route has a way to this module's `credit`.
"""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import Problem
from api.models import AddedHours, Seat, ServiceRecord
from api.models.activities import ActivityId, SeatId
from api.models.people import PersonId
from api.models.places import PlaceId
from api.models.service import AddedHoursId
from api.rules.activities import OwnHours
from api.rules.activity_words import RecordKind
from api.rules.points import EntryKind, for_service
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, require, stand
from api.services.activities.view import Row
from api.services.hours import reading
from api.services.points import earning


class AlreadyCountered(Problem):
    status, code, title = 409, "already_countered", "这条记录已冲正，或本身就是冲正"


async def credit(tx: AsyncSession, seat: Row) -> None:
    """Automatic minutes of a seat whose publicity is over, and the points for them. Once a seat."""
    if seat["minutes_automatic"]:
        await _write(tx, seat, RecordKind.automatic, seat["minutes_automatic"])


async def add(tx: AsyncSession, seat: Row, added: AddedHours, confirmed_by: UUID) -> None:
    """Minutes two people stand for."""
    await _write(
        tx, seat, RecordKind.added, added.minutes, added_id=added.id, recorded_by=PersonId(confirmed_by)
    )


async def _write(
    tx: AsyncSession,
    seat: Row,
    kind: RecordKind,
    minutes: int,
    *,
    added_id: AddedHoursId | None = None,
    recorded_by: PersonId | None = None,
) -> None:
    entry = ServiceRecord(
        person_id=seat["person_id"],
        activity_id=ActivityId(seat["activity_id"]),
        seat_id=SeatId(seat["id"]),
        community_id=PlaceId(seat["community_id"]),
        kind=kind,
        minutes=minutes,
        day=_day(seat),
        added_id=added_id,
        recorded_by=recorded_by,
    )
    await tx.execute(insert(ServiceRecord).values(entry.model_dump()))
    await earning.grant(
        tx,
        person_id=entry.person_id,
        kind=EntryKind.service,
        amount=for_service(minutes),
        source_kind="service_record",
        source_id=entry.id,
        place_id=entry.community_id,
        minutes=minutes,
        reason=seat["title"],
    )


def _day(seat: Row) -> date:
    return clock.local(seat["starts_at"]).date()


async def counter(tx: AsyncSession, viewer: Viewer, record_id: UUID, reason: str) -> UUID:
    """冲正: the whole of an entry is taken back, with its points; what is right is added anew, by two.

    Raises NotFound, NotAllowed, OwnHours, AlreadyCountered.
    """
    row = await reading.one(tx, viewer, record_id)
    entry: ServiceRecord = row.ServiceRecord
    roles = await require(tx, viewer, Permission.activity_write, row.path)
    if entry.person_id == viewer.person_id:
        raise OwnHours
    await stand(tx, viewer)
    if entry.kind is RecordKind.counter:
        raise AlreadyCountered
    written: Any = await tx.execute(
        insert(ServiceRecord)
        .values(
            ServiceRecord(
                person_id=entry.person_id,
                activity_id=entry.activity_id,
                seat_id=entry.seat_id,
                community_id=entry.community_id,
                kind=RecordKind.counter,
                minutes=-entry.minutes,
                day=entry.day,
                counters_id=entry.id,
                recorded_by=viewer.person_id,
                reason="冲正",
            ).model_dump()
        )
        .on_conflict_do_nothing(
            index_elements=["counters_id"], index_where=col(ServiceRecord.counters_id).is_not(None)
        )
        .returning(col(ServiceRecord.id))
    )
    made = written.scalar_one_or_none()
    if made is None:
        raise AlreadyCountered
    column = Seat.minutes_automatic if entry.kind is RecordKind.automatic else Seat.minutes_added
    await tx.execute(
        update(Seat).where(col(Seat.id) == entry.seat_id).values({column: col(column) - entry.minutes})
    )
    await earning.counter(tx, source_id=entry.id, reason="冲正时长")
    record(
        tx,
        subject_kind="service_record",
        subject_id=entry.id,
        move="counter",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text="冲正时长",
        data={"person_id": str(entry.person_id), "minutes": entry.minutes},
        words={"reason": reason},
        about=entry.person_id,
    )
    return UUID(str(made))
