"""公开: what is owed to the public by a date. Source: docs/lifecycles.md, chapter E; 村委会组织法第三十、三十一条."""

from dataclasses import dataclass
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.clocks import Limit, natural_days, working_days


class DisclosureKind(StrEnum):
    """公开种类：党务、村（居）务、财务"""

    party = "party"
    affairs = "affairs"
    finance = "finance"


DISCLOSURE_KIND_TITLES: dict[DisclosureKind, str] = {
    DisclosureKind.party: "党务公开",
    DisclosureKind.affairs: "村（居）务公开",
    DisclosureKind.finance: "财务公开",
}


class Rhythm(StrEnum):
    """公开周期：每月、每季度、即时（重大事项）"""

    monthly = "monthly"
    quarterly = "quarterly"
    at_once = "at_once"


RHYTHM_LIMITS: dict[Rhythm, Limit] = {
    Rhythm.monthly: natural_days(31),
    Rhythm.quarterly: natural_days(92),
    Rhythm.at_once: working_days(1),
}
"""From the planning of one to its being due; the next of a rhythm is planned when one is published."""
SLOWEST: dict[DisclosureKind, Rhythm] = {
    DisclosureKind.party: Rhythm.quarterly,
    DisclosureKind.affairs: Rhythm.quarterly,
    DisclosureKind.finance: Rhythm.monthly,
}
"""How seldom a kind may be published at most."""


class DisclosureState(StrEnum):
    """公开事项状态"""

    planned = "planned"
    drafted = "drafted"
    reviewed = "reviewed"
    published = "published"
    questioned = "questioned"
    archived = "archived"


DISCLOSURE_STATE_TITLES: dict[DisclosureState, str] = {
    DisclosureState.planned: "待公开",
    DisclosureState.drafted: "已起草",
    DisclosureState.reviewed: "已审核",
    DisclosureState.published: "已公开",
    DisclosureState.questioned: "有质询",
    DisclosureState.archived: "已归档",
}


class DisclosureMove(StrEnum):
    """公开事项上的操作"""

    draft = "draft"
    review = "review"
    refuse = "refuse"
    publish = "publish"
    question = "question"
    archive = "archive"


class DisclosureStanding(StrEnum):
    """What a person is to a disclosure. 与公开事项的关系"""

    writer = "writer"
    reviewer = "reviewer"
    publisher = "publisher"
    resident = "resident"


DISCLOSURE_STANDING_TITLES: dict[DisclosureStanding, str] = {
    DisclosureStanding.writer: "起草人员",
    DisclosureStanding.reviewer: "监督委员会",
    DisclosureStanding.publisher: "负责人",
    DisclosureStanding.resident: "本地居民",
}


class DraftedByYou(Problem):
    status, code, title = 409, "drafted_by_you", "审核人不能是起草人"


class QuestionsOpen(Problem):
    status, code, title = 409, "questions_open", "还有未办结的质询"
    advice = "每一条质询都是一件诉求，全部结案后再归档。"


class TooSeldom(Problem):
    status, code, title = 422, "too_seldom", "公开周期不能长于规定"
    advice = "财务至少每月、其他一般事项至少每季度公开一次，重大事项即时公开。"


@dataclass(frozen=True, slots=True)
class DisclosureFacts:
    """What the guards look at."""

    drafted_it: bool
    questions_open: int


def _second_person(facts: DisclosureFacts) -> Problem | None:
    return DraftedByYou() if facts.drafted_it else None


def _all_answered(facts: DisclosureFacts) -> Problem | None:
    return QuestionsOpen(open=facts.questions_open) if facts.questions_open else None


_S, _BY = DisclosureState, DisclosureStanding

DISCLOSURES: Lifecycle[DisclosureState, DisclosureStanding, DisclosureFacts] = Lifecycle(
    "disclosure",
    "公开事项",
    DisclosureState.planned,
    [
        Move(DisclosureMove.draft, "起草", (_S.planned, _S.drafted), _S.drafted, frozenset({_BY.writer})),
        Move(DisclosureMove.review, "审核通过", (_S.drafted,), _S.reviewed, frozenset({_BY.reviewer}), _second_person,
             note="由监督委员会审核，审核人不能是起草人"),
        Move(DisclosureMove.refuse, "审核退回", (_S.drafted, _S.reviewed), _S.planned, frozenset({_BY.reviewer}),
             note="须写明原因"),
        Move(DisclosureMove.publish, "发布", (_S.reviewed,), _S.published, frozenset({_BY.publisher}),
             note="停止计时；定期公开的同时安排下一期"),
        Move(DisclosureMove.question, "质询", (_S.published, _S.questioned), _S.questioned, frozenset({_BY.resident}),
             note="每一条质询都是一件诉求，按诉求的时限答复"),
        Move(DisclosureMove.archive, "归档", (_S.published, _S.questioned), _S.archived, frozenset({_BY.publisher}),
             _all_answered),
    ],
)  # fmt: skip
