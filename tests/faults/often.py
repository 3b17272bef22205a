"""How often a fault test kills or races: a few times in every run, as often as is promised with LINLI_TEST_KILLS."""

import os


def often(usual: int) -> int:
    """`usual`, or LINLI_TEST_KILLS: 20 is what docs promise (R1, R3, R8)."""
    return int(os.environ.get("LINLI_TEST_KILLS", str(usual)))


PATIENCE_S = 3_600 if "LINLI_TEST_KILLS" in os.environ else 420
"""How long a test of these may take."""
