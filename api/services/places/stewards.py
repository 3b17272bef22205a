"""Units and property companies, by hand: who serves a place or an estate, in which hours, and how work is shared."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotFound, Problem
from api.models import Company, Estate, Place, Unit
from api.models.places import CompanyId, EstateId, PlaceId
from api.rules.places import UnitKind
from api.rules.property import AssignmentMode, service_hours_of
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, narrowed, require, require_anywhere, under
from api.services.places.directory import unit_view
from api.services.places.finding import find_place
from api.services.places.settling import AlreadyThere, note_creation, write_new


class EstateNeeded(Problem):
    status, code, title = 422, "estate_needed", "只有物业公司按小区设立，且须说明小区"


class EstateTaken(Problem):
    status, code, title = 409, "estate_taken", "这个小区已有在用的物业公司"
    advice = "请先停用原来的物业单位，再登记新的。"


async def add_company(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID,
    name: str,
    phone: str | None,
    service_hours: str | None,
) -> dict[str, Any]:
    """A property company, with its service hours. Raises NotFound, NotAllowed, ServiceHoursShort, AlreadyThere."""
    place = await find_place(tx, place_id)
    roles = await require(tx, viewer, Permission.place_write, place.path)
    hours = str(service_hours_of(service_hours)) if service_hours is not None else None
    company = Company(place_id=PlaceId(place.id), name=name, phone=phone, service_hours=hours)
    await write_new(tx, company, "此处已有同名物业公司")
    note_creation(tx, viewer, roles, "company", company.id, f"新增物业公司{name}")
    return company_view(company, place.name)


def company_view(company: Company, place_name: str) -> dict[str, Any]:
    fields = ("id", "name", "phone", "service_hours")
    return {
        **{f: getattr(company, f) for f in fields},
        "place": {"id": company.place_id, "name": place_name},
    }


async def companies(
    tx: AsyncSession, viewer: Viewer, *, place_id: UUID | None, limit: int, after: str | None
) -> dict[str, Any]:
    """Property companies within reach. Raises NotAllowed, NotFound."""
    tops = await require_anywhere(tx, viewer, Permission.case_read)
    if place_id is not None:
        tops = narrowed(tops, (await find_place(tx, place_id)).path)
    found = await tx.execute(
        select(Company, col(Place.name))
        .join(Place, col(Place.id) == col(Company.place_id))
        .where(under(col(Place.path), tops), col(Company.id) > read_cursor(after, LAST))
        .order_by(col(Company.id))
        .limit(limit + 1)
    )
    return page([company_view(company, name) for company, name in found], limit)


async def add_unit(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    kind: UnitKind,
    place_id: UUID,
    name: str,
    phone: str | None,
    address: str | None,
    hours: str | None,
    company_id: UUID | None = None,
    estate_id: UUID | None = None,
    service_hours: str | None = None,
    assignment: AssignmentMode = AssignmentMode.taken,
) -> dict[str, Any]:
    """A unit that may own cases of its place; a property company's, of its estate.

    Raises NotFound, NotAllowed, AlreadyThere, EstateNeeded, EstateTaken, ServiceHoursShort.
    """
    place = await find_place(tx, place_id)
    roles = await require(tx, viewer, Permission.place_write, place.path)
    if kind is not UnitKind.property_company and (estate_id is not None or company_id is not None):
        raise EstateNeeded
    if company_id is not None and estate_id is None:
        raise EstateNeeded("请说明这家物业公司服务的小区")
    if estate_id is not None:
        await _estate_in(tx, estate_id, place)
    if company_id is not None:
        await _company_above(tx, company_id, place)
    unit = Unit(
        kind=kind,
        place_id=PlaceId(place.id),
        name=name,
        phone=phone,
        address=address,
        hours=hours,
        company_id=CompanyId(company_id) if company_id else None,
        estate_id=EstateId(estate_id) if estate_id else None,
        service_hours=str(service_hours_of(service_hours)) if service_hours is not None else None,
        assignment=assignment,
    )
    try:
        await write_new(tx, unit, "此处已有同名单位")
    except AlreadyThere:
        if await _served(tx, estate_id):
            raise EstateTaken from None
        raise
    note_creation(tx, viewer, roles, "unit", unit.id, f"新增{name}")
    return unit_view(unit, place)


async def _estate_in(tx: AsyncSession, estate_id: UUID, place: Place) -> None:
    found = await tx.execute(
        select(1).where(col(Estate.id) == estate_id, col(Estate.place_id) == place.id).select_from(Estate)
    )
    if found.first() is None:
        raise NotFound("没有这个小区，或不在这个社区")


async def _company_above(tx: AsyncSession, company_id: UUID, place: Place) -> None:
    """Registered at the unit's place or above it."""
    found = await tx.execute(
        select(col(Place.path))
        .join(Company, col(Company.place_id) == col(Place.id))
        .where(col(Company.id) == company_id)
    )
    path = found.scalar_one_or_none()
    if path is None or not place.path.startswith(path):
        raise NotFound("没有这家物业公司，或不在您的范围内")


async def _served(tx: AsyncSession, estate_id: UUID | None) -> bool:
    found = await tx.execute(
        select(1).where(col(Unit.estate_id) == estate_id, col(Unit.active)).select_from(Unit)
    )
    return estate_id is not None and found.first() is not None


async def change_unit(
    tx: AsyncSession, viewer: Viewer, unit_id: UUID, changes: dict[str, Any]
) -> dict[str, Any]:
    """Name, numbers, hours, how work is shared, in use or not; a closed unit keeps the cases it has.

    Raises NotFound, NotAllowed, ServiceHoursShort, AlreadyThere, EstateTaken.
    """
    found = await tx.execute(
        select(Unit, Place).join(Place, col(Place.id) == col(Unit.place_id)).where(col(Unit.id) == unit_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这个单位，或不在您的查看范围内")
    place = row.Place
    tops = await require_anywhere(tx, viewer, Permission.place_write)
    if not any(place.path.startswith(top) for top in tops):
        raise NotFound("没有这个单位，或不在您的查看范围内")
    if changes.get("service_hours") is not None:
        changes["service_hours"] = str(service_hours_of(changes["service_hours"]))
    try:
        async with tx.begin_nested():
            changed = await tx.execute(
                update(Unit)
                .where(col(Unit.id) == unit_id)
                .values(**changes)
                .returning(Unit)
                .execution_options(populate_existing=True)
            )
            after = changed.scalar_one()
    except IntegrityError as error:
        raise (
            EstateTaken() if "uq_units_estate" in str(error.orig) else AlreadyThere("此处已有同名单位")
        ) from None
    roles = await require(tx, viewer, Permission.place_write, place.path)
    record(
        tx,
        subject_kind="unit",
        subject_id=unit_id,
        move="change",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=f"变更{after.name}",
        data={"fields": sorted(changes)},
    )
    return unit_view(after, place)


async def units(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    kind: UnitKind | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Units within reach, closed ones too: what a dispatcher chooses from. Raises NotAllowed, NotFound."""
    tops = await require_anywhere(tx, viewer, Permission.case_read)
    if place_id is not None:
        tops = narrowed(tops, (await find_place(tx, place_id)).path)
    statement = (
        select(Unit, Place)
        .join(Place, col(Place.id) == col(Unit.place_id))
        .where(under(col(Place.path), tops), col(Unit.id) > read_cursor(after, LAST))
    )
    if kind is not None:
        statement = statement.where(col(Unit.kind) == kind)
    found = await tx.execute(statement.order_by(col(Unit.id)).limit(limit + 1))
    return page([unit_view(unit, place) for unit, place in found], limit)
