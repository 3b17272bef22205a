"""Life-cycles as data: one table of moves, read by the executor, the wire, the documentation and the tests.

A move says from which states it leads where, which standings toward the subject may make it, and which
guard its facts must pass. Deciding is pure; services/moves.py executes what was decided.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from api.kit.problems import NotAllowed, Problem, WrongMoment

S = TypeVar("S", bound=StrEnum)
P = TypeVar("P", bound=StrEnum)
F = TypeVar("F")


def _always(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Move(Generic[S, P, F]):
    """One way on: `name` from any of `sources` to `target`, by any of the standings `by`.

    `guard` gets the subject's facts and returns the refusal (a Problem with its reason in Chinese) or None.
    `leads`, where given, says with the facts how far the move gets: a state, or None to stay (the first of
    three who share a task has called, the other two have not). `target` is where it leads when all is done.
    """

    name: str
    title: str
    sources: tuple[S, ...]
    target: S
    by: frozenset[P]
    guard: Callable[[F], Problem | None] = _always
    note: str = ""
    leads: Callable[[F], S | None] | None = None

    def arrives(self, state: S, facts: F) -> S:
        """The state after this move from `state`."""
        return self.target if self.leads is None else self.leads(facts) or state


class Lifecycle(Generic[S, P, F]):
    """The states of a kind of subject and every move between them.

    `P` are the standings a person can have toward the subject (author, handler, …), `F` its facts.
    One name may have several rows (the clock's `expire` leads from here to there, from there to elsewhere),
    but from one state a name leads one way.
    """

    def __init__(self, subject: str, title: str, initial: S, moves: Collection[Move[S, P, F]]) -> None:
        self.subject = subject
        self.title = title
        self.initial = initial
        self.states: type[S] = type(initial)
        self.moves = tuple(moves)
        self._by_name: dict[str, list[Move[S, P, F]]] = {}
        for move in self.moves:
            for other in self._by_name.setdefault(move.name, []):
                if set(other.sources) & set(move.sources):
                    raise ValueError(f"{subject}: move {move.name} leads two ways from one state")
            self._by_name[move.name].append(move)
        self._from: dict[S, tuple[Move[S, P, F], ...]] = {
            state: tuple(m for m in self.moves if state in m.sources) for state in self.states
        }

    def titles(self) -> dict[str, str]:
        """Move names in the table's order with their Chinese titles."""
        return {name: rows[0].title for name, rows in self._by_name.items()}

    def open(self, state: S, standings: frozenset[P], facts: F) -> list[str]:
        """Names of the moves somebody with `standings` could make now."""
        return [move.name for move in self._from[state] if move.by & standings and move.guard(facts) is None]

    def decide(self, name: str, state: S, standings: frozenset[P], facts: F) -> Move[S, P, F]:
        """The row to execute.

        Raises NotAllowed when no row of that name is open to these standings in any state, WrongMoment (with
        the open moves) from another state, and whatever the row's guard returns.
        """
        mine = [move for move in self._by_name.get(name, ()) if move.by & standings]
        if not mine:
            raise NotAllowed(
                f"您不能进行“{self.titles().get(name, name)}”", moves=self.open(state, standings, facts)
            )
        for move in mine:
            if state in move.sources:
                refusal = move.guard(facts)
                if refusal is not None:
                    refusal.facts.setdefault("moves", self.open(state, standings, facts))
                    raise refusal
                return move
        raise WrongMoment(
            f"当前状态不能进行“{mine[0].title}”", state=state.value, moves=self.open(state, standings, facts)
        )

    def ends(self) -> frozenset[S]:
        """The states no move leads out of."""
        return frozenset(state for state, ways in self._from.items() if not ways)

    def edges(self) -> Iterator[tuple[S, S, Move[S, P, F]]]:
        for move in self.moves:
            for source in move.sources:
                yield source, move.target, move
