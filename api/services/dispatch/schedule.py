"""Batches by schedule: at the hours a place has set, once an hour and place however many workers look."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import DispatchBatch
from api.models.places import PlaceId
from api.rules.dispatch import BatchState, DispatchMode
from api.services.dispatch.batches import SUBJECT

MISSED = timedelta(hours=2)
"""A slot that no worker was up for is made up for so long."""
_SET = text("""
select distinct on (s.place_id) s.place_id, s.mode, s.hours, p.path
from dispatch_settings s join places p on p.id = s.place_id
order by s.place_id, s.version desc""")


def slot_of(hours: list[int], now: datetime) -> datetime | None:
    """The last of the local `hours` today, if it is not too long ago."""
    local = clock.local(now)
    passed = [hour for hour in hours if hour <= local.hour]
    if not passed:
        return None
    slot = local.replace(hour=max(passed), minute=0, second=0, microsecond=0)
    return slot if now - slot < MISSED else None


async def make_due(tx: AsyncSession) -> None:
    """Order a batch for each place whose hour has come."""
    for row in (await tx.execute(_SET)).mappings().all():
        slot = slot_of(row["hours"], clock.now())
        if row["mode"] == DispatchMode.off or slot is None:
            continue
        batch = DispatchBatch(
            place_id=PlaceId(row["place_id"]),
            path=row["path"],
            slot=slot,
            at_once=row["mode"] == DispatchMode.apply,
        )
        made = await tx.execute(
            insert(DispatchBatch)
            .values(batch.model_dump())
            .on_conflict_do_nothing(index_elements=["place_id", "slot"], index_where=text("slot is not null"))
            .returning(col(DispatchBatch.id))
        )
        if made.first() is not None:
            record(
                tx,
                subject_kind=SUBJECT,
                subject_id=batch.id,
                move="order",
                to_state=BatchState.queued.value,
                actor_id=None,
                actor_title="系统",
                text="定时派单",
            )
