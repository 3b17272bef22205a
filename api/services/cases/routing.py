"""Where a case goes by rule: the unit nearest to it that can take it, else the community's desk with the reason."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Company, Merchant, Place, Unit
from api.rules.cases import CaseKind
from api.rules.places import PREFIX_LENGTHS, UnitKind, ancestor_paths
from api.rules.property import NO_COMPANY, NO_ERRAND_DESK, NO_ESTATE, NO_GRID_TEAM, NO_MERCHANT_UNIT, Rule


class Route(NamedTuple):
    """The unit a rule names (None: there is none), which rule in which version, and why no nearer unit."""

    unit: Unit | None
    rule: Rule
    reason: str | None = None


async def route(tx: AsyncSession, row: Mapping[str, Any]) -> Route:
    """The route of a case by its kind; `row` holds the columns of its table."""
    match CaseKind(row["kind"]):
        case CaseKind.property:
            if row["estate_id"] is None:
                return await _fall_back(tx, row, NO_ESTATE)
            company = await _of_estate(tx, row)
            return Route(company, Rule.estate_company) if company else await _fall_back(tx, row, NO_COMPANY)
        case CaseKind.errand:
            desk = await _at_community(tx, row, UnitKind.errand_desk)
            return Route(desk, Rule.errand_desk) if desk else await _fall_back(tx, row, NO_ERRAND_DESK)
        case CaseKind.merchant:
            own = select(col(Merchant.unit_id)).where(col(Merchant.id) == row["merchant_id"])
            unit = await _first(tx, col(Unit.id).in_(own), col(Unit.kind) == UnitKind.merchant)
            return Route(unit, Rule.merchant_unit) if unit else await _fall_back(tx, row, NO_MERCHANT_UNIT)
        case CaseKind.grid:
            if row["hazard"]:
                return await grid_team(tx, row)
            company = await _of_estate(tx, row)
            if company is not None:
                return Route(company, Rule.estate_company)
    return Route(await _at_community(tx, row, UnitKind.secretary_desk), Rule.secretary_desk)


async def _of_estate(tx: AsyncSession, row: Mapping[str, Any]) -> Unit | None:
    estate = row["estate_id"]
    return await _first(tx, col(Unit.estate_id) == estate, col(Unit.kind) == UnitKind.property_company)


async def grid_team(tx: AsyncSession, row: Mapping[str, Any]) -> Route:
    """The team of the grid the case lies in, else of its community, else the community's desk."""
    found = await tx.execute(
        select(Unit)
        .join(Place, col(Place.id) == col(Unit.place_id))
        .where(
            col(Unit.active),
            col(Unit.kind) == UnitKind.grid_team,
            col(Place.path).in_(ancestor_paths(row["path"])[len(PREFIX_LENGTHS) - 1 :]),
        )
        .order_by(func.length(col(Place.path)).desc(), col(Unit.id))
        .limit(1)
    )
    team = found.scalar_one_or_none()
    return Route(team, Rule.grid_team) if team is not None else await _fall_back(tx, row, NO_GRID_TEAM)


async def _fall_back(tx: AsyncSession, row: Mapping[str, Any], reason: str) -> Route:
    return Route(await _at_community(tx, row, UnitKind.secretary_desk), Rule.community_desk, reason)


async def _at_community(tx: AsyncSession, row: Mapping[str, Any], kind: UnitKind) -> Unit | None:
    return await _first(tx, col(Unit.place_id) == row["community_id"], col(Unit.kind) == kind)


async def _first(tx: AsyncSession, *wanted: ColumnElement[bool]) -> Unit | None:
    found = await tx.execute(select(Unit).where(col(Unit.active), *wanted).order_by(col(Unit.id)).limit(1))
    return found.scalar_one_or_none()


async def service_hours(tx: AsyncSession, unit: Unit) -> str | None:
    """The hours a unit's clocks of service time run in: its own, else its company's; None for the default."""
    if unit.service_hours is not None or unit.company_id is None:
        return unit.service_hours
    found = await tx.execute(select(col(Company.service_hours)).where(col(Company.id) == unit.company_id))
    hours: str | None = found.scalar_one()
    return hours


async def unit_of(tx: AsyncSession, unit_id: UUID) -> Unit | None:
    """The unit a dispatcher chose."""
    found = await tx.execute(select(Unit).where(col(Unit.id) == unit_id))
    return found.scalar_one_or_none()
