"""预算分配: which projects a budget buys. Exact arithmetic; nothing depends on the order ballots came in.

Greedy is what real cities do: by votes, whatever still fits. The Method of Equal Shares (Peters, Pierczyński,
Skowron 2021, cost utilities) gives each voter an equal part of the budget and buys, again and again, the project
its supporters can afford at the lowest price per unit of cost.
"""

import heapq
from collections.abc import Iterable, Sequence
from fractions import Fraction

from api.rules.voting.ballots import Group
from api.rules.voting.rule import Algorithm, BudgetRule, Completion, Option


def votes_of(options: Sequence[Option], groups: Iterable[Group]) -> dict[str, int]:
    """Approvals of each option, by persons."""
    votes = {option.id: 0 for option in options}
    for group in groups:
        for choice in group.choices:
            votes[str(choice)] += group.persons
    return votes


def allocate(rule: BudgetRule, options: Sequence[Option], groups: Sequence[Group]) -> list[str]:
    """Ids of the funded options, in the order they were funded. Equal ones: more votes, then the earlier option."""
    votes = votes_of(options, groups)
    rank = {o.id: n for n, o in enumerate(options)}
    able = sorted(
        (o for o in options if votes[o.id] >= max(1, rule.min_votes)),
        key=lambda o: (-votes[o.id], rank[o.id]),
    )
    purse = _Purse(rule)
    if rule.algorithm is Algorithm.greedy:
        chosen = [o.id for o in able if purse.buy(o)]
    else:
        chosen = _equal_shares(able, groups, purse, votes, rank)
    if rule.completion is Completion.greedy:
        purse.caps = {}  # what is left over may go to any group
        chosen += [o.id for o in able if o.id not in chosen and purse.buy(o)]
    return chosen


class _Purse:
    """What is left, in all and of each group's cap."""

    def __init__(self, rule: BudgetRule) -> None:
        self.left = self.amount = rule.amount
        self.caps = dict(rule.caps)

    def fits(self, option: Option) -> bool:
        cost = option.cost or 0
        return cost <= self.left and cost <= self.caps.get(option.group or "", cost)

    def buy(self, option: Option) -> bool:
        if not self.fits(option):
            return False
        self.left -= option.cost or 0
        if option.group in self.caps:
            self.caps[option.group] -= option.cost or 0
        return True


def _equal_shares(
    options: Sequence[Option],
    groups: Sequence[Group],
    purse: _Purse,
    votes: dict[str, int],
    rank: dict[str, int],
) -> list[str]:
    """Voters with equal ballots have equal money at every step, so a group stands for all of its voters."""
    voters = sum(g.persons for g in groups)
    if not voters:
        return []
    money = [Fraction(purse.amount, voters)] * len(groups)
    backers = {o.id: [n for n, g in enumerate(groups) if o.id in g.choices] for o in options}
    # A project's price only rises: what was worked out before is a lower bound, and few need working out again.
    queue = [(Fraction(1, votes[o.id]), -votes[o.id], rank[o.id], o) for o in options]
    heapq.heapify(queue)
    chosen: list[str] = []
    while queue:
        bound, *order, option = heapq.heappop(queue)
        price = _price(option, [(money[n], groups[n].persons) for n in backers[option.id]])
        if price is None:
            continue
        if price > bound:
            heapq.heappush(queue, (price, order[0], order[1], option))
            continue
        if not purse.buy(option):
            continue
        for n in backers[option.id]:
            money[n] -= min(money[n], price * (option.cost or 0))
        chosen.append(option.id)
    return chosen


def _price(option: Option, backers: list[tuple[Fraction, int]]) -> Fraction | None:
    """The least price per unit of cost at which the backers pay for it, or None when they cannot."""
    cost = Fraction(option.cost or 0)
    backers.sort()
    left, payers = cost, sum(persons for _, persons in backers)
    for money, persons in backers:
        if money * payers >= left:
            return left / payers / cost
        left -= money * persons
        payers -= persons
    return None
