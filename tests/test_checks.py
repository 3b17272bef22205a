"""The checks of `make check` find what they are there to find."""

import json
from pathlib import Path

import pytest

from scripts.audit import read
from scripts.hygiene import LOCKS, ROOT, file_faults, lock_faults, machine_paths
from scripts.licences import ALLOWED, Licence, closure, refused, runtime

HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize("name", LOCKS)
def test_our_lock_files_pin_everything_with_hashes(name: str) -> None:
    assert lock_faults((ROOT / name).read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "httpx==0.28.1\n",
        f"httpx>=0.28 {HASH}\n",
        f"httpx==0.28.1 {HASH[:-1]}\n",
        f"--index-url example\nhttpx==0.28.1 {HASH}\n",
        f"# from https://registry.example/simple\nhttpx==0.28.1 {HASH}\n",
        f"httpx @ file:///wheels/httpx.whl {HASH}\n",
    ],
)
def test_a_loose_lock_file_is_refused(text: str) -> None:
    assert lock_faults(text) != []


def test_a_pin_may_have_extras_a_marker_and_several_lines() -> None:
    text = f"redis[hiredis]==8.1.0 ; sys_platform != 'win32' \\\n    {HASH} \\\n    {HASH}\n    # via linli\n"
    assert lock_faults(text) == []


@pytest.mark.parametrize(
    "path", ["".join(("/ho", "me/wang/linli")), "".join(("/Us", "ers/wang")) + "/x", "".join(("/ro", "ot/x"))]
)
def test_the_path_of_somebodys_machine_is_found(path: str) -> None:
    assert machine_paths(f"see {path} for more") != []
    assert machine_paths(f"see https://example.org{path}") == []


def test_this_checkouts_own_folder_is_found() -> None:
    assert machine_paths("cd /far/away/linli && make", ["/far/away"]) == ["/far/away"]
    assert machine_paths("cd /far/awayness", ["/far/away"]) == []


def test_a_foreign_lock_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("version = 1")
    (tmp_path / "kept.txt").write_text("nothing")
    assert [fault.partition(":")[0] for fault in file_faults(tmp_path.iterdir(), tmp_path)] == ["uv.lock"]


@pytest.mark.parametrize(
    ("text", "acceptable"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("LGPL-3.0-or-later OR MIT", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("GPL-3.0-only", False),
        ("LGPL-2.1-only", False),
        ("GPL-2.0-only AND (MIT OR Apache-2.0)", False),
        ("GPL-3.0-only WITH Classpath-exception-2.0", False),
        ("GNU Affero General Public License v3", False),
        ("GNU Lesser General Public License v3 (LGPLv3); MIT License", False),
        ("SSPL-1.0", False),
        ("", False),
    ],
)
def test_copyleft_is_told_from_free_licences(text: str, acceptable: bool) -> None:
    assert Licence("some", "1", text).acceptable is acceptable


def test_an_allowance_speaks_for_its_package_and_must_be_needed() -> None:
    found = [Licence("Some_Package", "1", "GPL-3.0-only"), Licence("other", "2", "MIT")]
    assert refused(found, {}) == ["Some_Package 1: GPL-3.0-only"]
    assert refused(found, {"some-package": "reason"}) == []
    assert refused(found, {"some-package": "reason", "other": "reason"}) != []


def test_the_closure_reaches_what_only_a_dependency_needs() -> None:
    needed = closure("linli")
    assert {"fastapi", "starlette", "hiredis"} <= set(needed)
    assert not {"linli", "pytest", "mypy", "hatchling"} & set(needed)


def test_everything_needed_at_run_time_is_free_of_copyleft() -> None:
    assert refused(runtime(), ALLOWED) == []


def test_a_package_nobody_could_look_up_is_not_called_clean() -> None:
    vulnerable = {
        "name": "old",
        "version": "1.0",
        "vulns": [{"id": "PYSEC-2020-1", "fix_versions": ["1.1"], "aliases": []}],
    }
    unknown = {"name": "ours", "skip_reason": "not found"}
    audit = read(json.dumps({"dependencies": [vulnerable, unknown], "fixes": []}))
    assert (audit.looked_at, audit.passed_over) == (1, 1)
    assert audit.findings == ["old 1.0: PYSEC-2020-1 (mended in 1.1)"]
