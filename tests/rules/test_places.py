"""Codes become paths: one segment a level, so that a subtree is one range and ancestors are prefixes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rules.places import (
    DIGITS,
    LEVEL_TITLES,
    PARENT,
    PREFIX_LENGTHS,
    Level,
    ancestor_paths,
    full_code,
    path_of,
)
from tests.real_data import real

OFFICIAL = list(DIGITS)
villages = st.text("0123456789", min_size=12, max_size=12)
local_numbers = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=10)


def at(level: Level, code: str) -> str:
    """The code of the place of `level` above the village `code`."""
    return code[: DIGITS[level]].ljust(12, "0")


@pytest.mark.parametrize(
    ("level", "code", "path"),
    [
        (Level.province, "320000000000", "32/"),
        (Level.city, "320100000000", "32/01/"),
        (Level.county, "320102000000", "32/01/02/"),
        (Level.town, "320102002000", "32/01/02/002/"),
        (Level.village, "320102002001", "32/01/02/002/001/"),
        (Level.building, "320102002001-b12", "32/01/02/002/001/b12/"),
        (Level.grid, "320102002001-g3", "32/01/02/002/001/g3/"),
    ],
)
def test_each_level_has_its_segment(level: Level, code: str, path: str) -> None:
    assert path_of(code, level) == path


@given(villages)
def test_a_path_begins_with_the_paths_of_all_above(code: str) -> None:
    paths = [path_of(at(level, code), level) for level in OFFICIAL]
    assert all(below.startswith(above) for above, below in pairwise(paths))
    assert ancestor_paths(paths[-1]) == paths
    assert tuple(len(path) for path in paths) == PREFIX_LENGTHS
    assert paths[-1].replace("/", "") == code


@given(villages, local_numbers, st.sampled_from([Level.grid, Level.building]))
def test_grids_and_buildings_lie_under_their_village(code: str, number: str, level: Level) -> None:
    village = path_of(code, Level.village)
    path = path_of(f"{code}-{level.value[0]}{number}", level)
    assert path.startswith(village)
    assert ancestor_paths(path) == [*ancestor_paths(village), path]


@given(villages, villages, st.sampled_from(OFFICIAL))
def test_a_subtree_is_the_range_from_its_path_to_its_end(one: str, other: str, level: Level) -> None:
    top, below = path_of(at(level, one), level), path_of(other, Level.village)
    inside = at(level, other) == at(level, one)
    assert below.startswith(top) == inside
    assert (top <= below < f"{top[:-1]}0") == inside  # PATH_END in the database, byte by byte


@given(villages, st.sampled_from(OFFICIAL[:-1]))
def test_a_code_of_a_lower_level_is_none_of_a_higher(code: str, level: Level) -> None:
    if at(level, code) != code:
        with pytest.raises(ValueError, match=f"第 {DIGITS[level]} 位之后都是 0"):
            path_of(code, level)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    "code",
    ["", "32", "3201020020011", "32010200200a", "３２０１０２００２００１", "٣٢٠١٠٢٠٠٢٠٠١", "²20102002001",
     " 20102002001", "320102002001-", "320102002001-x1", "320102002001-b", "320102002001-b12345678901",
     "320102002001-b1/2", "320102002001-B1", "320102002001-b1\n", "32010200200-b1", "３２０１０２００２００１-b1"],
)  # fmt: skip
def test_what_is_no_code_has_no_path(level: Level, code: str) -> None:
    with pytest.raises(ValueError, match=LEVEL_TITLES[level][:1]):
        path_of(code, level)


def test_a_grids_code_is_no_buildings() -> None:
    for code, level in (("320102002001-g1", Level.building), ("320102002001-b1", Level.grid)):
        with pytest.raises(ValueError, match="应为社区代码加"):
            path_of(code, level)


@given(st.sampled_from(list(DIGITS.values())), villages)
def test_short_codes_are_filled_up_with_zeros(length: int, code: str) -> None:
    assert full_code(code[:length]) == code[:length] + "0" * (12 - length)


@pytest.mark.parametrize(
    "digits", ["", "3", "320", "32010", "3201020020010", "32x1", "３２", "²2", "-32", "32 1"]
)
def test_other_lengths_and_characters_are_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="2、4、6、9 或 12 位数字"):
        full_code(digits)


def test_every_level_but_the_first_has_a_parent_and_all_have_names() -> None:
    assert set(Level) - set(PARENT) == {Level.province}
    assert set(LEVEL_TITLES) == set(Level)
    for level in Level:
        steps = 0
        while level in PARENT:
            level, steps = PARENT[level], steps + 1
        assert level is Level.province
        assert steps <= 5


def test_the_real_villages_of_a_city_have_paths_of_their_own() -> None:
    lines = (real("divisions") / "villages_nanjing.csv").read_text("utf-8").splitlines()[1:]
    codes = [line.split(",")[0] for line in lines]
    assert len(codes) > 1000
    assert len({path_of(full_code(code), Level.village) for code in codes}) == len(codes)
