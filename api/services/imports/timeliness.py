"""How old cases were answered, measured by the times promised today: 及时率 and the median answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from api.rules.calendar import WorkingCalendar
from api.rules.cases import CaseCategory
from api.rules.clocks import Clock
from api.rules.deadlines import Deadline, compute, elapsed
from api.rules.limits import LIMITS, CaseClass


@dataclass(frozen=True, slots=True)
class Timeliness:
    """What a set of answers amounts to. An answer at its very due time is in time."""

    answered: int
    in_time: int
    median: timedelta | None
    """Working time (office hours on working days) from submission to answer; None without answers."""
    median_days: float | None
    """The same in working days of the calendar's length."""
    provisional: int
    """Answers whose due time rests on years without a holiday plan: Monday to Friday is assumed."""

    @property
    def rate(self) -> float | None:
        """及时率: in time / answered, 0 to 1."""
        return self.in_time / self.answered if self.answered else None


def finish_deadline(category: CaseCategory, submitted_at: datetime, calendar: WorkingCalendar) -> Deadline:
    """When a mailbox case of this category had to be finished."""
    limit = LIMITS[CaseClass(category.value)].finish
    assert limit is not None, "every category of the mailbox has a finish limit"
    return compute(submitted_at, limit, calendar)


def timeliness(
    answers: Iterable[tuple[CaseCategory, datetime, datetime]], calendar: WorkingCalendar
) -> Timeliness:
    """Measure (category, submitted, answered) triples under the secretary's limits."""
    spans: list[float] = []
    in_time = provisional = 0
    for category, submitted, answered in answers:
        deadline = finish_deadline(category, submitted, calendar)
        in_time += not deadline.is_overdue(answered)
        provisional += deadline.provisional
        spans.append(elapsed(submitted, answered, Clock.working, calendar).total_seconds())
    middle = timedelta(seconds=median(spans)) if spans else None
    return Timeliness(
        answered=len(spans),
        in_time=in_time,
        median=middle,
        median_days=middle / calendar.office_hours.length if middle is not None else None,
        provisional=provisional,
    )
