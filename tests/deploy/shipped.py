"""What lies in deploy/, read once, and small tools for checks that must be seen to fail.

A check is a function of text that returns faults, each beginning with its name: `no-healthcheck: api-a`.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"

OUTSIDE_SETTINGS = frozenset({"FORWARDED_ALLOW_IPS", "PROMETHEUS_MULTIPROC_DIR"})
"""Read by uvicorn (which proxy is believed) and prometheus_client, not by Settings."""


def names_of(faults: Iterable[str]) -> set[str]:
    """The names of the faults, without what each is about."""
    return {fault.partition(":")[0] for fault in faults}


def spoiled(text: str, old: str, new: str) -> str:
    """`text` with the first `old` made `new`; fails when there is none, so that no mutation is empty."""
    assert old in text, f"not in the file: {old!r}"
    return text.replace(old, new, 1)


def setting_names() -> frozenset[str]:
    """The environment variables that Settings reads, exactly as it spells them."""
    prefix = Settings.model_config.get("env_prefix", "")
    return frozenset(_name(prefix, name, field) for name, field in Settings.model_fields.items())


def _name(prefix: str, name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    assert not isinstance(alias, AliasChoices), f"{name}: teach this check which of several names is meant"
    return alias.upper() if isinstance(alias, str) else f"{prefix}{name}".upper()


def minor(version: str) -> str:
    """`9.1.2.post2` as `9.1`: what a drop-in replacement must share."""
    return ".".join(version.split(".")[:2])
