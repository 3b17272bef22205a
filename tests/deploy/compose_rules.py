"""Rules for compose.yaml: what the schema cannot say."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft202012Validator

from tests.deploy import drain
from tests.deploy.shipped import DEPLOY, OUTSIDE_SETTINGS, setting_names

Service = dict[str, Any]
PINNED = re.compile(r":(\d+\.\d+(\.\d+)?(-[a-z0-9]+)?|\$\{LINLI_VERSION:-\d+\.\d+\.\d+\})$")
ENGINES = ("postgres", "valkey")
PORTLESS = ("migrate", "worker")
"""May say `healthcheck: {disable: true}`: nothing in them listens."""


def faults(text: str, commands: frozenset[str]) -> list[str]:
    """Every fault of a compose file, by name. `commands` are those the program knows."""
    try:
        document = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        return [f"not-yaml: {error}"]
    found = [f"schema: {e.json_path} {e.message[:200]}" for e in _schema().iter_errors(document)]
    if found:
        return found
    services: dict[str, Service] = document["services"]
    for name, service in services.items():
        for rule in _RULES:
            found += [f"{fault}: {name} {about}".rstrip() for fault, about in rule(name, service)]
        found += [f"{fault}: {name} {about}" for fault, about in _references(service, document)]
        found += [f"unknown-command: {name} {c}" for c in _linli_commands(service) if c not in commands]
    return found + list(_networks(document))


def _schema() -> Draft202012Validator:
    return Draft202012Validator(get_builtin_schema("vendor.compose-spec"))


Found = Iterator[tuple[str, str]]


def _confinement(_: str, service: Service) -> Found:
    user = str(service.get("user", ""))
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", user):
        yield "root-user", user
    if service.get("read_only") is not True:
        yield "writable-root", ""
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield "capabilities", ""
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "new-privileges", ""
    if service.get("init") is not True:
        yield "no-init", ""
    if service.get("privileged") or any(service.get(k) == "host" for k in ("network_mode", "pid", "ipc")):
        yield "privileged", ""
    for mount in service.get("tmpfs", []):
        if not {"noexec", "nosuid", "nodev"} <= set(mount.partition(":")[2].split(",")):
            yield "loose-tmpfs", mount


def _image(_: str, service: Service) -> Found:
    if not PINNED.search(service.get("image", "")):
        yield "unpinned-image", service.get("image", "none")


def _health(name: str, service: Service) -> Found:
    check = service.get("healthcheck", {})
    if check.get("disable") and name in PORTLESS:
        return
    if "test" not in check or not {"interval", "timeout", "retries"} <= check.keys():
        yield "no-healthcheck", ""
    elif check["test"][0] == "CMD-SHELL" and name not in ENGINES:
        yield "shell-healthcheck", ""


def _resources(_: str, service: Service) -> Found:
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if not {"memory", "pids", "cpus"} <= limits.keys():
        yield "no-limits", str(sorted(limits))


def _restart(name: str, service: Service) -> Found:
    if service.get("restart") != ("no" if name == "migrate" else "unless-stopped"):
        yield "restart", str(service.get("restart"))


def _ending(name: str, service: Service) -> Found:
    if name == "migrate":
        return
    needed = {"nginx": drain.nginx_seconds("worker_shutdown_timeout"), "worker": drain.WORKER_S}
    longest = needed.get(name, 0.0 if name in ENGINES else drain.API_S)
    if drain.seconds(service.get("stop_grace_period", "10s")) <= longest:
        yield "cut-off", f"ends within {service.get('stop_grace_period')}, its drain takes {longest:g} s"


def _doors(name: str, service: Service) -> Found:
    for port in service.get("ports", []):
        if name != "nginx":
            yield "published-port", str(port)
        elif not isinstance(port, dict) or "host_ip" not in port:
            yield "careless-port", str(port)
    for volume in service.get("volumes", []):
        source, _, rest = volume.partition(":")
        if "docker.sock" in volume:
            yield "docker-socket", volume
        if source.startswith("."):
            if not rest.endswith(":ro"):
                yield "writable-mount", volume
            if not (DEPLOY / source).exists():
                yield "missing-file", source


def _environment(name: str, service: Service) -> Found:
    if not _linli_commands(service):
        return
    for variable in service.get("environment", {}):
        if variable not in setting_names() | OUTSIDE_SETTINGS:
            yield "unknown-setting", variable
    if "linli.env" not in service.get("env_file", []):
        yield "no-settings", ""
    if ("migrate.env" in service.get("env_file", [])) != (name == "migrate"):
        yield "owner", "the migrations alone are told how to become the owner of the tables"
    for variable, value in service.get("environment", {}).items():
        if re.search("KEY|SECRET|TOKEN|PASSWORD|_URL", variable):
            yield "secret-in-file", f"{variable}={value}"


_RULES: tuple[Callable[[str, Service], Found], ...] = (
    _confinement, _image, _health, _resources, _restart, _ending, _doors, _environment,
)  # fmt: skip


def _linli_commands(service: Service) -> list[str]:
    command = service.get("command", [])
    return command[1:2] if command[:1] == ["linli"] else []


def _references(service: Service, document: dict[str, Any]) -> Found:
    services = document["services"]
    for name, condition in service.get("depends_on", {}).items():
        other = services.get(name)
        if other is None:
            yield "unknown-service", name
            continue
        wanted = condition["condition"]
        if wanted == "service_healthy" and "test" not in other.get("healthcheck", {}):
            yield "never-healthy", name
        if wanted == "service_completed_successfully" and other.get("restart") != "no":
            yield "never-complete", name
        if wanted == "service_started":
            yield "not-waited-for", name
    for kind in ("networks", "secrets", "configs"):
        for entry in service.get(kind, []):
            name = entry["source"] if isinstance(entry, dict) else entry
            if name not in document.get(kind, {}):
                yield f"unknown-{kind.removesuffix('s')}", name
    for volume in service.get("volumes", []):
        name = volume.partition(":")[0]
        if not name.startswith((".", "/")) and name not in document["volumes"]:
            yield "unknown-volume", name


def _networks(document: dict[str, Any]) -> Iterator[str]:
    services, networks = document["services"], document["networks"]
    for name in ENGINES:
        open_ones = [n for n in services[name]["networks"] if not (networks.get(n) or {}).get("internal")]
        if open_ones:
            yield f"reachable-engine: {name} is on {open_ones}"
    if "data" in services["nginx"]["networks"]:
        yield "reachable-engine: nginx is on data"
    yield from _addresses(services, networks)
    for config in document.get("configs", {}).values():
        if not (DEPLOY / config["file"]).exists():
            yield f"missing-file: {config['file']}"


def _addresses(services: dict[str, Service], networks: dict[str, Any]) -> Iterator[str]:
    """The fixed addresses agree with nginx.d/, and no stranger can look like the administration."""
    address = partial(_front, services)
    upstream = re.findall(r"^\s*server ([\d.]+):8000", (DEPLOY / "nginx.d/upstream.conf").read_text(), re.M)
    if upstream != [address("api-a"), address("api-b")]:
        yield f"upstream: nginx.d/upstream.conf says {upstream}"
    for name in ("api-a", "api-b"):
        if services[name].get("environment", {}).get("FORWARDED_ALLOW_IPS") != address("nginx"):
            yield f"unbelieved-proxy: {name}"
    front = ip_network(networks["front"]["ipam"]["config"][0]["subnet"])
    if not all(ip_address(address(n)) in front for n in ("api-a", "api-b", "nginx")):
        yield "upstream: a fixed address lies outside its network"
    private = re.findall(r"^\s*([\d.]+/\d+) 1;", (DEPLOY / "nginx.d/private.conf").read_text(), re.M)
    ipam = (networks["edge"] or {}).get("ipam", {}).get("config", [{}])[0]
    edge = ip_network(ipam.get("subnet", "192.168.0.0/16"))  # Docker may choose from there
    if any(ip_network(p).overlaps(edge) for p in private):
        yield f"everyone-private: callers forwarded by Docker come from {edge}"


def _front(services: dict[str, Service], name: str) -> str:
    return str(services[name]["networks"]["front"]["ipv4_address"])
