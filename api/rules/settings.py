"""地域设定: which promises a place may make of its own, and what they must keep to.

A place changes how much, never what it is counted in, so that a term reads the same everywhere. In every version
signing is due before contact and contact before the finish, from whatever moment a case begins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from api.kit.clock import CHINA
from api.kit.problems import Problem
from api.rules.calendar import WorkingCalendar
from api.rules.clocks import Limit
from api.rules.deadlines import compute
from api.rules.limits import CLASS_TITLES, LIMITS, CaseClass, CaseLimits

STEPS_SET = ("sign", "contact", "finish")
STEP_TITLES = {"sign": "签收", "contact": "首次联系", "finish": "办结"}
Terms = Mapping[str, Mapping[str, int]]
"""`{class: {step: amount}}`"""
_TRIED_DAYS = 366


class TermsRefused(Problem):
    status, code, title = 422, "terms_refused", "时限设定不成立"
    advice = "只能改已有时限的长短；签收不得晚于首次联系，首次联系不得晚于办结。"


def limits_under(kind: CaseClass, terms: Terms | None) -> CaseLimits:
    """What is promised for a class where `terms` are in force; None: the defaults."""
    default = LIMITS[kind]
    changed = (terms or {}).get(kind.value, {})
    found: dict[str, Any] = {step: _limit(default, step, amount) for step, amount in changed.items()}
    return replace(default, **found) if found else default


def _limit(default: CaseLimits, step: str, amount: int) -> Limit:
    known: Limit | None = getattr(default, step)
    assert known is not None, "checked when it was set"
    return Limit(amount, known.clock)


def check(terms: Terms, calendar: WorkingCalendar, today: date) -> None:
    """Raises TermsRefused for a term nobody has, and for steps that cannot be kept in their order."""
    for word, steps in terms.items():
        kind = CaseClass(word)
        for step in steps:
            if getattr(LIMITS[kind], step) is None:
                raise TermsRefused(f"“{CLASS_TITLES[kind]}”没有{STEP_TITLES[step]}时限")
        try:
            limits = limits_under(kind, terms)
        except ValueError:
            raise TermsRefused(f"“{CLASS_TITLES[kind]}”的时限过长") from None
        for start in _starts(calendar, today):
            _check_order(kind, limits, calendar, start)


def _check_order(kind: CaseClass, limits: CaseLimits, calendar: WorkingCalendar, start: datetime) -> None:
    before: tuple[str, datetime] | None = None
    for step in STEPS_SET:
        limit: Limit | None = getattr(limits, step)
        if limit is None:
            continue
        due = compute(start, limit, calendar).due_at
        assert due is not None
        if before is not None and due < before[1]:
            raise TermsRefused(
                f"“{CLASS_TITLES[kind]}”的{STEP_TITLES[step]}会早于{STEP_TITLES[before[0]]}到期，"
                f"例如 {start.astimezone(CHINA):%Y-%m-%d %H:%M} 提交的"
            )
        before = step, due


def _starts(calendar: WorkingCalendar, today: date) -> Iterator[datetime]:
    """The moments of a year at which an order can turn: the edges of each day's runs, and just before."""
    tick = timedelta(minutes=1)
    edges = {time.min}
    for day in (today + timedelta(days=n) for n in range(7)):
        for runs in (calendar.office_runs(day), calendar.service_runs(day)):
            edges |= {moment.astimezone(CHINA).time() for run in runs for moment in run}
    for n in range(_TRIED_DAYS):
        for edge in sorted(edges):
            at = datetime.combine(today + timedelta(days=n), edge, CHINA)
            yield from (at - tick, at)
