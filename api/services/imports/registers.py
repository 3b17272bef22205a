"""Registers by file: property companies, staff, homes, assets. Read, judged line by line, then all or nothing.

A dry run does everything and takes it back, so that it cannot promise what the run would refuse.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.ids import new_id
from api.kit.secrets import Vault
from api.models import Estate, Place
from api.rules.imports import RegisterKind
from api.rules.places import Level
from api.rules.roles import Permission
from api.services.access import Viewer, require_anywhere
from api.services.imports.faults import ImportBusy, ImportFault, LineFault
from api.services.imports.tables import open_table
from api.services.people.accounts import title_of

MOST_LINES = 20_000
MOST_SHOWN = 1_000


_PATIENT = select(func.set_config("idle_in_transaction_session_timeout", "120000", True))
"""The transaction waits while a large sheet is read: seconds, more on a busy machine."""


@dataclass(frozen=True, slots=True)
class Line:
    """A record with its cells by column; a column the file does not have is empty."""

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass
class Batch:
    """One file at work: what it found, what it wrote, what is wrong with it."""

    tx: AsyncSession
    actor_id: UUID | None
    """Who brings it in; None for whoever runs the program."""
    title: str
    vault: Vault
    tops: list[str]
    lines: list[Line]
    faults: list[LineFault] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    communities: dict[str, Place] = field(default_factory=dict)
    estates: dict[tuple[UUID, str], Estate] = field(default_factory=dict)
    linked: set[UUID] = field(default_factory=set)
    """Buildings whose estate is written down, before or by this file."""
    _seen: dict[Any, int] = field(default_factory=dict)

    def refuse(self, line: Line, reason: str) -> None:
        self.faults.append(LineFault(line.number, reason))

    def twice(self, line: Line, key: Any) -> bool:
        """Whether the file has said this before; the later line is refused."""
        first = self._seen.setdefault(key, line.number)
        if first != line.number:
            self.refuse(line, f"与第 {first} 行重复")
        return first != line.number

    def community(self, line: Line) -> Place | None:
        """The community of a line, within reach; refused otherwise."""
        found = self.communities.get(line["社区代码"])
        if found is None:
            self.refuse(line, f"社区代码“{line['社区代码']}”不存在，或不在您的范围内")
        return found

    def estate(self, line: Line, community: Place) -> Estate | None:
        """The estate a line names; refused where there is none."""
        found = self.estates.get((community.id, line["小区"]))
        if found is None:
            self.refuse(line, f"{community.name}没有小区“{line['小区']}”")
        return found

    async def look_around(self) -> None:
        """Communities and estates that the lines name, locked against another import."""
        codes = {line["社区代码"] for line in self.lines}
        places = await self.tx.execute(
            select(Place)
            .where(col(Place.code).in_(codes), col(Place.level) == Level.village)
            .order_by(col(Place.id))
            .with_for_update(key_share=True)
        )
        self.communities = {
            place.code: place
            for place in places.scalars()
            if any(place.path.startswith(top) for top in self.tops)
        }
        ids = [place.id for place in self.communities.values()]
        estates = await self.tx.execute(select(Estate).where(col(Estate.place_id).in_(ids)))
        self.estates = {(estate.place_id, estate.name): estate for estate in estates.scalars()}


@dataclass(frozen=True)
class Register:
    """One kind: its columns, which of them a line may leave empty, and who may bring it in."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    permission: Permission
    apply: Callable[[Batch], Awaitable[None]]


async def run(
    tx: AsyncSession,
    vault: Vault,
    viewer: Viewer | None,
    kind: RegisterKind,
    register: Register,
    content: bytes,
    *,
    name: str,
    dry_run: bool,
) -> dict[str, Any]:
    """Bring a file in. One refused line and nothing is written, nor with `dry_run`. No `viewer`: the operator of
    the program, who reaches everything.

    Raises NotAllowed, ImportFault for the file, ImportBusy when it met another.
    """
    tops, title = [""], "系统"
    if viewer is not None:
        tops = await require_anywhere(tx, viewer, Permission.import_run)
        await require_anywhere(tx, viewer, register.permission)
        title = await title_of(tx, viewer)
    await tx.execute(_PATIENT)
    lines, broken = await asyncio.to_thread(read_lines, content, name, register.needed, register.optional)
    misshapen = len(broken)
    actor_id = viewer.person_id if viewer is not None else None
    batch = Batch(tx, actor_id, title, vault, tops, lines, broken)
    try:
        async with tx.begin_nested():
            await batch.look_around()
            await register.apply(batch)
            await tx.flush()
            if dry_run or batch.faults:
                raise _TakenBack
            _note(batch, kind, name)
    except IntegrityError:
        raise ImportBusy("别人正在变更同样的内容") from None
    except _TakenBack:
        applied = False
    else:
        applied = True
    bad = sorted(batch.faults, key=lambda fault: fault.line)
    total = len(lines) + misshapen
    return {
        "kind": kind,
        "file_name": name,
        "dry_run": dry_run,
        "applied": applied,
        "lines": total,
        "created": batch.created,
        "updated": batch.updated,
        "unchanged": max(0, total - len({fault.line for fault in bad}) - batch.created - batch.updated),
        "refused": len(bad),
        "faults": [{"line": fault.line, "reason": fault.reason} for fault in bad[:MOST_SHOWN]],
    }


class _TakenBack(Exception):
    """Leaves the savepoint without its changes."""


def _note(batch: Batch, kind: RegisterKind, name: str) -> None:
    record(
        batch.tx,
        subject_kind="import",
        subject_id=new_id(),
        move="import",
        actor_id=batch.actor_id,
        actor_title=batch.title,
        data={"kind": kind.value, "created": batch.created, "updated": batch.updated},
        words={"file": name},
    )


def read_lines(
    content: bytes, name: str, needed: Sequence[str], optional: Sequence[str]
) -> tuple[list[Line], list[LineFault]]:
    """Blocking: the lines whose shape is right, and what is wrong with the others. Raises ImportFault."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        try:
            table = open_table(path)
            at = table.index({}, needed)
            at |= {c: table.columns.index(c) for c in optional if c in table.columns}
            lines: list[Line] = []
            faults: list[LineFault] = []
            for row in table.rows():
                if len(lines) + len(faults) >= MOST_LINES:
                    raise ImportFault(f"一次最多导入 {MOST_LINES:,} 行，请分成几个文件", file=path.name)
                if row.fault:
                    faults.append(LineFault(row.line, row.fault))
                    continue
                cells = {column: row.cells[index] for column, index in at.items()}
                empty = next((column for column in needed if not cells[column]), None)
                long = next((column for column, text in cells.items() if len(text) > 120), None)
                if empty is not None or long is not None:
                    faults.append(
                        LineFault(row.line, f"“{empty}”为空" if empty else f"“{long}”超过 120 个字")
                    )
                else:
                    lines.append(Line(row.line, cells))
        except ImportFault as fault:
            raise ImportFault(
                fault.detail.partition("：")[2], file=name, line=fault.facts.get("line")
            ) from None
    return lines, faults
