"""态度: agree, disagree or pass on one statement."""

from enum import StrEnum


class StanceWord(StrEnum):
    """态度：赞成、反对、略过"""

    agree = "agree"
    disagree = "disagree"
    passed = "pass"


VALUES: dict[StanceWord, int] = {StanceWord.agree: 1, StanceWord.disagree: -1, StanceWord.passed: 0}
WORDS: dict[int, StanceWord] = {value: word for word, value in VALUES.items()}
