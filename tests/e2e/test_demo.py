"""`linli demo` as a newcomer runs it: the tour keeps its word, and nothing is left of it however it ends."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pyotp
import pytest

from tests.engine_owner import PACKAGES, ROOT, interpreter_for
from tests.linli_process import child_of, inhabitants, linli, seconds_until_gone

pytestmark = [pytest.mark.fault, pytest.mark.timeout(400)]
TOUR = ("demo", "--exit", "--port", "0")
STAY = ("demo", "--port", "0")
OPEN = "现在的动态口令"
CHAPTERS = 11


def test_killed_in_the_middle_it_leaves_no_orphan_and_the_next_tour_keeps_its_word(tmp_path: Path) -> None:
    with linli(tmp_path, *TOUR) as demo:
        demo.until_it_says("4. 派单与签收")
        assert len(inhabitants(tmp_path)) >= 6  # demo, API, worker, simulator, PostgreSQL, Valkey
        demo.process.kill()
        demo.process.wait()
        seconds_until_gone(tmp_path)
    with linli(tmp_path, *TOUR) as again:
        assert again.end() == 0, again.output
        assert inhabitants(tmp_path) == []
    for number in range(1, CHAPTERS + 1):
        assert f"\n{number}. " in again.output
    assert "全部做到" in again.output
    assert "✗" not in again.output
    assert list((tmp_path / "home").iterdir()) == []


def test_it_stays_up_mends_itself_and_lets_people_in_until_ctrl_c(tmp_path: Path) -> None:
    with linli(tmp_path, *STAY) as demo:
        demo.until_it_says(OPEN)
        console = demo.told("控制台")
        child_of(demo.process, "api.program", "wechat-simulator").kill()
        child_of(demo.process, "api.program", "api").kill()
        with linli(_beside(tmp_path), *TOUR, LINLI_DATA_DIR=str(tmp_path / "data")) as second:
            assert second.end() == 1
            assert "正由另一个运行中的程序使用" in second.output
        _until_ready(console.removesuffix("/console"))
        with httpx.Client(base_url=console.removesuffix("/console"), timeout=30, trust_env=False) as http:
            assert http.get("/console", follow_redirects=True).status_code == 200
            form = {"username": demo.told("用户名"), "password": demo.told("密码")}
            otp = pyotp.TOTP(demo.told("TOTP 密钥")).now()
            session = http.post("/admin/v1/sessions", data={**form, "otp": otp})
            assert session.status_code == 200, session.text
            admin = {"authorization": f"Bearer {session.json()['access_token']}"}
            cases = http.get("/admin/v1/cases", headers=admin).json()["items"]
            assert {case["state"] for case in cases} == {"closed", "dispatched"}
            entered = http.post("/v1/sessions", json={"code": "dev:xiaoman"})
            assert entered.json()["person"]["nickname"] == "李小满"
        os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does
        assert demo.end() == 0, demo.output
        assert inhabitants(tmp_path) == []
        assert "Traceback" not in demo.output


def _beside(folder: Path) -> Path:
    other = folder.with_name(f"{folder.name}-other")
    other.mkdir()
    return other


def _until_ready(at: str, within: float = 60.0) -> None:
    """Both the API and the simulator behind it must be back: a login needs the two."""
    end = time.monotonic() + within
    with httpx.Client(base_url=at, timeout=5, trust_env=False) as http:
        for nonce in itertools.count():
            try:
                if http.post("/v1/sessions", json={"code": f"dev:linguo:{nonce}"}).status_code == 201:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < end, "not mended"
            time.sleep(0.2)


@pytest.mark.parametrize("words", ["内置 PostgreSQL", "2. 找书记"])
def test_sigterm_ends_it_cleanly_at_any_moment_and_other_data_is_left_alone(
    tmp_path: Path, words: str
) -> None:
    kept = tmp_path / "data" / "postgres"
    kept.mkdir(parents=True)
    (kept / "PG_VERSION").write_text("18")
    with linli(tmp_path, *STAY) as demo:
        demo.until_it_says(words)
        assert demo.stop(signal.SIGTERM) == 130, demo.output
        assert inhabitants(tmp_path) == []
        assert "Traceback" not in demo.output
    assert [p.name for p in kept.iterdir()] == ["PG_VERSION"]


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_sees_the_same() -> None:
    """From a folder of one's own, with nothing but a Python and the packages."""
    uid = 65534
    python = interpreter_for(uid)
    folder = Path("/var/tmp") / f"linli-demo-{os.getpid()}"  # pytest's own folders are closed to others
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "nowhere"),
        "PYTHONPATH": f"{ROOT}:{PACKAGES}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [python, *words],
            user=uid,
            group=uid,
            extra_groups=[],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    try:
        if run("-c", "import asyncpg, fastapi, redis").returncode:
            pytest.skip("the packages here were chosen for another Python than the one others may run")
        done = run("-m", "api.program", *TOUR)
        assert done.returncode == 0, done.stdout + done.stderr
        assert inhabitants(folder) == []
        assert (folder / ".linli" / "demo").stat().st_uid == uid
        assert sorted(path.name for path in folder.iterdir()) == [".linli"]
    finally:
        shutil.rmtree(folder)


def test_the_helper_would_see_an_orphan(tmp_path: Path) -> None:
    """The guard of the guards: a process in the folder is found."""
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as process:
        assert [p.pid for p in inhabitants(tmp_path)] == [process.pid]
        process.kill()
