"""How far a file has been brought in, kept with each batch, so that an import goes on where it was stopped."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, case, literal, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import ImportRun
from api.services.imports.faults import ImportBusy, LineFault
from api.services.imports.tables import Table


async def begin(tx: AsyncSession, kind: str, table: Table) -> tuple[UUID, int]:
    """The run of this content, and how many records it may skip.

    Only an unbroken run goes on where it stopped: a finished one is checked anew, and so is one with refused
    lines, for what was wrong with them may be mended by now.
    """
    unbroken = and_(
        col(ImportRun.finished_at).is_(None),
        col(ImportRun.faults) == literal([], JSONB),
    )
    found = await tx.execute(
        insert(ImportRun)
        .values(
            id=new_id(),
            kind=kind,
            sha256=table.sha256,
            file_name=table.name,
            done=0,
            total=table.about,
            faults=[],
            started_at=clock.now(),
        )
        .on_conflict_do_update(
            index_elements=["kind", "sha256"],
            set_={
                "file_name": table.name,
                "done": case((unbroken, col(ImportRun.done)), else_=0),
                "faults": [],
                "started_at": clock.now(),
                "finished_at": None,
            },
        )
        .returning(col(ImportRun.id), col(ImportRun.done))
    )
    run_id, done = found.one()
    return run_id, done


async def advance(
    tx: AsyncSession, run_id: UUID, before: int, by: int, faults: Sequence[LineFault] | None = None
) -> None:
    """Note `by` more records; all refused lines so far when there are new ones.

    Raises ImportBusy when somebody else moved the run on: the batch is rolled back with it.
    """
    values: dict[str, object] = {"done": before + by}
    if faults is not None:
        values["faults"] = [{"line": fault.line, "reason": fault.reason} for fault in faults]
    changed = await tx.execute(
        update(ImportRun)
        .where(col(ImportRun.id) == run_id, col(ImportRun.done) == before)
        .values(values)
        .returning(col(ImportRun.id))
    )
    if changed.one_or_none() is None:
        raise ImportBusy("同一个文件正由另一个进程导入")


async def finish(tx: AsyncSession, run_id: UUID, total: int) -> None:
    """All records are read; `total` of them."""
    await tx.execute(
        update(ImportRun).where(col(ImportRun.id) == run_id).values(total=total, finished_at=clock.now())
    )
