"""Where a case goes by rule: the unit nearest to it that can take it, else the community's desk with the reason."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Company, Merchant, Unit
from api.rules.cases import CaseKind
from api.rules.places import UnitKind
from api.rules.property import NO_COMPANY, NO_ERRAND_DESK, NO_ESTATE, NO_MERCHANT_UNIT, Rule


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
            company = await _first(
                tx, col(Unit.estate_id) == row["estate_id"], col(Unit.kind) == UnitKind.property_company
            )
            return Route(company, Rule.estate_company) if company else await _fall_back(tx, row, NO_COMPANY)
        case CaseKind.errand:
            desk = await _at_community(tx, row, UnitKind.errand_desk)
            return Route(desk, Rule.errand_desk) if desk else await _fall_back(tx, row, NO_ERRAND_DESK)
        case CaseKind.merchant:
            own = select(col(Merchant.unit_id)).where(col(Merchant.id) == row["merchant_id"])
            unit = await _first(tx, col(Unit.id).in_(own), col(Unit.kind) == UnitKind.merchant)
            return Route(unit, Rule.merchant_unit) if unit else await _fall_back(tx, row, NO_MERCHANT_UNIT)
    return Route(await _at_community(tx, row, UnitKind.secretary_desk), Rule.secretary_desk)


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
