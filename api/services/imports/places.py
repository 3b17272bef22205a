"""Bringing in the places of the national codes: fast, and the same however often and wherever it is stopped.

A batch is one transaction, its progress in it. Lines that contradict themselves or have no parent are refused
and told; a place that is there already is left alone, a new name for it is taken over.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.ids import new_id
from api.models import Place
from api.rules.places import DIGITS, LEVEL_TITLES, PARENT, Level
from api.services.imports import runs
from api.services.imports.ahead import batches
from api.services.imports.divisions import Division, DivisionFile, find_divisions
from api.services.imports.faults import ImportFault, LineFault

KIND = "places"
BATCH = 10_000
MOST_FAULTS = 1_000
"""More refused lines than this are not slips of the pen: the wrong file, or its parents are not there yet."""

Progress = Callable[[str, int, int], None]
"""Called with what is being read, the records read of it, and about how many there are."""


@dataclass
class FileResult:
    """What became of one file."""

    name: str
    level: Level
    read: int = 0
    resumed: int = 0
    """Records an earlier run had brought in, skipped by this one."""
    inserted: int = 0
    updated: int = 0
    folded: int = 0
    """Lines that name the place above once more: a city without counties among the counties."""
    faults: list[LineFault] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        return self.read - self.resumed - self.inserted - self.updated - self.folded - len(self.faults)


@dataclass
class PlacesResult:
    """What became of all files, in the order of the levels; `aside` names files that are no code tables."""

    files: list[FileResult]
    aside: list[str]

    @property
    def inserted(self) -> int:
        return sum(file.inserted for file in self.files)

    @property
    def updated(self) -> int:
        return sum(file.updated for file in self.files)

    @property
    def refused(self) -> int:
        return sum(len(file.faults) for file in self.files)


def _silent(_label: str, _done: int, _about: int) -> None:
    pass


async def import_places(
    db: Database, paths: list[Path], progress: Progress = _silent, *, batch: int = BATCH
) -> PlacesResult:
    """Bring in files or folders of files, provinces first.

    Raises ImportFault before anything is written when a file is broken or none is a code table, and when a file
    breaks off or has more than MOST_FAULTS bad lines (whole batches before it stay); ImportBusy when two meet.
    """
    found, aside = await asyncio.to_thread(find_divisions, paths)
    result = PlacesResult([], aside)
    for file in found:
        result.files.append(await _import_file(db, file, progress, batch))
    if result.inserted or result.updated:
        async with db.transaction() as tx:
            await tx.execute(_PATIENCE)
            await tx.execute(text("analyze places"))
    return result


async def _import_file(db: Database, file: DivisionFile, progress: Progress, size: int) -> FileResult:
    table, label = file.table, f"{LEVEL_TITLES[file.level]} {file.table.name}"
    result = FileResult(table.name, file.level)
    async with db.transaction() as tx:
        run_id, done = await runs.begin(tx, KIND, table)
    progress(label, 0, table.about)
    async with batches(file.read(), size) as coming:
        async for records in coming:
            result.read += len(records)
            skipped = min(done - result.resumed, len(records))
            result.resumed += skipped
            if fresh := records[skipped:]:
                async with db.transaction() as tx:
                    await tx.execute(_PATIENCE)
                    known = len(result.faults)
                    await _store(tx, fresh, file.level, result)
                    if len(result.faults) > MOST_FAULTS:
                        raise _too_many(result)
                    faults = result.faults if len(result.faults) > known else None
                    await runs.advance(tx, run_id, result.read - len(fresh), len(fresh), faults)
            progress(label, result.read, max(table.about, result.read))
    async with db.transaction() as tx:
        await runs.finish(tx, run_id, result.read)
    return result


async def _store(
    tx: AsyncSession, records: list[Division | LineFault], level: Level, result: FileResult
) -> None:
    """Write one batch's good lines and note its bad ones."""
    wanted = {r.parent for r in records if isinstance(r, Division) and r.parent is not None}
    parents: dict[str, tuple[UUID, str]] = {}
    if wanted:
        found = await tx.execute(_PARENTS, {"codes": list(wanted)})
        parents = {code: (place_id, name) for code, place_id, name in found}
    good: list[Division] = []
    for record in records:
        if isinstance(record, LineFault):
            result.faults.append(record)
        elif record.parent is None:
            good.append(record)
        elif record.parent not in parents:
            result.faults.append(LineFault(record.line, _no_parent(record.parent, level)))
        elif not record.is_its_parent:
            good.append(record)
        elif record.name == parents[record.parent][1]:
            result.folded += 1
        else:
            reason = f"代码的本级部分全为 0，即上级“{parents[record.parent][1]}”，名称却是“{record.name}”"
            result.faults.append(LineFault(record.line, reason))
    if not good:
        return
    now = clock.now()
    written = await tx.execute(
        _UPSERT,
        {
            "ids": [new_id(now) for _ in good],
            "codes": [d.code for d in good],
            "names": [d.name for d in good],
            "parent_ids": [parents[d.parent][0] if d.parent is not None else None for d in good],
            "paths": [d.path for d in good],
            "level": level,
            "now": now,
        },
    )
    inserted, updated = written.one()
    result.inserted += inserted
    result.updated += updated


def _no_parent(code: str, level: Level) -> str:
    above = PARENT[level]
    return f"上级{LEVEL_TITLES[above]} {code[: DIGITS[above]]} 不存在，请先导入或更正"


def _too_many(result: FileResult) -> ImportFault:
    first = result.faults[0]
    return ImportFault(
        f"有误的行超过 {MOST_FAULTS:,} 行，已停止（已导入的整批保留）；第一处：{first.reason}",
        file=result.name,
        line=first.line,
    )


_PATIENCE = text("set local statement_timeout = '60s'")
"""A batch may take longer than a request on a slow disk."""

_PARENTS = select(col(Place.code), col(Place.id), col(Place.name)).where(
    col(Place.code) == func.any(bindparam("codes", type_=ARRAY(Text)))
)


def _upsert() -> Any:
    """New places in, new names over old ones, nothing else touched: counts of the two."""
    kinds: dict[str, type[Text | Uuid[UUID]]] = {
        "id": Uuid,
        "code": Text,
        "name": Text,
        "parent_id": Uuid,
        "path": Text,
    }
    incoming = (
        func.unnest(*(bindparam(f"{name}s", type_=ARRAY(kind)) for name, kind in kinds.items()))
        .table_valued(*(column(name, kind) for name, kind in kinds.items()), name="incoming")
        .render_derived()
    )
    fresh = (
        select(
            incoming.c.id,
            incoming.c.code,
            bindparam("level", type_=col(Place.level).type),  # type: ignore[attr-defined]
            incoming.c.name,
            incoming.c.parent_id,
            incoming.c.path,
            bindparam("now", type_=DateTime(timezone=True)),
        )
        .select_from(incoming.outerjoin(Place, col(Place.code) == incoming.c.code))
        .where(or_(col(Place.id).is_(None), col(Place.name) != incoming.c.name))
    )
    into = insert(Place).from_select(
        ["id", "code", "level", "name", "parent_id", "path", "created_at"], fresh, include_defaults=False
    )
    done = (
        into.on_conflict_do_update(index_elements=["code"], set_={"name": into.excluded.name})
        .returning(literal_column("xmax = 0").label("inserted"))
        .cte("done")
    )
    return select(
        func.count().filter(done.c.inserted), func.count().filter(func.not_(done.c.inserted))
    ).select_from(done)


_UPSERT = _upsert()
