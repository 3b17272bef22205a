"""个人信息保护 on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api.rules.privacy import ErasureSource, ErasureState, ExportState, Purpose
from api.schemas.base import Body, Out

TextVersion = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,32}$")]


class AnswerConsent(Body):
    """对一个目的、一个版本的回答"""

    purpose: Purpose = Field(description="目的")
    version: TextVersion = Field(description="出示给本人的文本版本")
    granted: bool = Field(True, description="同意 true，不同意或撤回 false")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"purpose": "service", "version": "2026-03", "granted": True}]}
    }


class ConsentOut(Out):
    """对一个目的的最近一次回答"""

    purpose: Purpose
    title: str = Field(description="目的名称")
    version: str = Field(description="文本版本")
    granted: bool
    at: datetime


class ConsentsOut(Out):
    """本人的同意记录"""

    items: list[ConsentOut]


class ExportOut(Out):
    """个人信息导出"""

    id: UUID
    state: ExportState = Field(description="准备中、可下载、已过期、失败")
    created_at: datetime
    url: str | None = Field(description="可下载时的签名地址")
    url_expires_at: datetime | None = Field(description="地址到此时失效；再次查询得到新的地址")


class ErasureOut(Out):
    """注销"""

    id: UUID
    state: ErasureState
    source: ErasureSource = Field(description="本人提出，或因微信账号注销")
    due_at: datetime = Field(description="届时完成，此前可撤回")
    moves: list[str] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime
