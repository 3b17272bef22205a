"""住户名册 by file: a line says whose number belongs to which home. Who has bound the number is verified at once.

Only a keyed hash of the number is kept, and no answer repeats a number.
"""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.models import Home, HouseholdLine, Place
from api.models.places import HomeId
from api.rules.people import RELATION_TITLES
from api.rules.places import Level
from api.services.imports.registers import Batch, Line
from api.services.people.belonging import PHONE
from api.services.people.households import Line as Household
from api.services.people.households import add

_RELATIONS = {title: relation for relation, title in RELATION_TITLES.items()}
_REGISTERED = {"是": True, "户籍": True, "": False, "否": False, "非户籍": False}
_SPACING = re.compile(r"[\s\-()（）]")
_MAINLAND = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_ABROAD = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})")


def number_of(written: str) -> str | None:
    """A mobile number as bound numbers are kept: mainland ones bare, others with `+` and country code."""
    bare = _SPACING.sub("", written)
    if found := _MAINLAND.fullmatch(bare):
        return found[1]
    found = _ABROAD.fullmatch(bare)
    return f"+{found[1]}" if found and not found[1].startswith("86") else None


async def households(batch: Batch) -> None:
    """住户名册: homes must be there; the same line again changes nothing, a changed one says what it says now."""
    homes = await _homes(batch)
    known = await _known(batch, list(homes.values()))
    lines: list[Household] = []
    for line in batch.lines:
        community = batch.community(line)
        if community is None:
            continue
        home = homes.get((f"{community.code}-b{line['楼栋编号'].lower()}", line["房号"]))
        said = _said(batch, line)
        if home is None:
            batch.refuse(
                line, f"{community.name}没有 {line['楼栋编号']} 号楼 {line['房号']} 室，请先导入房屋"
            )
        if home is None or said is None:
            continue
        phone, relation, registered = said
        index = batch.vault.index(PHONE, phone)
        if batch.twice(line, (home, index)):
            continue
        before = known.get((home, index))
        if before == (relation, registered):
            continue
        batch.created += before is None
        batch.updated += before is not None
        lines.append(Household(HomeId(home), phone, relation, registered))
    if not batch.faults:
        await add(batch.tx, batch.vault, lines)


def _said(batch: Batch, line: Line) -> tuple[str, Any, bool] | None:
    """Number, relation and 户籍 of a line; None where one of them is wrong, and then it is refused."""
    phone, relation = number_of(line["手机号"]), _RELATIONS.get(line["关系"])
    registered = _REGISTERED.get(line["户籍"])
    if phone is None:
        batch.refuse(line, "手机号应为 11 位手机号，境外号码加 + 和国家代码")
    if relation is None:
        batch.refuse(line, f"没有关系“{line['关系'][:20]}”；可以是：{'、'.join(_RELATIONS)}")
    if registered is None:
        batch.refuse(line, f"户籍“{line['户籍'][:20]}”应为是或否")
    if phone is None or relation is None or registered is None:
        return None
    return phone, relation, registered


async def _homes(batch: Batch) -> dict[tuple[str, str], UUID]:
    """The homes of the communities by building's code and room."""
    ids = [place.id for place in batch.communities.values()]
    found = await batch.tx.execute(
        select(col(Place.code), col(Home.room), col(Home.id))
        .join(Home, col(Home.building_id) == col(Place.id))
        .where(col(Place.parent_id).in_(ids), col(Place.level) == Level.building)
    )
    return {(row.code, row.room): row.id for row in found}


async def _known(batch: Batch, homes: list[UUID]) -> dict[tuple[UUID, bytes], tuple[Any, bool]]:
    """What the register says already, by home and number."""
    found = await batch.tx.execute(select(HouseholdLine).where(col(HouseholdLine.home_id).in_(homes)))
    return {
        (line.home_id, bytes(line.phone_index)): (line.relation, line.is_registered)
        for line in found.scalars()
    }
