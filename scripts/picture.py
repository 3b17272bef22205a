"""The picture of the console in README.md, taken from a running demo with Debian's chromium.

`python -m scripts.picture http://127.0.0.1:8000 --username … --password … --totp-secret …`
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pyotp
import typer
from playwright.sync_api import Browser, Page, sync_playwright

TARGET = Path(__file__).resolve().parents[1] / "docs" / "console.png"
LARGEST = 200 * 1024
WIDTH, HEIGHT = 1280, 800
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""How chromium is started so that it asks nothing of anybody but the page's own server."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's chromium. Raises FileNotFoundError where it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("chromium is not on the PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def fill_in(page: Page, username: str, password: str, otp: str) -> None:
    """Fill in the sign-in form and send it."""
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(password)
    page.get_by_label("动态口令").fill(otp)
    page.get_by_role("button", name="登录", exact=True).click()


def main(
    address: Annotated[str, typer.Argument(help="where the demo answers, without /console")],
    username: Annotated[str, typer.Option()],
    password: Annotated[str, typer.Option()],
    totp_secret: Annotated[str, typer.Option()],
    target: Annotated[Path, typer.Option()] = TARGET,
) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="zh-CN")
        page.goto(f"{address.rstrip('/')}/console")
        fill_in(page, username, password, pyotp.TOTP(totp_secret).now())
        page.locator(".opblock").first.wait_for()
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)  # Swagger UI's own fade-in
        picture = page.screenshot(animations="disabled")
    if len(picture) > LARGEST:
        sys.exit(f"{len(picture) // 1024} KB, more than {LARGEST // 1024} KB")
    target.write_bytes(picture)
    typer.echo(f"{target} {len(picture) // 1024} KB")


if __name__ == "__main__":
    typer.run(main)
