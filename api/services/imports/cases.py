"""Bringing old cases in: read, judged line by line, then written all or nothing, and nobody is told of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.db import Database
from api.kit.problems import NotFound
from api.models import Case, Place
from api.rules.cases import CaseKind
from api.rules.places import Level, ancestor_paths
from api.services import calendars
from api.services.imports import runs
from api.services.imports.ahead import batches
from api.services.imports.case_records import Categories, OldCase, read_cases
from api.services.imports.case_rows import Community, number_of, write_cases
from api.services.imports.faults import ImportBusy, ImportFault, LineFault
from api.services.imports.tables import Table, open_table
from api.services.imports.timeliness import Timeliness, timeliness

KIND = "cases"
BATCH = 1_000
CONSULT = Categories()
"""Every record is a question 咨询, the shortest limits, unless the file or the caller says otherwise."""
MOST_CASES = 100_000
"""They are written in one transaction; a longer history comes in several files."""

Progress = Callable[[str, int, int], None]


class Fate(StrEnum):
    """What becomes of a line. 去向：结案、待受理、已导入、有误"""

    closed = "closed"
    submitted = "submitted"
    known = "known"
    refused = "refused"


FATE_TITLES: dict[Fate, str] = {
    Fate.closed: "导入为已结案",
    Fate.submitted: "导入为待受理",
    Fate.known: "已导入过，不变",
    Fate.refused: "有误",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line's fate; `reason` where it is refused."""

    line: int
    fate: Fate
    number: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CasesResult:
    """The verdict on every line in the file's order, whether they were carried out, and the answers' measure."""

    verdicts: list[Verdict]
    applied: bool
    timeliness: Timeliness

    def count(self, fate: Fate) -> int:
        return Counter(v.fate for v in self.verdicts)[fate]


def _silent(_label: str, _done: int, _about: int) -> None:
    pass


async def import_cases(
    db: Database,
    file: Path,
    mapping: Mapping[str, str],
    community_code: str,
    *,
    kind: CaseKind = CaseKind.secretary,
    categories: Categories = CONSULT,
    dry_run: bool = False,
    progress: Progress = _silent,
) -> CasesResult:
    """Bring the old records of a community in: answered ones as closed cases, the others as submitted ones.

    `mapping` says which column each field is (`{"number": "编号"}`); a field not in it is the column of its name.
    One refused line and nothing is written, nor with `dry_run`. Known numbers are left as they are.
    Raises ImportFault for the file, NotFound for the community, ImportBusy when two imports meet.
    """
    if kind is not CaseKind.secretary:
        raise ImportFault("目前只能导入书记信箱的历史记录", file=file.name)
    table = await asyncio.to_thread(open_table, file)
    records = await _read(table, mapping, categories, progress)
    good = [r for r in records if isinstance(r, OldCase)]
    async with db.reading() as tx:
        calendar = await calendars.current(tx)
        community = await _community(tx, community_code)
        known = await _known(tx, community, good)
    measure = await asyncio.to_thread(
        timeliness,
        [(r.category, r.submitted_at, r.answered_at) for r in good if r.answered_at is not None],
        calendar,
    )
    if dry_run or len(good) < len(records):
        return CasesResult(_verdicts(records, community, known), False, measure)
    async with db.transaction() as tx:
        if (await tx.execute(_LOCK, {"id": community.id})).one_or_none() is None:
            raise ImportBusy("这个社区正在导入另一份历史记录")
        known = await _known(tx, community, good)
        fresh = [r for r in good if number_of(community, r.number) not in known]
        run_id, done = await runs.begin(tx, KIND, table)
        await write_cases(tx, community, fresh, calendar, run_id)
        await runs.advance(tx, run_id, done, len(good) - done)
        await runs.finish(tx, run_id, len(good))
    return CasesResult(_verdicts(records, community, known), True, measure)


async def _read(
    table: Table, mapping: Mapping[str, str], categories: Categories, progress: Progress
) -> list[OldCase | LineFault]:
    records: list[OldCase | LineFault] = []
    progress(table.name, 0, table.about)
    async with batches(read_cases(table, mapping, categories), BATCH) as coming:
        async for batch in coming:
            records += batch
            if len(records) > MOST_CASES:
                raise ImportFault(f"一次最多导入 {MOST_CASES:,} 条，请分成几个文件", file=table.name)
            progress(table.name, len(records), max(table.about, len(records)))
    progress(table.name, len(records), len(records))
    return records


def _verdicts(
    records: Sequence[OldCase | LineFault], community: Community, known: frozenset[str]
) -> list[Verdict]:
    verdicts = []
    for record in records:
        if isinstance(record, LineFault):
            verdicts.append(Verdict(record.line, Fate.refused, reason=record.reason))
            continue
        fate = Fate.submitted if record.answered_at is None else Fate.closed
        if number_of(community, record.number) in known:
            fate = Fate.known
        verdicts.append(Verdict(record.line, fate, record.number))
    return verdicts


async def _community(tx: AsyncSession, code: str) -> Community:
    found = await tx.execute(_COMMUNITY, {"code": code})
    row: Any = found.one_or_none()
    if row is None:
        raise NotFound(f"没有代码为 {code} 的村（社区），请先导入地域")
    above = await tx.execute(_ABOVE, {"paths": ancestor_paths(row.path)})
    return Community(row.id, row.code, row.path, list(above.scalars()))


async def _known(tx: AsyncSession, community: Community, records: Sequence[OldCase]) -> frozenset[str]:
    numbers = [number_of(community, record.number) for record in records]
    found = await tx.execute(_NUMBERS, {"numbers": numbers})
    return frozenset(found.scalars())


_COMMUNITY = select(col(Place.id), col(Place.code), col(Place.path)).where(
    col(Place.code) == bindparam("code", type_=Text), col(Place.level) == Level.village
)
_ABOVE = select(col(Place.id)).where(col(Place.path) == func.any(bindparam("paths", type_=ARRAY(Text))))
_NUMBERS = select(col(Case.number)).where(
    col(Case.number) == func.any(bindparam("numbers", type_=ARRAY(Text)))
)
_LOCK = (
    select(col(Place.id))
    .where(col(Place.id) == bindparam("id"))
    .with_for_update(key_share=True, skip_locked=True)
)
"""One import into a community at a time (NO KEY UPDATE: those who only refer to the place do not wait)."""
