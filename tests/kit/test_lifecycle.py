"""Deciding by a table of moves, told on a door that somebody may open, lock and, with the key, unlock."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import NotAllowed, Problem, WrongMoment


class State(StrEnum):
    ajar = "ajar"
    shut = "shut"
    locked = "locked"
    gone = "gone"


class Who(StrEnum):
    guest = "guest"
    owner = "owner"
    clock = "clock"


@dataclass(frozen=True)
class Facts:
    key: bool = False


class NoKey(Problem):
    status, code, title = 409, "test_no_key", "没有钥匙"


def _keyed(facts: Facts) -> Problem | None:
    return None if facts.key else NoKey()


_S, _W = State, Who
MOVES = [
    Move("close", "关门", (_S.ajar,), _S.shut, frozenset({_W.guest, _W.owner})),
    Move("lock", "上锁", (_S.shut,), _S.locked, frozenset({_W.owner}), _keyed),
    Move("open", "开门", (_S.shut,), _S.ajar, frozenset({_W.guest, _W.owner})),
    Move("open", "开锁", (_S.locked,), _S.ajar, frozenset({_W.owner}), _keyed, note="要有钥匙"),
    Move("expire", "到点关门", (_S.ajar,), _S.shut, frozenset({_W.clock})),
    Move("remove", "拆除", (_S.ajar, _S.shut, _S.locked), _S.gone, frozenset({_W.owner})),
]
DOOR: Lifecycle[State, Who, Facts] = Lifecycle("door", "门", State.ajar, MOVES)
NOBODY: frozenset[Who] = frozenset()
GUEST, OWNER, CLOCK = frozenset({Who.guest}), frozenset({Who.owner}), frozenset({Who.clock})
KEY, NO_KEY = Facts(key=True), Facts()


def test_a_move_that_is_open_is_the_row_to_execute() -> None:
    way = DOOR.decide("close", State.ajar, GUEST, NO_KEY)
    assert (way.target, way.title) == (State.shut, "关门")


def test_of_two_rows_of_one_name_the_state_chooses() -> None:
    assert DOOR.decide("open", State.shut, OWNER, NO_KEY).title == "开门"
    assert DOOR.decide("open", State.locked, OWNER, KEY).title == "开锁"
    assert DOOR.titles()["open"] == "开门"


@pytest.mark.parametrize("state", State)
def test_who_may_never_make_the_move_is_told_403_in_every_state(state: State) -> None:
    with pytest.raises(NotAllowed) as refused:
        DOOR.decide("remove", state, GUEST, KEY)
    assert refused.value.status == 403
    assert "拆除" in refused.value.detail
    assert refused.value.facts["moves"] == DOOR.open(state, GUEST, KEY)


def test_who_may_but_not_now_is_told_409_with_what_is_open() -> None:
    with pytest.raises(WrongMoment) as refused:
        DOOR.decide("close", State.shut, GUEST, NO_KEY)
    assert (refused.value.status, refused.value.facts) == (409, {"state": "shut", "moves": ["open"]})
    assert "关门" in refused.value.detail


def test_a_row_of_the_name_for_somebody_else_is_a_409_not_a_403() -> None:
    """A guest may open doors, though not a locked one: it is the moment that is wrong."""
    with pytest.raises(WrongMoment) as refused:
        DOOR.decide("open", State.locked, GUEST, KEY)
    assert refused.value.facts["moves"] == []


def test_a_guard_refuses_with_its_own_reason_and_the_open_moves() -> None:
    with pytest.raises(NoKey) as refused:
        DOOR.decide("lock", State.shut, OWNER, NO_KEY)
    assert refused.value.facts["moves"] == ["open", "remove"]


def test_a_guard_is_asked_only_of_those_who_may_and_when_they_may() -> None:
    with pytest.raises(NotAllowed):
        DOOR.decide("lock", State.shut, GUEST, NO_KEY)
    with pytest.raises(WrongMoment):
        DOOR.decide("lock", State.ajar, OWNER, NO_KEY)


def test_each_refusal_is_a_new_one() -> None:
    """Facts set on one refusal must not be found on another's."""
    refusals = []
    for state, name in ((State.shut, "lock"), (State.locked, "open")):
        with pytest.raises(NoKey) as refused:
            DOOR.decide(name, state, OWNER, NO_KEY)
        refusals.append(refused.value.facts["moves"])
    assert refusals == [["open", "remove"], ["remove"]]


@pytest.mark.parametrize("standings", [GUEST, OWNER, NOBODY, GUEST | OWNER | CLOCK])
def test_an_unknown_move_is_nobodys(standings: frozenset[Who]) -> None:
    with pytest.raises(NotAllowed) as refused:
        DOOR.decide("paint", State.ajar, standings, KEY)
    assert "paint" in refused.value.detail


def test_somebody_without_any_standing_may_nothing() -> None:
    for state in State:
        assert DOOR.open(state, NOBODY, KEY) == []


@pytest.mark.parametrize("facts", [KEY, NO_KEY])
@pytest.mark.parametrize("standings", [GUEST, OWNER, CLOCK, GUEST | CLOCK])
@pytest.mark.parametrize("state", State)
def test_what_is_shown_as_open_is_exactly_what_can_be_decided(
    state: State, standings: frozenset[Who], facts: Facts
) -> None:
    possible = []
    for name in DOOR.titles():
        try:
            DOOR.decide(name, state, standings, facts)
        except Problem:
            continue
        possible.append(name)
    assert sorted(DOOR.open(state, standings, facts)) == sorted(possible)


def test_moves_are_listed_in_the_tables_order() -> None:
    assert DOOR.open(State.ajar, OWNER | CLOCK, KEY) == ["close", "expire", "remove"]
    assert list(DOOR.titles()) == ["close", "lock", "open", "expire", "remove"]


def test_ends_are_the_states_nothing_leads_out_of() -> None:
    assert DOOR.ends() == {State.gone}
    assert {(a, b) for a, b, _ in DOOR.edges()} == {
        (State.ajar, State.shut), (State.shut, State.locked), (State.shut, State.ajar), (State.locked, State.ajar),
        (State.ajar, State.gone), (State.shut, State.gone), (State.locked, State.gone),
    }  # fmt: skip


@pytest.mark.parametrize(
    "twin",
    [
        Move("close", "再关门", (_S.ajar,), _S.gone, frozenset({_W.clock})),
        Move("remove", "搬走", (_S.gone, _S.locked), _S.gone, frozenset({_W.owner})),
    ],
)
def test_a_name_that_leads_two_ways_from_one_state_is_refused_when_declared(
    twin: Move[State, Who, Facts],
) -> None:
    with pytest.raises(ValueError, match="leads two ways from one state"):
        Lifecycle("door", "门", State.ajar, [*MOVES, twin])
