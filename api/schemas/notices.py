"""通知 on the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

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


LocalTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class PreferencesOut(Out):
    """通知偏好"""

    messages: bool = Field(description="是否接收订阅消息；站内通知总是有")
    muted: list[Template] = Field(description="不想接收的模板")
    quiet_from: LocalTime | None = Field(description="免打扰开始，当地时间")
    quiet_until: LocalTime | None = Field(description="免打扰结束，当地时间；紧急的照发，其余等到此时")
    digest: bool = Field(description="工作人员每日待办：每天一条")


class ChangePreferences(Body):
    """修改通知偏好；不填的不变"""

    messages: bool = Field(True, description="是否接收订阅消息")
    muted: list[Template] = Field([], max_length=len(Template), description="不想接收的模板")
    quiet_from: LocalTime | None = Field(None, description="免打扰开始，当地时间；与结束一同填写")
    quiet_until: LocalTime | None = Field(None, description="免打扰结束，当地时间；都填 null 为取消")
    digest: bool = Field(False, description="每日待办")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"quiet_from": "22:00", "quiet_until": "07:30", "muted": ["daily_digest"]}]
        }
    }

    @model_validator(mode="after")
    def _quiet_hours_come_in_pairs(self) -> Self:
        given = {"quiet_from", "quiet_until"} & self.model_fields_set
        if len(given) == 1 or (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("免打扰的开始和结束须一同填写")
        return self
