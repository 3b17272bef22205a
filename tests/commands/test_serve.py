"""`linli serve` as a process: it serves, mends what dies beneath it, and ends when it is told to."""

import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.topology import free_port
from tests.linli_process import child_of, inhabitants, linli, seconds_until_gone

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]
UP = "邻里已启动"
WITHIN = 60.0


def until_ready(port: int, within: float = WITHIN) -> None:
    end = time.monotonic() + within
    while not is_ready(port):
        assert time.monotonic() < end, "not ready again in time"
        time.sleep(0.1)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_lets_others_speak_to_its_engines_mends_what_dies_and_ends_on_sigterm(
    tmp_path: Path,
) -> None:
    port = free_port()
    with linli(tmp_path, "serve", "--port", str(port)) as server:
        assert f"http://127.0.0.1:{port}/console" in server.until_it_says(UP)
        assert is_ready(port)
        assert "linli_http_requests" in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        _doctor_and_migrate_speak_to_the_running_engines(tmp_path)

        api = child_of(server.process, "api.program", "api")
        api.kill()
        server.until_it_says("api died, starting it again")
        until_ready(port)
        assert child_of(server.process, "api.program", "api").pid != api.pid

        postgres = child_of(server.process, "-D", str(tmp_path / "data" / "postgres"))
        postgres.kill()
        server.until_it_says("postgres died, starting it again")
        until_ready(port)

        worker = child_of(server.process, "api.program", "worker")
        worker.kill()
        server.until_it_says("worker died, starting it again")

        assert server.stop(signal.SIGTERM) == 0, server.output
        assert inhabitants(tmp_path) == []
        assert "Traceback" not in server.output


def _doctor_and_migrate_speak_to_the_running_engines(folder: Path) -> None:
    beside = folder / "beside"
    beside.mkdir()
    with linli(beside, "migrate", LINLI_DATA_DIR=str(folder / "data")) as migrate:
        assert migrate.end() == 0, migrate.output
    with linli(beside, "doctor", LINLI_DATA_DIR=str(folder / "data"), COLUMNS="200") as doctor:
        doctor.end()
    assert "正在运行" in doctor.output
    assert "最近一次心跳" in doctor.output


def test_killed_it_leaves_no_orphan_and_what_was_written_is_there_again(tmp_path: Path) -> None:
    port = free_port()
    with linli(tmp_path, "serve", "--port", str(port)) as server:
        server.until_it_says(UP)
        passwords = (tmp_path / "data" / "passwords.json").read_text()
        server.process.kill()
        server.process.wait()
        seconds_until_gone(tmp_path)
    with linli(tmp_path, "serve", "--port", str(port)) as again:
        again.until_it_says(UP)
        assert (tmp_path / "data" / "passwords.json").read_text() == passwords
        assert again.stop(signal.SIGINT) == 0, again.output


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with linli(tmp_path, "serve", "--port", port) as server:
            assert server.end() == 1
    assert f"端口 {port} 已被其他程序占用" in server.output
    assert not (tmp_path / "data").exists()


def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    with linli(tmp_path, "serve", "--host", "203.0.113.1", "--port", "0") as server:
        assert server.end() == 1
    assert "本机没有地址 203.0.113.1" in server.output


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_lonely_process_without_engines_says_what_it_needs(tmp_path: Path, command: str) -> None:
    with linli(tmp_path, command) as lonely:
        assert lonely.end() == 1
    assert "没有设置 DATABASE_URL 与 REDIS_URL" in lonely.output
    assert "Traceback" not in lonely.output


def test_an_outside_database_that_is_away_is_said_in_a_sentence(tmp_path: Path) -> None:
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1"}
    with linli(tmp_path, "serve", "--port", "0", **away) as server:
        assert server.end() == 1
    assert "连不上数据库" in server.output
    assert "Traceback" not in server.output


def test_production_without_its_settings_is_refused_by_name(tmp_path: Path) -> None:
    with linli(tmp_path, "serve", LINLI_MODE="production") as server:
        assert server.end() == 1
    for word in ("LINLI_MASTER_KEY", "LINLI_WECHAT_SECRET", "LINLI_PUBLIC_URL", "DATABASE_URL"):
        assert word in server.output
    assert "Traceback" not in server.output
