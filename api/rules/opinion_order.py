"""An order of people and statements made of the stances alone, so that one map is drawn of them in any order.

Colour refinement (Weisfeiler and Leman 1968) on the graph of people and statements: what somebody said names him,
who said what about a statement names it, again and again until nothing more is told apart. Where the stances look
the same from two statements one of them is told apart by its place, and all is looked at again.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Names = NDArray[np.uint64]


def arranged(votes: Floats) -> tuple[Ints, Ints]:
    """Indices of people and of statements in their order, of stances (people × statements, NaN for none).

    Arranged by it, the same stances give the same matrix in whatever order they came: people or statements that
    say the same stand in for each other.
    """
    who, what = np.nonzero(~np.isnan(votes))
    how = (votes[who, what] + 2).astype(np.uint64)
    statements = _in_order(who, what, how, votes.shape)
    rank = np.empty(len(statements), dtype=np.uint64)
    rank[statements] = np.arange(len(statements), dtype=np.uint64)
    people = _gathered(who, _mixed(_mixed(rank)[what] + how), votes.shape[0])
    return np.argsort(people, kind="stable"), statements


def _in_order(who: Ints, what: Ints, how: _Names, shape: tuple[int, ...]) -> Ints:
    columns = _gathered(what, _mixed(_mixed(who.astype(np.uint64)) + how), shape[1])
    _, first, of, alike = np.unique(columns, return_index=True, return_inverse=True, return_counts=True)
    # Of statements on which everybody said the same only the first is looked at: nothing tells them apart.
    kept = first[of[what]] == what
    cells = who[kept], of[what[kept]], how[kept], shape[0]
    names = _refined(_mixed(alike.astype(np.uint64)), *cells)
    while True:
        found, times = np.unique(names, return_counts=True)
        if len(found) == len(names):
            return np.argsort(names[of], kind="stable")
        tied = np.flatnonzero(names == found[times > 1][0])
        one = tied[first[tied].argmin()]
        names[one : one + 1] = _mixed(names[one : one + 1])
        names = _refined(names, *cells)


def _refined(names: _Names, who: Ints, what: Ints, how: _Names, persons: int) -> _Names:
    """Names that tell apart whatever can be: equal only where looking again would tell nothing more."""
    told = len(np.unique(names))
    while True:
        people = _mixed(_gathered(who, _mixed(names[what] + how), persons))
        names = _mixed(names + _mixed(_gathered(what, _mixed(people[who] + how), len(names))))
        before, told = told, len(np.unique(names))
        if told == before:
            return names


def _gathered(where: Ints, what: _Names, size: int) -> _Names:
    """Sums modulo 2⁶⁴, which do not depend on the order of what is added."""
    sums = np.zeros(size, dtype=np.uint64)
    np.add.at(sums, where, what)
    return sums


def _mixed(values: _Names) -> _Names:
    """The finish of splitmix64 (Steele, Lea and Flood 2014): a bijection whose bits are as good as chance."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
