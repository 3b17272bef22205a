"""What each register means: how a line becomes a home, an asset, a company's unit, a role."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.models import Asset, Company, Estate, EstateBuilding, Grant, Home, Person, Place, Unit
from api.models.people import PersonId
from api.models.places import CompanyId, EstateId, PlaceId, UnitId
from api.rules.imports import RegisterKind
from api.rules.people import PersonState
from api.rules.places import Level, UnitKind, path_of
from api.rules.property import (
    ASSET_TITLES,
    ASSIGNMENT_TITLES,
    AssignmentMode,
    ServiceHoursShort,
    service_hours_of,
)
from api.rules.roles import ROLE_TITLES, UNIT_ROLES, Permission, Role
from api.services.imports.bulk import copy_rows
from api.services.imports.household_rows import households
from api.services.imports.members import members
from api.services.imports.registers import Batch, Line, Register
from api.services.people.belonging import PHONE

_NUMBER = re.compile(r"[0-9a-z]{1,10}")
_PHONE = re.compile(r"\+?[0-9]{7,15}")
_KINDS = {title: kind for kind, title in ASSET_TITLES.items()}
_MODES = {title: mode for mode, title in ASSIGNMENT_TITLES.items()}
_ROLES = {
    ROLE_TITLES[role]: role
    for role in (Role.property_staff, Role.property_manager, Role.grid_worker, Role.community_worker)
}
_MOST_AREA = Decimal(10_000_000)


async def _buildings(batch: Batch) -> tuple[dict[str, Place], dict[UUID, UUID]]:
    """Buildings of the communities by code, and which estate each belongs to."""
    ids = [place.id for place in batch.communities.values()]
    found = await batch.tx.execute(
        select(Place).where(col(Place.parent_id).in_(ids), col(Place.level) == Level.building)
    )
    buildings = {place.code: place for place in found.scalars()}
    belongs = await batch.tx.execute(
        select(col(EstateBuilding.building_id), col(EstateBuilding.estate_id)).where(
            col(EstateBuilding.building_id).in_(
                select(col(Place.id)).where(col(Place.parent_id).in_(ids), col(Place.level) == Level.building)
            )
        )
    )
    estate_of = {row.building_id: row.estate_id for row in belongs}
    batch.linked |= set(estate_of)
    return buildings, estate_of


async def homes(batch: Batch) -> None:
    """房屋: estates and buildings that are not there yet come with them."""
    now = clock.now()
    buildings, estate_of = await _buildings(batch)
    known = {
        (home.building_id, home.room): home
        for home in (
            await batch.tx.execute(
                select(Home).where(col(Home.building_id).in_([b.id for b in buildings.values()]))
            )
        ).scalars()
    }
    new: dict[str, list[dict[str, Any]]] = {"estates": [], "places": [], "belongs": [], "homes": []}
    for line in batch.lines:
        community = batch.community(line)
        number = line["楼栋编号"].lower()
        area = _area(batch, line)
        if community is None or area is _WRONG:
            continue
        if not _NUMBER.fullmatch(number):
            batch.refuse(line, f"楼栋编号“{line['楼栋编号']}”应为 1 至 10 位小写字母或数字")
            continue
        if len(line["房号"]) > 20:
            batch.refuse(line, "房号超过 20 个字")
            continue
        code = f"{community.code}-b{number}"
        if batch.twice(line, (code, line["房号"])):
            continue
        building = buildings.get(code)
        if building is None:
            building = Place(
                code=code,
                level=Level.building,
                name=line["楼栋"] or f"{number} 幢",
                parent_id=PlaceId(community.id),
                path=path_of(code, Level.building),
            )
            buildings[code] = building
            new["places"].append(building.model_dump(exclude={"path_end"}))
        if line["小区"] and not _belongs(batch, line, community, building, estate_of, new):
            continue
        home = known.get((building.id, line["房号"]))
        if home is None:
            batch.created += 1
            new["homes"].append(
                {
                    "id": new_id(now),
                    "building_id": building.id,
                    "room": line["房号"],
                    "area_m2": area,
                    "created_at": now,
                }
            )
        elif area is not None and home.area_m2 != area:
            batch.updated += 1
            home.area_m2 = area
    if not batch.faults:
        for table, rows in (
            (Estate, "estates"),
            (Place, "places"),
            (EstateBuilding, "belongs"),
            (Home, "homes"),
        ):
            await copy_rows(batch.tx, table, new[rows])


_WRONG = Decimal(-1)


def _area(batch: Batch, line: Line) -> Decimal | None:
    if not line["建筑面积"]:
        return None
    try:
        area = Decimal(line["建筑面积"])
    except InvalidOperation:
        area = _WRONG
    if not area.is_finite() or not 0 < area < _MOST_AREA or area != area.quantize(Decimal("0.01")):
        batch.refuse(line, f"建筑面积“{line['建筑面积'][:20]}”应为平方米数，最多两位小数")
        return _WRONG
    return area


def _belongs(
    batch: Batch,
    line: Line,
    community: Place,
    building: Place,
    estate_of: dict[UUID, UUID],
    new: dict[str, list[dict[str, Any]]],
) -> bool:
    """The building is, or becomes, the estate's; refused where it is another's."""
    key = (community.id, line["小区"])
    estate = batch.estates.get(key)
    if estate is None:
        estate = Estate(place_id=PlaceId(community.id), name=line["小区"])
        batch.estates[key] = estate
        new["estates"].append(estate.model_dump())
    owner = estate_of.setdefault(building.id, estate.id)
    if owner != estate.id:
        batch.refuse(line, f"{building.name}已属于其他小区")
        return False
    fresh = {"building_id": building.id, "estate_id": estate.id}
    if building.id not in batch.linked:
        batch.linked.add(building.id)
        new["belongs"].append(fresh)
    return True


async def assets(batch: Batch) -> None:
    """设施 of estates that are there."""
    buildings, estate_of = await _buildings(batch)
    ids = [estate.id for estate in batch.estates.values()]
    found = await batch.tx.execute(select(Asset).where(col(Asset.estate_id).in_(ids)))
    known = {(a.estate_id, a.building_id, a.name): a for a in found.scalars()}
    rows = []
    for line in batch.lines:
        community = batch.community(line)
        estate = batch.estate(line, community) if community is not None else None
        if community is None or estate is None:
            continue
        kind = _KINDS.get(line["种类"])
        if kind is None:
            batch.refuse(line, f"没有种类“{line['种类']}”；可以是：{'、'.join(_KINDS)}")
            continue
        building = (
            buildings.get(f"{community.code}-b{line['楼栋编号'].lower()}") if line["楼栋编号"] else None
        )
        if line["楼栋编号"] and (building is None or estate_of.get(building.id) != estate.id):
            batch.refuse(line, f"{estate.name}没有编号为“{line['楼栋编号']}”的楼栋")
            continue
        building_id = PlaceId(building.id) if building is not None else None
        key = (estate.id, building_id, line["名称"])
        if batch.twice(line, key):
            continue
        asset = known.get(key)
        if asset is None:
            batch.created += 1
            fresh = Asset(
                estate_id=EstateId(estate.id), building_id=building_id, kind=kind, name=line["名称"]
            )
            rows.append({**fresh.model_dump(), "kind": kind.value})
        elif asset.kind != kind or not asset.active:
            batch.updated += 1
            asset.kind, asset.active = kind, True
    if not batch.faults:
        await copy_rows(batch.tx, Asset, rows)


async def units(batch: Batch) -> None:
    """物业公司 with its service hours, and its unit at each estate."""
    tx = batch.tx
    towns = {place.id: place.parent_id or place.id for place in batch.communities.values()}
    found = await tx.execute(select(Company).where(col(Company.place_id).in_(list(towns.values()))))
    companies = {(c.place_id, c.name): c for c in found.scalars()}
    ids = [estate.id for estate in batch.estates.values()]
    serving = await tx.execute(select(Unit).where(col(Unit.estate_id).in_(ids), col(Unit.active)))
    unit_of = {unit.estate_id: unit for unit in serving.scalars()}
    said: dict[tuple[UUID, str], tuple[int, str]] = {}
    for line in batch.lines:
        community = batch.community(line)
        estate = batch.estate(line, community) if community is not None else None
        if community is None or estate is None or batch.twice(line, estate.id):
            continue
        try:
            hours = str(service_hours_of(line["服务时间"])) if line["服务时间"] else None
        except ServiceHoursShort as short:
            batch.refuse(line, f"服务时间“{line['服务时间'][:30]}”：{short.detail}")
            continue
        mode = _MODES.get(line["派工方式"] or ASSIGNMENT_TITLES[AssignmentMode.taken])
        if mode is None:
            batch.refuse(line, f"没有派工方式“{line['派工方式']}”；可以是：{'、'.join(_MODES)}")
            continue
        key = (towns[community.id], line["物业公司"])
        first, before = said.setdefault(key, (line.number, line["服务时间"]))
        if before != line["服务时间"]:
            batch.refuse(line, f"同一物业公司的服务时间与第 {first} 行不一致")
            continue
        company, changed = companies.get(key), False
        if company is None:
            company = companies[key] = Company(place_id=PlaceId(key[0]), name=key[1], service_hours=hours)
            tx.add(company)
            await tx.flush()
        elif company.service_hours != hours:
            company.service_hours, changed = hours, True
        unit = unit_of.get(EstateId(estate.id))
        if unit is None:
            batch.created += 1
            tx.add(
                Unit(
                    kind=UnitKind.property_company,
                    place_id=PlaceId(community.id),
                    name=f"{company.name}（{estate.name}）",
                    phone=line["电话"] or None,
                    company_id=CompanyId(company.id),
                    estate_id=EstateId(estate.id),
                    assignment=mode,
                )
            )
        elif unit.company_id != company.id:
            batch.refuse(line, f"{estate.name}已有在用的物业单位“{unit.name}”，请先停用")
        elif changed or (unit.phone, unit.assignment) != (line["电话"] or None, mode):
            batch.updated += 1
            unit.phone, unit.assignment = line["电话"] or None, mode


async def staff(batch: Batch) -> None:
    """人员授权 by phone: people must have bound the number themselves, and nobody grants himself anything."""
    tx, now = batch.tx, clock.now()
    index = {
        line["手机号"]: batch.vault.index(PHONE, line["手机号"])
        for line in batch.lines
        if _PHONE.fullmatch(line["手机号"])
    }
    found = await tx.execute(
        select(Person)
        .where(col(Person.phone_index).in_(list(index.values())))
        .order_by(col(Person.id))
        .with_for_update()
    )
    people = {person.phone_index: person for person in found.scalars()}
    ids = [estate.id for estate in batch.estates.values()]
    serving = await tx.execute(select(Unit).where(col(Unit.estate_id).in_(ids), col(Unit.active)))
    unit_of = {unit.estate_id: unit for unit in serving.scalars()}
    held = await tx.execute(
        select(col(Grant.person_id), col(Grant.role), col(Grant.place_id), col(Grant.unit_id)).where(
            col(Grant.person_id).in_([p.id for p in people.values()]),
            or_(col(Grant.until).is_(None), col(Grant.until) > now),
        )
    )
    grants = {(row.person_id, Role(row.role), row.place_id, row.unit_id) for row in held}
    for line in batch.lines:
        community = batch.community(line)
        role = _ROLES.get(line["角色"])
        if role is None:
            batch.refuse(line, f"不能导入角色“{line['角色']}”；可以是：{'、'.join(_ROLES)}")
        if community is None or role is None:
            continue
        unit = None
        if role in UNIT_ROLES:
            estate = batch.estate(line, community)
            if estate is None:
                continue
            unit = unit_of.get(EstateId(estate.id))
            if unit is None:
                batch.refuse(line, f"{estate.name}没有在用的物业单位，请先导入物业公司")
                continue
        person = people.get(index.get(line["手机号"], b""))
        if person is None or person.state is not PersonState.active:
            batch.refuse(line, "没有绑定这个手机号的在用账号，请本人先登录小程序并绑定手机号")
            continue
        if person.id == batch.actor_id:
            batch.refuse(line, "不能给自己授权")
            continue
        key = (person.id, role, community.id, unit.id if unit is not None else None)
        if batch.twice(line, key) or key in grants:
            continue
        batch.created += 1
        grant = Grant(
            person_id=PersonId(person.id),
            role=role,
            place_id=PlaceId(community.id),
            unit_id=UnitId(unit.id) if unit is not None else None,
            granted_by=PersonId(batch.actor_id) if batch.actor_id is not None else None,
        )
        tx.add(grant)
        record(
            tx,
            subject_kind="grant",
            subject_id=grant.id,
            move="grant",
            actor_id=batch.actor_id,
            actor_title=batch.title,
            text=f"授予{ROLE_TITLES[role]}（{community.name}）",
            data={
                "person_id": str(person.id),
                "role": role.value,
                "place_id": str(community.id),
                "unit_id": str(unit.id) if unit is not None else None,
            },
        )


REGISTERS: dict[RegisterKind, Register] = {
    RegisterKind.units: Register(
        ("社区代码", "小区", "物业公司"), ("电话", "服务时间", "派工方式"), Permission.place_write, units
    ),
    RegisterKind.staff: Register(("社区代码", "手机号", "角色"), ("小区",), Permission.grant_write, staff),
    RegisterKind.homes: Register(
        ("社区代码", "楼栋编号", "房号"), ("小区", "楼栋", "建筑面积"), Permission.home_write, homes
    ),
    RegisterKind.assets: Register(
        ("社区代码", "小区", "种类", "名称"), ("楼栋编号",), Permission.home_write, assets
    ),
    RegisterKind.households: Register(
        ("社区代码", "楼栋编号", "房号", "手机号", "关系"),
        ("户籍",),
        Permission.residency_verify,
        households,
    ),
    RegisterKind.members: Register(
        ("社区代码", "手机号", "种类"),
        ("党支部", "工作单位", "特长", "资质", "可服务时间", "出生年份", "保险有效至", "报到截止"),
        Permission.membership_verify,
        members,
    ),
}
