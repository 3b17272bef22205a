"""A small S3: one bucket in memory behind real HTTP on loopback, every request's signature checked (SigV4).

Written from Amazon's public description of the signature, apart from any client, so that both must agree.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ACCESS_KEY, SECRET_KEY, REGION, BUCKET = "AKIDLINLI", "s3-secret-of-the-tests", "cn-test-1", "pictures"


@dataclass
class S3:
    """The bucket, and how it misbehaves."""

    url: str = ""
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    full: bool = False
    """Every PUT is refused, as when the quota is used up."""
    refused: int = 0
    """Requests whose signature was wrong or too old."""


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _key(day: str) -> bytes:
    key = _hmac(f"AWS4{SECRET_KEY}".encode(), day)
    for part in (REGION, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: S3

    def log_message(self, *_: object) -> None:
        """Quiet: a presigned address in a log is a key in a log."""

    def _signed(self, body: bytes) -> bool:
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query, keep_blank_values=True)
        given = dict(query)
        if "X-Amz-Signature" in given:  # presigned
            signature, names = given["X-Amz-Signature"], given["X-Amz-SignedHeaders"]
            scope, moment, payload = given["X-Amz-Credential"], given["X-Amz-Date"], "UNSIGNED-PAYLOAD"
            life = timedelta(seconds=int(given["X-Amz-Expires"]))
        else:
            kind, _, rest = self.headers.get("authorization", "").partition(" ")
            if kind != "AWS4-HMAC-SHA256":
                return False
            told = dict(item.strip().split("=", 1) for item in rest.split(","))
            signature, names, scope = told["Signature"], told["SignedHeaders"], told["Credential"]
            moment, payload = self.headers["x-amz-date"], self.headers["x-amz-content-sha256"]
            life = timedelta(minutes=5)
            if payload != "UNSIGNED-PAYLOAD" and payload != hashlib.sha256(body).hexdigest():
                return False
        at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        wanted_scope = f"{moment[:8]}/{REGION}/s3/aws4_request"
        headers = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in names.split(";"))
        asked = "&".join(f"{_escaped(k)}={_escaped(v)}" for k, v in sorted(query) if k != "X-Amz-Signature")
        canonical = "\n".join(
            [self.command, quote(unquote(parts.path), safe="/-_.~"), asked, headers, names, payload]
        )
        to_sign = "\n".join(
            ["AWS4-HMAC-SHA256", moment, wanted_scope, hashlib.sha256(canonical.encode()).hexdigest()]
        )
        expected = _hmac(_key(moment[:8]), to_sign).hex()
        young = datetime.now(UTC) - at < life
        return scope == f"{ACCESS_KEY}/{wanted_scope}" and young and hmac.compare_digest(expected, signature)

    def _answer(self, status: int, content: bytes = b"", kind: str = "application/xml") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.send_header("etag", f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("last-modified", format_datetime(datetime.now(UTC), usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        if not self._signed(body):
            self.s3.refused += 1
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif bucket != BUCKET:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif self.command == "PUT" and self.s3.full:
            self._answer(400, b"<Error><Code>EntityTooLarge</Code></Error>")
        elif self.command == "PUT":
            self.s3.files[name] = body, self.headers.get("content-type", "")
            self._answer(200)
        elif self.command == "DELETE":
            self.s3.files.pop(name, None)
            self._answer(204)
        elif self.command == "POST" and "delete" in dict(parse_qsl(parts.query, keep_blank_values=True)):
            gone = re.findall(r"<Key>([^<]*)</Key>", body.decode())
            for key in gone:
                self.s3.files.pop(unescape(key), None)
            told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in gone)
            self._answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())
        elif name not in self.s3.files:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._answer(200, *self.s3.files[name])

    def __getattr__(self, name: str) -> Callable[[], None]:
        """do_GET, do_PUT … : one way for all methods."""
        if name in ("do_GET", "do_PUT", "do_HEAD", "do_DELETE", "do_POST"):
            return self._serve
        raise AttributeError(name)


@contextmanager
def s3_running() -> Iterator[S3]:
    """The server in a thread of this process, on a free loopback port."""
    s3 = S3()
    handler = type("Handler", (_Handler,), {"s3": s3})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    s3.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="s3")
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
