"""Which requests nginx sends to the other process, and which it must not: the cost of asking twice."""

from collections.abc import Callable

import httpx
import pytest

from tests.e2e.conftest import Pair
from tests.e2e.topology import replace

KEY = {"idempotency-key": "0193a1b2-once"}
Start = Callable[..., Pair]


def test_a_read_is_answered_by_the_other_process_when_the_first_dies_over_it(pair: Start) -> None:
    here = pair()
    with here.client() as client:
        answer = client.get("/v1/cases", headers={"x-die": "a"})
    assert answer.status_code == 200
    assert answer.json()["name"] == "b"
    assert here.seen == ["a GET /v1/cases 0", "b GET /v1/cases 0"]


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/cases/1/moves/sign", "/admin/v1/grants", "/v1/uploads"])
def test_a_post_with_a_key_is_sent_again_when_the_process_dies_over_it(pair: Start, path: str) -> None:
    here = pair()
    with here.client() as client:
        answer = client.post(path, headers={"x-die": "a", **KEY}, content=b"{}")
    assert answer.status_code == 200
    assert here.seen == [f"a POST {path} 2", f"b POST {path} 2"]
    assert answer.json()["headers"]["idempotency-key"] == KEY["idempotency-key"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("POST", "/v1/cases", {}, id="a post without a key"),
        pytest.param("POST", "/v1/cases", {"idempotency-key": "has a space"}, id="a key that is none"),
        pytest.param("POST", "/v1/cases", {"idempotency-key": "k" * 65}, id="a key too long"),
        pytest.param("PATCH", "/v1/me", KEY, id="a patch, whose key means nothing"),
        pytest.param("POST", "/v1/sessions", KEY, id="a login, whose code is used up by now"),
        pytest.param("POST", "/admin/v1/sessions", KEY, id="a console login, whose password code is too"),
        pytest.param("POST", "/v1/uploads", {}, id="an upload without a key"),
    ],
)
def test_what_may_have_had_its_effect_is_not_sent_again(
    pair: Start, method: str, path: str, headers: dict[str, str]
) -> None:
    here = pair()
    with here.client() as client:
        answer = client.request(method, path, headers={"x-die": "a", **headers}, content=b"{}")
    assert_unavailable(answer)
    assert here.seen == [f"a {method} {path} 2"]


def test_a_refused_connection_passes_any_request_on(pair: Start) -> None:
    here = pair()
    here.a.kill()
    with here.client() as client:
        answers = [client.post("/v1/cases", content=b"{}") for _ in range(10)]
        answers += [client.post("/v1/sessions", content=b"{}") for _ in range(10)]
        answers += [client.patch("/v1/me", content=b"{}") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert len(here.seen) == 30


def test_with_both_processes_gone_the_caller_is_told_to_come_again(pair: Start) -> None:
    here = pair()
    here.a.kill()
    here.b.kill()
    with here.client() as client:
        for answer in (client.get("/v1/cases"), client.post("/v1/cases", headers=KEY)):
            assert_unavailable(answer)
        here.b.start()
        assert client.get("/v1/cases").status_code == 200  # at once: no process is thought dead


def test_a_503_of_the_api_passes_untouched_and_is_not_asked_for_twice(pair: Start) -> None:
    here = pair()
    with here.client() as client:
        answer = client.post("/v1/cases", headers={"x-status": "503", **KEY})
    assert answer.status_code == 503
    assert answer.json()["name"] == "a"  # the API's own body
    assert here.seen == ["a POST /v1/cases 0"]


def test_a_slow_answer_is_not_a_lost_one(pair: Start) -> None:
    """With the two limits shortened in the same proportion: read 50 s → 2 s, second try within 5 s → 1 s."""

    def hurry(text: str) -> str:
        text = replace(text, "proxy_read_timeout 50s", "proxy_read_timeout 2s")
        return replace(text, "proxy_next_upstream_timeout 5s", "proxy_next_upstream_timeout 1s")

    here = pair(edit=hurry)
    with here.client() as client:
        assert_unavailable(client.post("/v1/cases", headers={"x-sleep": "4", **KEY}))
        assert here.seen == ["a POST /v1/cases 0"]
        assert client.get("/v1/cases", headers={"x-sleep": "1"}).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_larger_than_other_bodies_is_sent_again_whole(pair: Start, chunked: bool) -> None:
    picture = b"\xff\xd8" + bytes(5_000_000)
    here = pair()
    with here.client() as client:
        content = iter([picture[:100_000], picture[100_000:]]) if chunked else picture
        answer = client.post("/v1/uploads", headers={"x-die": "a", **KEY}, content=content)
    assert answer.status_code == 200
    assert answer.json()["length"] == len(picture)
    assert here.seen == ["a POST /v1/uploads 5000002", "b POST /v1/uploads 5000002"]


def test_without_the_lane_for_keys_a_keyed_post_would_be_lost(pair: Start) -> None:
    here = pair(edit=lambda text: replace(text, " non_idempotent", ""))
    with here.client() as client:
        assert_unavailable(client.post("/v1/cases", headers={"x-die": "a", **KEY}))
    assert here.seen == ["a POST /v1/cases 0"]


def test_without_telling_keys_apart_a_post_would_have_its_effect_twice(pair: Start) -> None:
    here = pair(
        edit=lambda text: replace(text, "error timeout;\n", "error timeout non_idempotent;\n"),
    )
    with here.client() as client:
        client.post("/v1/cases", headers={"x-die": "a"})
    assert here.seen == ["a POST /v1/cases 0", "b POST /v1/cases 0"]


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    problem = answer.json()
    assert problem["code"] == "unavailable"
    assert problem["status"] == 503
    assert problem["request_id"] == answer.headers["x-request-id"]
