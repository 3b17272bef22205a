"""Tables in files: csv and xlsx read as numbered records, streaming, whatever program wrote them."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from api.services.imports import sheets
from api.services.imports.faults import ImportFault
from api.services.imports.sniffing import begins_with, examine, fingerprint

MOST_COLUMNS = 100

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Raw = tuple[int, Sequence[str], str | None]
"""A line as the file has it: where it starts, its cells, and what its reader found wrong with it."""


class Row(NamedTuple):
    """One record: the line it starts on, its cells in the columns' order, and what is wrong with its shape."""

    line: int
    cells: Sequence[str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file with a head. `about` estimates the records for a progress bar; only reading them tells."""

    name: str
    sha256: str
    columns: tuple[str, ...]
    about: int
    _raw: Callable[[], Iterator[Raw]]

    def rows(self) -> Iterator[Row]:
        """The records in order, cells clean, blank lines left out. ImportFault where it cannot be read on."""
        raw = self._raw()
        next(raw)
        return _records(raw, len(self.columns))

    def index(self, mapping: Mapping[str, str], required: Sequence[str]) -> dict[str, int]:
        """Which column each of `required` and of the mapped fields is: `mapping` says, else one of that name.

        Raises ImportFault for a column that is not there.
        """
        found: dict[str, int] = {}
        for field in dict.fromkeys((*required, *mapping)):
            column = mapping.get(field, field)
            if column not in self.columns:
                raise ImportFault(
                    f"没有“{column}”这一列；现有：{'、'.join(self.columns)}", file=self.name, line=1
                )
            found[field] = self.columns.index(column)
        return found


def open_table(path: Path) -> Table:
    """Examine a csv or xlsx file (told apart by content, not by name) and read its head.

    Blocking. Raises ImportFault for whatever cannot be read as a table with a head and at least one record.
    """
    if begins_with(path, sheets.MAGIC):
        sha256, sheet = fingerprint(path), sheets.Sheet(path)
        about, lines = sheet.about, iter(sheet)

        def raw() -> Iterator[Raw]:
            return iter(sheets.Sheet(path))
    else:
        text = examine(path)
        sha256, about, lines = text.sha256, text.lines, _csv_rows(path, text.encoding)

        def raw() -> Iterator[Raw]:
            return _csv_rows(path, text.encoding)

    columns = _head(path.name, lines)
    if next(_records(lines, len(columns)), None) is None:
        raise ImportFault("只有表头，没有记录", file=path.name)
    return Table(path.name, sha256, columns, max(about - 1, 1), raw)


def clean(text: str) -> str:
    """Trimmed, NFC, line ends as \\n, without control characters."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = unicodedata.normalize("NFC", text)
    if text.isprintable():
        return text.strip()
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _head(name: str, raw: Iterator[Raw]) -> tuple[str, ...]:
    _, cells, _ = next(raw, (1, [], None))
    columns = [clean(cell) for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise ImportFault("第一行应为表头", file=name, line=1)
    if len(columns) > MOST_COLUMNS:
        raise ImportFault(f"列数超过 {MOST_COLUMNS}", file=name, line=1)
    if doubled := {c for c in columns if columns.count(c) > 1}:
        raise ImportFault(f"表头中有空列或重名的列：{'、'.join(sorted(doubled))}", file=name, line=1)
    return tuple(columns)


def _records(raw: Iterator[Raw], width: int) -> Iterator[Row]:
    for line, cells, fault in raw:
        cleaned = [clean(cell) for cell in cells]
        while len(cleaned) > width and not cleaned[-1]:
            cleaned.pop()
        if not any(cleaned):
            continue
        if len(cleaned) != width:
            fault = f"应有 {width} 列，实有 {len(cleaned)} 列"
        yield Row(line, cleaned, fault)


def _csv_rows(path: Path, encoding: str) -> Iterator[Raw]:
    """Records with the line they start on: a quoted cell may go over several."""
    line = 1
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                yield line, cells, None
                line = reader.line_num + 1
        except csv.Error as error:
            if "field limit" in str(error) or "unexpected end" in str(error):
                reason = "引号没有闭合，或一格的内容过长"
            else:
                reason = "引号用法有误，不能继续读取"
            raise ImportFault(reason, file=path.name, line=line) from error
