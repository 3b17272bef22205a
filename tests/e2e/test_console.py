"""The console in a real browser: nothing from outside, a second factor, an operation tried out."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import pyotp
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Form, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import OAuth2PasswordBearer
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.middleware import Middleware

from api.console.router import mount
from api.kit.http import Edge, install
from api.kit.problems import Problem, SessionExpired
from scripts.picture import HEIGHT, WIDTH, chromium, fill_in

pytestmark = pytest.mark.browser

USERNAME, PASSWORD = "zhou.min", "correct horse battery staple"
READ = "/admin/v1/queue"
"""A read of the administrators that needs no parameter."""
SECRET = pyotp.random_base32()


class BadCredentials(Problem):
    status, code, title = 401, "stub_bad_credentials", "用户名、密码或动态口令不正确"


@dataclass(frozen=True)
class ConsoleServer:
    base_url: str
    username: str
    password: str
    totp_secret: str
    nickname: str

    def otp(self, ahead: int = 0) -> str:
        """The one-time code of now, or of `ahead` steps of 30 s later; each is taken once."""
        return pyotp.TOTP(self.totp_secret).at(int(time.time()) + 30 * ahead)


def stub() -> FastAPI:
    app = FastAPI(
        title="邻里管理接口",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Edge, max_body=1_000_000)],
    )
    install(app)
    bearer = OAuth2PasswordBearer(tokenUrl="/admin/v1/sessions", auto_error=False, description="x")
    tokens: set[str] = set()

    def viewer(token: Annotated[str | None, Depends(bearer)]) -> str:
        if token not in tokens:
            raise SessionExpired
        return token

    @app.post("/admin/v1/sessions", tags=["登录"], summary="登录控制台")
    def sign_in(
        request: Request,
        username: Annotated[str, Form()],
        password: Annotated[str, Form()],
        otp: Annotated[str, Form()] = "",
        client_secret: Annotated[str, Form()] = "",
    ) -> dict[str, Any]:
        scheme, _, basic = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            import base64

            client_secret = base64.b64decode(basic).decode().partition(":")[2]
        if (
            username != USERNAME
            or password != PASSWORD
            or not pyotp.TOTP(SECRET).verify(otp or client_secret, valid_window=1)
        ):
            raise BadCredentials
        tokens.add(t := f"c_{len(tokens)}")
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))
        return {
            "access_token": t,
            "token_type": "bearer",
            "expires_at": at,
            "person": {"id": "p", "nickname": "周敏"},
        }

    @app.get("/admin/v1/sessions/current", tags=["登录"], summary="当前会话")
    def cur(token: Annotated[str, Depends(viewer)]) -> dict[str, Any]:
        return {"id": "1", "person_id": "p", "console": True}

    @app.delete("/admin/v1/sessions/current", tags=["登录"], summary="退出登录", status_code=204)
    def out(token: Annotated[str, Depends(viewer)]) -> None:
        tokens.discard(token)

    @app.get(
        "/admin/v1/queue",
        tags=["运行"],
        summary="查看队列与死信",
        description="未送达的事件数、重试次数与**死信**。",
    )
    def queue(token: Annotated[str, Depends(viewer)], limit: int = 20) -> dict[str, Any]:
        return {"pending": 0, "dead": []}

    @app.get("/admin/openapi.json", include_in_schema=False)
    def doc(token: Annotated[str, Depends(viewer)]) -> dict[str, Any]:
        return get_openapi(title="邻里管理接口", version="0.1.0", routes=app.routes)

    mount(app)
    return app


@pytest.fixture(scope="module")
def console_server() -> Iterator[ConsoleServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(stub(), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield ConsoleServer(f"http://127.0.0.1:{listener.getsockname()[1]}", USERNAME, PASSWORD, SECRET, "周敏")
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
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
    context.set_default_timeout(15_000)
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
def signed_in(watched: Watched, console_server: ConsoleServer) -> Watched:
    watched.page.goto(f"{console_server.base_url}/console")
    fill_in(watched.page, console_server.username, console_server.password, console_server.otp())
    expect(watched.page.get_by_role("heading", name="管理接口")).to_be_visible()
    expect(watched.page.locator(".opblock").first).to_be_visible()
    return watched


def operation(page: Page, method: str, path: str) -> Any:
    """The block of one operation in Swagger UI."""
    at = page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))
    expect(at).to_have_count(1)
    return at


def try_out(page: Page, method: str, path: str) -> Any:
    """Open an operation, send it as it stands, and return its block."""
    at = operation(page, method, path)
    at.locator(".opblock-summary-control").click()
    at.get_by_role("button", name="Try it out").click()
    at.get_by_role("button", name="Execute").click()
    return at


def test_an_administrator_signs_in_and_tries_an_operation(
    signed_in: Watched, console_server: ConsoleServer, tmp_path: Path
) -> None:
    page = signed_in.page
    expect(page.locator("#person")).to_have_text(console_server.nickname)
    summaries = page.locator(".opblock-summary-description").all_inner_texts()
    assert summaries
    assert [text for text in summaries if not any("\u4e00" <= letter <= "\u9fff" for letter in text)] == []
    assert {a.split("/")[1] for a in page.locator(".opblock-summary-path").all_inner_texts()} == {"admin"}
    picture = page.screenshot(path=tmp_path / "console.png")

    tried = try_out(page, "get", READ)
    expect(tried.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert "Bearer" not in tried.locator(".curl-command").inner_text()
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


def test_a_wrong_code_is_told_in_chinese_and_to_those_who_cannot_see(
    watched: Watched, console_server: ConsoleServer
) -> None:
    page = watched.page
    page.goto(f"{console_server.base_url}/console")
    expect(page.get_by_label("用户名")).to_be_focused()
    right = console_server.otp()
    wrong = f"{(int(right) + 500_000) % 1_000_000:06}"
    page.keyboard.type(console_server.username)
    page.keyboard.press("Tab")
    page.keyboard.type(console_server.password)
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
    assert _asks(console_server, token) == 200
    page.get_by_role("button", name="退出登录", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("已退出登录。")
    assert _asks(console_server, token) == 401
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
    signed_in: Watched, console_server: ConsoleServer
) -> None:
    page = signed_in.page
    _asks(console_server, _token(page), "DELETE")
    try_out(page, "get", READ)
    expect(page.get_by_role("alert")).to_contain_text("登录已失效")
    fill_in(page, console_server.username, console_server.password, console_server.otp(1))
    at = operation(page, "get", READ)
    at.get_by_role("button", name="Execute").click()
    expect(at.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")


def test_an_unused_console_warns_and_then_signs_out(watched: Watched, console_server: ConsoleServer) -> None:
    page = watched.page
    page.clock.install()
    page.goto(f"{console_server.base_url}/console")
    fill_in(page, console_server.username, console_server.password, console_server.otp())
    expect(page.locator("#idle-rule")).to_contain_text("30 分钟")
    page.clock.fast_forward("28:30")
    expect(page.get_by_role("status")).to_have_text("再过 2 分钟没有操作将自动退出登录。")
    page.get_by_role("button", name="继续使用").click()
    expect(page.get_by_role("status")).to_have_text("")
    page.clock.fast_forward("29:30")
    expect(page.get_by_role("status")).to_have_text("再过 1 分钟没有操作将自动退出登录。")
    page.clock.fast_forward("00:40")
    expect(page.get_by_role("alert")).to_contain_text("长时间没有操作")
    assert page.evaluate("sessionStorage.length") == 0


def test_swaggers_own_authorize_button_takes_the_code_as_client_secret(
    signed_in: Watched, console_server: ConsoleServer
) -> None:
    page = signed_in.page
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    dialog.get_by_label("username").fill(console_server.username)
    dialog.get_by_label("password").fill(console_server.password)
    dialog.get_by_label("client_secret").fill(console_server.otp(1))
    with page.expect_request("**/admin/v1/sessions") as asked:
        dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    assert asked.value.headers["authorization"].startswith("Basic ")
    expect(page.get_by_role("button", name="authorization button locked").first).to_be_visible()
    with page.expect_request(f"**{READ}*") as tried:
        try_out(page, "get", READ)
    assert tried.value.headers["authorization"] not in ("", f"Bearer {_token(page)}")
    assert tried.value.response().status == 200  # type: ignore[union-attr]


def test_it_works_under_a_prefix_that_only_the_proxy_knows(
    watched: Watched, console_server: ConsoleServer
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
    fill_in(page, console_server.username, console_server.password, console_server.otp())
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


def _asks(server: ConsoleServer, token: str, method: str = "GET") -> int:
    url = f"{server.base_url}/admin/v1/sessions/current"
    return httpx.request(
        method, url, headers={"authorization": f"Bearer {token}"}, trust_env=False
    ).status_code
