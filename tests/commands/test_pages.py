"""`linli docs`: generated pages are current, say what the code says, and a stale one is noticed."""

from pathlib import Path

import pytest

from api.commands.pages import PAGES, lifecycles, permissions
from api.rules.cases import CASES
from api.rules.people import MEMBERSHIPS, PEOPLE, RESIDENCIES
from api.rules.roles import GRANTED, PERMISSION_TITLES, Permission, Role
from tests.linli_process import linli

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run(folder: Path, *words: str) -> tuple[int, str]:
    """In a process of its own: tests declare problems too, and those belong on no page."""
    with linli(folder, "docs", *words) as docs:
        return docs.end(), docs.output


def test_the_pages_in_the_repository_are_current(tmp_path: Path) -> None:
    status, said = run(tmp_path, "--check", "--folder", str(DOCS))
    assert status == 0, said


def test_a_stale_page_is_named_and_mended(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    assert run(tmp_path, "--folder", str(pages))[0] == 0
    assert {path.name for path in pages.iterdir()} == set(PAGES)
    (pages / "permissions.md").write_text("nobody may do anything")
    status, said = run(tmp_path, "--check", "--folder", str(pages))
    assert status == 1
    assert "permissions.md" in said
    assert "problems.md" not in said
    assert (pages / "permissions.md").read_text() == "nobody may do anything"
    assert run(tmp_path, "--folder", str(pages))[0] == 0
    assert (pages / "permissions.md").read_text("utf-8") == permissions()


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
