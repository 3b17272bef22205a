"""The files of the national codes 统计用区划代码: which level a file holds, and what is wrong with a line of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from api.rules.places import DIGITS, LEVEL_TITLES, PARENT, Level, full_code, path_of
from api.services.imports.faults import ImportFault, LineFault
from api.services.imports.tables import Table, open_table

PARENT_COLUMNS: dict[Level, str] = {
    Level.village: "streetCode",
    Level.town: "areaCode",
    Level.county: "cityCode",
    Level.city: "provinceCode",
}
"""The column naming the parent, the deepest first: its presence tells the level of a file."""

LONGEST_NAME = 100
_KINDS = (".csv", ".xlsx")


class Division(NamedTuple):
    """A good line: full codes, the name, and the path that follows from the code."""

    line: int
    code: str
    name: str
    parent: str | None
    path: str

    @property
    def is_its_parent(self) -> bool:
        """Its own digits are zeros: padded to twelve it is the place above once more.

        A city without counties is listed again among the counties (东莞, 中山, 儋州), 金门县 at three levels.
        """
        return self.code == self.parent


@dataclass(frozen=True, slots=True)
class DivisionFile:
    """One file of one level."""

    table: Table
    level: Level

    def read(self) -> Iterator[Division | LineFault]:
        """Every record in order, judged by itself: whether its parent exists only the database can tell."""
        parent_column = PARENT_COLUMNS.get(self.level)
        at = self.table.index({}, ["code", "name", *([parent_column] if parent_column else [])])
        code_at, name_at, parent_at = at["code"], at["name"], at.get(parent_column or "")
        seen: set[int] = set()
        above = _NOTHING_ABOVE
        for row in self.table.rows():
            if row.fault:
                yield LineFault(row.line, row.fault)
                continue
            digits, name = row.cells[code_at], row.cells[name_at]
            if parent_at is not None and row.cells[parent_at] != above.digits:
                above = _above(row.cells[parent_at], PARENT[self.level])
            fault = _wrong_code(digits, self.level) or above.fault or _wrong_name(name)
            if fault:
                yield LineFault(row.line, fault)
            elif not digits.startswith(above.digits):
                # The path is made of the code's own digits; a line that contradicts itself has no place in it.
                yield LineFault(row.line, f"代码 {digits} 不在所写的上级 {above.digits} 之下")
            elif (number := int(digits)) in seen:
                yield LineFault(row.line, f"代码 {digits} 在本文件中重复")
            else:
                seen.add(number)
                path = f"{above.path}{digits[len(above.digits) :]}/"
                yield Division(row.line, digits.ljust(12, "0"), name, above.code, path)


class _Above(NamedTuple):
    """The parent a line names, worked out once for the lines that follow each other."""

    digits: str
    code: str | None
    path: str
    fault: str | None


_NOTHING_ABOVE = _Above("", None, "", None)


def _above(digits: str, level: Level) -> _Above:
    if wrong := _wrong_code(digits, level):
        return _Above(digits, None, "", f"上级：{wrong}")
    code = full_code(digits)
    return _Above(digits, code, path_of(code, level), None)


def _wrong_name(name: str) -> str | None:
    if not name:
        return "名称为空"
    return f"名称超过 {LONGEST_NAME} 个字" if len(name) > LONGEST_NAME else None


def _wrong_code(digits: str, level: Level) -> str | None:
    title, length = LEVEL_TITLES[level], DIGITS[level]
    if not digits:
        return f"{title}代码为空"
    if not (digits.isascii() and digits.isdigit()):
        return f"{title}代码“{digits[:20]}”含有数字以外的字符"
    if len(digits) != length:
        return f"{title}代码应为 {length} 位数字，实为 {len(digits)} 位"
    if digits.startswith("00"):
        return f"{title}代码 {digits} 不能以 00 开头"
    return None


def level_of(columns: tuple[str, ...]) -> Level | None:
    """The level a head speaks of; None for some other table."""
    if not {"code", "name"} <= set(columns):
        return None
    for level, column in PARENT_COLUMNS.items():
        if column in columns:
            return level
    return Level.province if len(columns) == 2 else None


def find_divisions(paths: list[Path]) -> tuple[list[DivisionFile], list[str]]:
    """The files among `paths` (folders: every csv and xlsx in them), provinces first, and the names left aside.

    Blocking. Raises ImportFault for a broken file, for a named one that is not of the codes, and for none at all.
    """
    found: list[DivisionFile] = []
    aside: list[str] = []
    for path in paths:
        inside = path.is_dir()
        for file in sorted(p for p in path.iterdir() if p.suffix.lower() in _KINDS) if inside else [path]:
            table = open_table(file)
            level = level_of(table.columns)
            if level is not None:
                found.append(DivisionFile(table, level))
            elif inside:
                aside.append(file.name)
            else:
                raise ImportFault("不是区划代码表：表头应有 code、name 和上级代码列", file=file.name, line=1)
    if not found:
        raise ImportFault("没有找到区划代码表（csv 或 xlsx）", file="、".join(p.name for p in paths))
    order = list(Level)
    return sorted(found, key=lambda file: (order.index(file.level), file.table.name)), aside
