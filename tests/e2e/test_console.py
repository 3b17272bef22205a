"""The console in a real browser: nothing from outside, a second factor, an operation tried out."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from api.kit.engines import EmbeddedEngines
from api.settings import Settings
from scripts.picture import HEIGHT, WIDTH, chromium, fill_in
from tests.e2e.console_server import Administrator, ConsoleServer, console_running, fresh_database

expect.set_options(timeout=30_000)  # a crowded machine is slow, not wrong
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        shutil.which("chromium") is None,
        reason="chromium is not installed (Debian: apt-get install chromium)",
    ),
]

READ = "/admin/v1/cases"
"""A read of the administrators that needs no parameter."""


@pytest.fixture(scope="module")
def console_server(engines: EmbeddedEngines, template: str) -> Iterator[ConsoleServer]:
    with fresh_database(engines, template) as database_url:
        settings = Settings(
            _env_file=None,
            database_url=database_url,
            redis_url=engines.addresses.redis_url,
        )
        with console_running(settings) as server:
            yield server


@pytest.fixture
def administrator(console_server: ConsoleServer) -> Administrator:
    return console_server.new_administrator()


@pytest.fixture(scope="module")
def browser(console_server: ConsoleServer) -> Iterator[Browser]:
    """After the server: Playwright's event loop would stand in the way of those that set it up."""
    with chromium() as started:
        yield started


@dataclass
class Watched:
    """A page, and all it asked for and complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def outside(self, base_url: str) -> list[str]:
        own = (f"{base_url}/", "data:", "blob:")
        return [url for url in self.asked if not url.startswith(own)]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="zh-CN")
    context.set_default_timeout(45_000)
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext) -> Watched:
    found = Watched(context.new_page())
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.on("websocket", lambda socket: found.asked.append(socket.url))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on(
        "console",
        lambda said: found.complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    return found


@pytest.fixture
def signed_in(watched: Watched, console_server: ConsoleServer, administrator: Administrator) -> Watched:
    watched.page.goto(f"{console_server.base_url}/console")
    fill_in(watched.page, administrator.username, administrator.password, administrator.otp())
    expect(watched.page.get_by_role("heading", name="管理接口")).to_be_visible()
    expect(watched.page.locator(".opblock").first).to_be_visible()
    return watched


def operation(page: Page, method: str, path: str) -> Locator:
    """The block of one operation in Swagger UI."""
    at = page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))
    expect(at).to_have_count(1)
    return at


def try_out(page: Page, method: str, path: str) -> Locator:
    """Open an operation, send it as it stands, and return its block."""
    at = operation(page, method, path)
    at.locator(".opblock-summary-control").click()
    at.get_by_role("button", name="Try it out").click()
    at.get_by_role("button", name="Execute").click()
    return at


def test_an_administrator_signs_in_and_tries_an_operation(
    signed_in: Watched, console_server: ConsoleServer, administrator: Administrator, tmp_path: Path
) -> None:
    page = signed_in.page
    expect(page.locator("#person")).to_have_text(administrator.nickname)
    summaries = page.locator(".opblock-summary-description").all_inner_texts()
    assert summaries
    assert [text for text in summaries if not any("\u4e00" <= letter <= "\u9fff" for letter in text)] == []
    assert {a.split("/")[1] for a in page.locator(".opblock-summary-path").all_inner_texts()} == {"admin"}
    picture = page.screenshot(path=tmp_path / "console.png")

    tried = try_out(page, "get", READ)
    expect(tried.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert "Bearer" not in tried.locator(".curl-command").inner_text()
    told = tried.locator('.responses-inner tr.response[data-code="200"] .example')
    expect(told).to_contain_text('"items"')  # the page of items, and what it refers to
    expect(told).to_contain_text('"number"')
    expect(page.locator(".errors-wrapper")).to_have_count(0)
    page.get_by_role("button", name="Authorize").click()
    expect(page.locator(".auth-container")).to_contain_text("client_secret")

    assert picture.startswith(b"\x89PNG")
    assert signed_in.outside(console_server.base_url) == []
    assert signed_in.complaints == []


def test_the_watch_would_see_a_request_to_elsewhere_and_a_broken_policy(
    watched: Watched, console_server: ConsoleServer
) -> None:
    watched.page.goto(f"{console_server.base_url}/console")
    watched.page.evaluate(
        """() => {
            const picture = new Image(); picture.src = "http://127.0.0.1:9/outside.png"; document.body.append(picture);
            const style = document.createElement("style"); style.textContent = "p{}"; document.body.append(style);
        }"""
    )
    watched.page.wait_for_timeout(300)
    assert len([said for said in watched.complaints if "Content Security Policy" in said]) == 2
    assert watched.outside(console_server.base_url) == ["http://127.0.0.1:9/outside.png"]


def test_a_wrong_code_is_told_in_chinese_and_to_those_who_cannot_see(
    watched: Watched, console_server: ConsoleServer, administrator: Administrator
) -> None:
    page = watched.page
    page.goto(f"{console_server.base_url}/console")
    expect(page.get_by_label("用户名")).to_be_focused()
    right = administrator.otp()
    wrong = f"{(int(right) + 500_000) % 1_000_000:06}"
    page.keyboard.type(administrator.username)
    page.keyboard.press("Tab")
    page.keyboard.type(administrator.password)
    page.keyboard.press("Tab")
    page.keyboard.type(wrong)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("用户名、密码或动态口令不正确")
    expect(page.get_by_label("密码")).to_be_focused()
    expect(page.locator("#workbench")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0


def test_signing_out_ends_the_session_on_the_server_too(
    signed_in: Watched, console_server: ConsoleServer
) -> None:
    page = signed_in.page
    token = _token(page)
    assert console_server.asks(token) == 200
    page.get_by_role("button", name="退出登录", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("已退出登录。")
    assert console_server.asks(token) == 401
    assert page.evaluate("sessionStorage.length") == 0
    assert page.locator(".opblock").count() == 0
    page.reload()
    expect(page.get_by_label("用户名")).to_be_focused()


def test_a_reload_keeps_the_session_and_another_tab_has_none(
    signed_in: Watched, context: BrowserContext, console_server: ConsoleServer
) -> None:
    signed_in.page.reload()
    expect(signed_in.page.locator(".opblock").first).to_be_visible()
    other = context.new_page()
    other.goto(f"{console_server.base_url}/console/")
    expect(other.get_by_label("用户名")).to_be_visible()


def test_a_session_ended_elsewhere_asks_to_sign_in_and_keeps_what_was_typed(
    signed_in: Watched, console_server: ConsoleServer, administrator: Administrator
) -> None:
    page = signed_in.page
    console_server.asks(_token(page), "DELETE")
    try_out(page, "get", READ)
    expect(page.get_by_role("alert")).to_contain_text("登录已失效")
    fill_in(page, administrator.username, administrator.password, administrator.otp(1))
    at = operation(page, "get", READ)
    at.get_by_role("button", name="Execute").click()
    expect(at.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")


def test_an_unused_console_warns_and_then_signs_out(
    watched: Watched, console_server: ConsoleServer, administrator: Administrator
) -> None:
    page = watched.page
    page.clock.install()
    page.goto(f"{console_server.base_url}/console")
    fill_in(page, administrator.username, administrator.password, administrator.otp())
    expect(page.locator("#idle-rule")).to_contain_text("30 分钟")
    page.clock.fast_forward("28:30")
    expect(page.get_by_role("status")).to_have_text("再过 2 分钟没有操作将自动退出登录。")
    page.get_by_role("button", name="继续使用").click()
    expect(page.get_by_role("status")).to_have_text("")
    page.clock.fast_forward("29:30")
    expect(page.get_by_role("status")).to_have_text("再过 1 分钟没有操作将自动退出登录。")
    page.clock.fast_forward("00:40")
    expect(page.get_by_role("alert")).to_contain_text("长时间没有操作")
    assert page.locator(".opblock").count() == 0
    assert page.evaluate("sessionStorage.length") == 0


def test_swaggers_own_authorize_button_takes_the_code_as_client_secret(
    signed_in: Watched, console_server: ConsoleServer, administrator: Administrator
) -> None:
    page = signed_in.page
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    dialog.get_by_label("username").fill(administrator.username)
    dialog.get_by_label("password").fill(administrator.password)
    dialog.get_by_label("client_secret").fill(administrator.otp(1))
    with page.expect_request("**/admin/v1/sessions") as asked:
        dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    assert asked.value.headers["authorization"].startswith("Basic ")
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    with page.expect_request(f"**{READ}*") as tried:
        try_out(page, "get", READ)
    assert tried.value.headers["authorization"] not in ("", f"Bearer {_token(page)}")
    assert tried.value.response().status == 200  # type: ignore[union-attr]


def test_it_works_under_a_prefix_that_only_the_proxy_knows(
    watched: Watched, console_server: ConsoleServer, administrator: Administrator
) -> None:
    page, base = watched.page, console_server.base_url
    page.route(
        f"{base}/**",
        lambda route: (
            route.fulfill(response=route.fetch(url=route.request.url.replace(f"{base}/linli/", f"{base}/")))
            if route.request.url.startswith(f"{base}/linli/")
            else route.abort()
        ),
    )
    page.goto(f"{base}/linli/console/")
    fill_in(page, administrator.username, administrator.password, administrator.otp())
    tried = try_out(page, "get", READ)
    expect(tried.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert watched.outside(f"{base}/linli") == []


def test_it_fits_a_phone(signed_in: Watched) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("button", name="退出登录", exact=True)).to_be_in_viewport()
    try_out(page, "get", READ)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def _token(page: Page) -> str:
    token: str = page.evaluate("JSON.parse(sessionStorage['linli.console.session']).token")
    return token
