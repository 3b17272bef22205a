"""地域设定: the version in force at a place, and new ones. The nearest place above that has one counts."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import anyio.to_thread
from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import WrongMoment
from api.models import Place, PlaceSetting
from api.models.places import PlaceId
from api.rules import settings as rules
from api.rules.clocks import Limit
from api.rules.limits import CLASS_TITLES, CaseClass, CaseLimits
from api.rules.roles import Permission, capacity
from api.services import calendars
from api.services.access import NOW, Viewer, prefixes, require
from api.services.places.finding import find_place

_known: dict[UUID, rules.Terms] = {}
"""Versions never change, so what was read once stays true."""


def in_force(path: Any, now: Any = NOW) -> ScalarSelect[Any]:
    """The id of the version in force for a path: of the nearest place that has one, the latest that has begun."""
    holder, setting = aliased(Place, name="holder"), aliased(PlaceSetting, name="setting")
    return (
        select(col(setting.id))
        .join(holder, col(holder.id) == col(setting.place_id))
        .where(col(holder.path) == func.any(prefixes(path)), col(setting.valid_from) <= now)
        .order_by(
            func.length(col(holder.path)).desc(),
            col(setting.valid_from).desc(),
            col(setting.version).desc(),
        )
        .limit(1)
        .scalar_subquery()
    )


def known(setting_id: UUID | None) -> bool:
    """Whether this process has read the version before."""
    return setting_id is None or setting_id in _known


async def terms(tx: AsyncSession, setting_id: UUID | None) -> rules.Terms | None:
    """The terms of a version; None: the defaults."""
    if setting_id is None:
        return None
    if setting_id not in _known:
        found = await tx.execute(select(col(PlaceSetting.terms)).where(col(PlaceSetting.id) == setting_id))
        _known[setting_id] = found.scalar_one()
    return _known[setting_id]


def limits_known(kind: CaseClass, setting_id: UUID | None) -> CaseLimits:
    """What is promised for a class under a version that is `known`."""
    return rules.limits_under(kind, None if setting_id is None else _known[setting_id])


async def limits(tx: AsyncSession, kind: CaseClass, setting_id: UUID | None) -> CaseLimits:
    """What is promised for a class under a version."""
    return rules.limits_under(kind, await terms(tx, setting_id))


async def of_place(tx: AsyncSession, path: str) -> UUID | None:
    """The version in force for the place with `path` now."""
    found = await tx.execute(select(in_force(path, clock.now())))
    version: UUID | None = found.scalar_one()
    return version


async def promised(tx: AsyncSession, place_id: UUID) -> rules.Terms | None:
    """The terms in force at a place; None: the defaults. Raises NotFound."""
    place = await find_place(tx, place_id)
    return await terms(tx, await of_place(tx, place.path))


async def versions(tx: AsyncSession, viewer: Viewer, place_id: UUID) -> dict[str, Any]:
    """A place's own versions, newest first, and what is in force there. Raises NotFound, NotAllowed."""
    place = await find_place(tx, place_id)
    await require(tx, viewer, Permission.case_read, place.path)
    found = await tx.execute(
        select(PlaceSetting)
        .where(col(PlaceSetting.place_id) == place.id)
        .order_by(col(PlaceSetting.version).desc())
    )
    rows = list(found.scalars())
    current = await of_place(tx, place.path)
    promised = await terms(tx, current)
    return {
        "place": {"id": place.id, "name": place.name},
        "in_force": current,
        "promises": [_promise(kind, rules.limits_under(kind, promised)) for kind in CaseClass],
        "versions": [
            {f: getattr(row, f) for f in ("id", "version", "valid_from", "terms", "note", "created_at")}
            for row in rows
        ],
    }


def _promise(kind: CaseClass, promised: CaseLimits) -> dict[str, Any]:
    steps: dict[str, Limit | None] = {step: getattr(promised, step) for step in rules.STEPS_SET}
    said = {step: limit.text if limit is not None else None for step, limit in steps.items()}
    return {"case_class": kind, "title": CLASS_TITLES[kind], **said}


async def add(
    tx: AsyncSession,
    viewer: Viewer,
    place_id: UUID,
    *,
    wanted: dict[str, dict[str, int]],
    valid_from: datetime | None,
    note: str,
) -> dict[str, Any]:
    """A new version, which replaces the place's earlier ones whole; open cases keep theirs.

    Raises NotFound, NotAllowed, TermsRefused, WrongMoment when somebody else was faster.
    """
    place = await find_place(tx, place_id)
    roles = await require(tx, viewer, Permission.setting_write, place.path)
    now = clock.now()
    begins = valid_from or now
    if begins < now:
        raise rules.TermsRefused("不能从过去的时间开始生效")
    today: date = clock.local(now).date()
    await anyio.to_thread.run_sync(rules.check, wanted, await calendars.current(tx), today)
    last = await tx.execute(
        select(func.max(col(PlaceSetting.version))).where(col(PlaceSetting.place_id) == place.id)
    )
    row = PlaceSetting(
        place_id=PlaceId(place.id),
        version=(last.scalar_one() or 0) + 1,
        valid_from=begins,
        terms=wanted,
        note=note,
        created_by=viewer.person_id,
    )
    try:
        async with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise WrongMoment("别人刚刚更新了这里的设定，请查看后再决定", moves=[]) from None
    record(
        tx,
        subject_kind="place",
        subject_id=place.id,
        move="set_terms",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=f"{place.name}的时限设定更新为第 {row.version} 版",
        told=f"{place.name}的时限设定更新为第 {row.version} 版：{note}",
        data={"version": row.version, "valid_from": begins.isoformat(), "terms": wanted},
    )
    return await versions(tx, viewer, place_id)
