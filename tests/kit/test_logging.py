"""JSON lines: one object a record, each with its request id, and never anybody's number or secret."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kit.logging import JsonLines, configure, redact, request_id

PHONE, IDENTITY = "13912345678", "32010219491001123X"


def line(message: str, *arguments: object, **extra: object) -> dict[str, Any]:
    """The record as written, read back."""
    record = logging.LogRecord("linli.x", logging.WARNING, "x.py", 1, message, arguments, None)
    record.__dict__.update(extra)
    written = JsonLines().format(record)
    assert "\n" not in written
    found: dict[str, Any] = json.loads(written)
    return found


def test_a_record_is_one_object_with_its_request() -> None:
    token = request_id.set("abcdefgh")
    try:
        found = line("%s of %d", "one", 2, attempt=3, trail=["a", "b"])
    finally:
        request_id.reset(token)
    at = found.pop("at")
    assert len(at) == len("2026-11-23T09:30:00+0000")
    assert found == {
        "level": "warning", "logger": "linli.x", "message": "one of 2", "request_id": "abcdefgh", "attempt": 3,
        "trail": ["a", "b"],
    }  # fmt: skip


def test_a_traceback_is_part_of_the_line() -> None:
    try:
        raise ValueError(f"张三 {PHONE}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    found = json.loads(JsonLines().format(record))
    assert "Traceback" in found["traceback"]
    assert PHONE not in found["traceback"]


@pytest.mark.parametrize(
    "secret",
    [
        PHONE,
        f"8613{PHONE[2:]}",
        f"+86{PHONE}",
        f"电话{PHONE}。",
        f"tel:{PHONE},",
        IDENTITY,
        IDENTITY.lower(),
        "320102194910011234",
        "Bearer a_0123456789-abc",
        "authorization: bearer a_0123456789-abc",
        "/sns/jscode2session?appid=wx1&secret=0123456789-abc&js_code=0123456789-abc",
        "access_token=0123456789-abc",
        "session_key=0123456789-abc==",
        "password=0123456789-abc",
        "otp=0123456789-abc",
        "client_secret=0123456789-abc&x=1",
        "ACCESS_TOKEN=0123456789-abc",
        '{"password": "0123456789-abc", "user": 1}',
        "{'session_key': '0123456789-abc'}",
    ],
)
def test_numbers_and_secrets_are_hidden_wherever_they_stand(secret: str) -> None:
    shown = [
        redact(secret),
        json.dumps(line(f"before {secret} after"), ensure_ascii=False),
        json.dumps(line("x", what=secret), ensure_ascii=False),
        json.dumps(line("x", what={"deep": [secret]}), ensure_ascii=False),
        json.dumps(line("x", what=ValueError(secret)), ensure_ascii=False),
        json.dumps(line("x", what={secret: 1}), ensure_ascii=False),
    ]
    for text in shown:
        assert "[已隐去]" in text
        assert not any(
            part in text for part in (PHONE, IDENTITY[:17], "320102194910011234", "0123456789-abc")
        )


@pytest.mark.parametrize("number", [int(PHONE), int("320102194910011234")])
def test_a_number_in_a_field_of_its_own_is_hidden_too(number: int) -> None:
    assert line("x", what=number, more=[number])["what"] == "[已隐去]"
    assert str(number) not in json.dumps(line("x", what=number, more={"n": [number]}))


@pytest.mark.parametrize(
    "name", ["token", "access_token", "password", "secret", "client_secret", "otp", "js_code"]
)
def test_a_field_named_like_a_secret_is_hidden_whatever_it_holds(name: str) -> None:
    found = line("x", **{name: "plain"}, deep={name: {"a": "plain"}})
    assert found[name] == found["deep"][name] == "[已隐去]"


@pytest.mark.parametrize(
    "harmless",
    [
        "320102002001-20261123-0001",
        "320102002001",
        "2026-11-23T09:30:00.123456Z",
        "1763861400123",
        "01938f2a-6f00-7000-8000-0123456789ab",
        "23912345678",
        "1391234567",
        "a secret garden, no password here",
        "token expired",
        "the bearer",
        "10000000000000000000000001",
    ],
)
def test_what_is_nobodys_is_left_as_it_is(harmless: str) -> None:
    assert redact(harmless) == harmless
    assert line("at %s", harmless)["message"] == f"at {harmless}"


def test_what_follows_a_secret_can_still_be_read() -> None:
    assert redact("secret=abc&openid=o1 took 3 ms") == "[已隐去]&openid=o1 took 3 ms"
    assert line("GET /x?secret=abc", status=200)["status"] == 200


@given(st.text(max_size=80), st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.uuids()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner), st.frozensets(st.text(max_size=3), max_size=2),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
))  # fmt: skip
def test_whatever_is_logged_is_one_line_of_json(message: str, extra: Any) -> None:
    found = line(message.replace("%", "%%"), what=extra)
    assert {"at", "level", "logger", "message", "request_id", "what"} <= set(found)


@pytest.mark.parametrize("extra", ["\ud800 half a character", 2**70, UUID(int=1), {1: 2}, object, b"\xff"])
def test_what_json_does_not_know_is_no_reason_to_lose_the_line(extra: object) -> None:
    assert line("kept", what=extra)["message"] == "kept"


@pytest.fixture
def new_process() -> Iterator[None]:
    """Logging as in a new process, and afterwards as the test found it."""
    names = ("", "linli", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "asyncio")
    found = [
        (logging.getLogger(n), logging.getLogger(n).level, logging.getLogger(n).handlers[:]) for n in names
    ]
    propagated = logging.getLogger("uvicorn.access").propagate
    for logger, _, _ in found:
        logger.setLevel(logging.NOTSET)
    yield
    for logger, level, handlers in found:
        logger.setLevel(level)
        logger.handlers[:] = handlers
    logging.getLogger("uvicorn.access").propagate = propagated


@pytest.mark.usefixtures("new_process")
def test_a_configured_process_writes_its_own_lines_and_no_chatter(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure()
    logging.getLogger("linli.any").info("hello %s", PHONE)
    logging.getLogger("linli.any").debug("not heard")
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET /v1/people/secret")
    logging.getLogger("httpx").info("GET https://api.weixin.qq.com/?secret=x")
    lines = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [(x["logger"], x["message"]) for x in lines] == [
        ("linli.any", "hello [已隐去]"),
        ("uvicorn.error", "started"),
    ]
