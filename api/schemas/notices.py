"""通知 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.notices import Consent, Template
from api.schemas.base import Body, Out


class NoticeOut(Out):
    """一条通知"""

    id: UUID
    kind: str = Field(description="种类")
    title: str
    text: str
    subject_kind: str = Field(description="关于什么，例如 case")
    subject_id: UUID
    created_at: datetime
    read_at: datetime | None


class ReadNotices(Body):
    """标为已读"""

    ids: list[UUID] | None = Field(None, max_length=100, description="哪些；不填为全部")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


class ReadOut(Out):
    """标为已读的结果"""

    read: int = Field(description="这次新读的条数")


class AnswerSubscription(Body):
    """对一次订阅请求（wx.requestSubscribeMessage）的回答"""

    template: Template = Field(description="消息模板")
    result: Consent = Field(description="接受 accept、拒绝 reject、模板已被平台封禁 ban")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"template": "case_progress", "result": "accept"}]}
    }


class SubscriptionOut(Out):
    """订阅余额"""

    template: Template
    credits: int = Field(description="还可以发送几条")
