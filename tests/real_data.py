"""Where the real input lies beside a checkout; tests that need it skip, saying so, where it is absent."""

from pathlib import Path

import pytest

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


def real(name: str) -> Path:
    """The file or folder `name` of the real data, or a skip with a clear reason."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"real data is not beside this checkout: shared/data/{name}")
    return path
