"""How long to wait before trying again."""

import random

_random = random.SystemRandom()


def backoff(failures: int, *, first: float, longest: float, factor: float = 2.0) -> float:
    """Seconds to wait after so many failures in a row: `first` · factor^(failures − 1), at most `longest`.

    A fifth more or less by chance, so that what failed together does not come back together.
    """
    return min(longest, first * factor ** min(failures - 1, 40)) * _random.uniform(0.8, 1.2)
