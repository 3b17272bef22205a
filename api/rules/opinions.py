"""观点图: who stands near whom, which groups there are, what they agree on and what tells them apart.

Pure arithmetic over stances (agree 1, disagree -1, pass 0), after the published method of Polis (Small et al.,
"Polis: Scaling deliberation by mapping high dimensional opinion spaces", RECERCA 26/2, 2021): missing stances
take their statement's mean, two principal components, each person moved outward by the square root of statements
over stances given, k-means over small base clusters, the number of groups by silhouette.

Same stances, same map: people and statements are first put in an order made of the stances alone, k-means starts
from a fixed seed, and of each axis' two directions the one is taken in which its strongest statement lies.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from api.rules.opinion_order import arranged
from api.rules.opinion_shapes import Base, Counts, Group, OpinionMap, Spoken, Typical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_STANCES = 7
"""A person with fewer (and fewer than there are statements) is counted, but has no place on the map."""
SMALLEST_GROUP = 5
"""People in a group at least: a smaller one would point at neighbours instead of opinions."""
FEWEST_PEOPLE = 2 * SMALLEST_GROUP
MOST_GROUPS = 5
BASES = 100
"""People are gathered into at most so many base clusters, so that cost does not grow with the square of people."""
SURE = 1.2816
"""One-sided 90% point of the normal distribution."""
REPRESENTATIVE = 5
"""Statements named for a group at most."""
_TURNS, _STARTS, _SEED = 50, 8, 20150630
_BLOCK = 1024
_NOTHING = 1e-9
"""Of the strongest direction: one with less is rounding, not opinion."""


def draw(
    people: Sequence[int] | Ints,
    statements: Sequence[int] | Ints,
    stances: Sequence[int] | Ints,
    shape: tuple[int, int],
) -> OpinionMap:
    """The map of stances given as three parallel columns of indices and values (1, -1, 0).

    `shape` is (how many people, how many statements). One stance a person and statement: of doubles the last.
    Raises ValueError for columns of unequal length or an index or value out of range.
    """
    who, what, how = (np.asarray(c, dtype=np.int64) for c in (people, statements, stances))
    if not len(who) == len(what) == len(how):
        raise ValueError("the columns differ in length")
    persons, sentences = shape
    if len(who) and (
        min(who.min(), what.min()) < 0
        or who.max() >= persons
        or what.max() >= sentences
        or np.abs(how).max() > 1
    ):
        raise ValueError("an index or a stance is out of range")
    votes = np.full((persons, sentences), np.nan)
    votes[who, what] = how
    given = ~np.isnan(votes)
    per_person = given.sum(axis=1)
    placed = np.flatnonzero((per_person >= min(FEWEST_STANCES, max(1, sentences))) & (per_person > 0))
    rows, columns = arranged(votes[placed])
    placed = placed[rows]
    means, axes = _components(votes[np.ix_(placed, columns)])
    points = project(votes[np.ix_(placed, columns)], means, axes)
    bases, of_base = _bases(points)
    weights = np.bincount(of_base, minlength=len(bases)).astype(np.float64)
    labels, silhouette = _groups(bases, weights)
    membership = np.full(persons, -1)
    membership[placed] = labels[of_base]
    count = int(labels.max()) + 1 if len(labels) else 0
    rank = np.argsort(columns)
    spoken = _spoken(votes, membership, count, means[rank], axes[rank])
    return OpinionMap(
        people=int((per_person > 0).sum()),
        placed=len(placed),
        stances=int(per_person.sum()),
        silhouette=silhouette,
        groups=tuple(_group(g, points, membership[placed], spoken, rank) for g in range(count)),
        bases=tuple(
            Base(float(x), float(y), int(w), int(g))
            for (x, y), w, g in zip(bases, weights, labels, strict=True)
        ),
        statements=tuple(spoken),
        membership=tuple(int(g) for g in membership),
    )


def project(votes: Floats, means: Floats, axes: Floats) -> Floats:
    """Where people with these stances (people × statements, NaN for none) stand: people × 2.

    A missing stance pulls to the middle; the square root of statements over stances given pushes back.
    """
    given = ~np.isnan(votes)
    centred = np.where(given, votes - means, 0.0)
    scale = np.sqrt(votes.shape[1] / np.maximum(given.sum(axis=1), 1))
    placed: Floats = (centred @ axes) * scale[:, None]
    return placed


def _components(votes: Floats) -> tuple[Floats, Floats]:
    """Means of the statements and the two directions in which people differ most (statements × 2)."""
    given = ~np.isnan(votes)
    counts = given.sum(axis=0)
    means = np.where(counts > 0, np.where(given, votes, 0.0).sum(axis=0) / np.maximum(counts, 1), 0.0)
    centred = np.where(given, votes - means, 0.0)
    axes = np.zeros((votes.shape[1], 2))
    if len(votes) > 1 and votes.shape[1]:
        strengths, vectors = np.linalg.eigh(centred.T @ centred)
        told = strengths > _NOTHING * max(strengths[-1], 1.0)
        found = np.where(told, vectors, 0.0)[:, ::-1][:, :2]
        flip = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
        axes[:, : found.shape[1]] = found * np.where(flip == 0, 1.0, flip)
    return means, axes


def _bases(points: Floats) -> tuple[Floats, Ints]:
    """Base clusters and the one of each person; nobody shares one while there is room."""
    if len(points) <= BASES:
        return points, np.arange(len(points))
    centres, labels = _k_means(points, np.ones(len(points)), BASES, starts=1)
    used, labels = np.unique(labels, return_inverse=True)
    return centres[used], labels


def _groups(points: Floats, weights: Floats) -> tuple[Ints, float | None]:
    """The group of each base cluster, largest group first, and the silhouette that chose their number."""
    best: tuple[float, Ints] | None = None
    if weights.sum() >= FEWEST_PEOPLE:
        for k in range(2, min(MOST_GROUPS, len(points) - 1) + 1):
            _, labels = _k_means(points, weights, k, starts=_STARTS)
            sizes = np.bincount(labels, weights, minlength=k)
            if sizes.min() < SMALLEST_GROUP:
                continue
            score = _silhouette(points, weights, labels, k)
            if best is None or score > best[0] + 1e-9:
                best = score, labels
    if best is None:
        return np.zeros(len(points), dtype=np.int64), None
    score, labels = best
    order = np.argsort(-np.bincount(labels, weights), kind="stable")
    return np.argsort(order)[labels], score


def _k_means(points: Floats, weights: Floats, k: int, *, starts: int) -> tuple[Floats, Ints]:
    """Weighted k-means: the best of several seeded starts (k-means++). Centres and labels."""
    chance = np.random.default_rng(_SEED + k)
    best: tuple[float, Floats, Ints] | None = None
    for _ in range(starts):
        centres = _spread(points, weights, k, chance)
        labels, squares = _nearest(points, centres)
        for _ in range(_TURNS):
            mass = np.bincount(labels, weights, minlength=k)
            sums = np.stack(
                [np.bincount(labels, weights * points[:, d], minlength=k) for d in (0, 1)], axis=1
            )
            centres = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-12)[:, None], centres)
            again, squares = _nearest(points, centres)
            if (again == labels).all():
                break
            labels = again
        inertia = float((weights * squares).sum())
        if best is None or inertia < best[0] - 1e-12:
            best = inertia, centres, labels
    assert best is not None
    return best[1], best[2]


def _spread(points: Floats, weights: Floats, k: int, chance: np.random.Generator) -> Floats:
    """First centres far from each other."""
    chosen = [points[chance.choice(len(points), p=weights / weights.sum())]]
    far = ((points - chosen[0]) ** 2).sum(axis=1)
    for _ in range(1, k):
        odds = weights * far
        total = odds.sum()
        picked = chance.choice(len(points), p=odds / total) if total > 0 else chance.integers(len(points))
        chosen.append(points[picked])
        far = np.minimum(far, ((points - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen)


def _nearest(points: Floats, centres: Floats) -> tuple[Ints, Floats]:
    """The nearest centre of each point and the square of its distance; in blocks, to bound memory."""
    labels = np.empty(len(points), dtype=np.int64)
    squares = np.empty(len(points))
    for start in range(0, len(points), _BLOCK):
        part = slice(start, start + _BLOCK)
        away = ((points[part, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        labels[part] = away.argmin(axis=1)
        squares[part] = away.min(axis=1)
    return labels, squares


def _silhouette(points: Floats, weights: Floats, labels: Ints, k: int) -> float:
    """Weighted mean silhouette, -1 to 1 (Rousseeuw 1987); a person's own cluster counts without the person."""
    away = np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2))
    sums = np.stack([(away * np.where(labels == g, weights, 0.0)).sum(axis=1) for g in range(k)], axis=1)
    sizes = np.bincount(labels, weights, minlength=k)
    rows = np.arange(len(points))
    inside = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1e-12)
    others = sums / sizes
    others[rows, labels] = np.inf
    outside = others.min(axis=1)
    widest = np.maximum(inside, outside)
    width = np.where((sizes[labels] > 1) & (widest > 0), (outside - inside) / np.maximum(widest, 1e-12), 0.0)
    return float((weights * width).sum() / weights.sum())


def _spoken(votes: Floats, membership: Ints, count: int, means: Floats, axes: Floats) -> list[Spoken]:
    def counts(part: Floats) -> list[Counts]:
        columns = [(part == value).sum(axis=0) for value in (1, -1, 0)]
        return [Counts(int(a), int(d), int(p)) for a, d, p in zip(*columns, strict=True)]

    everybody = counts(votes)
    by_group = [counts(votes[membership == g]) for g in range(count)]
    found = []
    for n, total in enumerate(everybody):
        groups = tuple(group[n] for group in by_group)
        likely = [g.likely_agree for g in groups]
        found.append(
            Spoken(
                statement=n,
                x=float(axes[n, 0]),
                y=float(axes[n, 1]),
                mean=float(means[n]),
                all=total,
                groups=groups,
                consensus=float(np.prod(likely)) if likely else 0.0,
                dividing=max(likely) - min(likely) if likely else 0.0,
            )
        )
    return found


def _group(number: int, points: Floats, membership: Ints, spoken: Sequence[Spoken], rank: Ints) -> Group:
    mine = points[membership == number]
    typical = _typical(number, spoken, rank)
    return Group(len(mine), float(mine[:, 0].mean()), float(mine[:, 1].mean()), typical)


def _typical(number: int, spoken: Sequence[Spoken], rank: Ints) -> tuple[Typical, ...]:
    """What tells the group from all others: surely above half within it, surely more than outside it."""
    found = []
    for s in spoken:
        inside, others = s.groups[number], [g for n, g in enumerate(s.groups) if n != number]
        outside = sum(g.given for g in others)
        for agrees in (True, False):
            mine = inside.agree if agrees else inside.disagree
            theirs = sum(g.agree if agrees else g.disagree for g in others)
            share = (mine + 1) / (inside.given + 2)
            z = difference(mine, inside.given, theirs, outside)
            if others and above_half(mine, inside.given) > SURE and z > SURE:
                found.append(Typical(s.statement, agrees, share, z))
    found.sort(key=lambda t: (-t.z * t.share, rank[t.statement]))
    return tuple(found[:REPRESENTATIVE])


def above_half(successes: int, trials: int) -> float:
    """z of one proportion against one half, with a pseudo-count: 2√(n+1)·((s+1)/(n+1) − ½)."""
    return 2 * sqrt(trials + 1) * ((successes + 1) / (trials + 1) - 0.5)


def difference(successes: int, trials: int, others: int, of_others: int) -> float:
    """z of two proportions with pooled variance, one pseudo-count in each."""
    s1, n1, s2, n2 = successes + 1, trials + 1, others + 1, of_others + 1
    pooled = (s1 + s2) / (n1 + n2)
    if pooled in (0.0, 1.0):
        return 0.0
    return (s1 / n1 - s2 / n2) / sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
