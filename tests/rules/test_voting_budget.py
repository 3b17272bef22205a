"""Budget votes: worked by hand, and against what an independent program made of two hundred small ones.

What real cities announced is found again in tests/services/test_import_elections.py.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from api.rules.voting.ballots import Group
from api.rules.voting.budget import allocate
from api.rules.voting.rule import Algorithm, BudgetRule, Completion, Option

ORACLE = Path(__file__).with_name("budget_oracle.json")
"""Written by scripts/budget_oracle.py."""


def options(*costs: int) -> list[Option]:
    return [Option(id=f"p{n}", title=f"项目{n}", cost=cost) for n, cost in enumerate(costs)]


def test_greedy_passes_over_what_does_not_fit() -> None:
    groups = [Group(("p0",), 10), Group(("p1",), 9), Group(("p2",), 8)]
    assert allocate(BudgetRule(amount=100), options(80, 30, 20), groups) == ["p0", "p2"]


def test_a_project_below_the_threshold_is_not_considered() -> None:
    groups = [Group(("p0",), 5), Group(("p1",), 4)]
    assert allocate(BudgetRule(amount=100, min_votes=5), options(10, 10), groups) == ["p0"]


def test_nobodys_project_is_never_funded() -> None:
    assert allocate(BudgetRule(amount=100), options(10), [Group((), 3)]) == []


def test_a_groups_cap_binds_until_what_is_left_is_given_out() -> None:
    kinds = [
        Option(id="a", title="a", cost=60, group="绿化"),
        Option(id="b", title="b", cost=30, group="绿化"),
        Option(id="c", title="c", cost=10, group="道路"),
    ]
    groups = [Group(("a",), 9), Group(("b",), 8), Group(("c",), 1)]
    capped = BudgetRule(amount=100, caps={"绿化": 60})
    assert allocate(capped, kinds, groups) == ["a", "c"]
    assert allocate(capped.model_copy(update={"completion": Completion.greedy}), kinds, groups) == [
        "a",
        "c",
        "b",
    ]


def test_equal_shares_give_a_minority_its_part_where_greedy_gives_none() -> None:
    """60 want three projects of 40, 40 want one of 40; 120 in all: each voter has 1.2, the forty have 48."""
    groups = [Group(("p0", "p1", "p2"), 60), Group(("p3",), 40)]
    four = options(40, 40, 40, 40)
    assert allocate(BudgetRule(amount=120), four, groups) == ["p0", "p1", "p2"]
    shares = BudgetRule(amount=120, algorithm=Algorithm.equal_shares)
    assert allocate(shares, four, groups) == ["p0", "p3"]
    completed = shares.model_copy(update={"completion": Completion.greedy})
    assert allocate(completed, four, groups) == ["p0", "p3", "p1"]


def test_a_third_is_a_third_to_the_last_fen() -> None:
    """Three voters with a third each pay for a project that costs everything: no float would."""
    shares = BudgetRule(amount=100, algorithm=Algorithm.equal_shares)
    assert allocate(shares, options(100), [Group(("p0",), 3)]) == ["p0"]
    assert allocate(shares, options(67), [Group(("p0",), 2), Group((), 1)]) == []


@pytest.mark.parametrize("case", json.loads(ORACLE.read_text("utf-8")), ids=lambda _: "")
def test_an_independent_implementation_finds_the_same(case: dict[str, Any]) -> None:
    ours = options(*case["costs"])
    voters = [tuple(f"p{n}" for n in voter) for voter in case["voters"]]
    one_by_one = [Group(voter, 1) for voter in voters]
    together = [Group(voter, count) for voter, count in Counter(voters).items()]
    for algorithm in Algorithm:
        rule = BudgetRule(amount=case["budget"], algorithm=algorithm)
        found = allocate(rule, ours, one_by_one)
        assert sorted(found) == [f"p{n}" for n in case[algorithm.value]]
        assert allocate(rule, ours, together) == found
        assert sum(o.cost or 0 for o in ours if o.id in found) <= case["budget"]
