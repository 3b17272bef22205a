"""The working calendar in force, and its later versions."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import CalendarVersion
from api.rules.calendar import DayKind, Hours, SpecialDay, WorkingCalendar, provisional_warning
from api.rules.calendar_seed import SEED_2024_2026

_known: dict[int, WorkingCalendar] = {SEED_2024_2026.version: SEED_2024_2026}
"""Versions never change, so what was read once stays true."""


def cached(version: int | None) -> WorkingCalendar | None:
    """The calendar of `version` (None: the seed) if this process has read it before."""
    return _known.get(version if version is not None else SEED_2024_2026.version)


_serving: dict[tuple[int, str], WorkingCalendar] = {}
"""Kept, since a calendar remembers the days it worked out; a deployment has some hundred companies at most."""


def serving(calendar: WorkingCalendar, service_hours: str | None) -> WorkingCalendar:
    """The same days under a company's own service hours; None for the default ones."""
    if service_hours is None:
        return calendar
    key = calendar.version, service_hours
    found = _serving.get(key)
    if found is None:
        found = _serving[key] = calendar.with_hours(service=Hours.parse(service_hours))
    return found


async def current(tx: AsyncSession) -> WorkingCalendar:
    """The calendar of the highest version; the seed while nothing was imported."""
    version = (await tx.execute(select(func.max(CalendarVersion.version)))).scalar_one()
    return cached(version) or await _read(tx, version)


async def of_version(tx: AsyncSession, version: int) -> WorkingCalendar:
    """The calendar a deadline was worked out by."""
    return cached(version) or await _read(tx, version)


async def _read(tx: AsyncSession, version: int) -> WorkingCalendar:
    row = (
        await tx.execute(select(CalendarVersion).where(col(CalendarVersion.version) == version))
    ).scalar_one()
    calendar = WorkingCalendar(
        version=row.version,
        exceptions={date.fromisoformat(d): SpecialDay(DayKind(kind), name) for d, kind, name in row.days},
        known_from=row.known_from,
        known_through=row.known_through,
    )
    _known[version] = calendar
    return calendar


async def add_version(
    tx: AsyncSession, days: dict[date, SpecialDay], note: str, person_id: UUID | None, title: str
) -> WorkingCalendar:
    """Replace the arrangement of the years that `days` names; deadlines already computed keep theirs.

    Raises ValueError for a gap between years. Two imports at once: the second meets the primary key.
    """
    before = await current(tx)
    after = before.with_years(before.version + 1, days)
    row = CalendarVersion(
        version=after.version,
        known_from=after.known_from,
        known_through=after.known_through,
        days=[[d.isoformat(), s.kind.value, s.name] for d, s in sorted(after.exceptions.items())],
        note=note,
        created_by=person_id,
    )
    tx.add(row)
    await tx.flush()
    data: dict[str, Any] = {"version": after.version, "days": len(days)}
    record(
        tx,
        subject_kind="calendar",
        subject_id=UUID(int=after.version),
        move="import",
        actor_id=person_id,
        actor_title=title,
        text=f"工作日历更新为第 {after.version} 版",
        told=f"工作日历更新为第 {after.version} 版：{note}",
        data=data,
    )
    return after


async def warn(tx: AsyncSession) -> None:
    """Say once a day that the known holidays are running out; consequences tell the operators."""
    calendar = await current(tx)
    warning = provisional_warning(calendar, clock.local(clock.now()).date())
    if warning is not None:
        record(
            tx,
            subject_kind="calendar",
            subject_id=UUID(int=calendar.version),
            move="warn",
            actor_id=None,
            actor_title="系统",
            text=warning,
        )
