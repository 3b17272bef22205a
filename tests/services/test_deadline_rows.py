"""The columns of a new deadline: what is remembered of a day is what would be worked out at each of its moments."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from api.kit.ids import new_id
from api.rules.calendar_seed import SEED_2024_2026
from api.rules.clocks import Clock, Limit
from api.rules.deadlines import compute, to_json
from api.services.deadlines import row_of

MOMENTS = st.timedeltas(timedelta(), timedelta(days=14)).map(datetime(2026, 9, 28, tzinfo=UTC).__add__)
"""Around a long holiday with days that make up for it: here neighbouring days end apart."""


@settings(max_examples=300, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=4), st.sampled_from(Clock), st.integers(1, 9))
def test_whatever_was_asked_before_the_row_says_what_the_arithmetic_says(
    starts: list[datetime], clock: Clock, amount: int
) -> None:
    limit = Limit(amount, clock)
    for start in starts:
        row = row_of("case", new_id(), "finish", limit, SEED_2024_2026, start, 1, rungs=True)
        worked = compute(start, limit, SEED_2024_2026)
        told = to_json(worked)
        for column in ("limits", "allowed", "calendar_version", "provisional", "due_at", "segments"):
            assert row[column] == told[column]  # type: ignore[literal-required]
        assert (row["started_at"], row["warn_at"]) == (start, worked.moment_at(50))
