"""env.example: exactly the settings there are, each explained, and none that production would accept as it is."""

import re
from collections.abc import Mapping

import pytest
from pydantic import SecretStr, ValidationError

from api.settings import Settings
from tests.deploy.shipped import DEPLOY, names_of, setting_names, spoiled

TEXT = (DEPLOY / "env.example").read_text()
LINE = re.compile(r"(#?)([A-Z][A-Z0-9_]*)=(.*)")
FILLED_IN = {
    "DATABASE_URL": "postgresql://linli:8sJ2kQ@10.0.0.5:5432/linli",
    "REDIS_URL": "redis://:8sJ2kQ@10.0.0.5:6379/0",
    "LINLI_MASTER_KEY": "a-key-of-an-installation-that-is-long-enough",
    "LINLI_WECHAT_SECRET": "7d1c",
    "LINLI_WECHAT_PUSH_TOKEN": "9f3a",
    "LINLI_WECHAT_PUSH_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}


def faults(text: str) -> list[str]:
    """Every fault of an environment file that is to be the list of the settings, by name."""
    found, seen, explained = [], [], False
    for line in text.splitlines():
        if match := LINE.fullmatch(line):
            seen.append(match[2])
            if not explained:
                found.append(f"unexplained: {match[2]}")
            if re.search(r"\s#|^['\"]|\s$", match[3]):
                found.append(f"read-differently: docker and systemd do not agree on {line!r}")
        elif line and not line.startswith("# "):
            found.append(f"not-a-line: {line}")
        explained = line.startswith("# ") and re.search("[一-鿿]", line) is not None
    found += [f"repeated: {name}" for name in sorted(set(seen)) if seen.count(name) > 1]
    found += [f"forgotten: {name}" for name in sorted(setting_names() - set(seen))]
    return found + [f"unknown: {name}" for name in sorted(set(seen) - setting_names())]


def values(text: str, *, also_commented: bool) -> dict[str, str]:
    """Names and values; those commented out only when asked for."""
    found = (LINE.fullmatch(line) for line in text.splitlines())
    return {m[2]: m[3] for m in found if m is not None and (also_commented or not m[1])}


def settings(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings read from this environment alone."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None)


def test_it_names_every_setting_once_and_nothing_else() -> None:
    assert faults(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("#LINLI_POOL_SIZE=8\n", "", "forgotten"),
        ("#LINLI_POOL_SIZE=8", "#LINLI_POOLS=8", "unknown"),
        ("#LINLI_POOL_SIZE=8", "#LINLI_POOL_SIZE=8\n# 再一次\nLINLI_POOL_SIZE=9", "repeated"),
        ("# 单条 SQL 语句的时限（毫秒）\n", "", "unexplained"),
        ("# 单条 SQL 语句的时限（毫秒）\n", "# milliseconds\n", "unexplained"),
        ("LINLI_MODE=production", "LINLI_MODE=production # 生产", "read-differently"),
        ("LINLI_MODE=production", 'LINLI_MODE="production"', "read-differently"),
        ("LINLI_MODE=production", "export LINLI_MODE=production", "not-a-line"),
    ],
)
def test_a_spoiled_list_is_caught(old: str, new: str, fault: str) -> None:
    assert fault in names_of(faults(spoiled(TEXT, old, new)))


def test_what_is_commented_out_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = values(TEXT, also_commented=True)
    default = settings({}, monkeypatch)
    without_value = {"LINLI_METRICS_DIR", "LINLI_CLOCK_FILE", "LINLI_UPLOAD_DIR", "LINLI_UPLOAD_BUCKET"}
    without_value |= {f"LINLI_UPLOAD_{name}" for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")}
    assert default.owner_url is None
    optional = shown.keys() - values(TEXT, also_commented=False).keys() - without_value
    read = settings({name: shown[name] for name in optional}, monkeypatch)
    assert read == default
    assert default.metrics_dir is None
    assert default.clock_file is None


def test_production_refuses_it_until_every_secret_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = values(TEXT, also_commented=False)
    secrets = {n for n, field in Settings.model_fields.items() if field.annotation is SecretStr}
    assert {f"LINLI_{name.upper()}" for name in secrets} <= shown.keys()
    with pytest.raises(ValidationError) as refused:
        settings(shown, monkeypatch)
    for name in secrets:
        assert f"LINLI_{name.upper()}" in str(refused.value)
        with pytest.raises(ValidationError):
            settings(
                {**shown, **FILLED_IN, f"LINLI_{name.upper()}": shown[f"LINLI_{name.upper()}"]}, monkeypatch
            )


def test_filled_in_it_is_a_production_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings({**values(TEXT, also_commented=False), **FILLED_IN}, monkeypatch)
    assert read.production
    assert read.database_url == FILLED_IN["DATABASE_URL"]
