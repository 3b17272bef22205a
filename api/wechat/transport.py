"""The one module that knows httpx. It moves bytes; what they mean is the gateway's business.

Nothing here logs or raises a URL, a parameter or a body: the secret, the token and the codes travel in them.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from api.kit.late import never
from api.wechat.errors import Ambiguous, NotSent, Unreadable, WeChatError

never("httpx._main")  # its command line, with a terminal's libraries
import httpx  # noqa: E402

_MAX_ANSWER = 2 * 1024 * 1024  # a mini-program code of 1280 px is below 500 KiB
_LINES = 32  # connections of a process; who comes later waits for one, and is not sent if none gets free
_ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|(.))")
"""Each escape of a JSON text; the group is empty for a \\u. Read from the left, so that an escaped backslash is one."""
_UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class _NoAddresses(logging.Filter):
    """httpx logs every URL with its query at INFO; a record that carries one is dropped."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(argument, httpx.URL) for argument in arguments)


# A filter survives logging.config, a level does not.
logging.getLogger("httpx").addFilter(_NoAddresses())


def _unescaped(text: str) -> str:
    """JSON without \\u escapes: what is left of them stands for control characters, which become spaces."""
    return _ESCAPE.sub(lambda found: found[0] if found[1] else " ", text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP status, media type without parameters, bytes."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


class Transport:
    """Calls below `base`, each at most `timeout` seconds in all, however slowly the bytes drip."""

    def __init__(self, base: str, *, timeout: float = 8.0, connect: float = 3.0) -> None:
        self._timeout = timeout
        self._lines = asyncio.Semaphore(_LINES)
        self._http = httpx.AsyncClient(
            base_url=base,
            timeout=httpx.Timeout(timeout, connect=connect, pool=connect),
            limits=httpx.Limits(max_connections=_LINES, max_keepalive_connections=_LINES),
            follow_redirects=False,  # a redirect would carry the secret elsewhere
            trust_env=False,
            verify=not base.startswith(
                "http://"
            ),  # reading the authorities takes 20 ms that http:// has no use for
        )

    async def get(self, call: str, path: str, params: Mapping[str, str]) -> Answer:
        """GET with everything in the query."""
        return await self._exchange(call, self._http.build_request("GET", path, params=dict(params)))

    async def post(self, call: str, path: str, params: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        """POST raw UTF-8 JSON: no \\u escapes, which the platform counts and checks as they stand."""
        text = _unescaped(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
        return await self.post_bytes(call, path, params, text.encode(errors="replace"), "application/json")

    async def post_bytes(
        self, call: str, path: str, params: Mapping[str, str], content: bytes, media_type: str
    ) -> Answer:
        """POST `content` as it is."""
        headers = {"Content-Type": media_type}
        request = self._http.build_request(
            "POST", path, params=dict(params), content=content, headers=headers
        )
        return await self._exchange(call, request)

    async def _exchange(self, call: str, request: httpx.Request) -> Answer:
        """Send and read. NotSent when nothing can have arrived, Ambiguous when it may have."""
        # Built in the handlers, raised outside: httpx's exceptions hold the request and its URL.
        failure: WeChatError = NotSent(call, retry_after=2)
        try:
            async with asyncio.timeout(self._timeout):
                await self._lines.acquire()
        except TimeoutError:
            pass
        else:
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._read(request)
            except _UNREACHED:
                pass
            except (httpx.HTTPError, TimeoutError):
                failure = Ambiguous(call, retry_after=2)
            else:
                if answer is not None:
                    return answer
                failure = Unreadable(call)
            finally:
                self._lines.release()
        raise failure

    async def _read(self, request: httpx.Request) -> Answer | None:
        """The whole answer, or None when it is larger than anything the platform sends."""
        response = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    return None
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(response.status_code, media_type, bytes(body))
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
