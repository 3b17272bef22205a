"""社区派单: how long the matching takes and what it holds, beside a greedy one; each size in a process of its own.

`python -m bench.dispatch [--only N]`. Members live in few buildings, so that needs compete for the same ones; each
need has 20 candidates, each member room for up to three more tasks that cost more from one to the next.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np
import psutil

from api.kit.matching import NOBODY, Arcs, solve

CANDIDATES, ROOM, SKIP = 20, 3, 300
STEPS = [0, 20, 45]


@dataclass(frozen=True, slots=True)
class Size:
    """So many needs and members, and what a matching of them may take."""

    needs: int
    members: int
    seconds: float
    megabytes: float | None


SIZES = (
    Size(200, 2_000, 0.05, None),
    Size(10_000, 5_000, 2.0, 200.0),
    Size(100_000, 50_000, 60.0, 1_000.0),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds of CPU, growth of the process at its peak, and how good the matching is."""

    seconds: float
    megabytes: float
    cost: int
    unmatched: int
    gini: float
    greedy_cost: int
    greedy_unmatched: int
    greedy_gini: float


def instance(size: Size) -> tuple[Arcs, list[int]]:
    """Twenty candidates a need, half of them of the few members who live near many needs; and who has how much room."""
    chance = np.random.default_rng(size.needs)
    near = chance.zipf(1.3, size.needs * CANDIDATES * 2) - 1
    popular = near[near < size.members][: size.needs * CANDIDATES // 2]
    others = chance.integers(0, size.members, size.needs * CANDIDATES - len(popular))
    columns = chance.permutation(np.concatenate([popular, others]))
    rows = np.repeat(np.arange(size.needs), CANDIDATES)
    distance, skills, answers = (chance.integers(0, top, len(rows)) for top in (4, 3, 11))
    costs = 12 * distance + 15 * skills + 4 * answers
    arcs = Arcs(rows, columns.astype(np.int64), costs.astype(np.int64), (size.needs, size.members))
    return arcs, chance.integers(0, ROOM + 1, size.members).tolist()


def greedy(arcs: Arcs, room: list[int]) -> tuple[int, list[int]]:
    """Need by need the cheapest candidate with room: what a dispatcher does by hand."""
    load = [0] * arcs.shape[1]
    total = 0
    columns, costs = arcs.columns.tolist(), arcs.costs.tolist()
    for need in range(arcs.shape[0]):
        best, who = SKIP, NOBODY
        for k in range(need * CANDIDATES, (need + 1) * CANDIDATES):
            taken = load[columns[k]]
            if taken < room[columns[k]] and costs[k] + STEPS[taken] < best:
                best, who = costs[k] + STEPS[taken], columns[k]
        total += best
        if who != NOBODY:
            load[who] += 1
    return total, load


def gini(load: "np.typing.NDArray[np.int64]") -> float:
    """How unevenly the tasks lie: 0 all alike, 1 all on one."""
    ordered = np.sort(load)
    n, total = len(ordered), int(ordered.sum())
    if total == 0:
        return 0.0
    return float((2 * (np.arange(1, n + 1) * ordered).sum()) / (n * total) - (n + 1) / n)


def measure(size: Size) -> Found:
    """Solve one instance in this process."""
    arcs, room = instance(size)
    solve(np.zeros((2, 2)))
    process = psutil.Process()
    before, cpu = process.memory_info().rss, time.process_time()
    found = solve(arcs, skip=SKIP, steps=STEPS, room=room)
    seconds = time.process_time() - cpu
    peak = _peak()
    load = np.bincount(found.columns[found.columns != NOBODY], minlength=size.members)
    greedy_cost, greedy_load = greedy(arcs, room)
    return Found(
        seconds,
        max(0.0, (peak - before) / 1e6),
        found.cost,
        found.skipped,
        gini(load),
        greedy_cost,
        size.needs - sum(greedy_load),
        gini(np.array(greedy_load)),
    )


def _peak() -> int:
    """The most this process has held so far, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def run(sizes: tuple[Size, ...] = SIZES) -> dict[Size, Found]:
    """Each size in a process of its own, so that none starts with another's memory."""
    found = {}
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "bench.dispatch", "--only", str(size.needs)],
            check=True,
            capture_output=True,
            text=True,
        )
        found[size] = Found(**json.loads(done.stdout))
    return found


def table(found: dict[Size, Found]) -> list[str]:
    """The page's lines."""
    lines = [
        "| needs × members | CPU s | must | MB | must | cost | greedy's | unmatched | greedy's | Gini | greedy's |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for size, f in found.items():
        lines.append(
            f"| {size.needs:,} × {size.members:,} | {f.seconds:.3f} | {size.seconds:.2f} | {f.megabytes:.0f} "
            f"| {'–' if size.megabytes is None else f'{size.megabytes:.0f}'} | {f.cost:,} | {f.greedy_cost:,} "
            f"| {f.unmatched:,} | {f.greedy_unmatched:,} | {f.gini:.3f} | {f.greedy_gini:.3f} |"
        )
    return lines


def broken(found: dict[Size, Found]) -> list[str]:
    """What takes more than it may, or is dearer than greedy."""
    return [
        f"{size.needs:,} × {size.members:,}"
        for size, f in found.items()
        if f.seconds > size.seconds
        or (size.megabytes is not None and f.megabytes > size.megabytes)
        or f.cost > f.greedy_cost
    ]


def main() -> None:
    """Print the table; exit 1 when something takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, help="needs of the one size to measure here, as JSON")
    options = parser.parse_args()
    if options.only is not None:
        size = next(size for size in SIZES if size.needs == options.only)
        print(json.dumps(asdict(measure(size))))
        return
    found = run()
    print("\n".join(table(found)))
    if slow := broken(found):
        sys.exit(f"more than it may take: {', '.join(slow)}")


if __name__ == "__main__":
    main()
