"""Who gets what at the least cost: one min-cost flow over whole numbers. For processes that may load numpy.

Each of `n` rows gets at most one of `m` columns. Only arcs that exist can be used; a column's first row costs its
first step, its second the second, so rising steps spread the load exactly; a row may go without at a price of its
own. The optimum is exact: no floats, no big-M (docs/adr/0016).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

Ints = NDArray[np.int64]
NOBODY = -1
"""The column of a row that goes without."""


class Infeasible(Exception):
    """Some row must get a column and cannot."""


@dataclass(frozen=True, slots=True)
class Arcs:
    """The pairs that are possible, as three parallel columns; one that is not listed is impossible, one that costs
    nothing is not. Of a pair listed twice the cheaper counts."""

    rows: Ints
    columns: Ints
    costs: Ints
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Matching:
    """`columns[i]` is what row i gets, or NOBODY; `cost` is the sum of arcs, steps and skips."""

    columns: Ints
    cost: int

    @property
    def skipped(self) -> int:
        """Rows that go without."""
        return int((self.columns == NOBODY).sum())


def solve(
    costs: Arcs | ArrayLike,
    *,
    skip: ArrayLike | None = None,
    steps: ArrayLike | None = None,
    room: ArrayLike | None = None,
) -> Matching:
    """The cheapest matching.

    `costs` are Arcs, or a matrix rows × columns in which inf or a mask forbids a pair. `skip` is the price of
    leaving a row without (one number, or one a row); without it every row must get a column. `steps` are what a
    column's further rows cost (one list for all, or a line a column), never falling; without them each column takes
    one row. `room` is how many of its steps each column may use, where not all.
    Raises Infeasible; ValueError for numbers that are not whole, falling steps, sizes that do not fit, or numbers
    too large for 64 bits.
    """
    arcs = costs if isinstance(costs, Arcs) else _arcs(costs)
    rows, columns = arcs.shape
    _check(arcs)
    taking, step_costs = _steps(steps, room, columns)
    sink = rows + columns
    every_row = np.arange(rows, dtype=np.int64)
    tails = [arcs.rows, rows + taking]
    heads = [rows + arcs.columns, np.full(len(taking), sink)]
    prices = [arcs.costs, step_costs]
    if skip is not None:
        tails.append(every_row)
        heads.append(np.full(rows, sink))
        prices.append(np.broadcast_to(_whole(skip), (rows,)))
    elif rows > len(taking):
        raise Infeasible(f"{rows} rows, room for {len(taking)}")
    if rows == 0:
        return Matching(every_row, 0)
    flow = SimpleMinCostFlow()
    tail = np.concatenate(tails).astype(np.int32)
    flow.add_arcs_with_capacity_and_unit_cost(
        tail, np.concatenate(heads).astype(np.int32), np.ones(len(tail), np.int64), np.concatenate(prices)
    )
    supply = np.zeros(sink + 1, np.int64)
    supply[:rows], supply[sink] = 1, -rows
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply)
    status = flow.solve()
    if status == flow.INFEASIBLE:
        raise Infeasible("some row finds no column")
    if status != flow.OPTIMAL:
        raise ValueError(f"the numbers are too large: {status.name}")
    used = np.flatnonzero(flow.flows(np.arange(len(arcs.rows), dtype=np.int32)))
    found = np.full(rows, NOBODY, np.int64)
    found[arcs.rows[used]] = arcs.columns[used]
    return Matching(found, int(flow.optimal_cost()))


def _arcs(matrix: ArrayLike) -> Arcs:
    """The pairs a matrix allows."""
    table: Any = np.ma.asarray(matrix)
    if table.ndim != 2:
        raise ValueError("the costs are no matrix")
    allowed = ~np.ma.getmaskarray(table)
    plain = np.asarray(table.filled(0))
    if plain.dtype.kind == "f":
        allowed &= plain != np.inf
    rows, columns = np.nonzero(allowed)
    return Arcs(rows, columns, _whole(plain[rows, columns]), (table.shape[0], table.shape[1]))


def _whole(numbers: ArrayLike) -> Ints:
    """As 64-bit integers. Raises ValueError where that would change one."""
    given: Any = np.asarray(numbers)
    if given.size == 0:
        return np.zeros(given.shape, np.int64)
    if (
        given.dtype.kind not in "iuf"
        or not np.isfinite(given).all()
        or np.abs(given.astype(float)).max() > 2**62
    ):
        raise ValueError("costs are whole numbers of 62 bits")
    exact: Ints = given.astype(np.int64)
    if given.dtype.kind == "f" and (exact != given).any():
        raise ValueError("costs are whole numbers")
    return exact


def _check(arcs: Arcs) -> None:
    ends = (arcs.rows, arcs.columns, arcs.costs)
    if len({len(end) for end in ends}) != 1 or any(end.dtype.kind != "i" for end in ends):
        raise ValueError("arcs are three columns of whole numbers of one length")
    for end, size in zip(ends, arcs.shape, strict=False):
        if len(end) and not (end.min() >= 0 and end.max() < size):
            raise ValueError("an arc leads nowhere")


def _steps(steps: ArrayLike | None, room: ArrayLike | None, columns: int) -> tuple[Ints, Ints]:
    """The columns once for each row they may take, and what that costs."""
    each = _whole([0] if steps is None else steps)
    if each.ndim == 1:
        each = np.broadcast_to(each, (columns, len(each)))
    if each.ndim != 2 or each.shape[0] != columns:
        raise ValueError("steps are one list, or a line a column")
    open_ = (
        np.arange(each.shape[1])
        < (np.broadcast_to(_whole(each.shape[1] if room is None else room), (columns,))[:, None])
    )
    # A flow takes the cheapest step first: falling ones would be a different problem.
    if (np.diff(each, axis=1) < 0)[open_[:, 1:]].any():
        raise ValueError("a column's further rows never cost less")
    column, step = np.nonzero(open_)
    return column, each[column, step]
