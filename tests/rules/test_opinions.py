"""The opinion map: groups that are there are found, none are invented, and a real consultation comes out again."""

import csv
from collections.abc import Sequence
from functools import cache
from math import comb
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.rules import opinions
from api.rules.opinion_order import arranged
from api.rules.opinion_picture import drawn
from api.rules.opinions import OpinionMap, above_half, difference, draw
from tests.real_data import real

FLOOR = 0.80
"""Of the adjusted Rand index against the published groups: 0.86 measured."""


def _camps(sizes: Sequence[int], statements: int = 12, *, seed: int = 1) -> tuple[OpinionMap, list[int]]:
    """Camps that answer in opposite ways on all but the first two statements, with a little noise."""
    chance = np.random.default_rng(seed)
    signs = np.where(chance.random((len(sizes), statements)) < 0.5, 1, -1)
    signs[0], signs[-1] = 1, -1
    signs[:, :2] = 1
    camp = [g for g, size in enumerate(sizes) for _ in range(size)]
    cells = [
        (person, s, int(signs[g, s]) if chance.random() < 0.95 else 0)
        for person, g in enumerate(camp)
        for s in range(statements)
        if chance.random() < 0.9
    ]
    who, what, how = zip(*cells, strict=True)
    return draw(who, what, how, (len(camp), statements)), camp


def adjusted_rand(one: Sequence[int], other: Sequence[int]) -> float:
    """Hubert and Arabie 1985: 1 for the same partition, about 0 for chance."""
    cells: dict[tuple[int, int], int] = {}
    for pair in zip(one, other, strict=True):
        cells[pair] = cells.get(pair, 0) + 1
    rows = [sum(n for (a, _), n in cells.items() if a == r) for r in set(one)]
    columns = [sum(n for (_, b), n in cells.items() if b == c) for c in set(other)]
    both = sum(comb(n, 2) for n in cells.values())
    of_rows, of_columns = (sum(comb(n, 2) for n in side) for side in (rows, columns))
    chance = of_rows * of_columns / comb(len(one), 2)
    return (both - chance) / ((of_rows + of_columns) / 2 - chance)


def test_the_adjusted_rand_index_is_the_published_one() -> None:
    assert adjusted_rand([0, 0, 1, 1], [1, 1, 0, 0]) == 1
    assert adjusted_rand([0, 0, 1, 1], [0, 0, 1, 2]) == pytest.approx(4 / 7)
    assert adjusted_rand([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(-0.5)


@pytest.mark.parametrize("sizes", [(30, 20), (25, 20, 15)])
def test_camps_that_are_there_are_found_the_largest_first(sizes: tuple[int, ...]) -> None:
    found, camp = _camps(sizes)
    assert [g.size for g in found.groups] == sorted(sizes, reverse=True)
    assert adjusted_rand(camp, found.membership) == 1


def test_what_both_camps_agree_on_and_what_divides_them_is_named() -> None:
    found, _ = _camps((30, 20))
    assert {s.statement for s in found.agreed()[:2]} == {0, 1}
    assert {s.statement for s in found.dividing()} == set(range(2, 12))
    for group in found.groups:
        assert group.typical
        assert {t.statement for t in group.typical} <= set(range(2, 12))
        assert all(t.share > 0.5 and t.z > opinions.SURE for t in group.typical)
    ours, theirs = ({(t.statement, t.agrees) for t in g.typical} for g in found.groups)
    assert not ours & theirs


def test_a_camp_too_small_to_hide_in_is_not_shown_as_a_group() -> None:
    five, _ = _camps((30, 5))
    assert sorted(g.size for g in five.groups) == [5, 30], "five are enough"
    four, camp = _camps((30, 4))
    assert min(g.size for g in four.groups) >= 5
    assert adjusted_rand(camp, four.membership) < 1


def test_few_people_are_one_group_and_nobody_is_none() -> None:
    found, _ = _camps((5, 4))
    assert [g.size for g in found.groups] == [9]
    assert found.silhouette is None
    empty = draw([], [], [], (0, 3))
    assert (empty.people, empty.groups, len(empty.statements)) == (0, (), 3)
    assert draw([], [], [], (0, 0)).statements == ()


def test_who_said_little_is_counted_but_has_no_place() -> None:
    chance = np.random.default_rng(3)
    full = [(p, s, int(chance.choice([-1, 1]))) for p in range(20) for s in range(10)]
    little = [(20, s, 1) for s in range(opinions.FEWEST_STANCES - 1)]
    who, what, how = zip(*full, *little, strict=True)
    found = draw(who, what, how, (21, 10))
    assert (found.people, found.placed, found.membership[20]) == (21, 20, -1)
    assert found.statements[0].all.given == 21


def test_a_missing_stance_pulls_nobody_outward() -> None:
    votes = np.array([[1.0, 1.0, np.nan, np.nan], [1.0, 1.0, 1.0, 1.0]])
    placed = opinions.project(votes, np.zeros(4), np.eye(4)[:, :2])
    assert placed[0].tolist() == pytest.approx([2**0.5, 2**0.5])
    assert placed[1].tolist() == pytest.approx([1, 1])


def test_the_silhouette_is_rousseeuws() -> None:
    points = np.array([[0.0, 0], [0, 1], [0, 2], [5, 0], [5, 1]])
    labels = np.array([0, 0, 0, 1, 1])

    def width(i: int) -> float:
        away = [float(np.hypot(*(points[i] - p))) for p in points]
        inside = [d for j, d in enumerate(away) if labels[j] == labels[i] and j != i]
        outside = [d for j, d in enumerate(away) if labels[j] != labels[i]]
        a, b = sum(inside) / len(inside), sum(outside) / len(outside)
        return (b - a) / max(a, b)

    mean = sum(width(i) for i in range(5)) / 5
    assert opinions._silhouette(points, np.ones(5), labels, 2) == pytest.approx(mean)


def test_the_tests_of_proportions_are_those_of_the_published_method() -> None:
    # By hand: 2·√11·(9/11 − 1/2) and, of 9/11 against 3/11, pooled 12/22.
    assert above_half(8, 10) == pytest.approx(2.110579)
    assert difference(8, 10, 2, 10) == pytest.approx(2.569047)
    assert difference(0, 0, 0, 0) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 29), st.integers(0, 8)), st.sampled_from([-1, 0, 1]), max_size=270
    )
)
def test_any_stances_make_a_map_whose_numbers_add_up(cells: dict[tuple[int, int], int]) -> None:
    who, what = [p for p, _ in cells], [s for _, s in cells]
    found = draw(who, what, list(cells.values()), (30, 9))
    assert found == draw(who, what, list(cells.values()), (30, 9))
    assert found.stances == len(cells) == sum(s.all.given for s in found.statements)
    assert sum(g.size for g in found.groups) == found.placed == sum(b.people for b in found.bases)
    assert len(found.groups) <= opinions.MOST_GROUPS
    assert len(found.groups) < 2 or min(g.size for g in found.groups) >= opinions.SMALLEST_GROUP
    ElementTree.fromstring(drawn(found, "图"))


def _cells(votes: np.ndarray) -> list[tuple[int, int, int]]:
    """Stances of a matrix people × statements; 9 for none."""
    return [(int(p), int(s), int(votes[p, s])) for p, s in np.argwhere(votes != 9)]


def _drawn_in_order(
    cells: Sequence[tuple[int, int, int]], people: Sequence[int], statements: Sequence[int], seed: int = 0
) -> OpinionMap:
    """The map of the same stances where person p is called people[p], a statement likewise, in shuffled rows."""
    rows = [cells[n] for n in np.random.default_rng(seed).permutation(len(cells))]
    called = [(people[p], statements[s], how) for p, s, how in rows]
    who, what, how = zip(*called, strict=True) if called else ((), (), ())
    return draw(who, what, how, (len(people), len(statements)))


def _as_drawn(found: OpinionMap) -> tuple[object, ...]:
    """All that is drawn and said, without who is who."""
    said = sorted(
        (
            round(s.x, 9),
            round(s.y, 9),
            s.mean,
            s.all.agree,
            s.all.disagree,
            s.all.passed,
            s.consensus,
            s.dividing,
        )
        for s in found.statements
    )
    groups = [(g.size, g.x, g.y, sorted((t.agrees, t.share, t.z) for t in g.typical)) for g in found.groups]
    return found.people, found.placed, found.stances, found.silhouette, groups, found.bases, said


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([0.8, 1.0]),
    st.permutations(range(24)),
    st.permutations(range(9)),
)
@example(1, 2, 0.0, 1.0, list(reversed(range(24))), list(reversed(range(9))))
def test_the_same_stances_make_the_same_map_in_any_order(
    seed: int, kinds: int, noise: float, said: float, people: list[int], statements: list[int]
) -> None:
    """Few kinds of people without noise say the same or the opposite: nothing but symmetry tells them apart."""
    chance = np.random.default_rng(seed)
    votes = chance.integers(-1, 2, (kinds, 9))[chance.integers(0, kinds, 24)]
    votes = np.where(chance.random((24, 9)) < noise, chance.integers(-1, 2, (24, 9)), votes)
    cells = _cells(np.where(chance.random((24, 9)) < said, votes, 9))
    here = _drawn_in_order(cells, range(24), range(9))
    there = _drawn_in_order(cells, people, statements, seed)
    assert _as_drawn(here) == _as_drawn(there)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)), st.permutations(range(6)))
def test_a_round_where_nobody_is_first_is_arranged_the_same_from_wherever_it_is_seen(
    people: list[int], statements: list[int]
) -> None:
    """Each agrees with two neighbours on a round: every statement looks the same until one is told apart."""
    votes = np.array([[1.0 if (s - p) % 6 < 2 else -1.0 for s in range(6)] for p in range(6)])
    there = votes[np.ix_(people, statements)]
    assert (votes[np.ix_(*arranged(votes))] == there[np.ix_(*arranged(there))]).all()


@pytest.mark.parametrize("seed", range(3))
def test_everybody_is_in_the_same_group_in_any_order(seed: int) -> None:
    chance = np.random.default_rng(seed)
    signs = chance.integers(-1, 2, (3, 20))
    votes = np.where(chance.random((150, 20)) < 0.6, signs[chance.integers(0, 3, 150)], 0)
    cells = _cells(np.where(chance.random((150, 20)) < 0.7, votes, 9))
    people, statements = chance.permutation(150).tolist(), chance.permutation(20).tolist()
    here, there = _drawn_in_order(cells, range(150), range(20)), _drawn_in_order(cells, people, statements)
    assert len(here.groups) > 1
    assert here.membership == tuple(there.membership[p] for p in people)
    again = [there.statements[s] for s in statements]
    assert [(s.x, s.y, s.groups) for s in here.statements] == [(s.x, s.y, s.groups) for s in again]
    assert [s.statement for s in here.agreed()] == [statements.index(s.statement) for s in there.agreed()]


def test_an_axis_points_to_where_its_strongest_statement_lies() -> None:
    found, _ = _camps((30, 20))
    for along in ([s.x for s in found.statements], [s.y for s in found.statements]):
        assert max(along, key=abs) > 0


def test_people_of_one_mind_are_one_dot_in_the_middle() -> None:
    """No direction is made of rounding where there is no difference."""
    found = draw([p for p in range(12) for _ in range(3)], [0, 1, 2] * 12, [1, -1, 0] * 12, (12, 3))
    assert {(b.x, b.y, b.group) for b in found.bases} == {(0.0, 0.0, 0)}
    assert {(s.x, s.y) for s in found.statements} == {(0.0, 0.0)}


def test_more_people_than_base_clusters_still_have_one_place_each() -> None:
    found, camp = _camps((300, 200))
    assert len(found.bases) <= opinions.BASES
    assert adjusted_rand(camp, found.membership) > 0.95


def test_columns_that_make_no_sense_are_refused() -> None:
    for people, statements, stances in (
        ([0], [0, 1], [1]),
        ([3], [0], [1]),
        ([0], [0], [2]),
        ([-1], [0], [1]),
    ):
        with pytest.raises(ValueError):
            draw(people, statements, stances, (2, 2))


def test_the_picture_has_a_dot_for_every_base_and_escapes_its_title() -> None:
    found, _ = _camps((30, 20))
    root = ElementTree.fromstring(drawn(found, '<b>"停车"&</b>'))
    assert len(root.findall("{*}circle")) == len(found.bases)
    assert root.findtext("{*}title") == '<b>"停车"&</b>'
    assert "甲组 30 人" in [t.text for t in root.findall("{*}text")]


@cache
def _published() -> tuple[OpinionMap, list[int], list[int]]:
    """The real consultation drawn again: the map, the published group of each person, statements by index."""
    folder = real("vtaiwan_uberx")
    with (folder / "participants-votes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = [int(r["group-id"]) if r["group-id"] else -1 for r in rows]
    people = {r["participant"]: n for n, r in enumerate(rows)}
    with (folder / "comments.csv").open(encoding="utf-8") as file:
        shown = [r["comment-id"] for r in csv.DictReader(file) if r["moderated"] != "-1"]
    index = {comment: n for n, comment in enumerate(shown)}
    with (folder / "votes.csv").open(encoding="utf-8") as file:
        cells = [
            (people[r["voter-id"]], index[r["comment-id"]], int(r["vote"]))
            for r in csv.DictReader(file)
            if r["comment-id"] in index
        ]
    who, what, how = zip(*cells, strict=True)
    return draw(who, what, how, (len(rows), len(shown))), groups, [int(s) for s in shown]


def test_the_two_published_groups_of_a_real_consultation_are_found_again() -> None:
    found, published, _ = _published()
    assert len(found.groups) == 2
    both = [(a, b) for a, b in zip(published, found.membership, strict=True) if a >= 0 and b >= 0]
    assert (
        len(both) == sum(g >= 0 for g in published) - 1
    )  # one of 1,219 said enough only on withdrawn statements
    index = adjusted_rand(*zip(*both, strict=True))
    print(f"adjusted Rand index {index:.3f}, sizes {[g.size for g in found.groups]}, published 889 and 330")
    assert index >= FLOOR


def test_the_statements_most_agreed_on_are_those_of_the_published_groups() -> None:
    """The ten highest products over the published groups, counted here from the votes by hand."""
    found, published, _ = _published()
    folder = real("vtaiwan_uberx")
    with (folder / "participants-votes.csv").open(encoding="utf-8") as file:
        people = [r["participant"] for r in csv.DictReader(file)]
    group = dict(zip(people, published, strict=True))
    with (folder / "comments.csv").open(encoding="utf-8") as file:
        shown = [r["comment-id"] for r in csv.DictReader(file) if r["moderated"] != "-1"]
    last: dict[tuple[str, str], int] = {}
    with (folder / "votes.csv").open(encoding="utf-8") as file:
        for r in csv.DictReader(file):
            last[r["voter-id"], r["comment-id"]] = int(r["vote"])
    agree, seen = ({(c, g): 0 for c in shown for g in (0, 1)} for _ in range(2))
    for (person, comment), vote in last.items():
        if (cell := (comment, group[person])) in seen:
            seen[cell] += 1
            agree[cell] += vote == 1
    product = {c: np.prod([(agree[c, g] + 1) / (seen[c, g] + 2) for g in (0, 1)]) for c in shown}
    highest = set(sorted(shown, key=lambda c: -product[c])[:10])
    ours = {shown[s.statement] for s in found.agreed()[:10]}
    print(f"of the ten most agreed statements {len(ours & highest)} are the same")
    assert len(ours & highest) >= 9
