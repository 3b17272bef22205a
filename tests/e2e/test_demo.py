"""`linli demo` as a newcomer runs it: the tour keeps its word, and nothing is left of it however it ends."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pyotp
import pytest

from tests.engine_owner import PACKAGES, ROOT, interpreter_for
from tests.linli_process import Linli, child_of, inhabitants, linli, seconds_until_gone

pytestmark = pytest.mark.fault
TOUR = ("demo", "--exit", "--port", "0")
STAY = ("demo", "--port", "0")
OPEN = "现在的动态口令"
CHAPTERS = 10


def test_the_tour_keeps_its_word_and_leaves_nothing_running(tmp_path: Path) -> None:
    with linli(tmp_path, *TOUR) as demo:
        assert demo.end() == 0, demo.output
        assert inhabitants(tmp_path) == []
        for number in range(1, CHAPTERS + 1):
            assert f"\n{number}. " in demo.output
        assert "全部做到" in demo.output
        assert "✗" not in demo.output
    assert list((tmp_path / "home").iterdir()) == []


def test_killed_in_the_middle_it_leaves_no_orphan_and_starts_again(tmp_path: Path) -> None:
    with linli(tmp_path, *TOUR) as demo:
        demo.until_it_says("4. 派单与签收")
        assert len(inhabitants(tmp_path)) >= 6  # demo, API, worker, simulator, PostgreSQL, Valkey
        demo.process.kill()
        demo.process.wait()
        seconds_until_gone(tmp_path)
    with linli(tmp_path, *TOUR) as again:
        assert again.end() == 0, again.output


def test_it_stays_up_with_working_logins_until_ctrl_c(tmp_path: Path) -> None:
    with linli(tmp_path, *STAY) as demo:
        demo.until_it_says(OPEN)
        console = demo.told("控制台")
        with httpx.Client(base_url=console.removesuffix("/console"), trust_env=False) as http:
            assert http.get("/console", follow_redirects=True).status_code == 200
            form = {"username": demo.told("用户名"), "password": demo.told("密码")}
            otp = pyotp.TOTP(demo.told("TOTP 密钥")).now()
            session = http.post("/admin/v1/sessions", data={**form, "otp": otp})
            assert session.status_code == 200, session.text
            admin = {"authorization": f"Bearer {session.json()['access_token']}"}
            cases = http.get("/admin/v1/cases", headers=admin).json()["items"]
            assert {case["state"] for case in cases} == {"closed", "dispatched"}
            entered = http.post("/v1/sessions", json={"code": "dev:李小满"})
            assert entered.json()["person"]["nickname"] == "李小满"

        with linli(_beside(tmp_path), *TOUR, LINLI_DATA_DIR=str(tmp_path / "data")) as second:
            assert second.end() == 1
            assert "正由另一个运行中的程序使用" in second.output
        assert httpx.get(console, follow_redirects=True, trust_env=False).status_code == 200

        os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does
        assert demo.end() == 0, demo.output
        assert inhabitants(tmp_path) == []
        assert "Traceback" not in demo.output


def _beside(folder: Path) -> Path:
    other = folder.with_name(f"{folder.name}-other")
    other.mkdir()
    return other


@pytest.mark.parametrize("words", ["内置 PostgreSQL", "2. 找书记", OPEN])
def test_sigterm_ends_it_cleanly_at_any_moment(tmp_path: Path, words: str) -> None:
    with linli(tmp_path, *STAY) as demo:
        demo.until_it_says(words)
        assert demo.stop(signal.SIGTERM) == (0 if words == OPEN else 130), demo.output
        assert inhabitants(tmp_path) == []
        assert "Traceback" not in demo.output


def test_what_dies_is_started_again_while_it_is_open(tmp_path: Path) -> None:
    with linli(tmp_path, *STAY) as demo:
        demo.until_it_says(OPEN)
        at = demo.told("控制台").removesuffix("/console")
        child_of(demo.process, "api.cli", "wechat-simulator").kill()
        child_of(demo.process, "api.cli", "api").kill()
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(base_url=at, transport=transport, timeout=20, trust_env=False) as http:
            assert http.get("/healthz").status_code == 200
        assert demo.stop(signal.SIGINT) == 0


def test_a_step_that_does_not_do_what_it_says_ends_with_status_one(tmp_path: Path) -> None:
    with linli(tmp_path, *STAY, module="tests.e2e.broken_demo", PYTHONPATH=str(ROOT)) as demo:
        assert demo.end() == 1
        assert inhabitants(tmp_path) == []
        said = demo.output
    assert "✗ 第 2. 做不到的一步 没有做到" in said
    assert "应为：200" in said
    assert "实为：401" in said
    assert "session_expired" in said
    assert "\n3. " not in said
    assert OPEN not in said


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with linli(tmp_path, "demo", "--exit", "--port", port) as demo:
            assert demo.end() == 1
    assert f"端口 {port} 已被其他程序占用" in demo.output
    assert not (tmp_path / "data").exists()


def test_another_data_than_the_demos_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "postgres"
    kept.mkdir(parents=True)
    (kept / "PG_VERSION").write_text("18")
    with linli(tmp_path, *STAY) as demo:
        demo.until_it_says("数据库已迁移")
        assert demo.stop(signal.SIGTERM) == 130
    assert (kept / "PG_VERSION").read_text() == "18"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_sees_the_same(tmp_path: Path) -> None:
    """From a folder of one's own, with nothing but a Python and the packages."""
    uid = 65534
    python = interpreter_for(uid)
    folder = Path("/var/tmp") / f"linli-demo-{os.getpid()}"  # pytest's own folders are closed to others
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)
    try:
        done = subprocess.run(
            [python, "-m", "api.cli", *TOUR],
            user=uid,
            group=uid,
            extra_groups=[],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder / "nowhere"),
                "PYTHONPATH": f"{ROOT}:{PACKAGES}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert inhabitants(folder) == []
        assert (folder / ".linli" / "demo").stat().st_uid == uid
    finally:
        shutil.rmtree(folder)


def test_the_helper_would_see_an_orphan(tmp_path: Path) -> None:
    """The guard of the guards: a process in the folder is found."""
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as process:
        assert [p.pid for p in inhabitants(tmp_path)] == [process.pid]
        process.kill()
    assert isinstance(Linli(tmp_path, process), Linli)
