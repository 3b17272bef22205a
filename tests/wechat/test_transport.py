"""The transport against a peer that answers raw bytes: what was sent, what may have arrived, what is not followed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api.wechat.errors import Ambiguous, NotSent, Unreadable
from api.wechat.transport import Transport
from tests.wechat_fixture import Simulator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\n"


@asynccontextmanager
async def peer(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that sends `answer` to whatever comes and hangs up: its address, and the requests."""
    requests: list[bytes] = []

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(65536))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


async def test_an_answer_comes_with_its_status_type_and_bytes() -> None:
    async with peer(HEAD + b"Content-Length: 2\r\n\r\n{}") as (base, requests), Transport(base) as transport:
        answer = await transport.get("try", "/sns/x", {"js_code": "张 三&x"})
    assert (answer.status, answer.media_type, answer.body) == (200, "application/json", b"{}")
    assert requests[0].startswith(b"GET /sns/x?js_code=%E5%BC%A0+%E4%B8%89%26x HTTP/1.1")


async def test_a_body_is_raw_utf8_and_the_token_stays_in_the_query() -> None:
    async with peer(HEAD + b"Content-Length: 2\r\n\r\n{}") as (base, requests), Transport(base) as transport:
        await transport.post("try", "/wxa/x", {"access_token": "t"}, {"content": "井盖"})
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /wxa/x?access_token=t HTTP/1.1")
    assert body.decode() == '{"content":"井盖"}'


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"nonsense\r\n\r\n", b"HTTP/1.1 200"]
)
async def test_whatever_breaks_after_sending_may_have_arrived(answer: bytes) -> None:
    async with peer(answer) as (base, requests), Transport(base) as transport:
        with pytest.raises(Ambiguous):
            await transport.get("try", "/", {})
    assert len(requests) == 1


async def test_a_redirect_is_not_followed_since_it_would_carry_the_secret_elsewhere() -> None:
    async with peer(HEAD + b"Content-Length: 2\r\n\r\n{}") as (other, elsewhere):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with peer(moved) as (base, _), Transport(base) as transport:
            assert (await transport.get("try", "/", {"secret": "s"})).status == 302
    assert elsewhere == []


async def test_an_endless_answer_is_cut() -> None:
    async with peer(HEAD + b"\r\n" + b"x" * 3_000_000) as (base, _), Transport(base) as transport:
        with pytest.raises(Unreadable):
            await transport.get("try", "/", {})


async def test_proxies_of_the_environment_do_not_see_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer(HEAD + b"Content-Length: 2\r\n\r\n{}") as (base, requests), peer(b"") as (proxy, seen):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        async with Transport(base) as transport:
            await transport.get("try", "/", {})
    assert (len(requests), seen) == (1, [])


async def test_a_call_that_gets_no_connection_in_time_was_never_sent(wechat_simulator: Simulator) -> None:
    async with Transport(wechat_simulator.base, timeout=0.3) as transport:
        while not transport._lines.locked():
            await transport._lines.acquire()
        with pytest.raises(NotSent):
            await transport.get("try", "/wxa/checksession", {})
        assert wechat_simulator.calls() == []
        transport._lines.release()
        assert (await transport.get("try", "/wxa/checksession", {})).status == 200
