"""xlsx files, read cell by cell without holding the sheet in memory."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

from api.kit.late import late
from api.services.imports.faults import ImportFault

openpyxl = late("openpyxl")
"""Heavy, and wanted by few processes."""
MAGIC = b"PK\x03\x04"
MOST_UNPACKED = 512 * 1024 * 1024
"""A 10,000-row sheet unpacks to some 5 MB; a bomb to far more."""
MOST_LINES = 1_048_576
"""Excel's own limit; a forged row number beyond it would be padded with empty rows without end."""

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,  # of XML
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    NotImplementedError,
)
"""What openpyxl raises over a damaged file: it trusts what it reads."""
_ERRORS = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)")


class Sheet:
    """The first visible sheet, opened. Iterate once: its lines as text, with numbers and what is wrong with each."""

    def __init__(self, path: Path) -> None:
        """Raises ImportFault for what is no workbook, is damaged, or unpacks to too much."""
        self._path = path
        self._file = path.open("rb")  # by its path, openpyxl would judge it by its name
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                    raise ImportFault(f"解压后超过 {MOST_UNPACKED >> 20} MB", file=path.name)
            self._book = openpyxl.load_workbook(self._file, read_only=True, data_only=True)
            sheets = [s for s in self._book.worksheets if s.sheet_state == "visible"]
            self.about = int(sheets[0].max_row or 0) if sheets else 0
            """How many lines it says it has."""
        except (*_BROKEN, openpyxl.utils.exceptions.InvalidFileException) as error:
            raise ImportFault("不是有效的 xlsx 文件", file=path.name) from error
        if not sheets:
            raise ImportFault("没有可见的工作表", file=path.name)
        self._sheet: Any = sheets[0]

    def __iter__(self) -> Iterator[tuple[int, Sequence[str], str | None]]:
        self._sheet.reset_dimensions()  # some programs declare A1:A1, and openpyxl would believe them
        line = width = 0
        with closing(self._file), closing(self._book):
            cells = self._sheet.iter_rows(values_only=True)
            while True:
                try:
                    values = next(cells, None)
                except _BROKEN as error:
                    raise ImportFault(
                        "工作表已损坏，不能继续读取", file=self._path.name, line=line + 1
                    ) from error
                if values is None:
                    return
                line += 1
                if line > MOST_LINES:
                    raise ImportFault(f"行数超过 {MOST_LINES:,}", file=self._path.name, line=line)
                texts = [_text(value) for value in values]
                width = width or len(texts)
                texts += [""] * (width - len(texts))  # a row ends with its last filled cell
                wrong = next((text for text in texts if text[:1] == "#" and _ERRORS.fullmatch(text)), None)
                yield line, texts, f"单元格是公式错误 {wrong}" if wrong else None


def _text(value: object) -> str:
    """A cell as a person would write it in a csv."""
    match value:
        case None:
            return ""
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date():
            return value.isoformat()
    return str(value)
