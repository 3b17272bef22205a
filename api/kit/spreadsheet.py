"""Workbooks to be handed out: written row by row into a file without a name, formulas neutralised.

A cell that a spreadsheet program would run (=, +, -, @, a tab or a line break in front, full-width forms too) gets an
apostrophe before it and is shown as the text it is. Source: OWASP, CSV Injection.
"""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any

import anyio.to_thread

from api.kit.clock import local
from api.kit.late import late

openpyxl = late("openpyxl")

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Value = str | int | float | bool | datetime | None
_RUNS = tuple("=+-@\t\r\n＝＋－＠")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML cannot hold."""
_LONGEST = 32_767
"""Characters a cell can hold."""
_CHUNK = 1 << 16


def neutral(text: str) -> str:
    """`text` as a cell may hold it: never run, never refused."""
    kept = _UNWRITABLE.sub("", text)
    return ("'" + kept if kept.startswith(_RUNS) else kept)[:_LONGEST]


def _cell(value: Value) -> Value:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, datetime):
        return local(value).replace(tzinfo=None, microsecond=0)  # a cell knows no zone
    if isinstance(value, bool):
        return "是" if value else "否"
    return value


class Spreadsheet:
    """A workbook under way. Rows go to disk as they come: memory does not grow with them."""

    def __init__(self) -> None:
        self._book: Any = openpyxl.Workbook(write_only=True)

    async def sheet(self, title: str, head: Sequence[str]) -> "Sheet":
        """A further sheet, its first row frozen."""
        found = Sheet(self._book.create_sheet(title[:31]), len(head))
        await found.add([head])
        return found

    async def finish(self) -> IO[bytes]:
        """The file, at its beginning; it has no name and is gone once closed."""
        return await anyio.to_thread.run_sync(self._save)

    def _save(self) -> IO[bytes]:
        file = TemporaryFile()  # noqa: SIM115  (goes out with the answer)
        try:
            self._book.save(file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file


class Sheet:
    """One sheet under way."""

    def __init__(self, sheet: Any, width: int) -> None:
        self._sheet = sheet
        sheet.freeze_panes = "A2"
        for n in range(width):
            sheet.column_dimensions[openpyxl.utils.get_column_letter(n + 1)].width = 18

    async def add(self, rows: Iterable[Sequence[Value]]) -> None:
        """Write rows, beside the event loop."""
        await anyio.to_thread.run_sync(self._add, rows)

    def _add(self, rows: Iterable[Sequence[Value]]) -> None:
        for row in rows:
            self._sheet.append([_cell(value) for value in row])


async def chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The file piece by piece; closed at the end, also when nobody reads on."""
    try:
        while chunk := await anyio.to_thread.run_sync(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()
