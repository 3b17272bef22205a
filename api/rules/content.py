"""内容审核: what residents write and photograph is public only after it passed."""

from enum import StrEnum


class ContentState(StrEnum):
    """内容状态：待审、通过、转人工、违规"""

    pending = "pending"
    passed = "pass"
    review = "review"
    risky = "risky"
