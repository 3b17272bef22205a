"""Identifiers: the order of ids is the order of births."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from api.kit import clock
from api.kit.ids import born, new_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
moments = st.integers(0, 230 * 365 * 86_400 * 10**6).map(lambda us: EPOCH + us * MICROSECOND)
"""From 1970 to about 2199, every microsecond."""


@given(moments)
def test_it_is_a_uuid_of_version_seven(moment: datetime) -> None:
    made = new_id(moment)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert UUID(str(made)) == made


@given(moments, moments)
def test_who_is_born_later_sorts_later(one: datetime, other: datetime) -> None:
    if one != other:
        assert (new_id(one) < new_id(other)) == (one < other)
        assert (str(new_id(one)) < str(new_id(other))) == (one < other)
        assert (new_id(one).bytes < new_id(other).bytes) == (one < other)


@given(moments)
def test_a_microsecond_later_is_later(moment: datetime) -> None:
    """Also over the edge of a millisecond and of a second."""
    assert new_id(moment) < new_id(moment + MICROSECOND)


@given(moments)
def test_the_first_48_bits_are_the_milliseconds(moment: datetime) -> None:
    milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
    assert new_id(moment).int >> 80 == milliseconds
    assert born(new_id(moment)) == EPOCH + timedelta(milliseconds=milliseconds)


def test_ids_of_one_moment_differ_by_62_random_bits() -> None:
    moment = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    made = [new_id(moment).int for _ in range(2000)]
    assert len(set(made)) == 2000
    seen = 0
    for one in made:
        seen |= one ^ made[0]
    assert seen == (1 << 62) - 1


def test_without_a_moment_it_is_born_now_by_the_clock() -> None:
    clock.move(timedelta(days=400))
    assert abs(born(new_id()) - clock.now()) < timedelta(seconds=5)
