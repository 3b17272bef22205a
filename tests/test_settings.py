"""Production starts with nothing that belongs to development, and says in a sentence which variable is to blame (S10)."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.settings import DEFAULT_SECRET, Mode, Settings

GOOD: dict[str, Any] = {
    "LINLI_MODE": "production",
    "DATABASE_URL": "postgresql://linli:8sJ2kQ@10.0.0.5:5432/linli",
    "REDIS_URL": "redis://:8sJ2kQ@10.0.0.5:6379/0",
    "LINLI_PUBLIC_URL": "https://linli.gov.example",
    "LINLI_MASTER_KEY": "q7Zl0xgN3vWc5yRt9bHs1mKp4dFj8aEu",
    "LINLI_WECHAT_BASE": "https://api.weixin.qq.com",
    "LINLI_WECHAT_APPID": "wx9f1c2d3e4a5b6c7d",
    "LINLI_WECHAT_SECRET": "7d1c3b5a9e8f",
    "LINLI_WECHAT_PUSH_TOKEN": "9f3a5c7e",
    "LINLI_WECHAT_PUSH_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}
CHINESE = re.compile("[一-鿿]")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours set, no .env near."""
    monkeypatch.chdir(tmp_path)
    for name, field in Settings.model_fields.items():
        monkeypatch.delenv(str(field.validation_alias or f"LINLI_{name.upper()}"), raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> Settings:
    """The settings of the good set with these changes; None leaves a variable out."""
    for name, value in {**GOOD, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return Settings()


def refusal(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> str:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, **changes)
    [error] = refused.value.errors()
    return str(error["msg"]).removeprefix("Value error, ")


def test_a_good_set_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    assert settings.production
    assert settings.master_key.get_secret_value() == GOOD["LINLI_MASTER_KEY"]
    assert (settings.debug, settings.wechat_push_plain, settings.clock_file) == (False, False, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in GOOD if name not in ("LINLI_MODE", "LINLI_WECHAT_APPID")),
        ("LINLI_MASTER_KEY", DEFAULT_SECRET),
        ("LINLI_MASTER_KEY", "x" * 31),
        ("LINLI_MASTER_KEY", " " * 40),
        ("LINLI_WECHAT_SECRET", DEFAULT_SECRET),
        ("LINLI_WECHAT_SECRET", ""),
        ("LINLI_WECHAT_PUSH_TOKEN", DEFAULT_SECRET),
        ("LINLI_WECHAT_PUSH_TOKEN", " "),
        ("LINLI_WECHAT_PUSH_AES_KEY", "A" * 43),
        ("LINLI_WECHAT_BASE", "http://127.0.0.1:8001"),
        ("LINLI_WECHAT_BASE", "https://127.0.0.1:8001"),
        ("LINLI_WECHAT_BASE", "https://localhost"),
        ("LINLI_WECHAT_BASE", "https://[::1]:8001"),
        ("LINLI_WECHAT_BASE", "http://api.weixin.qq.com"),
        ("LINLI_PUBLIC_URL", "http://linli.gov.example"),
        ("LINLI_PUBLIC_URL", "linli.gov.example"),
        ("LINLI_WECHAT_PUSH_PLAIN", "true"),
        ("LINLI_DEBUG", "true"),
        ("LINLI_CLOCK_FILE", "clock"),
        ("DATABASE_URL", ""),
        ("REDIS_URL", ""),
    ],
)
def test_each_unsafe_value_alone_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    said = refusal(monkeypatch, **{name: value})
    assert name in said
    assert CHINESE.search(said)
    others = [n for n in GOOD if n in said and n not in (name, "LINLI_MODE")]
    assert others == [] or set(others) | {name} == {"DATABASE_URL", "REDIS_URL"}


def test_everything_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_MODE", "production")
    with pytest.raises(ValidationError) as refused:
        Settings()
    said = str(refused.value.errors()[0]["msg"])
    for name in GOOD:
        assert name in said or name in ("LINLI_MODE", "LINLI_WECHAT_APPID")


def test_the_refusal_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, LINLI_DEBUG="true")
    for shown in (str(refused.value), repr(refused.value)):
        assert not any(str(GOOD[n]) in shown for n in GOOD if n != "LINLI_MODE")
        assert "8sJ2kQ" not in shown
        assert GOOD["LINLI_WECHAT_SECRET"] not in shown


def test_the_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        for name in ("MASTER_KEY", "WECHAT_SECRET", "WECHAT_PUSH_TOKEN", "WECHAT_PUSH_AES_KEY"):
            assert GOOD[f"LINLI_{name}"] not in shown
    assert "8sJ2kQ" not in repr(settings) + str(settings)


def test_they_cannot_be_changed_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    with pytest.raises(ValidationError):
        settings.debug = True  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.mode = Mode.development  # type: ignore[misc]


def test_development_needs_nothing_and_allows_what_production_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINLI_DEBUG", "true")
    monkeypatch.setenv("LINLI_CLOCK_FILE", "clock")
    settings = Settings()
    assert not settings.production
    assert (settings.database_url, settings.redis_url) == (None, None)
    assert settings.debug
    assert settings.master_key.get_secret_value() == DEFAULT_SECRET


def test_a_file_named_env_is_read_and_the_environment_goes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LINLI_PORT=9001\nLINLI_POOL_SIZE=3\nSOMEBODY_ELSES=x\n")
    monkeypatch.setenv("LINLI_POOL_SIZE", "5")
    settings = Settings()
    assert (settings.port, settings.pool_size) == (9001, 5)


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_MODE", "prod")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert refused.value.errors()[0]["loc"] == ("mode",)
