"""Belonging and accounts: the tables of moves of residencies, memberships and people; masked numbers."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kit.lifecycle import Lifecycle
from api.kit.problems import NotAllowed, Problem, WrongMoment
from api.rules.people import (
    BELONGING_TITLES,
    MEMBERSHIPS,
    PEOPLE,
    RESIDENCIES,
    BelongingMove,
    BelongingStanding,
    PersonMove,
    PersonStanding,
    masked_phone,
)

SELF, VERIFIER = {BelongingStanding.self}, {BelongingStanding.verifier}
BELONGING: dict[tuple[str, str], tuple[str, set[str]]] = {
    ("verify", "pending"): ("verified", VERIFIER),
    ("refuse", "pending"): ("refused", VERIFIER),
    ("end", "pending"): ("ended", SELF | VERIFIER),
    ("end", "verified"): ("ended", SELF | VERIFIER),
}
ACCOUNTS: dict[tuple[str, str], tuple[str, set[str]]] = {
    ("block", "active"): ("blocked", {PersonStanding.administrator}),
    ("unblock", "blocked"): ("active", {PersonStanding.administrator}),
}


@pytest.mark.parametrize(
    ("life", "table", "moves", "standings"),
    [
        (RESIDENCIES, BELONGING, BelongingMove, BelongingStanding),
        (MEMBERSHIPS, BELONGING, BelongingMove, BelongingStanding),
        (PEOPLE, ACCOUNTS, PersonMove, PersonStanding),
    ],
    ids=["residency", "membership", "person"],
)
def test_each_move_leads_where_it_should_and_nowhere_else(
    life: Lifecycle[Any, Any, None], table: Any, moves: Any, standings: Any
) -> None:
    assert set(life.titles()) == {move.value for move in moves} == {name for name, _ in table}
    for state, move, who in product(life.states, moves, standings):
        found: Any
        try:
            found = life.decide(move, state, frozenset({who}), None).target.value
        except Problem as refusal:
            found = type(refusal)
        target, by = table.get((move.value, state.value), ("", set()))
        may = any(who in allowed for (name, _), (_, allowed) in table.items() if name == move)
        assert found == (target if who in by else WrongMoment if may else NotAllowed)


def test_nobody_verifies_himself() -> None:
    for life in (RESIDENCIES, MEMBERSHIPS):
        assert life.open(life.initial, frozenset(SELF), None) == ["end"]


def test_what_was_refused_or_ended_stays_so() -> None:
    for life in (RESIDENCIES, MEMBERSHIPS):
        assert {state.value for state in life.ends()} == {"refused", "ended"}
        assert life.initial == "pending"


def test_who_left_for_good_cannot_be_blocked_or_let_back_in() -> None:
    assert {state.value for state in PEOPLE.ends()} == {"erased"}


def test_every_state_has_its_word() -> None:
    for life in (RESIDENCIES, MEMBERSHIPS, PEOPLE):
        assert {state.value for state in life.states} <= set(BELONGING_TITLES)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13900001234", "139****1234"),
        ("+8613900001234", "+86****1234"),
        ("84400001", "****01"),
        ("123456", "****"),
        ("", "****"),
    ],
)
def test_a_number_is_shown_without_its_middle(number: str, shown: str) -> None:
    assert masked_phone(number) == shown


@given(st.text("0123456789", max_size=16))
def test_four_digits_of_a_number_are_never_shown(number: str) -> None:
    head, _, tail = masked_phone(number).partition("****")
    assert len(head + tail) <= max(len(number) - 4, 0)
    assert number.startswith(head)
    assert number.endswith(tail)
