"""Rules for the systemd units: a tolerant reading, since a key may be there many times."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from tests.deploy import drain
from tests.deploy.shipped import OUTSIDE_SETTINGS, setting_names

Unit = dict[str, dict[str, list[str]]]
PROGRAM = "/opt/linli/venv/bin/linli"
EMPTY = ("CapabilityBoundingSet", "AmbientCapabilities")
HARD = {
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProtectHome": "yes",
    "ProtectSystem": "strict",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}


def parse(text: str) -> Unit:
    """Sections → keys → values in order, without comments. Raises ValueError for any other line."""
    unit: Unit = {}
    section: dict[str, list[str]] | None = None
    for number, line in enumerate(re.sub(r"\\\n", " ", text).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = unit.setdefault(heading[1], defaultdict(list))
        elif section is not None and (pair := re.fullmatch(r"(\w+)\s*=\s*(.*)", line)):
            section[pair[1]].append(pair[2])
        else:
            raise ValueError(f"line {number}: {line}")
    return unit


def faults(files: Mapping[str, str], commands: frozenset[str]) -> list[str]:
    """Every fault of the units (file name → text), by name."""
    found: list[str] = []
    units: dict[str, Unit] = {}
    for name, text in files.items():
        try:
            units[name] = parse(text)
        except ValueError as error:
            found.append(f"not-a-unit: {name} {error}")
    for name, unit in units.items():
        found += [f"{fault}: {name} {about}" for fault, about in _references(unit, files.keys())]
        if name.endswith(".service"):
            for rule in (_confinement, _command, _environment):
                found += [f"{fault}: {name} {about}" for fault, about in rule(name, unit, commands)]
            if unit["Service"].get("Type") != ["oneshot"]:
                found += [f"{fault}: {name} {about}" for fault, about in _lasting(name, unit)]
    return found


Found = Iterator[tuple[str, str]]


def _last(unit: Unit, key: str, section: str = "Service") -> str:
    values = unit.get(section, {}).get(key, [])
    return values[-1] if values else ""


def _confinement(_: str, unit: Unit, __: frozenset[str]) -> Found:
    if _last(unit, "User") in ("", "root", "0"):
        yield "root-user", _last(unit, "User")
    for key, wanted in HARD.items():
        if _last(unit, key) != wanted:
            yield "soft", f"{key} is {_last(unit, key)!r}"
    for key in EMPTY:
        if unit["Service"].get(key) != [""]:
            yield "capabilities", key


def _command(name: str, unit: Unit, commands: frozenset[str]) -> Found:
    program, _, arguments = _last(unit, "ExecStart").partition(" ")
    words = arguments.split()
    if program != PROGRAM or not words or words[0] not in commands:
        yield "unknown-command", _last(unit, "ExecStart")
    if "@" in name and words[-2:] != ["--port", "%i"]:
        yield "no-instance", "the port must be the instance, said where no environment file overrides it"


def _environment(name: str, unit: Unit, __: frozenset[str]) -> Found:
    first, *others = unit["Service"].get("EnvironmentFile") or [""]
    if first != "/etc/linli/linli.env":
        yield "no-settings", ""
    if others != (["-/etc/linli/migrate.env"] if name == "linli-migrate.service" else []):
        yield "owner", "the migrations alone are told how to become the owner of the tables"
    for value in unit["Service"].get("Environment", []):
        variable = value.partition("=")[0]
        if variable not in setting_names() | OUTSIDE_SETTINGS:
            yield "unknown-setting", variable
        if re.search("KEY|SECRET|TOKEN|PASSWORD|_URL", variable):
            yield "secret-in-file", variable
        if variable == "PROMETHEUS_MULTIPROC_DIR":
            folder = f"/run/{_last(unit, 'RuntimeDirectory')}"
            if value.partition("=")[2] != folder or _last(unit, "RuntimeDirectoryPreserve") != "yes":
                yield "no-metrics", "the folder must be there, and stay while another unit counts into it"


def _lasting(name: str, unit: Unit) -> Found:
    if _last(unit, "Type") != "exec":
        yield "type", _last(unit, "Type")
    if _last(unit, "Restart") != "always":
        yield "restart", _last(unit, "Restart")
    if _last(unit, "KillSignal") != "SIGTERM":
        yield "kill-signal", "linli drains on SIGTERM"
    longest = drain.API_S if "api" in name else drain.WORKER_S
    if drain.seconds(_last(unit, "TimeoutStopSec") or "0") <= longest:
        yield "cut-off", f"its drain takes {longest:g} s"
    if not _last(unit, "MemoryMax") or not _last(unit, "TasksMax"):
        yield "no-limits", ""
    if not any(v.startswith("PROMETHEUS_MULTIPROC_DIR=") for v in unit["Service"].get("Environment", [])):
        yield "no-metrics", "PROMETHEUS_MULTIPROC_DIR"
    if "linli-migrate.service" not in _last(unit, "After", "Unit").split():
        yield "not-after-migrate", ""
    if _last(unit, "WantedBy", "Install") != "linli.target":
        yield "not-installed", ""


def _references(unit: Unit, known: Collection[str]) -> Found:
    for section, keys in (("Unit", ("Wants", "Requires", "After", "PartOf")), ("Install", ("WantedBy",))):
        for key in keys:
            for value in unit.get(section, {}).get(key, []):
                for name in value.split():
                    template = re.sub(r"@.*\.", "@.", name)
                    if name.startswith("linli") and template not in known:
                        yield "unknown-unit", name
