"""What went wrong, told without anybody's data."""

import re

import pytest

from api.kit.ids import new_id
from api.kit.mishaps import told, trail
from api.kit.problems import NotFound


def stumble(error: Exception) -> Exception:
    """`error` as it comes out of our own code."""
    try:
        new_id(error)  # type: ignore[arg-type]
    except AttributeError as raised:
        return raised
    raise AssertionError("new_id takes no exceptions")


def test_the_kind_and_the_place_in_our_own_code_are_told() -> None:
    assert re.fullmatch(r"AttributeError at api/kit/ids\.py:\d+", told(stumble(ValueError())))


@pytest.mark.parametrize("error", [ValueError("张三 13812345678"), KeyError("张三"), NotFound("张三的诉求")])
def test_the_message_is_not(error: Exception) -> None:
    try:
        raise error
    except Exception as raised:
        line, way = told(raised), trail(raised)
    assert "张三" not in line + "".join(way)
    assert type(error).__name__ in line


def test_a_problem_is_told_by_its_code_too() -> None:
    assert told(NotFound()) == "NotFound not_found"
