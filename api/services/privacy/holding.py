"""个人信息登记的一行: one table that refers to people, and the words a 注销 leaves behind."""

from dataclasses import dataclass

GONE = "已注销"
"""Stands where a name stood."""
WITHDRAWN = "（反映人已注销）"


@dataclass(frozen=True, slots=True)
class Holding:
    """One table that refers to people."""

    table: str
    title: str
    columns: tuple[str, ...]
    """Every column that refers to a person or holds what only one person has."""
    mine: str = ""
    """SQL condition on `t` for the rows that are about the person `:person`; empty where none is exported."""
    hidden: tuple[str, ...] = ()
    """Columns not exported: sealed bytes, hashes, keys."""
    erase: tuple[str, ...] = ()
    """SQL that a 注销 carries out, in this order; bound: `person`, `now`. Empty: the row tells nothing personal."""
