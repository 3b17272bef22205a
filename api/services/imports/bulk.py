"""Many rows into a table at once, by COPY inside the transaction at hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel


async def copy_rows(tx: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns; triggers, checks and foreign keys hold as for any insert.

    The transaction must have begun: a driver's connection borrowed before its first statement would commit by itself.
    """
    if not rows:
        return
    table: Table = model.__table__  # type: ignore[attr-defined]
    columns = list(rows[0])
    documents = {name for name in columns if isinstance(table.c[name].type, JSONB)}
    records = [
        tuple(
            orjson.dumps(row[name]).decode() if name in documents and row[name] is not None else row[name]
            for name in columns
        )
        for row in rows
    ]
    driver: Any = (await (await tx.connection()).get_raw_connection()).driver_connection
    assert driver.is_in_transaction(), "COPY would commit by itself"
    await driver.copy_records_to_table(table.name, records=records, columns=columns)
