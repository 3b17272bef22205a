"""找商家: the merchants of a neighbourhood, listed for everybody and kept by the console."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotFound
from api.models import Merchant, Place, Unit
from api.models.places import PlaceId
from api.rules.places import Level, UnitKind
from api.rules.property import MERCHANT_TITLES, MerchantCategory, service_hours_of
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, require, require_anywhere, under
from api.services.places.finding import find_place
from api.services.places.settling import AlreadyThere, note_creation, write_new


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(Merchant, Place, col(Unit.active).label("online"))
        .join(Place, col(Place.id) == col(Merchant.place_id))
        .outerjoin(Unit, col(Unit.id) == col(Merchant.unit_id))
    )


def merchant_view(merchant: Merchant, place: Place, online: bool | None) -> dict[str, Any]:
    """A merchant as everybody sees it; `online`: a case of kind merchant reaches its own people."""
    fields = (
        "id", "name", "category", "phone", "address", "hours", "introduction", "active", "unit_id",
        "version", "created_at", "updated_at",
    )  # fmt: skip
    return {
        **{f: getattr(merchant, f) for f in fields},
        "category_title": MERCHANT_TITLES[MerchantCategory(merchant.category)],
        "online": bool(online),
        "place": {"id": place.id, "name": place.name},
    }


async def merchants(
    tx: AsyncSession,
    place_id: UUID,
    *,
    category: MerchantCategory | None,
    q: str | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Merchants in business within a place; of a grid or building those of its community. Raises NotFound."""
    place = await find_place(tx, place_id)
    community = place.level in (Level.grid, Level.building) and place.parent_id is not None
    here = col(Place.id) == place.parent_id if community else under(col(Place.path), [place.path])
    wanted: list[Any] = [col(Merchant.active), here, col(Merchant.id) > read_cursor(after, LAST)]
    if category is not None:
        wanted.append(col(Merchant.category) == category)
    if q is not None:
        wanted.append(
            or_(
                col(Merchant.name).contains(q, autoescape=True),
                col(Merchant.introduction).contains(q, autoescape=True),
            )
        )
    found = await tx.execute(_rows().where(*wanted).order_by(col(Merchant.id)).limit(limit + 1))
    return page([merchant_view(row[0], row[1], row.online) for row in found], limit)


async def add_merchant(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID,
    takes_orders: bool,
    service_hours: str | None,
    **shown: Any,
) -> dict[str, Any]:
    """A merchant of a community; one that takes orders gets a unit for its people.

    Raises NotFound, WrongLevel, NotAllowed, AlreadyThere, ServiceHoursShort.
    """
    place = await find_place(tx, place_id, Level.village)
    roles = await require(tx, viewer, Permission.place_write, place.path)
    hours = str(service_hours_of(service_hours)) if service_hours is not None else None
    merchant = Merchant(place_id=PlaceId(place.id), **shown)
    if takes_orders:
        unit = Unit(
            kind=UnitKind.merchant, place_id=PlaceId(place.id), name=merchant.name, service_hours=hours
        )
        await write_new(tx, unit, "此处已有同名单位")
        merchant.unit_id = unit.id
    await write_new(tx, merchant, "这个社区已有同名商家")
    note_creation(tx, viewer, roles, "merchant", merchant.id, f"新增商家{merchant.name}")
    return merchant_view(merchant, place, takes_orders)


async def change_merchant(
    tx: AsyncSession, viewer: Viewer, merchant_id: UUID, changes: dict[str, Any]
) -> dict[str, Any]:
    """What is shown, and whether it is shown at all. Raises NotFound, NotAllowed, AlreadyThere."""
    tops = await require_anywhere(tx, viewer, Permission.place_write)
    found = await tx.execute(_rows().where(col(Merchant.id) == merchant_id, under(col(Place.path), tops)))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这个商家，或不在您的查看范围内")
    place, online = row.Place, row.online
    roles = await require(tx, viewer, Permission.place_write, place.path)
    try:
        async with tx.begin_nested():
            changed = await tx.execute(
                update(Merchant)
                .where(col(Merchant.id) == merchant_id)
                .values(**changes, version=col(Merchant.version) + 1, updated_at=clock.now())
                .returning(Merchant)
                .execution_options(populate_existing=True)
            )
            merchant = changed.scalar_one()
    except IntegrityError:
        raise AlreadyThere("这个社区已有同名商家") from None
    record(
        tx,
        subject_kind="merchant",
        subject_id=merchant_id,
        move="change",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=f"变更商家{merchant.name}",
        data={"fields": sorted(changes)},
    )
    return merchant_view(merchant, place, online)
