"""公开事项: what is owed to the public by a date, its periods and its life-cycle. Source: docs/lifecycles.md, chapter E.

村民委员会组织法 arts. 30–31: ordinary matters at least each quarter, finances each month, major matters at once,
and a committee of supervisors that looks before they are shown. What the law does not fix is our own number.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.clocks import natural_days, working_days


class DisclosureKind(StrEnum):
    """公开的种类：党务、村（居）务、财务"""

    party = "party"
    affairs = "affairs"
    finance = "finance"


KIND_TITLES: dict[DisclosureKind, str] = {
    DisclosureKind.party: "党务",
    DisclosureKind.affairs: "村（居）务",
    DisclosureKind.finance: "财务",
}


class DisclosurePace(StrEnum):
    """公开的时限：每季度、每月、随时（重大事项）"""

    quarterly = "quarterly"
    monthly = "monthly"
    at_once = "at_once"


PACES: dict[DisclosureKind, DisclosurePace] = {
    DisclosureKind.party: DisclosurePace.quarterly,
    DisclosureKind.affairs: DisclosurePace.quarterly,
    DisclosureKind.finance: DisclosurePace.monthly,
}
"""How often each kind is owed; a major matter of any kind is owed at once."""

AFTER_PERIOD = natural_days(10)
"""From the end of a period to its disclosure."""
AT_ONCE = working_days(3)
"""From the planning of a major matter to its disclosure, the look of the supervisors included."""
CLIMB_AFTER = working_days(2)
"""From the community to the town when what is overdue is not made good."""
DISTRICT_AFTER = working_days(5)
"""From the town to the district, whose government too may order what is owed (art. 31)."""


@dataclass(frozen=True, slots=True)
class Period:
    """公开期间: `name` is its key ("2026-11", "2026-Q3"), `ends` the first day after it."""

    name: str
    title: str
    ends: date


def last_period(pace: DisclosurePace, today: date) -> Period:
    """The last month or quarter that is over on `today`. Raises ValueError for what is owed at once."""
    match pace:
        case DisclosurePace.monthly:
            ends = today.replace(day=1)
            year, month = (ends.year, ends.month - 1) if ends.month > 1 else (ends.year - 1, 12)
            return Period(f"{year}-{month:02d}", f"{year}年{month}月", ends)
        case DisclosurePace.quarterly:
            ends = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
            year, quarter = (ends.year, (ends.month - 1) // 3) if ends.month > 1 else (ends.year - 1, 4)
            return Period(f"{year}-Q{quarter}", f"{year}年第{'一二三四'[quarter - 1]}季度", ends)
    raise ValueError(f"{pace} has no periods")


class DisclosureState(StrEnum):
    """公开事项的状态"""

    planned = "planned"
    drafted = "drafted"
    reviewed = "reviewed"
    published = "published"
    questioned = "questioned"
    archived = "archived"


DISCLOSURE_TITLES: dict[DisclosureState, str] = {
    DisclosureState.planned: "待起草",
    DisclosureState.drafted: "待审核",
    DisclosureState.reviewed: "待公开",
    DisclosureState.published: "已公开",
    DisclosureState.questioned: "有疑问",
    DisclosureState.archived: "已归档",
}

OWED: frozenset[DisclosureState] = frozenset(
    {DisclosureState.planned, DisclosureState.drafted, DisclosureState.reviewed}
)
"""Not shown to the public yet."""


class DisclosureMove(StrEnum):
    """公开事项上的操作"""

    draft = "draft"
    review = "review"
    return_ = "return"
    publish = "publish"
    question = "question"
    archive = "archive"


class DisclosureStanding(StrEnum):
    """What a person is to a disclosure. 与公开事项的关系"""

    writer = "writer"
    reviewer = "reviewer"
    system = "system"


DISCLOSURE_STANDING_TITLES: dict[DisclosureStanding, str] = {
    DisclosureStanding.writer: "公开责任人",
    DisclosureStanding.reviewer: "监督委员会",
    DisclosureStanding.system: "系统",
}


class DisclosureClock(StrEnum):
    """公开事项上的期限：公开、报街道、报区级"""

    due = "due"
    climb = "climb"
    to_district = "to_district"


class OwnDraft(Problem):
    status, code, title = 409, "own_draft", "起草人不能审核自己起草的公开内容"
    advice = "请监督委员会的另一位成员审核。"


class QuestionsOpen(Problem):
    status, code, title = 409, "questions_open", "还有未答复的疑问"
    advice = "每条疑问是一件诉求，全部办结后才能归档。"


@dataclass(frozen=True, slots=True)
class DisclosureFacts:
    """What the guards look at."""

    mine: bool
    """Drafted by who would move it."""
    open_questions: int


def _anothers(facts: DisclosureFacts) -> Problem | None:
    return OwnDraft() if facts.mine else None


def _answered(facts: DisclosureFacts) -> Problem | None:
    return QuestionsOpen(open=facts.open_questions) if facts.open_questions else None


_S, _BY = DisclosureState, DisclosureStanding
_WRITER, _REVIEWER = frozenset({_BY.writer}), frozenset({_BY.reviewer})

DISCLOSURES: Lifecycle[DisclosureState, DisclosureStanding, DisclosureFacts] = Lifecycle(
    "disclosure",
    "公开事项",
    DisclosureState.planned,
    [
        Move(DisclosureMove.draft, "起草", (_S.planned, _S.drafted), _S.drafted, _WRITER,
             note="写明公开的内容，可附图片；审核之前可以再改"),
        Move(DisclosureMove.review, "审核通过", (_S.drafted,), _S.reviewed, _REVIEWER, _anothers,
             note="由监督委员会审核，审核意见随内容公开；起草人不能审核"),
        Move(DisclosureMove.return_, "退回修改", (_S.drafted,), _S.planned, _REVIEWER, _anothers,
             note="须写明原因；期限不变"),
        Move(DisclosureMove.publish, "公开", (_S.reviewed,), _S.published, _WRITER),
        Move(DisclosureMove.question, "提出疑问", (_S.published,), _S.questioned, frozenset({_BY.system}),
             note="居民的每条疑问是一件诉求；第一条疑问之后为有疑问"),
        Move(DisclosureMove.archive, "归档", (_S.published, _S.questioned), _S.archived, _WRITER, _answered,
             note="全部疑问办结之后"),
    ],
)  # fmt: skip
