"""Budget votes: worked by hand, against an independent implementation, and against what real cities announced."""

import random
from fractions import Fraction

import pytest
from pabutools.election import ApprovalBallot, ApprovalProfile, Cost_Sat, Instance, Project
from pabutools.rules import greedy_utilitarian_welfare, method_of_equal_shares
from pabutools.tiebreaking import TieBreakingRule

from api.rules.voting.ballots import Group
from api.rules.voting.budget import allocate
from api.rules.voting.rule import Algorithm, BudgetRule, Completion, Option


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


class _Ours(TieBreakingRule):
    """More votes first, then the earlier project."""

    def __init__(self, order: dict[str, int]) -> None:
        super().__init__(
            lambda instance, profile, project: (-profile.approval_score(project), order[project.name])
        )


@pytest.mark.parametrize("seed", range(40))
def test_an_independent_implementation_finds_the_same(seed: int) -> None:
    chance = random.Random(seed)
    ours = options(*(chance.randint(1, 40) for _ in range(chance.randint(1, 9))))
    budget = chance.randint(20, 120)
    voters = [
        tuple(o.id for o in ours if chance.random() < 0.4) or (ours[0].id,)
        for _ in range(chance.randint(1, 25))
    ]
    theirs = {o.id: Project(o.id, o.cost or 0) for o in ours}
    instance = Instance(theirs.values(), budget_limit=budget)
    profile = ApprovalProfile([ApprovalBallot(theirs[i] for i in v) for v in voters], instance=instance)
    order = _Ours({o.id: n for n, o in enumerate(ours)})
    groups = [Group(v, 1) for v in voters]
    shares = method_of_equal_shares(instance, profile, sat_class=Cost_Sat, tie_breaking=order)
    found = allocate(BudgetRule(amount=budget, algorithm=Algorithm.equal_shares), ours, groups)
    assert set(found) == {p.name for p in shares}
    together: dict[tuple[str, ...], int] = {}
    for v in voters:
        together[v] = together.get(v, 0) + 1
    assert (
        allocate(
            BudgetRule(amount=budget, algorithm=Algorithm.equal_shares),
            ours,
            [Group(v, n) for v, n in together.items()],
        )
        == found
    )
    assert sum(Fraction(o.cost or 0) for o in ours if o.id in found) <= budget
    # Their greedy weighs by cardinality per cost for Cardinality_Sat; cost satisfaction over cost is the votes.
    greedy = greedy_utilitarian_welfare(instance, profile, sat_class=Cost_Sat, tie_breaking=order)
    voted = {i for v in voters for i in v}
    assert set(allocate(BudgetRule(amount=budget), ours, groups)) == {
        p.name for p in greedy if p.name in voted
    }
