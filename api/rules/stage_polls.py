"""环节的表决: which rolls and rules may decide a stage that belongs to one of the bodies of a topic."""

from fractions import Fraction

from api.kit.problems import Problem
from api.rules.polls import Body, RollBasis
from api.rules.topics import BODY_TITLES, TopicBody
from api.rules.voting.rule import ART_278, Measure, Rule, share

ROLLS: dict[TopicBody, frozenset[tuple[RollBasis, Body | None]]] = {
    TopicBody.party: frozenset({(RollBasis.members, Body.party)}),
    TopicBody.committees: frozenset({(RollBasis.members, Body.committees)}),
    TopicBody.party_members: frozenset({(RollBasis.members, Body.party)}),
    TopicBody.representatives: frozenset({(RollBasis.household, None)}),
    TopicBody.owners: frozenset({(RollBasis.owner, None)}),
    TopicBody.households: frozenset({(RollBasis.household, None)}),
    TopicBody.residents: frozenset({(RollBasis.person, None), (RollBasis.household, None)}),
}
"""Rolls worked out from the registers; a list that was handed in serves every body."""

_TAKING_PART, _AGREEING = Fraction(2, 3), Fraction(1, 2)


class PollUnfit(Problem):
    status, code, title = 422, "poll_unfit", "这样的表决不能决定这个环节"


def unfit(owner: TopicBody, basis: RollBasis, body: Body | None, rule: Rule) -> Problem | None:
    """Why this roll and this rule cannot decide a stage of `owner`, or None."""
    asked = (basis, body if basis is RollBasis.members else None)
    if basis is not RollBasis.list and asked not in ROLLS.get(owner, ()):
        return PollUnfit(f"本环节由{BODY_TITLES[owner]}表决，选民册须与之相符")
    if owner is TopicBody.owners and not all(_as_owners_must(rule, measure) for measure in Measure):
        return PollUnfit(f"业主表决的规则不得低于{ART_278}：人数与面积都须过三分之二参与、过半数同意")
    return None


def _as_owners_must(rule: Rule, measure: Measure) -> bool:
    quorum = any(q.measure is measure and share(q.share) >= _TAKING_PART for q in rule.quorum)
    agreed = any(
        t.measure is measure and (share(t.share) > _AGREEING or (share(t.share) == _AGREEING and t.strict))
        for t in rule.thresholds
    )
    return quorum and agreed
