"""The stand-in itself: as strict as the platform where the platform is strict."""

import asyncio
import signal
import socket
import sys
import zlib
from pathlib import Path

import httpx
import pytest

from api.wechat.client import WeChat
from api.wechat.simulator.server import serve_simulator
from tests.wechat_fixture import ACCOUNT, Simulator

TOKEN = "/cgi-bin/stable_token"


def fetch(simulator: Simulator, **body: object) -> dict[str, object]:
    config = simulator.config
    whole = {"grant_type": "client_credential", "appid": config.appid, "secret": config.secret, **body}
    found: dict[str, object] = simulator.http.post(TOKEN, json=whole).json()
    return found


def test_it_hands_out_the_same_token_until_five_minutes_before_its_end(wechat_simulator: Simulator) -> None:
    first = fetch(wechat_simulator)
    wechat_simulator.order("clock", seconds=6800)
    second = fetch(wechat_simulator)
    wechat_simulator.order("clock", seconds=110)
    third = fetch(wechat_simulator)
    assert first["access_token"] == second["access_token"] != third["access_token"]
    assert (first["expires_in"], third["expires_in"]) == (7200, 7200)
    assert 300 < int(str(second["expires_in"])) <= 400


def test_the_old_token_works_to_its_end_and_a_killed_one_does_not(wechat_simulator: Simulator) -> None:
    openid = wechat_simulator.visitor("张三")
    body = {"appid": ACCOUNT.appid, "openid": openid, "scene": 2}

    def rank(token: object) -> object:
        return wechat_simulator.http.post(
            "/wxa/getuserriskrank", params={"access_token": str(token)}, json=body
        ).json()["errcode"]

    old = fetch(wechat_simulator)["access_token"]
    wechat_simulator.order("tokens", action="rotate")
    new = fetch(wechat_simulator)["access_token"]
    assert (rank(old), rank(new), rank("no-such-token")) == (0, 0, 40001)
    wechat_simulator.order("tokens", action="kill")
    assert (rank(old), rank(new)) == (0, 40001)
    wechat_simulator.order("clock", seconds=7201)
    assert rank(old) == 42001
    assert wechat_simulator.http.post("/wxa/getuserriskrank", json=body).json()["errcode"] == 41001


def test_forcing_is_rationed(wechat_simulator: Simulator) -> None:
    codes = []
    for wait in [0, 10, 25] + [31] * 20:
        if wait:
            wechat_simulator.order("clock", seconds=wait)
        codes.append(fetch(wechat_simulator, force_refresh=True).get("errcode"))
    assert codes[:3] == [None, 45011, None]
    assert codes.count(None) == 20
    assert codes[-1] == 45009


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"appid": "wx1"}, 40013),
        ({"secret": "x"}, 40125),
        ({"grant_type": "x"}, 40002),
    ],
)
def test_a_wrong_account_is_refused(wechat_simulator: Simulator, body: dict[str, str], errcode: int) -> None:
    assert fetch(wechat_simulator, **body)["errcode"] == errcode


def test_bodies_that_are_not_plain_utf8_json_are_refused(wechat_simulator: Simulator) -> None:
    for content in (b"", b"{", b"[]", b"\xff", b'{"secret": "\\u4f60"}'):
        assert wechat_simulator.http.post(TOKEN, content=content).json()["errcode"] == 47001


def test_a_code_of_one_kind_is_no_code_of_the_other(wechat_simulator: Simulator) -> None:
    query = {
        "appid": ACCOUNT.appid,
        "secret": ACCOUNT.secret,
        "js_code": wechat_simulator.phone_code("张三"),
        "grant_type": "authorization_code",
    }
    assert wechat_simulator.http.get("/sns/jscode2session", params=query).json()["errcode"] == 40029


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("faults", {"name": "no-such-fault"}),
        ("faults", {"name": "busy", "times": 0}),
        ("codes", {"kind": "other"}),
        ("people", {}),
        ("consents", {"openid": "o", "choices": {}}),
        ("tokens", {"action": "kill", "more": 1}),
    ],
)
def test_a_wrong_order_is_refused(wechat_simulator: Simulator, path: str, order: dict[str, object]) -> None:
    assert wechat_simulator.http.post(f"/_control/{path}", json=order).status_code == 422


def test_a_behaviour_it_does_not_have_is_refused(wechat_simulator: Simulator) -> None:
    changes: list[dict[str, object]] = [{"no_such": 1}, {"pushes": "sometimes"}, {"per_minute": []}]
    for change in changes:
        assert wechat_simulator.http.patch("/_control/behaviour", json=change).status_code == 422


def test_a_minutes_allowance_ends_with_its_minute(wechat_simulator: Simulator) -> None:
    wechat_simulator.order("clock", seconds=60 - wechat_simulator.platform.now() % 60)
    wechat_simulator.behave(per_minute={TOKEN: 2})
    codes = [fetch(wechat_simulator).get("errcode") for _ in range(3)]
    wechat_simulator.order("clock", seconds=60)
    assert [*codes, fetch(wechat_simulator).get("errcode")] == [None, None, 45011, None]


def test_faults_can_be_switched_off_and_all_be_forgotten(wechat_simulator: Simulator) -> None:
    wechat_simulator.fault("busy")
    assert fetch(wechat_simulator)["errcode"] == -1
    assert wechat_simulator.http.delete("/_control/faults").status_code == 200
    before = fetch(wechat_simulator)["access_token"]
    wechat_simulator.reset()
    assert wechat_simulator.calls() == []
    assert fetch(wechat_simulator)["access_token"] != before


async def test_its_pictures_are_real_ones(wechat: WeChat) -> None:
    picture = (await wechat.program_code("c=1")).content
    at = picture.index(b"IDAT")
    length = int.from_bytes(picture[at - 4 : at], "big")
    assert len(zlib.decompress(picture[at + 4 : at + 4 + length])) == 16 * 17


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(ValueError, match="本机"):
        serve_simulator(host, 0, ACCOUNT)


async def test_alone_in_a_process_it_serves_and_ends_on_a_signal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = (
        "from api.wechat.simulator.server import serve_simulator; from tests.wechat_fixture import ACCOUNT; "
        f"serve_simulator('127.0.0.1', {port}, ACCOUNT)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            async with asyncio.timeout(60):
                while True:
                    try:
                        answer = await http.post("/_control/codes", json={"name": "张三"})
                        break
                    except httpx.ConnectError:
                        assert process.returncode is None
                        await asyncio.sleep(0.1)
            assert answer.json()["code"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode in (0, -signal.SIGTERM)
