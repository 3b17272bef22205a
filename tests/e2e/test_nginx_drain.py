"""Restarting what stands behind nginx, and nginx itself, while people are using it."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from tests.e2e.conftest import Pair
from tests.e2e.topology import Traffic, rolling_restart

Start = Callable[..., Pair]


async def ask(client: httpx.AsyncClient, number: int) -> httpx.Response:
    """A mix: reads, creations with a key, some of them slow enough to be running when a process is told to end."""
    slow = {"x-sleep": "0.3"} if number % 7 == 0 else {}
    if number % 2:
        return await client.get("/v1/cases", headers=slow)
    return await client.post(
        "/v1/cases", headers={"idempotency-key": f"case-{number:08}", **slow}, content=b"{}"
    )


async def test_a_rolling_restart_of_both_processes_fails_no_request(pair: Start) -> None:
    here = pair()
    before = (here.a.pid, here.b.pid)
    traffic = Traffic(here.nginx.url, ask)
    answers = await traffic.during(lambda: rolling_restart([here.a, here.b, here.a, here.b]))
    assert set(answers) == {"200"}
    assert answers["200"] > 200
    assert here.a.pid != before[0]
    assert here.b.pid != before[1]


async def test_a_restart_without_draining_is_seen_by_this_traffic(pair: Start) -> None:
    """What the test above would say of processes that are killed over requests that have no key."""
    here = pair()

    async def careless(client: httpx.AsyncClient, _: int) -> httpx.Response:
        return await client.post("/v1/cases", headers={"x-sleep": "0.2"}, content=b"{}")

    def kill_both() -> None:
        for name, program in (("a", here.a), ("b", here.b)):
            before, end = len(here.seen), time.monotonic() + 30
            while not any(line.startswith(name) for line in here.seen[before:]):
                assert time.monotonic() < end, "no traffic"
            program.kill()  # over a request that it has just begun to think about
            program.start()

    answers = await Traffic(here.nginx.url, careless).during(kill_both)
    assert answers["503"] > 0


def test_a_request_that_is_running_when_its_process_is_told_to_end_is_answered(pair: Start) -> None:
    here = pair()
    with ThreadPoolExecutor(1) as others, here.client() as client:
        running = others.submit(client.post, "/v1/cases", headers={"x-sleep": "1.5"})
        while not here.seen:
            time.sleep(0.01)
        begun = time.monotonic()
        here.a.stop(signal.SIGTERM)
        assert time.monotonic() - begun > 1
        assert running.result().json()["name"] == "a"
        assert client.post("/v1/cases").json()["name"] == "b"


def test_nginx_told_to_quit_answers_what_it_has_and_takes_no_more(pair: Start) -> None:
    here = pair()
    with ThreadPoolExecutor(1) as others, here.client() as client:
        running = others.submit(client.get, "/v1/cases", headers={"x-sleep": "1.5"})
        while not here.seen:
            time.sleep(0.01)
        assert here.nginx.stop(signal.SIGQUIT) == 0
        assert running.result().status_code == 200
        try:
            client.get("/v1/cases")
        except httpx.ConnectError:
            return
    raise AssertionError("nginx still answers")


def test_nothing_is_left_of_what_was_started(pair: Start) -> None:
    here = pair()
    started = [here.a, here.b, here.nginx]
    leaders = [psutil.Process(program.pid) for program in started]
    everyone = leaders + [child for leader in leaders for child in leader.children(recursive=True)]
    assert len(everyone) > len(leaders)  # nginx has workers
    for program in started:
        program.kill()
    assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
