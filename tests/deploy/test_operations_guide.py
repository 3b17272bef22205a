"""docs/operations.md speaks only of what there is: commands, metrics, settings, files, services."""

import re
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client import REGISTRY

from api.kit import metrics
from tests.deploy.shipped import DEPLOY, ROOT, names_of, setting_names, spoiled
from tests.linli_process import commands

TEXT = (ROOT / "docs/operations.md").read_text()
SERVICES = set(yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"])
UNITS = {path.name for path in (DEPLOY / "systemd").iterdir()}
TITLES = set(re.findall(r"\((?:docs/operations\.md, )(\w+)\)", "".join(
    path.read_text() for path in DEPLOY.rglob("*") if path.is_file() and path.suffix in (".yaml", ".conf")
)))  # fmt: skip


def known_metrics() -> set[str]:
    assert metrics.REQUESTS
    return {s.name for m in REGISTRY.collect() for s in m.samples} | set(REGISTRY._names_to_collectors)


def faults(text: str) -> Iterator[str]:
    """Every name in the guide that means nothing, by kind."""
    known, code = commands(), re.findall(r"`([^`]+)`", text)
    for phrase in (c for span in code for c in re.findall(r"\blinli ([a-z][a-z-]*(?: [a-z]+)?)", span)):
        words = phrase.split()
        if words[0] in ("owner", "password", "linli", "to"):  # SQL
            continue
        if words[0] not in known or (
            len(words) > 1 and words[0] in ("admin", "import") and phrase not in known
        ):
            yield f"unknown-command: linli {phrase}"
    for name in (
        set(re.findall(r"\blinli_[a-z_]+", text))
        - known_metrics()
        - {"linli_password", "linli_owner", "linli_owner_password"}
    ):
        yield f"unknown-metric: {name}"
    for name in set(re.findall(r"\bLINLI_[A-Z_]+", text)) - setting_names() - {"LINLI_VERSION"}:
        yield f"unknown-setting: {name}"
    for unit in re.findall(r"systemctl \w+(?: --now)? (linli[\w@.-]*)", text):
        file = re.sub(r"@\d+", "@", unit)
        if not {file, f"{file}.service"} & UNITS:
            yield f"unknown-unit: {unit}"
    used = re.findall(r"docker compose (?:exec -T|exec|restart|run --rm(?: -v \S+)?) ([\w-]+)", text)
    used += re.findall(r"--no-deps --wait ([\w-]+)", text)
    for service in used:
        if service not in SERVICES:
            yield f"unknown-service: {service}"
    for path in re.findall(
        r"`((?:k8s|systemd|nginx\.d|deploy)/[\w.@*-]*|[\w-]+\.(?:conf|yaml|sh|example))`", text
    ):
        name = path.removeprefix("deploy/")
        if not list(DEPLOY.glob(name or "*")) and not list((DEPLOY / "k8s").glob(name)):
            yield f"unknown-file: {path}"


def test_the_guide_names_nothing_that_is_not_there() -> None:
    assert list(faults(TEXT)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("`linli doctor`", "`linli diagnose`", "unknown-command"),
        ("linli admin create", "linli admin make", "unknown-command"),
        ("`linli_deliveries_dead`", "`linli_deliveries_lost`", "unknown-metric"),
        ("`LINLI_POOL_SIZE`", "`LINLI_POOL`", "unknown-setting"),
        ("systemctl start linli-migrate", "systemctl start linli-migration", "unknown-unit"),
        ("exec -T postgres", "exec -T database", "unknown-service"),
        ("--wait api-a", "--wait api-1", "unknown-service"),
        ("`networkpolicy.yaml`", "`policy.yaml`", "unknown-file"),
        ("`postgres-init.sh`", "`postgres.sh`", "unknown-file"),
    ],
)
def test_a_name_that_means_nothing_is_caught(old: str, new: str, fault: str) -> None:
    assert fault in names_of(faults(spoiled(TEXT, old, new)))


def test_the_sections_that_other_files_point_to_are_there() -> None:
    assert sorted(TITLES) == ["Monitoring"]
    assert all(f"\n## {title}\n" in TEXT for title in TITLES)
