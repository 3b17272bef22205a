"""What a promised time is counted in: clocks 计时方式 and limits 时限."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from api.rules.calendar import WorkingCalendar

_LONGEST_DAYS = 3660


class Clock(StrEnum):
    """计时方式: which time counts, and in what it is counted."""

    natural = "natural"
    """自然时, minutes, round the clock."""
    working = "working"
    """工作时, minutes of office hours on working days."""
    service = "service"
    """服务时, minutes of the company's service hours, every day."""
    working_days = "working_days"
    """工作日, days."""
    natural_days = "natural_days"
    """自然日, days."""


OF_DAYS = frozenset({Clock.working_days, Clock.natural_days})
"""Counted in days: the first day is left out."""
OF_OFFICE = frozenset({Clock.working, Clock.working_days})
"""Running in office hours on working days: these alone depend on the calendar's days."""


@dataclass(frozen=True, slots=True)
class Limit:
    """时限: an amount on a clock: whole minutes, or whole days for the clocks of days; at most ten years."""

    amount: int
    clock: Clock

    def __post_init__(self) -> None:
        longest = _LONGEST_DAYS * (1 if self.clock in OF_DAYS else 24 * 60)
        if not 0 < self.amount <= longest:
            raise ValueError(f"a limit of {self.amount} on the clock {self.clock} is not a promise")

    @property
    def text(self) -> str:
        """As it is promised to a person."""
        match self.clock:
            case Clock.working_days:
                return f"{self.amount} 个工作日"
            case Clock.natural_days:
                return f"{self.amount} 个自然日"
        hours, minutes = divmod(self.amount, 60)
        unit = "个工作小时" if self.clock is Clock.working else "小时"
        parts = ([f"{hours} {unit}"] if hours else []) + ([f"{minutes} 分钟"] if minutes else [])
        return " ".join(parts) + {
            Clock.service: "（服务时间内）",
            Clock.working: "" if hours else "（工作时间内）",
        }.get(self.clock, "")

    def counted(self, calendar: WorkingCalendar) -> timedelta:
        """The counted time it amounts to under the calendar's hours: a working day is its office hours."""
        match self.clock:
            case Clock.working_days:
                return calendar.office_hours.length * self.amount
            case Clock.natural_days:
                return timedelta(days=self.amount)
        return timedelta(minutes=self.amount)


def minutes(amount: int) -> Limit:
    return Limit(amount, Clock.natural)


def hours(amount: int) -> Limit:
    return Limit(amount * 60, Clock.natural)


def working_hours(amount: int) -> Limit:
    return Limit(amount * 60, Clock.working)


def service_hours(amount: int) -> Limit:
    return Limit(amount * 60, Clock.service)


def working_days(amount: int) -> Limit:
    return Limit(amount, Clock.working_days)


def natural_days(amount: int) -> Limit:
    return Limit(amount, Clock.natural_days)
