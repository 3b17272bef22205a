"""积分: what a confirmed task earns, and the caps that make collecting among friends pointless. Our own numbers.

Points come from confirmation alone, never from claiming. Hours are another matter: they stay when points are spent.
"""

from datetime import date
from enum import StrEnum
from uuid import UUID

from api.kit.lifecycle import Lifecycle, Move

TASK = 10
"""A task done."""
PER_HALF_HOUR = 2
"""Each full half hour of it, up to MOST_HALF_HOURS."""
MOST_HALF_HOURS = 8
STARS_BONUS: dict[int, int] = {5: 5, 4: 3}
"""For a confirmed rating; silence brings none."""
DAILY_CAP = 60
PAIR_CAP = 60
"""A month, between two households, whichever served."""


class EntryKind(StrEnum):
    """积分流水种类：服务、评价加分、兑换、冲正"""

    service = "service"
    bonus = "bonus"
    redeem = "redeem"
    counter = "counter"
    counter_bonus = "counter_bonus"
    refund = "refund"


EARNING: tuple[EntryKind, ...] = (EntryKind.service, EntryKind.bonus)
ENTRY_TITLES: dict[EntryKind, str] = {
    EntryKind.service: "服务积分",
    EntryKind.bonus: "好评加分",
    EntryKind.redeem: "兑换",
    EntryKind.counter: "服务积分冲正",
    EntryKind.counter_bonus: "好评加分冲正",
    EntryKind.refund: "兑换退回",
}


def for_service(minutes: int) -> int:
    """What a finished task of `minutes` earns."""
    return TASK + PER_HALF_HOUR * min(minutes // 30, MOST_HALF_HOURS)


def for_stars(stars: int | None) -> int:
    """The bonus of a rating; none for silence."""
    return STARS_BONUS.get(stars or 0, 0)


def pair_of(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """Two households in one order."""
    return (one, other) if one <= other else (other, one)


def month_of(day: date) -> date:
    return day.replace(day=1)


class Period(StrEnum):
    """排行期间：本月、本季度、本年"""

    month = "month"
    quarter = "quarter"
    year = "year"


def starts_on(period: Period, today: date) -> date:
    """The first day of the running period."""
    match period:
        case Period.month:
            return today.replace(day=1)
        case Period.quarter:
            return today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
        case Period.year:
            return today.replace(month=1, day=1)


class RedemptionState(StrEnum):
    """兑换状态：待领取、已领取、已取消"""

    reserved = "reserved"
    handed_over = "handed_over"
    cancelled = "cancelled"


class RedemptionMove(StrEnum):
    """兑换上的操作：发放、取消"""

    hand_over = "hand_over"
    cancel = "cancel"


class RedemptionStanding(StrEnum):
    """What somebody is to a redemption: 本人、发放人"""

    owner = "owner"
    giver = "giver"


REDEMPTION_TITLES: dict[RedemptionState, str] = {
    RedemptionState.reserved: "待领取",
    RedemptionState.handed_over: "已领取",
    RedemptionState.cancelled: "已取消",
}
_R, _B = RedemptionState, RedemptionStanding

REDEMPTIONS: Lifecycle[RedemptionState, RedemptionStanding, None] = Lifecycle(
    "redemption",
    "积分兑换",
    _R.reserved,
    [
        Move(RedemptionMove.hand_over, "发放", (_R.reserved,), _R.handed_over, frozenset({_B.giver})),
        Move(
            RedemptionMove.cancel,
            "取消",
            (_R.reserved,),
            _R.cancelled,
            frozenset({_B.owner, _B.giver}),
            note="积分以反向流水退回，库存加回",
        ),
    ],
)
