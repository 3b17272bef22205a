"""Known vulnerabilities of the locked packages, as far as an advisory source can be reached."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 180


@dataclass(frozen=True, slots=True)
class Audit:
    looked_at: int
    """Packages an advisory source knew; 0 where none could be reached."""
    passed_over: int
    findings: list[str]


def read(report: str) -> Audit:
    """Read pip-audit's JSON. A package it could not look up counts as passed over, never as clean."""
    packages = json.loads(report)["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    findings = [
        f"{package['name']} {package['version']}: {found['id']}"
        f" (mended in {', '.join(found['fix_versions']) or 'no version yet'})"
        for package in audited
        for found in package["vulns"]
    ]
    return Audit(len(audited), len(packages) - len(audited), findings)


def audit(lock: Path) -> Audit | str:
    """What pip-audit says of a lock file, or why it could say nothing."""
    command = ["-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"]
    output = ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, *command, *output],
            capture_output=True,
            check=False,
            text=True,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE_S} s"
    if not done.stdout.strip():
        return (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1][:200]
    return read(done.stdout)
