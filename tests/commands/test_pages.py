"""`linli docs`: generated pages are current, say what the code says, and a stale one is noticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.commands.pages import PAGES, lifecycles, permissions
from api.rules.cases import CASES
from api.rules.people import MEMBERSHIPS, PEOPLE, RESIDENCIES
from api.rules.roles import GRANTED, PERMISSION_TITLES, Permission, Role

DOCS = Path(__file__).resolve().parents[2] / "docs"


SEVERAL = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from api.cli import app

told = []
for words in json.loads(sys.argv[1]):
    if words[0] == "write":
        Path(words[1]).write_text(words[2])
    elif words[0] == "read":
        told.append([0, Path(words[1]).read_text()])
    else:
        said = StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            try:
                app(["docs", *words], prog_name="linli")
            except SystemExit as ended:
                told.append([ended.code or 0, said.getvalue()])
print(json.dumps(told))
"""
"""In a process of its own: tests declare problems too, and those belong on no page. One for all: it is slow to load."""


def test_the_pages_in_the_repository_are_current_and_a_stale_one_is_named_and_mended(tmp_path: Path) -> None:
    pages, stale = tmp_path / "pages", tmp_path / "pages" / "permissions.md"
    steps = [
        ["--check", "--folder", str(DOCS)],
        ["--folder", str(pages)],
        ["write", str(stale), "nobody may do anything"],
        ["--check", "--folder", str(pages)],
        ["read", str(stale)],
        ["--folder", str(pages)],
    ]
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps(steps)], capture_output=True, text=True, check=True
    )
    current, written, (status, said), left, mended = json.loads(done.stdout)
    assert (current[0], written[0], status, mended[0]) == (0, 0, 1, 0), done.stdout
    assert {path.name for path in pages.iterdir()} == set(PAGES)
    assert "permissions.md" in said
    assert "problems.md" not in said
    assert left[1] == "nobody may do anything"
    assert stale.read_text("utf-8") == permissions()


@pytest.mark.parametrize("life", [CASES, RESIDENCIES, MEMBERSHIPS, PEOPLE], ids=lambda life: life.subject)
def test_every_move_of_every_life_cycle_is_drawn_and_listed(life: object) -> None:
    page = lifecycles()
    for source, target, move in life.edges():  # type: ignore[attr-defined]
        assert f"  {source.value} --> {target.value}: {move.title}" in page
        assert f"| `{move.name}` | {move.title} |" in page


def test_the_map_of_permissions_is_the_one_that_is_applied() -> None:
    lines = {line.split("`")[1]: line for line in permissions().splitlines() if line.startswith("| `")}
    for permission in Permission:
        cells = [cell.strip() for cell in lines[permission.value].strip("|").split("|")]
        assert cells[1] == PERMISSION_TITLES[permission]
        assert [role for role, mark in zip(Role, cells[2:], strict=True) if mark] == [
            role for role in Role if permission in GRANTED[role]
        ]
