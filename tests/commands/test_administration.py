"""`linli admin create` and `linli grant`: the first people of a deployment, as its keeper types them."""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from api.cli import app as program
from api.kit import clock
from tests.town import PASSWORD, Town

COUNTY, STREET, HERE = "320102000000", "320102002000", "320102002001"


@pytest.fixture
def keeper(town: Town, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Somebody at the command line of the town's server."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "60")  # narrow: what is printed must not be broken
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def create(keeper: CliRunner, *more: str, username: str = "zhou", place: str = COUNTY) -> Result:
    words = ["admin", "create", "--username", username, "--place", place, "--password-stdin", *more]
    return keeper.invoke(program, words, input=f"{PASSWORD}\n")


def told(result: Result, name: str) -> str:
    return next(li.partition("：")[2] for li in result.output.splitlines() if li.startswith(f"{name}："))


async def sign_in(client: httpx.AsyncClient, username: str, secret: str) -> httpx.Response:
    form = {"username": username, "password": PASSWORD, "otp": pyotp.TOTP(secret).now()}
    return await client.post("/admin/v1/sessions", data=form)


async def grants_of(client: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    answer = await client.get("/admin/v1/me", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["grants"])


@pytest.fixture
def zhou(keeper: CliRunner) -> Result:
    made = create(keeper, "--nickname", "周敏")
    assert made.exit_code == 0, made.output
    return made


async def test_what_was_printed_signs_in(zhou: Result, client: httpx.AsyncClient) -> None:
    secret = told(zhou, "TOTP 密钥")
    session = await sign_in(client, "zhou", secret)
    assert session.status_code == 200, session.text
    assert session.json()["person"]["nickname"] == "周敏"
    held = await grants_of(client, session.json()["access_token"])
    assert [(g["role"], g["place"]["name"]) for g in held] == [("operator", "玄武区")]


def test_the_address_for_the_authenticator_carries_the_same_secret(zhou: Result) -> None:
    parsed = pyotp.parse_uri(told(zhou, "otpauth 地址"))
    assert (parsed.secret, parsed.name, parsed.issuer) == (told(zhou, "TOTP 密钥"), "zhou", "邻里")


def test_the_password_is_not_printed(zhou: Result) -> None:
    assert PASSWORD not in zhou.output


def test_a_taken_username_is_refused_and_nothing_written(zhou: Result, keeper: CliRunner) -> None:
    again = create(keeper)
    assert again.exit_code == 1
    assert "用户名 zhou 已被使用" in again.output
    assert "TOTP" not in again.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"username": "周敏"}, "用户名须以小写字母开头"),
        ({"place": "990000000000"}, "没有代码为 990000000000 的地域"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(keeper: CliRunner, more: dict[str, str], said: str) -> None:
    refused = create(keeper, **more)
    assert refused.exit_code == 1
    assert said in refused.output
    assert "Traceback" not in refused.output


def test_a_role_without_a_console_gets_no_login(keeper: CliRunner) -> None:
    refused = create(keeper, "--role", "property_staff")
    assert refused.exit_code == 1
    assert "不使用控制台" in refused.output


def test_a_short_password_is_refused(keeper: CliRunner) -> None:
    words = ["admin", "create", "--username", "zhou", "--place", COUNTY, "--password-stdin"]
    refused = keeper.invoke(program, words, input="short\n")
    assert refused.exit_code == 1
    assert "至少需要" in refused.output


def test_without_a_terminal_the_password_must_come_on_stdin(keeper: CliRunner) -> None:
    refused = keeper.invoke(program, ["admin", "create", "--username", "zhou", "--place", COUNTY])
    assert refused.exit_code == 2
    assert "--password-stdin" in refused.output


@pytest.fixture
def until_tonight(zhou: Result, keeper: CliRunner) -> None:
    today = f"{clock.local(clock.now()):%Y-%m-%d}"
    given = keeper.invoke(program, ["grant", "zhou", "auditor", STREET, "--until", today])
    assert given.exit_code == 0, given.output


async def test_a_grant_lasts_until_the_end_of_its_last_day(
    zhou: Result, until_tonight: None, client: httpx.AsyncClient
) -> None:
    session = await sign_in(client, "zhou", told(zhou, "TOTP 密钥"))
    held = await grants_of(client, session.json()["access_token"])
    mine = next(g for g in held if g["role"] == "auditor")
    assert mine["place"]["name"] == "梅园新村街道"
    ends = clock.local(datetime.fromisoformat(mine["until"]))
    assert (ends.date() - clock.local(clock.now()).date(), ends.time()) == (timedelta(days=1), time(0))


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["zhou", "operator", COUNTY], 1, "已有这个角色"),
        (["nobody", "operator", COUNTY], 1, "没有用户 nobody"),
        (["zhou", "operator", "990000000000"], 1, "没有代码为"),
        (["zhou", "emperor", COUNTY], 2, "emperor"),
        (["zhou", "auditor", COUNTY, "--until", "2020-01-01"], 2, "已经过去"),
    ],
)
def test_a_grant_that_cannot_be_given_is_refused(
    zhou: Result, keeper: CliRunner, words: list[str], status: int, said: str
) -> None:
    refused = keeper.invoke(program, ["grant", *words])
    assert refused.exit_code == status, refused.output
    assert said in refused.output


def test_no_database_is_said_with_its_cure(
    keeper: CliRunner, monkeypatch: pytest.MonkeyPatch, app: FastAPI
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    refused = create(keeper)
    assert refused.exit_code == 1
    assert "连不上数据库" in refused.output
    assert "linli doctor" in refused.output
