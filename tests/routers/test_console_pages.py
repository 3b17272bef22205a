"""What the console serves, without a browser: protections, caching, and nothing that a strict policy would stop."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest

from api.console.router import GUARDS, load_assets
from api.main import create_app
from api.settings import Settings


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(_env_file=None, database_url="postgresql://none/none", redis_url="redis://none")
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://linli.test") as client:
        yield client


class _Page(HTMLParser):
    """Every tag of a page with its attributes, and the text inside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/console", 307),
        ("GET", "/console/", 200),
        ("HEAD", "/console/", 200),
        ("GET", "/console/assets/console.js", 200),
        ("GET", "/console/assets/swagger-ui-bundle.js", 200),
        ("GET", "/console/assets/redoc.standalone.js", 404),
        ("GET", "/console/assets/..%2Frouter.py", 404),
        ("GET", "/console/nothing", 404),
        ("POST", "/console", 404),
        ("POST", "/console/", 404),
        ("DELETE", "/console/assets/console.js", 404),
    ],
)
async def test_every_answer_carries_the_protections(
    browser: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await browser.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in GUARDS} == GUARDS
    if status == 404:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"


def test_the_policy_allows_nothing_inline_and_nothing_from_outside() -> None:
    policy = dict(part.strip().split(" ", 1) for part in GUARDS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert not {"unsafe", "http", "*", "blob:"} & set(re.findall(r"unsafe|http|\*|blob:", str(policy)))


async def test_the_address_without_a_slash_leads_on_without_naming_a_host(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/console")).headers["location"] == "console/"


async def test_the_page_keeps_to_its_own_policy_and_every_file_it_names_is_served(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/console/")
    page = _Page(answer.text)
    assert page.inline == ""
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert tag != "script" or attributes.get("src")
    named = [a.get("src") or a.get("href") for tag, a in page.tags if tag in ("script", "link", "img")]
    assert len(named) >= len(load_assets())
    for reference in named:
        assert reference is not None
        assert reference.startswith("assets/")
        file = await browser.get(f"/console/{reference}")
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("console.js", "text/javascript; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("console.css", "text/css; charset=utf-8"),
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("mark.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_kept_for_ever_only_under_its_version(
    browser: httpx.AsyncClient, name: str, media_type: str
) -> None:
    version = load_assets()[name].version
    for query, cache in [
        (f"?v={version}", "public, max-age=31536000, immutable"),
        ("", "no-cache"),
        ("?v=0", "no-cache"),
    ]:
        answer = await browser.get(f"/console/assets/{name}{query}")
        assert answer.headers["content-type"] == media_type
        assert answer.headers["cache-control"] == cache


@pytest.mark.parametrize("path", ["/console/", "/console/assets/swagger-ui.css"])
async def test_what_the_browser_has_already_is_not_sent_again(browser: httpx.AsyncClient, path: str) -> None:
    first = await browser.get(path)
    again = await browser.get(path, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert {name: again.headers.get(name) for name in GUARDS} == GUARDS
    changed = await browser.get(path, headers={"if-none-match": '"other"'})
    assert changed.status_code == 200
