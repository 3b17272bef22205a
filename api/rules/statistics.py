"""响应率、解决率、满意率 of a cohort of cases, exactly as defined. Source: lifecycles A, "Rates".

The cohort is taken by due date: every case whose promised finish fell in the period, late and open ones too.
Merged, withdrawn, rejected and referred cases leave it, and so do those two persons excluded; all are printed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from math import sqrt

from api.kit import clock
from api.kit.problems import Problem

Z = 1.959963984540054
"""Of the normal distribution for 95%."""
ORDERED_FROM = 20
"""Fewer are shown but not ordered."""
WEIGHTS = (0.2, 0.3, 0.5)
"""Of response, solution and satisfaction in the composite."""


class ExclusionReason(StrEnum):
    """剔除理由：超出法定职责、不可抗力、重复恶意反映"""

    beyond_duty = "beyond_duty"
    force_majeure = "force_majeure"
    malicious = "malicious"


EXCLUSION_TITLES: dict[ExclusionReason, str] = {
    ExclusionReason.beyond_duty: "超出法定职责",
    ExclusionReason.force_majeure: "不可抗力",
    ExclusionReason.malicious: "重复恶意反映",
}


class Grouping(StrEnum):
    """统计口径：合计、按单位、按社区、按类别"""

    total = "total"
    unit = "unit"
    place = "place"
    category = "category"


class BadPeriod(Problem):
    status, code, title = 422, "bad_period", "统计周期无效"
    advice = "年如 2026，季度如 2026-Q4，月如 2026-11。"


class ExclusionRefused(Problem):
    status, code, title = 409, "exclusion_refused", "不能剔除这件诉求"
    advice = "剔除须由两人先后确认，并在评价之前决定。"


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted; all but the last six are of the cohort."""

    cohort: int = 0
    contact_due: int = 0
    """Of the cohort, those for which a first contact was promised."""
    contacted_in_time: int = 0
    solved: int = 0
    partly: int = 0
    explained: int = 0
    impossible: int = 0
    finished_in_time: int = 0
    rated: int = 0
    """Grades: each person's latest on a case, the reporter's and those of others who joined."""
    satisfied: int = 0
    """Grades 3–5."""
    pleased: int = 0
    """Grades 4–5."""
    excluded: int = 0
    merged: int = 0
    withdrawn: int = 0
    rejected: int = 0
    referred: int = 0
    found: int = 0
    """主动发现: nobody waited for them."""

    @property
    def answered(self) -> int:
        return self.solved + self.partly + self.explained + self.impossible


COUNTED: tuple[str, ...] = tuple(f.name for f in fields(Counts))
COUNT_TITLES: dict[str, str] = {
    "cohort": "到期件",
    "contact_due": "应联系",
    "contacted_in_time": "按时联系",
    "answered": "已答复",
    "solved": "解决",
    "partly": "部分解决",
    "explained": "已作解释",
    "impossible": "无法解决",
    "finished_in_time": "按时办结",
    "rated": "已评价",
    "satisfied": "三至五星",
    "pleased": "四、五星",
    "excluded": "剔除",
    "merged": "并单",
    "withdrawn": "撤回",
    "rejected": "不予受理",
    "referred": "转外部",
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `n`, 0–1, with its Wilson 95% interval; None of nothing."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    ordered: bool
    """Enough to be put in an order with others."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The three rates, what stands beside them, and their composite (0–100; None while a part is missing)."""

    response: Rate
    resolution: Rate
    floor: float | None
    """Solved of the whole cohort."""
    coverage: float | None
    """Answered of the whole cohort."""
    satisfaction: Rate
    strict: Rate
    composite: float | None


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95% interval of a share. E. B. Wilson, JASA 22 (1927), 209–212."""
    share, square = successes / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(successes: float, n: int) -> Rate:
    if n == 0:
        return Rate(None, None, None, 0, ordered=False)
    low, high = wilson(successes, n)
    return Rate(successes / n, low, high, n, ordered=n >= ORDERED_FROM)


def rates(counts: Counts) -> Rates:
    """解决率 counts half for what was partly solved."""
    response = rate(counts.contacted_in_time, counts.contact_due)
    resolution = rate(counts.solved + counts.partly / 2, counts.answered)
    satisfaction = rate(counts.satisfied, counts.rated)
    parts = [r.value for r in (response, resolution, satisfaction) if r.value is not None]
    whole = sum(w * part for w, part in zip(WEIGHTS, parts, strict=False)) if len(parts) == 3 else None
    return Rates(
        response=response,
        resolution=resolution,
        floor=counts.solved / counts.cohort if counts.cohort else None,
        coverage=counts.answered / counts.cohort if counts.cohort else None,
        satisfaction=satisfaction,
        strict=rate(counts.pleased, counts.rated),
        composite=100 * whole if whole is not None else None,
    )


def counts_of(row: Mapping[str, int]) -> Counts:
    return Counts(**{name: row[name] for name in COUNTED})


_PERIOD = re.compile(r"(20\d\d)(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", re.ASCII)


def period_of(word: str) -> tuple[datetime, datetime]:
    """The first moment of a year, quarter or month of China's time, and the first after it. Raises BadPeriod."""
    match = _PERIOD.fullmatch(word)
    if match is None:
        raise BadPeriod(f"“{word[:20]}”不是年、季度或月")
    year = int(match[1])
    first, months = (int(match[2]) * 3 - 2, 3) if match[2] else (int(match[3]), 1) if match[3] else (1, 12)
    after = first + months
    end = (year, after) if after <= 12 else (year + 1, 1)
    return datetime(year, first, 1, tzinfo=clock.CHINA), datetime(*end, 1, tzinfo=clock.CHINA)
