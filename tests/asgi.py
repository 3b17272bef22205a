"""A call straight into the application: for tests that ask a hundred thousand questions, where a client is half the cost."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import orjson
from fastapi import FastAPI
from starlette.types import Message

from tests.conformance import documented


@dataclass(frozen=True, slots=True)
class Answer:
    status_code: int
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        return orjson.loads(self.content)


async def call(
    app: FastAPI, method: str, address: str, headers: dict[str, str], body: bytes | None = None
) -> Answer:
    """`address` is path and query. A failure in the application is raised; a 2xx must be as documented."""
    path, _, query = address.partition("?")
    said = {"host": "linli.test", **headers}
    if body is not None:
        said["content-length"] = str(len(body))
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(
        {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": quote(query, safe="%=&+,:;/@!$'()*?-._~").encode(),
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            "server": ("linli.test", 80),
            "client": ("127.0.0.1", 50_000),
            "extensions": {},
            "state": {},
        },
        receive,
        send,
    )
    start = sent[0]
    answer = Answer(start["status"], b"".join(part.get("body", b"") for part in sent[1:]))
    kind = dict(start["headers"]).get(b"content-type", b"")
    if answer.is_success and kind.startswith(b"application/json"):
        faults = documented().faults(method, unquote(path), answer.status_code, answer.json())
        assert not faults, faults
    return answer
