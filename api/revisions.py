"""Which migrations this program knows, read from their files without loading the migration machinery."""

import re
from pathlib import Path

_HERE = Path(__file__).parent
SCRIPTS = next(p for p in (_HERE / "_alembic", _HERE.parent / "alembic") if (p / "env.py").exists())
"""Beside the package in a checkout, inside it once installed."""

_LINE = re.compile(r'^(revision|down_revision)\s*=\s*(?:"(\w+)"|None)', re.MULTILINE)


def known() -> list[str]:
    """All revisions, oldest first."""
    after: dict[str | None, str] = {}
    for script in (SCRIPTS / "versions").glob("*.py"):
        found = {name: value or None for name, value in _LINE.findall(script.read_text("utf-8"))}
        revision = found.get("revision")
        if revision is not None:
            after[found.get("down_revision")] = revision
    order: list[str] = []
    while (following := after.get(order[-1] if order else None)) is not None:
        order.append(following)
    return order
