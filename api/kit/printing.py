"""Paper: a typst template and the data it shows, typeset into a PDF with one Chinese font and without a network;
and pictures of our own as PNG, for those who cannot show SVG.

What a person wrote reaches the template as data, never as markup. A character the font cannot draw is printed
as its code point, 〔U+1F600〕, and reported: a name must not lose a character silently.
"""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import typst
from noto_cjk_sans_otc import FONT_PATH

FAMILY = "Noto Sans CJK SC"

_HEAD = f"""#set text(font: "{FAMILY}", lang: "zh", region: "cn", size: 10.5pt, fallback: false)
#set par(leading: 0.9em, justify: true)
#set page(paper: "a4", margin: (x: 2.4cm, y: 2.6cm))
#let data = json(bytes(sys.inputs.data))
"""
_SHEET = """#set page(width: {width}pt, height: {height}pt, margin: 0pt)
#set text(font: "{family}", lang: "zh", region: "cn", fallback: false)
#image(bytes(sys.inputs.picture), format: "svg", width: 100%, height: 100%)
"""
_SIZE = re.compile(r'^<svg [^>]*\bwidth="(\d+)" height="(\d+)"')
DENSITY, LONGEST = 144, 8192
"""Pixels an inch, two for each unit of the picture: sharp on a phone; and pixels of a long picture's side at most."""
_PLAIN = frozenset("\n\t\r")


@dataclass(frozen=True, slots=True)
class Rastered:
    """A PNG and the characters of its picture that the font does not have, each once, in order."""

    png: bytes
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Printed:
    """A typeset document and the characters of its data that the font does not have, each once, in order."""

    pdf: bytes
    missing: tuple[str, ...]


def typeset(template: str, data: Mapping[str, Any], *, at: datetime, pictures: Sequence[str] = ()) -> Printed:
    """A4 pages of `template`, typst source in which `data` is the dictionary given (strings, numbers, lists).

    `pictures` are SVG documents, `pictures.at(0)` … as bytes in the template. `at` is the document's moment:
    the same input gives the same bytes. Works for tens of milliseconds: call it in a thread, outside any
    transaction. Raises typst.TypstError for a template with a fault, ValueError for one typst warns about.
    """
    missing: dict[str, None] = {}
    shown = json.dumps(_drawable(dict(data), missing), ensure_ascii=False, default=str)
    drawn = json.dumps([_drawable(picture, missing) for picture in pictures], ensure_ascii=False)
    source = f"{_HEAD}#let pictures = json(bytes(sys.inputs.pictures)).map(bytes)\n{template}"
    pdf, warnings = typst.compile_with_warnings(
        source.encode(),
        format="pdf",
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"data": shown, "pictures": drawn},
        timestamp=at.replace(microsecond=0),  # typst takes whole seconds
    )
    if warnings:  # an unknown font is only a warning to typst, and then nothing is drawn
        raise ValueError("; ".join(warning.message for warning in warnings))
    assert isinstance(pdf, bytes)
    return Printed(pdf, tuple(missing))


def rastered(picture: str) -> Rastered:
    """An SVG document of ours as a PNG of twice its size, its words drawn with our font.

    Works for tens of milliseconds: call it in a thread, outside any transaction. Raises ValueError and
    typst.TypstError for what is none.
    """
    found = _SIZE.search(picture)
    if found is None:
        raise ValueError("no picture of ours")
    width, height = map(int, found.groups())
    missing: dict[str, None] = {}
    png, warnings = typst.compile_with_warnings(
        _SHEET.format(width=width, height=height, family=FAMILY).encode(),
        format="png",
        ppi=min(DENSITY, 72 * LONGEST / max(width, height)),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"picture": _drawable(picture, missing)},
    )
    if warnings:
        raise ValueError("; ".join(warning.message for warning in warnings))
    assert isinstance(png, bytes)
    return Rastered(png, tuple(missing))


def undrawable(text: str) -> tuple[str, ...]:
    """The characters of `text` that the font does not have, each once, in order."""
    missing: dict[str, None] = {}
    _drawable(text, missing)
    return tuple(missing)


def _drawable(value: Any, missing: dict[str, None]) -> Any:
    """The same with every character that cannot be drawn spelled out; those are noted in `missing`."""
    match value:
        case str():
            return "".join(_spelled(character, missing) for character in value)
        case dict():
            return {name: _drawable(part, missing) for name, part in value.items()}
        case list() | tuple():
            return [_drawable(part, missing) for part in value]
    return value


def _spelled(character: str, missing: dict[str, None]) -> str:
    if character in _PLAIN or ord(character) in _characters():
        return character
    missing[character] = None
    return f"〔U+{ord(character):04X}〕"


@cache
def _fonts() -> typst.Fonts:
    """Read once: the file has 20 MB."""
    folder = str(FONT_PATH.parent)
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])


@cache
def _characters() -> frozenset[int]:
    """The code points the font draws, from its character map (OpenType `cmap`, format 12)."""
    with FONT_PATH.open("rb") as file:
        data = file.read()
    (first,) = struct.unpack_from(">I", data, 12)  # of the collection's fonts; all share one set of outlines
    (tables,) = struct.unpack_from(">H", data, first + 4)
    cmap = next(
        struct.unpack_from(">I", data, first + 12 + 16 * n + 8)[0]
        for n in range(tables)
        if data[first + 12 + 16 * n :][:4] == b"cmap"
    )
    (subtables,) = struct.unpack_from(">H", data, cmap + 2)
    for n in range(subtables):
        (offset,) = struct.unpack_from(">I", data, cmap + 4 + 8 * n + 4)
        if struct.unpack_from(">H", data, cmap + offset)[0] == 12:
            (groups,) = struct.unpack_from(">I", data, cmap + offset + 12)
            runs = (struct.unpack_from(">II", data, cmap + offset + 16 + 12 * g) for g in range(groups))
            return frozenset(point for start, end in runs for point in range(start, end + 1))
    raise ValueError(f"{FONT_PATH}: no character map of format 12")
