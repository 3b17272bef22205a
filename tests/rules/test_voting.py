"""Outcomes worked by hand at the edge: 民法典 art. 278, quorums, ties, votes not returned."""

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from api.rules.polls import BadChoices
from api.rules.voting import rule as rules
from api.rules.voting.ballots import Group, Roll, checked, grouped
from api.rules.voting.outcome import decide
from api.rules.voting.rule import (
    YES_NO_OPTIONS,
    Base,
    Method,
    Option,
    Quorum,
    Rule,
    Threshold,
    Ties,
    Unreturned,
)

M2 = 100
ROLL = Roll(persons=9, area=900 * M2)


def owners(
    yes: tuple[int, int], no: tuple[int, int] = (0, 0), abstain: tuple[int, int] = (0, 0)
) -> list[Group]:
    """(owners, hundredths of a square metre) of each side."""
    sides = (("yes", yes), ("no", no), ("abstain", abstain))
    return [Group((name,), *weight) for name, weight in sides if weight != (0, 0)]


def result(groups: list[Group], rule: Rule | None = None, roll: Roll = ROLL) -> tuple[bool, list[bool]]:
    found = decide(rule or rules.owners_ordinary(), YES_NO_OPTIONS, roll, groups)
    return found["passed"], [c["passed"] for c in found["conditions"]]


def test_exactly_two_thirds_of_persons_and_area_are_enough_to_attend() -> None:
    """6 of 9 owners with 600 of 900 m² take part; 4 with 301 m² agree: more than half by both."""
    assert result(owners((4, 301 * M2), (2, 299 * M2))) == (True, [True, True, True, True])


def test_one_square_metre_below_two_thirds_is_no_quorum() -> None:
    assert result(owners((4, 300 * M2), (2, 299 * M2))) == (False, [True, False, True, True])
    assert result(owners((4, 301 * M2), (2, 299 * M2 - 1))) == (False, [True, False, True, True])


def test_one_owner_below_two_thirds_is_no_quorum_however_large_the_area() -> None:
    assert result(owners((5, 900 * M2))) == (False, [False, True, True, True])


def test_half_is_not_more_than_half() -> None:
    assert result(owners((3, 400 * M2), (3, 200 * M2))) == (False, [True, True, False, True])
    assert result(owners((4, 300 * M2), (2, 300 * M2))) == (False, [True, True, True, False])
    assert result(owners((4, 300 * M2 + 1), (2, 300 * M2 - 1))) == (True, [True] * 4)


def test_abstaining_is_taking_part_without_agreeing() -> None:
    """Six take part, three agree, nobody objects: three of six are not more than half."""
    assert result(owners((3, 301 * M2), (0, 0), (3, 299 * M2))) == (False, [True, True, False, True])
    assert result(owners((4, 301 * M2), (0, 0), (2, 299 * M2))) == (True, [True] * 4)


def test_special_matters_want_three_quarters_exactly() -> None:
    special = rules.owners_special()
    assert result(owners((6, 600 * M2), (2, 200 * M2)), special) == (True, [True] * 4)
    assert result(owners((6, 600 * M2 - 1), (2, 200 * M2 + 1)), special) == (False, [True, True, True, False])
    assert result(owners((5, 600 * M2), (2, 200 * M2)), special) == (False, [True, True, False, True])


def test_an_owner_of_several_units_is_one_person_with_all_their_area() -> None:
    """By the Supreme Court's interpretation, art. 9: one buyer, one person. Five persons of nine stay below 2/3."""
    assert result(owners((5, 700 * M2))) == (False, [False, True, True, True])


def test_votes_not_returned_count_only_where_the_owners_own_rules_say_so() -> None:
    groups = owners((4, 350 * M2), (3, 260 * M2))
    assert result(groups, rules.owners_special())[0] is False
    adopted = rules.owners_special(unreturned=Unreturned.majority)
    found = decide(adopted, YES_NO_OPTIONS, Roll(16, 1000 * M2), [*owners((9, 500 * M2), (2, 200 * M2))])
    assert found["passed"] is True
    """9 + 5 of 16 and 500 + 300 of 1,000 m² agree."""
    assert [c["count"] for c in found["conditions"]] == ["11", "700.00", "14", "800.00"]
    assert any("计入多数一方（赞成）" in w for w in found["words"])
    plain = decide(
        rules.owners_special(), YES_NO_OPTIONS, Roll(16, 1000 * M2), owners((9, 500 * M2), (2, 200 * M2))
    )
    assert plain["passed"] is False
    assert "未投的票不算参与表决。" in plain["words"]


def test_votes_not_returned_make_no_quorum() -> None:
    adopted = rules.owners_ordinary(unreturned=Unreturned.majority)
    assert result(owners((5, 600 * M2)), adopted)[0] is False


def test_where_persons_and_area_disagree_the_unreturned_join_nobody() -> None:
    adopted = rules.owners_ordinary(unreturned=Unreturned.majority)
    found = decide(adopted, YES_NO_OPTIONS, ROLL, owners((4, 200 * M2), (2, 400 * M2)))
    assert found["passed"] is False
    assert any("不计入任何一方" in word for word in found["words"])


def test_each_condition_says_base_threshold_margin_and_clause() -> None:
    found = decide(rules.owners_ordinary(), YES_NO_OPTIONS, ROLL, owners((4, 300 * M2), (2, 299 * M2)))
    area = found["conditions"][1]
    assert (area["base"], area["needed"], area["count"], area["margin"], area["passed"]) == (
        "900.00", "600.00", "599.00", "-1.00", False,
    )  # fmt: skip
    assert area["clause"] == rules.ART_278
    assert area["words"] == (
        "参与表决的面积 599.00 平方米，占全体 900.00 平方米的 66.55%；应不少于三分之二（至少 600.00 平方米），"
        "不符合，差 1.00 平方米（《中华人民共和国民法典》第二百七十八条）"
    )


def test_a_poll_nobody_took_part_in_does_not_pass() -> None:
    loose = Rule(method=Method.yes_no)
    assert decide(loose, YES_NO_OPTIONS, Roll(5), [])["passed"] is False
    empty = Rule(method=Method.yes_no, thresholds=(Threshold(share="1/2"),))
    assert decide(empty, YES_NO_OPTIONS, Roll(0), [])["passed"] is False


@pytest.mark.parametrize(("base", "passed"), [(Base.roll, False), (Base.cast, False), (Base.decisive, True)])
def test_the_same_votes_under_three_bases(base: Base, passed: bool) -> None:
    """Roll of ten: 4 yes, 2 no, 2 abstain. 4/10, 4/8 and 4/6 against more than half."""
    rule = Rule(method=Method.yes_no, thresholds=(Threshold(share="1/2", strict=True, base=base),))
    groups = owners((4, 0), (2, 0), (2, 0))
    assert decide(rule, YES_NO_OPTIONS, Roll(10), groups)["passed"] is passed


OPTIONS = tuple(Option(id=i, title=i) for i in "abcd")


def choose(rule: Rule, *ballots: list[str] | dict[str, int]) -> dict[str, object]:
    texts = [checked(rule, OPTIONS, b) for b in ballots]
    return decide(rule, OPTIONS, Roll(10), grouped((t, 1, 0) for t in texts))


def test_a_tie_for_the_last_seat_elects_only_who_is_surely_in() -> None:
    rule = Rule(method=Method.approval, max_choices=2, winners=2)
    found = choose(rule, ["a", "b"], ["a", "c"], ["a"])
    assert (found["winners"], found["tie"]) == (["a"], ["b", "c"])
    first = rule.model_copy(update={"ties": Ties.order})
    assert choose(first, ["a", "b"], ["a", "c"], ["a"])["winners"] == ["a", "b"]


def test_a_single_choice_below_its_threshold_elects_nobody() -> None:
    rule = Rule(method=Method.single, thresholds=(Threshold(share="1/2", strict=True),))
    assert choose(rule, ["a"], ["a"], ["b"], ["c"])["winners"] == []
    assert choose(rule, ["a"], ["a"], ["a"], ["c"])["winners"] == ["a"]


def test_a_scale_ranks_by_the_sum_of_grades() -> None:
    rule = Rule(method=Method.scale, grades=5)
    found = choose(rule, {"a": 5, "b": 1, "c": 3, "d": 2}, {"a": 1, "b": 4, "c": 4, "d": 2})
    assert found["winners"] == ["c"]


def test_without_quorum_nobody_is_elected() -> None:
    rule = Rule(method=Method.single, quorum=(Quorum(share="1/2", strict=True),))
    assert choose(rule, *[["a"]] * 5)["winners"] == []
    assert choose(rule, *[["a"]] * 6)["winners"] == ["a"]


@pytest.mark.parametrize(
    ("rule", "choices"),
    [
        (Rule(method=Method.single), ["a", "b"]),
        (Rule(method=Method.single), []),
        (Rule(method=Method.single), ["z"]),
        (Rule(method=Method.approval, max_choices=3), ["a", "a"]),
        (Rule(method=Method.approval, max_choices=2), ["a", "b", "c"]),
        (Rule(method=Method.approval, max_choices=2), {"a": 1}),
        (Rule(method=Method.scale, grades=5), ["a"]),
        (Rule(method=Method.scale, grades=5), {"a": 5}),
        (Rule(method=Method.scale, grades=5), {"a": 6, "b": 1, "c": 1, "d": 1}),
    ],
)
def test_a_ballot_outside_the_rule_is_refused(rule: Rule, choices: list[str] | dict[str, int]) -> None:
    with pytest.raises(BadChoices):
        checked(rule, OPTIONS, choices)


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "budget"},
        {"method": "scale"},
        {"method": "single", "max_choices": 2},
        {"method": "single", "unreturned": "majority"},
        {"method": "yes_no", "quorum": [{"share": "3/2"}]},
        {"method": "yes_no", "budget": {"amount": 1}},
        {"method": "yes_no", "version": 2},
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_made(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Rule.model_validate(fields)


def test_the_rule_has_one_canonical_form() -> None:
    rule = rules.owners_ordinary()
    again = Rule.model_validate(rules.as_json(rule))
    assert again == rule
    assert rules.digest(rules.as_json(again)) == rules.digest(rules.as_json(rule))
    assert rules.digest(rules.as_json(rules.owners_special())) != rules.digest(rules.as_json(rule))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_the_fast_way_to_the_canonical_form_is_the_canonical_form(value: object) -> None:
    assert rules.canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_every_character_is_written_as_the_canonical_form_writes_it() -> None:
    text = "".join(map(chr, [*range(0x300), 0x2028, 0x2029, 0xFEFF, 0xFFFF, 0x1F600]))
    assert rules.canonical({"text": text}) == rfc8785.dumps({"text": text})
