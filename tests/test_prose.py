"""What the prose names exists: files it links to, commands and targets it tells people to type."""

import re
from pathlib import Path

import pytest

from tests.linli_process import commands

ROOT = Path(__file__).resolve().parents[1]
GENERATED = {"lifecycles.md", "permissions.md", "problems.md"}
PAGES = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    if path.name not in GENERATED
)
_LINK = re.compile(r"\]\(([^)#]+)\)")
_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_LINLI = re.compile(r"(?:^|`|&& |migrate |/)linli ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", re.MULTILINE)
_MAKE = re.compile(r"(?<![\w-])make ([a-z]+)")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def dead_links(page: str, folder: Path) -> list[str]:
    links = [link for link in _LINK.findall(page) if "://" not in link]
    return [link for link in links if not (folder / link).exists()]


def unknown_words(page: str) -> list[str]:
    """Commands and make targets in code that do not exist."""
    known, code = commands(), "\n".join(_CODE.findall(page))
    typed = [words for words in _LINLI.findall(code) if not {words, words.split(" ")[0]} & known]
    return typed + [target for target in _MAKE.findall(code) if target not in targets()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    assert dead_links(text, page.parent) == []
    assert unknown_words(text) == []


def test_a_page_that_names_what_is_not_is_found() -> None:
    assert dead_links("[a](README.md) [b](nowhere.md) [c](https://example.org)", ROOT) == ["nowhere.md"]
    assert unknown_words("`linli serve && linli fly`, `linli import places x`, `make demo`, `make tea`") == [
        "fly",
        "tea",
    ]
