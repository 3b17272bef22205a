"""成员名册 by file: 双报到 party members and volunteers of a community, by the number they bind."""

import re
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.kit import clock
from api.models import Branch, MemberLine, Place
from api.models.people import BranchId
from api.models.places import PlaceId
from api.rules.people import MEMBERSHIP_TITLES, TIME_TITLES, MembershipKind
from api.services.imports.registers import Batch, Line
from api.services.people import rosters
from api.services.people.belonging import PHONE

_PHONE = re.compile(r"\+?[0-9]{7,15}")
_BETWEEN = re.compile(r"[、,，;；/\s]+")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00)?")
_KINDS = {title: kind for kind, title in MEMBERSHIP_TITLES.items()}
_TIMES = {title: time for time, title in TIME_TITLES.items()}
_MOST_WORDS, _LONGEST = 20, 20
_ELDEST, _YOUNGEST = 100, 10
"""Years of age that a roster may name."""


class _Refused(Exception):
    """A cell that says nothing we can keep."""


async def members(batch: Batch) -> None:
    """成员名册: who has bound the number is verified now, who has not when they bind it."""
    branches = await _branches(batch)
    new_branches: list[Branch] = []
    rows: list[MemberLine] = []
    for line in batch.lines:
        community = batch.community(line)
        if community is None:
            continue
        try:
            row = _row(batch, line, community)
        except _Refused as refused:
            batch.refuse(line, str(refused))
            continue
        if batch.twice(line, (row.phone_index, row.kind, row.place_id)):
            continue
        if line["党支部"]:
            key = (community.id, line["党支部"])
            if key not in branches:
                new_branches.append(Branch(place_id=PlaceId(community.id), name=line["党支部"]))
                branches[key] = new_branches[-1].id
            row.branch_id = branches[key]
        rows.append(row)
    if not batch.faults:
        batch.tx.add_all(new_branches)
        await batch.tx.flush()
        batch.created, batch.updated = await rosters.add(batch.tx, rows, batch.actor_id, batch.title)


async def _branches(batch: Batch) -> dict[tuple[UUID, str], BranchId]:
    ids = [place.id for place in batch.communities.values()]
    found = await batch.tx.execute(select(Branch).where(col(Branch.place_id).in_(ids)))
    return {(branch.place_id, branch.name): branch.id for branch in found.scalars()}


def _row(batch: Batch, line: Line, community: Place) -> MemberLine:
    """What a line says. Raises _Refused."""
    if not _PHONE.fullmatch(line["手机号"]):
        raise _Refused(f"手机号“{line['手机号'][:20]}”应为 7 至 15 位数字")
    kind = _KINDS.get(line["种类"])
    if kind is None:
        raise _Refused(f"没有种类“{line['种类']}”；可以是：{'、'.join(_KINDS)}")
    if line["党支部"] and kind is not MembershipKind.party:
        raise _Refused("只有党员可以填党支部")
    return MemberLine(
        phone_index=batch.vault.index(PHONE, line["手机号"]),
        kind=kind,
        place_id=PlaceId(community.id),
        work_unit=line["工作单位"] or None,
        skills=_words(line, "特长"),
        times=sorted({_time(word).value for word in _words(line, "可服务时间")}),
        birth_year=_year(line["出生年份"]),
        insured_until=_day(line, "保险有效至"),
        ends_on=_day(line, "报到截止"),
        qualifications=_qualifications(line),
    )


def _words(line: Line, column: str) -> list[str]:
    words = list(dict.fromkeys(word for word in _BETWEEN.split(line[column]) if word))
    if len(words) > _MOST_WORDS or any(len(word) > _LONGEST for word in words):
        raise _Refused(f"“{column}”最多 {_MOST_WORDS} 项，每项不超过 {_LONGEST} 个字，以顿号分隔")
    return words


def _time(word: str) -> Any:
    if word not in _TIMES:
        raise _Refused(f"没有可服务时间“{word}”；可以是：{'、'.join(_TIMES)}")
    return _TIMES[word]


def _year(text: str) -> int | None:
    if not text:
        return None
    this_year = clock.local(clock.now()).year
    if not re.fullmatch(r"\d{4}", text) or not this_year - _ELDEST <= int(text) <= this_year - _YOUNGEST:
        raise _Refused(f"出生年份“{text[:20]}”应为四位年份")
    return int(text)


def _day(line: Line, column: str) -> date | None:
    return _day_of(line[column], column) if line[column] else None


def _day_of(text: str, column: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        raise _Refused(f"“{column}”中的日期“{text[:20]}”应写作 2027-06-30") from None


def _qualifications(line: Line) -> dict[str, str | None]:
    """`电工证:2027-06-30、护士证`: a name, and the last day where there is one."""
    found: dict[str, str | None] = {}
    for word in (w for w in re.split(r"[、,，;；]+", line["资质"]) if w.strip()):
        name, _, until = (part.strip() for part in word.replace("：", ":").partition(":"))
        if not name or len(name) > _LONGEST or name in found:
            raise _Refused(f"资质“{word.strip()[:20]}”应写作 电工证:2027-06-30，多项以顿号分隔，不重复")
        found[name] = _day_of(until, "资质").isoformat() if until else None
    return found
