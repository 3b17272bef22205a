"""How long to wait before trying again."""

from api.kit.backoff import backoff


def test_waits_double_up_to_the_longest() -> None:
    for failures, middle in ((1, 5), (2, 10), (3, 20), (8, 600), (10_000, 600)):
        assert 0.8 * middle <= backoff(failures, first=5, longest=600) <= 1.2 * middle


def test_what_failed_together_does_not_come_back_together() -> None:
    waits = [backoff(1, first=100, longest=600) for _ in range(200)]
    assert max(waits) - min(waits) > 20
