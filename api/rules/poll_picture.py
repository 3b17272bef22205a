"""表决结果图: what each option got, as SVG made here."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.kit.svg import bars


def drawn(title: str, options: Iterable[Mapping[str, Any]], outcome: Mapping[str, Any]) -> str:
    """A bar an option, in the order of the paper; of a scale its mean grade."""
    totals = {t["option"]: t for t in outcome["totals"]}
    voted = outcome["cast"]["persons"]
    head = f"{title}：{'通过' if outcome['passed'] else '未通过'}"
    rows = []
    for option in options:
        got = totals[option["id"]]
        if "score" in got:
            mean = got["score"] / got["persons"] if got["persons"] else 0.0
            rows.append((option["title"], mean, f"平均 {mean:.2f} 分"))
            head = title
        else:
            share = 100 * got["persons"] / voted if voted else 0.0
            rows.append((option["title"], float(got["persons"]), f"{got['persons']} 票 {share:.1f}%"))
    return bars(head, rows)
