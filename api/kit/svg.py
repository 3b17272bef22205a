"""Pictures as SVG text, written here: no font, script or address from elsewhere; what people wrote is escaped."""

from collections.abc import Iterable
from html import escape

FAMILY = "Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif"
COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b9770e", "#6c3483")
"""Told apart in print and by most eyes; a legend names each all the same."""
INK, PALE = "#222222", "#dddddd"
_SIZE = 14


def element(name: str, text: str = "", **attributes: object) -> str:
    """One element; `text` is escaped, an underscore in an attribute's name stands for a hyphen."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{shown}>{escape(text, quote=False)}</{name}>" if text else f"<{name}{shown}/>"


def _plain(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def words(x: float, y: float, text: str, *, anchor: str = "start", size: int = _SIZE, fill: str = INK) -> str:
    """A line of text whose baseline begins, is centred or ends at x, y."""
    return element(
        "text",
        text,
        x=float(x),
        y=float(y),
        text_anchor=anchor,
        font_size=size,
        fill=fill,
        font_family=FAMILY,
    )


def picture(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """A document of these parts on white, named for those who cannot see it."""
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" ',
            f'width="{width}" height="{height}" role="img">',
            element("title", title),
            element("rect", width=width, height=height, fill="#ffffff"),
            *parts,
            "</svg>",
        )
    )


def bars(title: str, rows: Iterable[tuple[str, float, str]], *, width: int = 640) -> str:
    """Horizontal bars: (name, value ≥ 0, what stands at its end), in the order given."""
    found = [(name, max(0.0, value), note) for name, value, note in rows]
    most = max((value for _, value, _ in found), default=0.0) or 1.0
    left, line, room = 160, 34, width - 160 - 130
    parts = [words(16, 30, title, size=18)]
    for n, (name, value, note) in enumerate(found):
        y = 50 + n * line
        length = room * value / most
        shown = name if len(name) <= 10 else f"{name[:9]}…"
        parts += [
            words(left - 10, y + 18, shown, anchor="end"),
            element("rect", x=left, y=y, width=room, height=24, fill="#f4f4f4"),
            element("rect", x=left, y=y, width=length, height=24, fill=COLOURS[1]),
            words(left + room + 8, y + 18, note),
        ]
    return picture(width, 60 + line * len(found), title, parts)
