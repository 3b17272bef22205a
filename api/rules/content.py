"""内容审核: what residents write and photograph is public only after it passed. Source: wechat.md, "Moderation".

A check is one text or picture on its way: the platform judges first, by the policy below a person second. What
could not be judged in time goes to a person: the rule fails closed.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from api.kit.lifecycle import Lifecycle, Move


class ContentState(StrEnum):
    """内容状态：待审、通过、转人工、违规"""

    pending = "pending"
    passed = "pass"
    review = "review"
    risky = "risky"


class CheckKind(StrEnum):
    """检查对象：文字、图片"""

    text = "text"
    picture = "picture"


class CheckScene(StrEnum):
    """内容场景：资料、评论、论坛"""

    profile = "profile"
    comment = "comment"
    forum = "forum"


class CheckState(StrEnum):
    """审核状态：平台检测中、待人工、通过待抽查、通过、不通过、已被新内容替换"""

    pending = "pending"
    review = "review"
    sampled = "sampled"
    passed = "passed"
    refused = "refused"
    superseded = "superseded"


CHECK_TITLES: dict[CheckState, str] = {
    CheckState.pending: "平台检测中",
    CheckState.review: "待人工审核",
    CheckState.sampled: "通过待抽查",
    CheckState.passed: "通过",
    CheckState.refused: "不通过",
    CheckState.superseded: "已替换",
}

CONTENT_OF: dict[CheckState, ContentState] = {
    CheckState.pending: ContentState.pending,
    CheckState.review: ContentState.review,
    CheckState.sampled: ContentState.passed,
    CheckState.passed: ContentState.passed,
    CheckState.refused: ContentState.risky,
}
"""What the subject's own column says while its check is in a state. A superseded check says nothing."""

LIVE: tuple[CheckState, ...] = (CheckState.pending, CheckState.review, CheckState.sampled)
"""Somebody or something still has to judge; a subject has at most one such check."""


class CheckMove(StrEnum):
    """审核上的操作"""

    clear = "clear"
    sample = "sample"
    doubt = "doubt"
    block = "block"
    supersede = "supersede"
    passes = "pass"
    refuse = "refuse"


class CheckStanding(StrEnum):
    """What somebody is to a check: 系统、作者、审核员（非作者）"""

    system = "system"
    author = "author"
    reviewer = "reviewer"


STANDING_TITLES: dict[CheckStanding, str] = {
    CheckStanding.system: "系统",
    CheckStanding.author: "作者",
    CheckStanding.reviewer: "审核员（非作者）",
}

_S, _BY = CheckState, CheckStanding
_SYSTEM, _REVIEWER = frozenset({_BY.system}), frozenset({_BY.reviewer})

CHECKS: Lifecycle[CheckState, CheckStanding, None] = Lifecycle(
    "content_check",
    "内容审核",
    _S.pending,
    [
        Move(CheckMove.clear, "平台通过", (_S.pending,), _S.passed, _SYSTEM),
        Move(CheckMove.sample, "平台通过并抽查", (_S.pending,), _S.sampled, _SYSTEM,
             note="按编号抽取 1%；已经公开，仍由人看一遍"),
        Move(CheckMove.doubt, "转人工", (_S.pending,), _S.review, _SYSTEM,
             note="平台拿不准、超时、出错或作者两小时内没有打开小程序；通过之前不公开"),
        Move(CheckMove.block, "平台拦截", (_S.pending,), _S.refused, _SYSTEM, note="仅限策略表规定的标签"),
        Move(CheckMove.supersede, "被新内容替换", LIVE, _S.superseded, frozenset({_BY.author})),
        Move(CheckMove.passes, "审核通过", (_S.review, _S.sampled, _S.refused), _S.passed, _REVIEWER,
             note="拦错了的也可以改判通过"),
        Move(CheckMove.refuse, "审核不通过", (_S.review, _S.sampled), _S.refused, _REVIEWER,
             note="须写明原因，告知作者"),
    ],
)  # fmt: skip


class Ruling(StrEnum):
    """处理：放行、转人工、拦截"""

    passes = "pass"
    review = "review"
    refuse = "refuse"


@dataclass(frozen=True, slots=True)
class LabelPolicy:
    """What becomes of content the platform labels so, where it suggests review and where it says risky."""

    title: str
    on_review: Ruling = Ruling.review
    on_risky: Ruling = Ruling.refuse


POLICY: dict[int, LabelPolicy] = {
    100: LabelPolicy("正常", on_risky=Ruling.review),
    10001: LabelPolicy("广告"),
    20001: LabelPolicy("时政", on_risky=Ruling.review),
    20002: LabelPolicy("色情"),
    20003: LabelPolicy("辱骂", on_risky=Ruling.review),
    20006: LabelPolicy("违法犯罪", on_risky=Ruling.review),
    20008: LabelPolicy("欺诈", on_risky=Ruling.review),
    20012: LabelPolicy("低俗"),
    20013: LabelPolicy("版权", on_risky=Ruling.review),
    21000: LabelPolicy("其他", on_risky=Ruling.review),
}
"""Who complains of fraud, crime or an official names them: a machine alone never refuses such a word."""

_UNKNOWN = LabelPolicy("其他", on_risky=Ruling.review)


def policy_of(label: int | None) -> LabelPolicy:
    """The policy for a label of the platform; of an unknown one a person judges."""
    return POLICY.get(label or 0, _UNKNOWN)


def ruling(suggest: str, label: int | None) -> Ruling:
    """What is done with the platform's verdict: pass, review or risky; anything else is review."""
    match suggest:
        case "pass":
            return Ruling.passes
        case "risky":
            return policy_of(label).on_risky
        case "review":
            return policy_of(label).on_review
        case _:
            return Ruling.review


SAMPLE_ONE_IN = 100


def drawn_for_sampling(check_id: UUID) -> bool:
    """One pass in a hundred, by the random bits of its id, is looked at by a person as well."""
    return check_id.int % SAMPLE_ONE_IN == 0


MEDIA_PATIENCE = timedelta(minutes=35)
"""The platform pushes its verdict on a picture within 30 minutes; after that a person looks."""
MOST_ATTEMPTS = 8
"""Of asking the platform, before a person is asked."""


class UploadPurpose(StrEnum):
    """图片用途：佐证、处置前、处置后、头像"""

    evidence = "evidence"
    before = "before"
    after = "after"
    avatar = "avatar"


class UploadState(StrEnum):
    """文件状态：写入中、已存、待删除"""

    writing = "writing"
    stored = "stored"
    doomed = "doomed"


MOST_UPLOADS = 9
"""Pictures of one subject and purpose."""
UNATTACHED_LIFE = timedelta(hours=24)
"""An upload nobody used for so long is removed."""
