"""The systemd units: confined, drained, and of one mind; each rule is seen to fail."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.shipped import DEPLOY, names_of, spoiled
from tests.deploy.systemd_rules import PROGRAM, faults
from tests.linli_process import commands

FILES = {p.name: p.read_text() for p in sorted((DEPLOY / "systemd").iterdir()) if p.is_file()}
COMMANDS = frozenset(commands())
API, WORKER, MIGRATE, TARGET = (
    "linli-api@.service",
    "linli-worker.service",
    "linli-migrate.service",
    "linli.target",
)
MOST_EXPOSED = 15
"""Of 100, as `systemd-analyze security` counts; ours are at 12."""


def test_the_units_have_no_fault() -> None:
    assert sorted(FILES) == sorted([API, MIGRATE, WORKER, TARGET])
    assert faults(FILES, COMMANDS) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (API, "Type=exec", "Type exec", "not-a-unit"),
        (API, "User=linli", "User=root", "root-user"),
        (WORKER, "User=linli\n", "", "root-user"),
        (MIGRATE, "NoNewPrivileges=yes\n", "", "soft"),
        (API, "ProtectSystem=strict", "ProtectSystem=full", "soft"),
        (API, "MemoryDenyWriteExecute=yes", "MemoryDenyWriteExecute=yes\nMemoryDenyWriteExecute=no", "soft"),
        (API, "CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_NET_ADMIN", "capabilities"),
        (API, "linli api", "linli apis", "unknown-command"),
        (WORKER, "/opt/linli/venv/bin/linli", "/usr/bin/linli", "unknown-command"),
        (API, " --port %i", "", "no-instance"),
        (WORKER, "EnvironmentFile=/etc/linli/linli.env\n", "", "no-settings"),
        (WORKER, "UMask", "EnvironmentFile=-/etc/linli/migrate.env\nUMask", "owner"),
        (WORKER, "Restart=always", "Restart=always\nEnvironment=LINLI_POOLSIZE=9", "unknown-setting"),
        (WORKER, "Restart=always", "Restart=always\nEnvironment=LINLI_MASTER_KEY=9", "secret-in-file"),
        (API, "RuntimeDirectory=linli\n", "", "no-metrics"),
        (API, "RuntimeDirectoryPreserve=yes", "RuntimeDirectoryPreserve=no", "no-metrics"),
        (WORKER, "Environment=PROMETHEUS_MULTIPROC_DIR=/run/linli\n", "", "no-metrics"),
        (API, "Type=exec", "Type=forking", "type"),
        (API, "Restart=always", "Restart=no", "restart"),
        (API, "KillSignal=SIGTERM", "KillSignal=SIGINT", "kill-signal"),
        (API, "TimeoutStopSec=30s", "TimeoutStopSec=20s", "cut-off"),
        (WORKER, "TimeoutStopSec=30s\n", "", "cut-off"),
        (API, "MemoryMax=384M\n", "", "no-limits"),
        (API, "After=linli-migrate.service ", "After=", "not-after-migrate"),
        (WORKER, "WantedBy=linli.target", "WantedBy=multi-user.target", "not-installed"),
        (TARGET, "linli-worker.service", "linli-works.service", "unknown-unit"),
        (API, "PartOf=linli.target", "PartOf=linli-all.target", "unknown-unit"),
    ],
)
def test_a_spoiled_unit_is_caught(file: str, old: str, new: str, fault: str) -> None:
    assert fault in names_of(faults({**FILES, file: spoiled(FILES[file], old, new)}, COMMANDS))


# -- by systemd itself, where it is


def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on this machine (Debian: systemd)")
    return found


def instances(folder: Path, file: str = "", old: str = "", new: str = "") -> list[Path]:
    """The units in `folder` as systemd would load them, with a program that exists; one may be spoiled."""
    for name, text in FILES.items():
        changed = spoiled(text, old, new) if name == file else text
        for unit in (name, name.replace("@", "@8001")):
            (folder / unit).write_text(changed.replace(PROGRAM, "/bin/true"))
    return [folder / name.replace("@", "@8001") for name in FILES]


def verify(units: list[Path]) -> str:
    """What `systemd-analyze verify` complains of."""
    command = [systemd_analyze(), "verify", "--recursive-errors=no", "--man=no", *map(str, units)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if "linli" in line)


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    assert verify(instances(tmp_path)) == ""


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (API, "ProtectHome=yes", "ProtectHouse=yes"),
        (WORKER, "Type=exec", "Type=executable"),
        (MIGRATE, "SystemCallFilter=@system-service", "SystemCallFilter=@system-services"),
        (TARGET, "[Unit]", "[Units]"),
    ],
)
def test_systemd_finds_what_is_spoiled(tmp_path: Path, file: str, old: str, new: str) -> None:
    assert verify(instances(tmp_path, file, old, new)) != ""


def exposed(unit: Path) -> bool:
    """Whether systemd counts the service as more exposed than we allow."""
    command = [
        systemd_analyze(),
        "security",
        "--offline=true",
        f"--threshold={MOST_EXPOSED}",
        "--no-pager",
        str(unit),
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("file", [API, WORKER, MIGRATE])
def test_systemd_counts_the_services_as_hardly_exposed(tmp_path: Path, file: str) -> None:
    unit = tmp_path / file.replace("@", "@8001")
    instances(tmp_path)
    assert not exposed(unit)
    instances(tmp_path, file, "PrivateUsers=yes\n", "")
    instances(tmp_path, file, "CapabilityBoundingSet=\n", "")
    assert exposed(unit)
