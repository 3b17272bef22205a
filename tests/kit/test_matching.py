"""The matching is the best there is: as scipy finds it, on tables small enough to write out in full."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from api.kit.matching import NOBODY, Arcs, Infeasible, Matching, solve

INSTANCES = 200


def _optimum(table: np.ndarray, steps: np.ndarray, room: np.ndarray, skip: np.ndarray | None) -> float | None:
    """By scipy's dense solver: a column of its own for each step, and one for each row that goes without."""
    rows, columns = table.shape
    wide = [table[:, [j]] + steps[j, s] for j in range(columns) for s in range(room[j])]
    if skip is not None:
        alone = np.full((rows, rows), np.inf)
        np.fill_diagonal(alone, skip)
        wide.append(alone)
    whole = np.hstack(wide) if wide else np.empty((rows, 0))
    if whole.shape[1] < rows:
        return None
    try:
        one, other = linear_sum_assignment(whole)
    except ValueError:
        return None
    return float(whole[one, other].sum())


def _price(found: Matching, table: np.ndarray, steps: np.ndarray, skip: np.ndarray | None) -> float:
    """What a matching costs, added up by hand."""
    total, taken = 0.0, [0] * table.shape[1]
    for i, j in enumerate(found.columns.tolist()):
        if j == NOBODY:
            assert skip is not None
            total += skip[i]
        else:
            total += table[i, j] + steps[j, taken[j]]
            taken[j] += 1
    return total


def test_the_cost_is_scipys_on_two_hundred_instances_with_gaps_room_and_rising_steps() -> None:
    chance = np.random.default_rng(16)
    met = {"impossible": 0, "skipped": 0, "shared": 0, "free arcs": 0}
    for _ in range(INSTANCES):
        rows, columns, depth = (int(chance.integers(1, top)) for top in (16, 12, 4))
        table = chance.integers(-5, 40, (rows, columns)).astype(float)
        table[chance.random((rows, columns)) < chance.random()] = np.inf
        steps = np.sort(chance.integers(0, 25, (columns, depth)), axis=1)
        room = chance.integers(0, depth + 1, columns)
        skip = chance.integers(0, 60, rows) if chance.random() < 0.7 else None
        wanted = _optimum(table, steps, room, skip)
        if wanted is None:
            met["impossible"] += 1
            with pytest.raises(Infeasible):
                solve(table, skip=skip, steps=steps, room=room)
            continue
        found = solve(table, skip=skip, steps=steps, room=room)
        assert found.cost == wanted == _price(found, table, steps, skip)
        load = np.bincount(found.columns[found.columns != NOBODY], minlength=columns)
        assert (load <= room).all()
        met["skipped"] += found.skipped
        met["shared"] += int((load > 1).sum())
        met["free arcs"] += int((table == 0).sum())
    assert min(met.values()) > 20, met


@pytest.mark.parametrize("size", [1, 30, 120])
def test_a_square_table_is_the_classic_assignment(size: int) -> None:
    table = np.random.default_rng(size).integers(1, 101, (size, size))
    one, other = linear_sum_assignment(table)
    found = solve(table)
    assert found.cost == table[one, other].sum()
    assert sorted(found.columns.tolist()) == list(range(size))
    assert solve(table.tolist()).cost == found.cost


def test_masked_and_sparse_tables_say_the_same_and_a_free_pair_is_a_pair() -> None:
    masked = np.ma.masked_equal(np.array([[0, 9, 7], [0, 9, 2], [9, 0, 9]]), 9)
    arcs = Arcs(np.array([0, 0, 1, 1, 2]), np.array([0, 2, 0, 2, 1]), np.array([0, 7, 0, 2, 0]), (3, 3))
    assert solve(masked).columns.tolist() == solve(arcs).columns.tolist() == [0, 2, 1]


def test_rising_steps_spread_the_load_as_evenly_as_can_be() -> None:
    found = solve(np.zeros((10, 4)), steps=[0, 1, 2, 3, 4])
    assert sorted(np.bincount(found.columns, minlength=4).tolist()) == [2, 2, 3, 3]


def test_nothing_to_match_costs_nothing_or_what_it_costs_to_go_without() -> None:
    assert solve(np.zeros((0, 3))).cost == 0
    assert solve(np.zeros((2, 0)), skip=[4, 5]).cost == 9
    with pytest.raises(Infeasible):
        solve(np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("table", "more"),
    [
        ([[0.5]], {}),
        ([[float("nan")]], {}),
        ([[2.0**63]], {}),
        ([1, 2], {}),
        ([[1]], {"steps": [3, 2]}),
        ([[1, 2]], {"steps": [[1], [2], [3]]}),
        (Arcs(np.array([0]), np.array([1]), np.array([1]), (1, 1)), {}),
        (Arcs(np.array([0]), np.array([0, 0]), np.array([1]), (1, 1)), {}),
        ([[2**61, 2**61 - 1], [0, 3]], {}),
    ],
)
def test_what_would_be_another_problem_is_refused(table: object, more: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        solve(table, **more)  # type: ignore[arg-type]
