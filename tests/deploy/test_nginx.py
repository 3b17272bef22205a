"""nginx.conf: taken without a warning by the real nginx, and of one mind with the API it stands before."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from api.kit import http
from api.kit.problems import Problem
from api.settings import Settings
from tests.deploy import drain
from tests.deploy.shipped import DEPLOY, ROOT, spoiled
from tests.e2e.test_nginx_edge import certificate, listen_with
from tests.e2e.topology import Nginx, free_port

__all__ = ["certificate"]  # the fixture
TEXT = (DEPLOY / "nginx.conf").read_text()
PHONE_S = 60.0
"""wx.request gives up after this."""


def same(text: str) -> str:
    return text


def complaint(folder: Path, edit: Callable[[str], str] = same, **how: object) -> str:
    return Nginx(folder / "nginx", [free_port(), free_port()], edit=edit, **how).check()  # type: ignore[arg-type]


def test_nginx_takes_the_configuration_without_a_warning(tmp_path: Path) -> None:
    assert complaint(tmp_path) == ""


@pytest.mark.parametrize("variant", ["nginx.d/listen.conf", "systemd/nginx.d/listen.conf"])
def test_nginx_takes_both_ways_of_listening(
    tmp_path: Path, certificate: tuple[Path, Path], variant: str
) -> None:
    port = free_port()
    assert complaint(tmp_path, port=port, listen=listen_with(certificate, port, variant)) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("server_tokens off;", "server_tokens off", "invalid number of arguments"),
        ("server_tokens off;", "server_token off;", "unknown directive"),
        ("proxy_pass http://linli_api;", "proxy_pass http://linli;", "host not found"),
        ("zone=people burst", "zone=persons burst", "zero size shared memory zone"),
        ("$linli_keyed) {", "$linli_key) {", "unknown"),
        ("gzip_types application/json", "gzip_types text/html application/json", "duplicate MIME type"),
        ("include nginx.d/private.conf;", "include nginx.d/privat.conf;", "No such file"),
    ],
)
def test_nginx_complains_of_a_spoiled_configuration(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in complaint(tmp_path, lambda text: spoiled(text, old, new))


def problem_faults(text: str) -> list[str]:
    """Problems that nginx tells otherwise than the API would, by name."""
    found = []
    for status, body in re.findall(r"return (\d+) '(\{.*\})';", text):
        told = json.loads(body)
        kind = Problem.registry.get(told["code"])
        if kind is None:
            found.append(f"unknown-problem: {told['code']}")
        elif (int(status), told["status"], told["title"]) != (kind.status, kind.status, kind.title):
            found.append(f"other-problem: {told}")
        elif told.keys() != kind().body("x").keys() or told["request_id"] != "$linli_request_id":
            found.append(f"other-members: {sorted(told)}")
    return found


def test_nginx_tells_problems_as_the_api_does() -> None:
    assert len(re.findall("return 4[0-9][0-9] '|return 503 '", TEXT)) == 4
    assert problem_faults(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"code":"too_large"', '"code":"too_big"', "unknown-problem"),
        ('"title":"提交的内容过大"', '"title":"太大了"', "other-problem"),
        ("return 429 '", "return 503 '", "other-problem"),
        ('"detail":"提交的内容超过了允许的大小",', "", "other-members"),
    ],
)
def test_a_problem_told_otherwise_is_caught(old: str, new: str, fault: str) -> None:
    assert problem_faults(spoiled(TEXT, old, new))[0].startswith(fault)


def test_nginx_and_the_api_agree_on_what_a_request_id_is() -> None:
    (pattern,) = re.findall(r'"~\^(.+)\$" \$http_x_request_id;', TEXT)
    assert pattern.encode() == http._ID.pattern


def test_nginx_and_the_api_agree_on_the_size_of_a_body() -> None:
    assert re.findall(r"^    client_max_body_size (\S+);", TEXT, re.M) == ["1m"]
    assert Settings.model_fields["max_body_bytes"].default == 1024**2


def test_the_phone_hears_an_answer_before_it_gives_up() -> None:
    read, second = (
        drain.nginx_seconds("proxy_read_timeout"),
        drain.nginx_seconds("proxy_next_upstream_timeout"),
    )
    connect = drain.nginx_seconds("proxy_connect_timeout")
    assert read + second + connect < PHONE_S
    assert drain.nginx_seconds("worker_shutdown_timeout") > read


def test_nginx_leaves_idle_connections_before_the_api_closes_them() -> None:
    """Else a request is written to a connection that is just being closed."""
    source = ast.parse((ROOT / "api/commands/api_process.py").read_text())
    (kept,) = [
        keyword.value.value
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "timeout_keep_alive" and isinstance(keyword.value, ast.Constant)
    ]
    assert isinstance(kept, int)
    for variant in ("nginx.d", "systemd/nginx.d"):
        text = (DEPLOY / variant / "upstream.conf").read_text()
        (idle,) = re.findall(r"^\s*keepalive_timeout (\S+);", text, re.M)
        assert drain.seconds(idle) + 5 < kept


def test_the_hosts_nginx_knows_the_instances_that_the_target_starts() -> None:
    started = re.findall(r"linli-api@(\d+)\.service", (DEPLOY / "systemd/linli.target").read_text())
    upstream = (DEPLOY / "systemd/nginx.d/upstream.conf").read_text()
    assert re.findall(r"^\s*server 127\.0\.0\.1:(\d+)", upstream, re.M) == started == ["8001", "8002"]
