"""The opinion map as a picture: a dot for people of nearly the same opinions, a colour for each group."""

from math import sqrt

from api.kit.svg import COLOURS, INK, PALE, element, picture, words
from api.rules.opinion_shapes import OpinionMap

WIDTH, HEIGHT, EDGE = 640, 480, 40
_TOP = 50
LETTERS = "甲乙丙丁戊"
"""Groups are named by the heavenly stems, the largest first."""


def drawn(found: OpinionMap, title: str) -> str:
    """SVG of 640 × 480: the groups' dots, centres, sizes, and how many took part."""
    parts = [words(16, 28, title if len(title) <= 30 else f"{title[:29]}…", size=18)]
    xs, ys = [b.x for b in found.bases] or [0.0], [b.y for b in found.bases] or [0.0]
    wide, high = max(map(abs, xs)) or 1.0, max(map(abs, ys)) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            WIDTH / 2 + x / wide * (WIDTH / 2 - EDGE),
            (HEIGHT + _TOP) / 2 - y / high * ((HEIGHT - _TOP) / 2 - EDGE),
        )

    left, top = at(-wide, high)
    right, bottom = at(wide, -high)
    middle_x, middle_y = at(0, 0)
    parts += [
        element("line", x1=left, y1=middle_y, x2=right, y2=middle_y, stroke=PALE),
        element("line", x1=middle_x, y1=top, x2=middle_x, y2=bottom, stroke=PALE),
    ]
    for base in sorted(found.bases, key=lambda b: -b.people):
        x, y = at(base.x, base.y)
        parts.append(
            element(
                "circle",
                cx=x,
                cy=y,
                r=3 + 1.6 * sqrt(base.people),
                fill=COLOURS[base.group % len(COLOURS)],
                fill_opacity=0.55,
            )
        )
    for n, group in enumerate(found.groups):
        x, y = at(group.x, group.y)
        name = f"{LETTERS[n]}组 {group.size} 人" if len(found.groups) > 1 else f"{group.size} 人"
        parts.append(words(x, y + 5, name, anchor="middle", size=16))
    told = f"{found.people} 人表达了 {found.stances} 次态度"
    parts.append(words(16, HEIGHT - 14, told, size=13, fill=INK))
    return picture(WIDTH, HEIGHT, title, parts)
