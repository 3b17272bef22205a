"""What each pairing of a need and a member costs, and the matching of a whole batch. Loads numpy: for the worker.

Hard filters leave a pair without an arc; what is left weighs in whole numbers. Where that makes more arcs than one
flow should hold, each need keeps its cheapest candidates, and whoever goes without then gets all of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.kit.matching import NOBODY, Arcs, Ints, solve
from api.rules.dispatch import (
    MOST_DAYS,
    URGENCY_STEPS,
    Asked,
    Cause,
    Served,
    Weights,
    levels_apart,
    refusal_tenths,
)
from api.rules.people import ServiceTime
from api.rules.places import PREFIX_LENGTHS

CANDIDATES = 20
MOST_ARCS = 2_000_000
"""About seven seconds and 260 MB."""
_BLOCK = 1_000_000
"""Pairs looked at together."""
_COMMUNITY = PREFIX_LENGTHS[-1]
_TIMES = tuple(ServiceTime)
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Group:
    """The needs of one kind in one community and the members who may take such."""

    needs: Sequence[tuple[UUID, Asked]]
    members: Sequence[tuple[UUID, Served]]
    barred: Sequence[tuple[UUID, UUID]] = ()
    """(need, person) of the same household, or who holds a claim of it."""
    asked: Sequence[tuple[UUID, UUID]] = ()
    """(need, person) who was offered it before."""
    ties: Sequence[tuple[UUID, UUID, int]] = ()
    """(need, person, stars) who served that household well."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A need for a member: why, at what cost."""

    need_id: UUID
    person_id: UUID
    need: Asked
    member: Served
    apart: int
    stars: int | None
    load: int
    """The member's tasks of the month before this one."""
    cost: int


@dataclass(frozen=True, slots=True)
class Alone:
    """A need that stays in the pool, and what left it there; `before` that, so many might have come."""

    need_id: UUID
    need: Asked
    cause: Cause
    before: int


@dataclass(slots=True)
class Plan:
    """What a batch proposes."""

    proposals: list[Proposal] = field(default_factory=list)
    alone: list[Alone] = field(default_factory=list)
    cost: int = 0
    members: int = 0
    gini: float = 0.0
    """How unevenly the month's tasks lie on the members, with those proposed: 0 alike, 1 all on one."""


def plan(groups: Sequence[Group], weights: Weights, *, most_arcs: int = MOST_ARCS) -> Plan:
    """The best matching of all groups together: somebody who serves two communities has one load."""
    people = list(dict.fromkeys(person for group in groups for person, _ in group.members))
    column = {person: j for j, person in enumerate(people)}
    first = {person: member for group in groups for person, member in group.members}
    rooms = np.array([max(0, first[person].room) for person in people], np.int64)
    months = np.array([first[person].month for person in people], np.int64)
    needs = [(group, k) for group in groups for k in range(len(group.needs))]
    tables = [_Table(group, weights, column) for group in groups]
    whole = sum(len(group.needs) * len(group.members) for group in groups)
    skip = np.array([_alone(group.needs[k][1], weights) for group, k in needs], np.int64)
    depth = int(rooms.max(initial=0))
    steps = weights.load * (months[:, None] + np.arange(1, depth + 1))

    def matched(chosen: Callable[[int], bool]) -> tuple[Ints, Arcs]:
        arcs = _arcs(tables, len(needs), len(people), chosen)
        return solve(arcs, skip=skip, steps=steps, room=rooms).columns, arcs

    columns, arcs = matched(lambda _: whole <= most_arcs)
    if whole > most_arcs and (columns == NOBODY).any():
        left = _widened(needs, np.flatnonzero(columns == NOBODY), skip, most_arcs)
        columns, arcs = matched(left.__contains__)
    return _told(tables, needs, people, columns, arcs, months, weights)


def _widened(needs: Sequence[tuple[Group, int]], left: Ints, skip: Ints, most_arcs: int) -> set[int]:
    """Who of those that go without gets all its candidates: the dearest first, as many as one flow should hold."""
    found, arcs = set(), 0
    for row in left[np.argsort(-skip[left], kind="stable")].tolist():
        arcs += len(needs[row][0].members)
        if arcs > most_arcs:
            break
        found.add(row)
    return found


def _alone(need: Asked, weights: Weights) -> int:
    """The price of leaving it in the pool: its age raises it day by day, so that none starves."""
    waited = min(need.waited, MOST_DAYS)
    return weights.alone + weights.urgent * URGENCY_STEPS[need.urgency] + weights.day * waited


class _Table:
    """One group's pairs: who may at all, after each filter, and what it costs."""

    def __init__(self, group: Group, weights: Weights, column: dict[UUID, int]) -> None:
        self.group, self.weights = group, weights
        self.columns = np.array([column[person] for person, _ in group.members], np.int64)
        self._row = {need_id: k for k, (need_id, _) in enumerate(group.needs)}
        self._place = {person: j for j, (person, _) in enumerate(group.members)}
        self.stars = {
            (self._row[need_id], self._place[person]): stars
            for need_id, person, stars in group.ties
            if person in self._place
        }
        self._barred = self._pairs(group.barred)
        self._asked = self._pairs(group.asked)
        members = [member for _, member in group.members]
        self._ages = np.array([-1 if m.age is None else m.age for m in members], np.int64)
        self._insured = np.array([m.insured for m in members], bool)
        self._free = np.array([m.room > 0 for m in members], bool)
        self._times = np.array([_bits(m.times) or -1 for m in members], np.int64)
        self._own = np.array(
            [weights.refusals * refusal_tenths(m) + (0 if m.times else weights.unsure) for m in members],
            np.int64,
        )
        self._having: dict[tuple[str, bool], Flags] = {}
        self._near: dict[str, Ints] = {}

    def _pairs(self, pairs: Sequence[tuple[UUID, UUID]]) -> tuple[Ints, Ints]:
        known = [(self._row[n], self._place[p]) for n, p in pairs if p in self._place]
        both = np.array(sorted(set(known)), np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def blocks(self) -> Iterator[range]:
        """The needs, some at a time."""
        size = max(1, _BLOCK // max(1, len(self.group.members)))
        for start in range(0, len(self.group.needs), size):
            yield range(start, min(start + size, len(self.group.needs)))

    def filters(self, rows: range) -> Iterator[tuple[Cause, Flags]]:
        """Each hard filter in its turn, and who is left after it."""
        needs = [self.group.needs[k][1] for k in rows]
        left = np.ones((len(rows), len(self.group.members)), bool)
        yield Cause.nobody, left
        self._strike(left, rows, self._barred)
        yield Cause.own_household, left
        for i, need in enumerate(needs):
            for name in need.qualifications:
                left[i] &= self._have(name, qualified=True)
        yield Cause.qualification, left
        left &= self._ages >= np.array([[need.min_age or -1] for need in needs])
        yield Cause.age, left
        left &= self._insured | ~np.array([[need.insured] for need in needs])
        yield Cause.insurance, left
        left &= (self._times & np.array([[_bits(need.days) or -1] for need in needs])) != 0
        yield Cause.time, left
        self._strike(left, rows, self._asked)
        yield Cause.asked, left
        left &= self._free
        yield Cause.busy, left

    def allowed(self, rows: range) -> Flags:
        """Who is left after all of them."""
        *_, (_, left) = self.filters(rows)
        return left

    def costs(self, rows: range) -> Ints:
        """What each pair costs, apart from the load."""
        weights = self.weights
        found = np.empty((len(rows), len(self.group.members)), np.int64)
        for i, k in enumerate(rows):
            need = self.group.needs[k][1]
            found[i] = self._own + weights.distance * self.apart(need.path) + weights.stranger
            for skill in need.skills:
                found[i] += weights.skill * ~self._have(skill, qualified=False)
        for k, j in self.stars:
            if k in rows:
                found[k - rows.start, j] -= weights.stranger
        return found

    def apart(self, path: str) -> Ints:
        """How far each member lives from a place."""
        known = self._near.get(path)
        if known is None:
            known = self._near[path] = np.array(
                [levels_apart(path, member.path, _COMMUNITY) for _, member in self.group.members], np.int64
            )
        return known

    def cause(self, k: int) -> tuple[Cause, int]:
        """What left a need without anybody, and how many there were before it."""
        before = len(self.group.members)
        for cause, left in self.filters(range(k, k + 1)):
            now = int(left.sum())
            if now == 0:
                return cause, before
            before = now
        return Cause.outbid, before

    def _have(self, name: str, *, qualified: bool) -> Flags:
        known = self._having.get((name, qualified))
        if known is None:
            sets = [m.qualifications if qualified else m.skills for _, m in self.group.members]
            known = self._having[name, qualified] = np.array([name in s for s in sets], bool)
        return known

    @staticmethod
    def _strike(left: Flags, rows: range, pairs: tuple[Ints, Ints]) -> None:
        """Both ends sorted by need: what concerns these rows is one slice."""
        ends = np.searchsorted(pairs[0], [rows.start, rows.stop])
        here = slice(int(ends[0]), int(ends[1]))
        left[pairs[0][here] - rows.start, pairs[1][here]] = False


def _bits(times: frozenset[ServiceTime]) -> int:
    return sum(1 << _TIMES.index(time) for time in times)


def _arcs(tables: Sequence[_Table], needs: int, people: int, whole: Callable[[int], bool]) -> Arcs:
    """All candidates of the rows that get all, the cheapest of the others."""
    parts: list[tuple[Ints, Ints, Ints]] = []
    offset = 0
    for table in tables:
        for rows in table.blocks():
            left, costs = table.allowed(rows), table.costs(rows)
            for_all = np.array([whole(offset + k) for k in rows], bool)
            if not for_all.all() and left.shape[1] > CANDIDATES:
                left &= for_all[:, None] | _cheapest(left, costs, rows)
            one, other = np.nonzero(left)
            parts.append((one + offset + rows.start, table.columns[other], costs[one, other]))
        offset += len(table.group.needs)
    if not parts:
        nothing = np.zeros(0, np.int64)
        parts = [(nothing, nothing, nothing)]
    one, other, cost = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Arcs(one, other, cost, (needs, people))


def _cheapest(left: Flags, costs: Ints, rows: range) -> Flags:
    """The cheapest candidates of each row. Needs alike do not keep the same ones: ties are broken row by row."""
    k, j = np.arange(rows.start, rows.stop)[:, None], np.arange(left.shape[1])
    mixed = (k * 7919 + j * 104_729) % 1009
    ranked = np.where(left, costs * 1009 + mixed, np.iinfo(np.int64).max)
    best = np.argpartition(ranked, CANDIDATES, axis=1)[:, :CANDIDATES]
    kept = np.zeros_like(left)
    np.put_along_axis(kept, best, True, axis=1)
    return kept & left


def _told(
    tables: Sequence[_Table],
    needs: Sequence[tuple[Group, int]],
    people: Sequence[UUID],
    columns: Ints,
    arcs: Arcs,
    months: Ints,
    weights: Weights,
) -> Plan:
    """The matching in words for the program: each need's member, or why there is none."""
    table_of = {id(table.group): table for table in tables}
    load = months.copy()
    price = np.zeros(len(needs), np.int64)
    used = np.flatnonzero(arcs.columns == columns[arcs.rows])
    price[arcs.rows[used]] = arcs.costs[used]
    found = Plan(members=len(people))
    for row, (group, k) in enumerate(needs):
        table, (need_id, need) = table_of[id(group)], group.needs[k]
        if columns[row] == NOBODY:
            cause, before = table.cause(k)
            found.alone.append(Alone(need_id, need, cause, before))
            found.cost += _alone(need, weights)
            continue
        j = int(np.flatnonzero(table.columns == columns[row])[0])
        person, member = group.members[j]
        before = int(load[columns[row]])
        cost = int(price[row]) + weights.load * (before + 1)
        apart, stars = int(table.apart(need.path)[j]), table.stars.get((k, j))
        found.proposals.append(Proposal(need_id, person, need, member, apart, stars, before, cost))
        load[columns[row]] += 1
        found.cost += cost
    found.gini = gini(load)
    return found


def gini(load: Ints) -> float:
    """Half the mean difference of two members' loads over the mean load (Gini, 1912)."""
    total = int(load.sum())
    if total == 0:
        return 0.0
    ordered, n = np.sort(load), len(load)
    return float(2 * (np.arange(1, n + 1) * ordered).sum() / (n * total) - (n + 1) / n)
