"""The one frozen set of settings, read from the environment (and `.env`), checked before anything starts."""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, computed_field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_SECRET = "development-only"  # noqa: S105  (the value production refuses)


class Mode(StrEnum):
    development = "development"
    production = "production"


class Settings(BaseSettings):
    """Every setting with its unit; `LINLI_` before each name but the two addresses everybody knows."""

    model_config = SettingsConfigDict(
        env_prefix="LINLI_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # the other settings, secrets among them, are the input
    )

    mode: Mode = Mode.development
    database_url: str | None = Field(None, validation_alias="DATABASE_URL", repr=False)
    """postgresql://…; embedded PostgreSQL when absent."""
    owner_url: str | None = Field(None, repr=False)
    """The same database as the role that owns its schema: for `linli migrate` alone. DATABASE_URL's role when absent."""
    redis_url: str | None = Field(None, validation_alias="REDIS_URL", repr=False)
    """redis://… or unix://…; embedded Valkey when absent."""
    data_dir: Path = Path(".linli")
    """Where the embedded engines keep their data, sockets and logs."""
    clock_file: Path | None = None
    """Eight bytes shared by processes whose clock the demo moves; never in production."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    """The address people and the platform reach us under."""
    debug: bool = False
    pool_size: int = 8
    """Connections of each of the two PostgreSQL pools of a process."""
    statement_timeout_ms: int = 5_000
    max_body_bytes: int = 1_048_576
    limit_concurrency: int = 512
    worker_concurrency: int = 4

    master_key: SecretStr = SecretStr(DEFAULT_SECRET)
    """Seals phone and id numbers, TOTP secrets and blind indexes; ≥32 characters in production."""
    session_days: int = 30
    """Sliding life of a mini-program session."""
    console_idle_minutes: int = 30
    console_life_hours: int = 12
    metrics_dir: Path | None = None
    """Folder of prometheus_client's multi-process mode."""

    wechat_base: str = "http://127.0.0.1:8001"
    """https://api.weixin.qq.com in production; the simulator's address in development."""
    wechat_appid: str = "wx0123456789abcdef"
    wechat_secret: SecretStr = SecretStr(DEFAULT_SECRET)
    wechat_push_token: SecretStr = SecretStr(DEFAULT_SECRET)
    wechat_push_aes_key: SecretStr = SecretStr("A" * 43)
    wechat_push_plain: bool = False
    wechat_templates: dict[str, str] = {}
    """Our names of subscription templates → the platform's ids, as JSON; a name without one goes as it is."""

    wechat_risk_rank: bool = True
    """Ask for the risk rank of who registers and writes: a signal for reviewers, blocks nobody."""

    upload_max_bytes: int = 10 * 1024 * 1024
    """Of one uploaded file, as it is sent."""
    upload_dir: Path | None = None
    """Where pictures lie; the folder `uploads` under `data_dir` when absent. Ignored with a bucket."""
    upload_bucket: str | None = None
    """Name of an S3-compatible bucket instead."""
    upload_endpoint: str | None = None
    """https://… of the S3-compatible service; Amazon's own when absent."""
    upload_region: str = "us-east-1"
    upload_access_key: str | None = None
    upload_secret_key: SecretStr | None = None

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def production(self) -> bool:
        return self.mode is Mode.production

    @field_validator("owner_url", mode="before")
    @classmethod
    def _empty_is_absent(cls, given: object) -> object:
        """So that a process can be started without what its parent was told."""
        return given or None

    @model_validator(mode="after")
    def _refuse_what_production_must_not_have(self) -> Self:
        if self.mode is not Mode.production:
            return self
        faults = []
        for name in ("master_key", "wechat_secret", "wechat_push_token"):
            value = getattr(self, name).get_secret_value()
            if value == DEFAULT_SECRET:
                faults.append(f"LINLI_{name.upper()} 仍是开发默认值")
            elif not value.strip():
                faults.append(f"LINLI_{name.upper()} 为空")
        if len(self.master_key.get_secret_value()) < 32:
            faults.append("LINLI_MASTER_KEY 至少需要 32 个字符")
        if self.wechat_push_aes_key.get_secret_value() == "A" * 43:
            faults.append("LINLI_WECHAT_PUSH_AES_KEY 仍是开发默认值")
        base = urlsplit(self.wechat_base)
        if base.scheme != "https" or base.hostname in ("127.0.0.1", "localhost", "::1"):
            faults.append("LINLI_WECHAT_BASE 指向模拟器或未加密地址")
        if urlsplit(self.public_url).scheme != "https":
            faults.append("LINLI_PUBLIC_URL 必须是 https 地址")
        if self.wechat_push_plain:
            faults.append("LINLI_WECHAT_PUSH_PLAIN：生产环境只接受安全模式推送")
        endpoint = urlsplit(self.upload_endpoint or "https://")
        if self.upload_bucket is not None and endpoint.scheme != "https":
            faults.append("LINLI_UPLOAD_ENDPOINT 必须是 https 地址")
        if self.upload_bucket is not None and not (self.upload_access_key and self.upload_secret_key):
            faults.append("LINLI_UPLOAD_BUCKET 需要 LINLI_UPLOAD_ACCESS_KEY 与 LINLI_UPLOAD_SECRET_KEY")
        if self.debug:
            faults.append("LINLI_DEBUG 不能在生产环境打开")
        if self.clock_file is not None:
            faults.append("LINLI_CLOCK_FILE 只用于演示，生产环境不能移动时钟")
        if not self.database_url or not self.redis_url:
            faults.append("生产环境必须设置 DATABASE_URL 与 REDIS_URL")
        if faults:
            raise ValueError("；".join(faults))
        return self
