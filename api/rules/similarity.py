"""How near two matters are to each other: points with their reasons, so that a person can follow the offer.

A radius is useless in a high-rise: the address tree counts, then asset and category, then what the texts share.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from api.rules.grams import grams, likeness

WINDOW = timedelta(hours=72)
OFFERED = 50
"""Points from which a case is offered. The same building and category alone are not enough: the text must agree."""

HOME, BUILDING, ESTATE, COMMUNITY = 40, 30, 20, 10
ASSET, CATEGORY, TEXT = 20, 10, 60
"""Points at most. `TEXT` is for equal texts; what is shared counts in proportion."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What is compared: where it is, what it is about, what was written."""

    home_id: UUID | None
    place_id: UUID
    estate_id: UUID | None
    category: str
    text: str
    at: datetime
    is_building: bool = False
    asset_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """0–150 points and why, in Chinese."""

    score: int
    reasons: tuple[str, ...]


def compare(new: Matter, old: Matter, asset: str | None = None) -> Likeness:
    """How near `old` is to `new`; both lie in one community, within `WINDOW`. `asset` as the new one names it."""
    score, reasons = _near(new, old)
    if new.asset_id is not None and new.asset_id == old.asset_id:
        score, reasons = score + ASSET, [*reasons, "同一设施"]
    elif asset and set(words := grams(asset)) <= set(grams(old.text)) and words:
        score, reasons = score + ASSET, [*reasons, f"提到同一设施：{asset}"]
    if new.category == old.category:
        score, reasons = score + CATEGORY, [*reasons, "同一类别"]
    shared = likeness(grams(new.text), grams(old.text))
    if shared > 0:
        score, reasons = score + round(TEXT * shared), [*reasons, f"文字有 {round(shared * 100)}% 相同"]
    hours = int((new.at - old.at) / timedelta(hours=1))
    return Likeness(score, (*reasons, f"{hours} 小时前提交" if hours else "刚刚提交"))


def _near(new: Matter, old: Matter) -> tuple[int, list[str]]:
    if new.home_id is not None and new.home_id == old.home_id:
        return HOME, ["同一户"]
    if new.place_id == old.place_id and new.is_building:
        return BUILDING, ["同一楼栋"]
    if new.estate_id is not None and new.estate_id == old.estate_id:
        return ESTATE, ["同一小区"]
    return COMMUNITY, ["同一社区"]
