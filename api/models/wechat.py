"""What the platform told us and drew for us."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, key, moment, reference, text_column


class WechatPush(SQLModel, table=True):
    """平台推送: one message of the platform, once: `key` is the same for each delivery of it."""

    __tablename__ = "wechat_pushes"
    __table_args__ = (
        Index("ix_wechat_pushes_openid", "openid"),
        Index("ix_wechat_pushes_received_at", "received_at"),
    )

    id: UUID = key()
    key: str = text_column(unique=True)
    kind: str = text_column()
    openid: str | None = text_column(optional=True)
    """Whom it is about, where it is about somebody."""
    content: dict[str, Any] = json_column(default=dict)
    at: datetime = moment()
    """By the platform's clock."""
    received_at: datetime = moment(now=True)
    done_at: datetime | None = moment(optional=True)


class ProgramCode(SQLModel, table=True):
    """小程序码: a picture the platform drew for a scene, kept so that it is drawn once."""

    __tablename__ = "program_codes"

    scene: str = Field(sa_type=Text, primary_key=True)
    kind: str = text_column()
    subject_id: UUID = reference()
    media_type: str = text_column()
    image: bytes = Field(sa_type=LargeBinary, nullable=False)
    created_at: datetime = moment(now=True)
