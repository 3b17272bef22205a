"""What a text can be found by: pairs of neighbouring characters for Chinese, whole words for letters and digits.

Chinese is written without spaces, so a word of two characters and more is found by its pairs (楼道灯: 楼道, 道灯).
A receipt number is found whole or by any of its parts.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise


def _words(text: str) -> Iterator[str]:
    """Runs of letters, digits and Chinese characters; width, case and composition do not matter."""
    word = ""
    for c in unicodedata.normalize("NFKC", text).casefold():
        if c.isalnum():
            word += c
        elif word:
            yield word
            word = ""
    if word:
        yield word


def grams(*texts: str) -> list[str]:
    """Every pair with a Chinese character in it and every run of ASCII letters and digits, each once, in order."""
    found: set[str] = set()
    for text in texts:
        for word in _words(text):
            found |= {a + b for a, b in pairwise(word) if not (a + b).isascii()}
            found |= set("".join(c if c.isascii() else " " for c in word).split())
    return sorted(found)


def likeness(a: Iterable[str], b: Iterable[str]) -> float:
    """Jaccard: what two sets of grams have in common of all they have, 0–1. Nothing is like nothing: 0."""
    one, other = set(a), set(b)
    return len(one & other) / len(one | other) if one and other else 0.0
