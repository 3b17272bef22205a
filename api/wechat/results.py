"""What successful calls give back: typed, coerced, frozen. Secrets stay out of `repr`."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Suggest(StrEnum):
    """内容安全检测的建议. Anything the platform says beyond these is read as `review`: moderation fails closed."""

    passed = "pass"
    review = "review"
    risky = "risky"

    @classmethod
    def of(cls, value: object) -> "Suggest":
        """The verdict for what the platform wrote; `review` for anything else."""
        return cls(value) if value in ("pass", "review", "risky") else cls.review


class MediaKind(StrEnum):
    """What is to be checked: 音频 or 图片."""

    audio = "audio"
    image = "image"


class Scene(StrEnum):
    """Where the content appears: 资料, 评论, 论坛, 社交日志."""

    profile = "profile"
    comment = "comment"
    forum = "forum"
    diary = "diary"

    @property
    def number(self) -> int:
        return list(Scene).index(self) + 1


@dataclass(frozen=True, slots=True)
class LoginSession:
    """Who a wx.login code belongs to. The session_key never leaves the server."""

    openid: str
    unionid: str | None
    """Only when the mini-program is bound to an open platform account."""
    session_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number the platform vouches for."""

    number: str = field(repr=False)
    """Without the country code."""
    country_code: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class TextVerdict:
    suggest: Suggest
    label: int
    """100 normal, 10001 advertising, 20001 politics, 20002 porn, 20003 abuse, 20006 crime, 20008 fraud,
    20012 vulgar, 20013 copyright, 21000 other."""
    trace_id: str


@dataclass(frozen=True, slots=True)
class RiskRank:
    """用户安全等级: 0 no sign of risk … 4 high. A signal, never a verdict."""

    rank: int
    record_id: str | None
    """The platform's `unoin_id` (its spelling) of this query."""
