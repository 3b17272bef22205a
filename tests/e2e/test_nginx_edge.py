"""What nginx lets in, hands on, refuses and writes down."""

import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.conftest import Pair
from tests.e2e.topology import DEPLOY, free_port, nginx_program, nginx_version, replace

Start = Callable[..., Pair]
STRANGER = "127.0.0.2"  # a caller outside the ranges that `Nginx` takes for private
KEY = {"idempotency-key": "0193a1b2-once"}


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert re.search("[一-鿿]", problem["title"])


# -- bodies


def test_a_body_over_1_mb_is_refused_before_the_api_and_12_mb_are_for_uploads(here: Pair) -> None:
    with here.client() as client:
        assert client.post("/v1/cases", content=bytes(1024**2)).json()["length"] == 1024**2
        assert_problem(client.post("/v1/cases", content=bytes(1024**2 + 1)), 413, "too_large")
        assert_problem(client.post("/v1/cases", content=bytes(10_000_000), headers=KEY), 413, "too_large")
        assert client.post("/v1/uploads", content=bytes(12 * 1024**2)).json()["length"] == 12 * 1024**2
        assert client.post("/admin/v1/imports", content=bytes(5_000_000)).json()["length"] == 5_000_000
        assert_problem(client.post("/v1/uploads", content=bytes(12 * 1024**2 + 1)), 413, "too_large")
    assert len(here.seen) == 3


@pytest.mark.parametrize("headers", [{}, KEY])
def test_a_body_that_does_not_tell_its_length_is_refused_as_well(here: Pair, headers: dict[str, str]) -> None:
    with here.client() as client:
        pieces: Iterator[bytes] = iter([bytes(600_000), bytes(600_000)])
        assert_problem(client.post("/v1/cases", content=pieces, headers=headers), 413, "too_large")
    assert here.seen == []


# -- names and addresses handed on


@pytest.mark.parametrize("name", ["0193a1b2-aaaa", "a.b_c-D9", "x" * 64])
def test_a_plain_request_id_is_handed_on_and_logged(here: Pair, name: str) -> None:
    with here.client() as client:
        answer = client.get("/v1/cases", headers={"x-request-id": name})
    assert answer.json()["headers"]["x-request-id"] == name
    assert here.logged(answer)["request_id"] == name


@pytest.mark.parametrize("name", [None, "short", "x" * 65, 'quote"quote"', "with space id", "$request_uri"])
def test_another_request_id_is_replaced(here: Pair, name: str | None) -> None:
    with here.client() as client:
        answer = client.get("/v1/cases", headers={"x-request-id": name} if name else {})
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["headers"]["x-request-id"])


def test_what_a_caller_claims_about_its_address_is_not_believed(here: Pair) -> None:
    claims = {
        "x-forwarded-for": "8.8.8.8",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example",
        "forwarded": "for=8.8.8.8",
    }
    with here.client(STRANGER) as client:
        heard = client.get("/v1/cases", headers=claims).json()["headers"]
    assert heard["x-forwarded-for"] == STRANGER
    assert heard["x-forwarded-proto"] == "http"
    assert "x-forwarded-host" not in heard
    assert "forwarded" not in heard


def test_no_header_is_told_twice_and_large_answers_are_packed(here: Pair) -> None:
    with here.client() as client:
        answer = client.get("/v1/cases", headers={"x-padding": "20000", "accept-encoding": "gzip"})
    names = [name for name, _ in answer.headers.multi_items()]
    assert sorted(names) == sorted(set(names))
    assert answer.headers["content-encoding"] == "gzip"
    assert "nginx/" not in answer.headers["server"]
    assert int(answer.headers.get("content-length", 0)) < 2000


# -- the administration's own paths

STAFF = [
    "/admin/v1/people",
    "/admin/openapi.json",
    "/admin",
    "/console",
    "/console/board",
    "/metrics",
    "/admin/v1/sessions",
    "/admin/v1/imports",
    "//admin/v1/people",
    "/v1/../admin/v1/people",
    "/%61dmin/v1/people",
    "/v1%2f..%2fadmin/v1/people",
]


@pytest.mark.parametrize("path", STAFF)
def test_to_a_stranger_the_console_does_not_exist(here: Pair, path: str) -> None:
    with here.client(STRANGER) as client:
        for headers in ({}, KEY):
            for method in ("GET", "POST"):
                request = client.build_request(method, "/", headers=headers)
                request.url = request.url.copy_with(raw_path=path.encode())
                assert_problem(client.send(request), 404, "not_found")
    assert here.seen == []


@pytest.mark.parametrize("path", STAFF[:8])
def test_to_the_administration_it_does(here: Pair, path: str) -> None:
    with here.client() as client:
        assert client.get(path).json()["path"] == path
        assert client.post(path, headers=KEY).json()["path"] == path


@pytest.mark.parametrize("path", ["/v1/cases", "/administrative", "/metricsx", "/consoles", "/healthz"])
def test_what_only_begins_alike_is_for_everybody(here: Pair, path: str) -> None:
    with here.client(STRANGER) as client:
        assert client.get(path).json()["path"] == path


# -- rates


def test_logins_are_limited_by_address_and_nothing_else_is(here: Pair) -> None:
    with here.client(STRANGER) as client:
        answers = [client.post("/v1/sessions") for _ in range(120)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) > 20  # burst of 50, then 10 a second
        assert_problem(refused[0], 429, "too_many_requests")
        assert refused[0].headers["retry-after"] == "2"
        assert client.get("/v1/sessions").status_code == 200
        assert client.post("/v1/cases").status_code == 200
    with here.client("127.0.0.3") as other:
        assert other.post("/v1/sessions").status_code == 200
    with here.client() as staff:
        answers = [staff.post("/admin/v1/sessions") for _ in range(20)]
    assert sum(answer.status_code == 429 for answer in answers) > 5  # burst of 10, then one a second


# -- the log

SECRETS = ["q-zhang-san", "13912345678", "tok3n", "b0dy", "r3f"]


def ask_with_secrets(here: Pair) -> None:
    """Whole, refused and failed requests that carry something private in every place a request has."""
    headers = {"authorization": "Bearer tok3n", "referer": "https://example.org/r3f"}
    with here.client() as client:
        client.get("/v1/cases?q=q-zhang-san", headers=headers)
        client.post("/v1/sessions?phone=13912345678", headers=headers, content=b'{"code":"b0dy"}')
        for _ in range(80):
            client.post("/v1/sessions?phone=13912345678", headers=headers)
        client.post("/v1/cases?q=q-zhang-san", content=bytes(2_000_000), headers=headers)
        here.a.kill()
        here.b.kill()
        client.get("/wechat/push?openid=q-zhang-san", headers=headers)
    here.nginx.stop()


def test_the_access_log_is_one_json_object_a_request(here: Pair) -> None:
    with here.client() as client:
        quoted = client.get('/v1/cases/"quoted"\\path?limit=20')
        refused = client.get("/v1/cases", headers={"x-status": "409"})
    entry = here.logged(quoted)
    assert entry["path"] == '/v1/cases/"quoted"\\path'
    assert datetime.fromisoformat(str(entry["at"])).utcoffset() is not None
    entry = here.logged(refused)
    assert (entry["status"], entry["upstream_status"], entry["method"]) == (409, "409", "GET")


def test_neither_log_holds_anything_private(pair: Start) -> None:
    here = pair()
    ask_with_secrets(here)
    assert {entry["status"] for entry in here.nginx.access_log} == {200, 413, 429, 503}
    assert [secret for secret in SECRETS if secret in here.nginx.everything_logged] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"path":"$uri"', '"path":"$request_uri"'),
        ('"path":"$uri"', '"path":"$uri","by":"$http_authorization"'),
        ("error.log crit", "error.log error"),
    ],
)
def test_a_more_talkative_log_would_be_noticed(pair: Start, old: str, new: str) -> None:
    here = pair(edit=lambda text: replace(text, old, new))
    ask_with_secrets(here)
    assert [secret for secret in SECRETS if secret in here.nginx.everything_logged]


# -- TLS, with the shipped listen.conf


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of a day for 127.0.0.1, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "linli.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("linli.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def listen_with(certificate: tuple[Path, Path], port: int, variant: str) -> Callable[[str], str]:
    """The shipped listen.conf of `variant` with only port and certificate of the test put in."""

    def edit(_: str) -> str:
        text = (DEPLOY / variant).read_text()
        text, listened = re.subn(r"^listen \d+ ssl;", f"listen 127.0.0.1:{port} ssl;", text, flags=re.M)
        text, named = re.subn(
            r"^ssl_certificate \S+;", f"ssl_certificate {certificate[0]};", text, flags=re.M
        )
        text, keyed = re.subn(
            r"^ssl_certificate_key \S+;", f"ssl_certificate_key {certificate[1]};", text, flags=re.M
        )
        assert (listened, named, keyed) == (1, 1, 1)
        if nginx_version(nginx_program()) < (1, 25, 1):
            text = replace(text, "http2 on;\n", "")  # said otherwise before 1.25.1; the file says so
        return text

    return edit


@pytest.mark.parametrize("variant", ["nginx.d/listen.conf", "systemd/nginx.d/listen.conf"])
def test_tls_is_modern_and_said_to_last(pair: Start, certificate: tuple[Path, Path], variant: str) -> None:
    port = free_port()
    here = pair(listen=listen_with(certificate, port, variant), port=port)
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    url = f"https://127.0.0.1:{port}/v1/cases"
    with httpx.Client(verify=trusted, trust_env=False) as client:
        for answer in (
            client.get(url, extensions={"sni_hostname": "linli.test"}),
            client.post(url, content=bytes(2_000_000), extensions={"sni_hostname": "linli.test"}),
        ):
            assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
        assert here.seen == ["a GET /v1/cases 0"]
    old = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "alert protocol version" in old.stderr
    assert (
        json.loads(httpx.get(url, verify=False, trust_env=False).text)["headers"]["x-forwarded-proto"]
        == "https"
    )
