"""Sessions on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.base import Body, Line, Out


class StartSession(Body):
    """用 wx.login 的 code 登录"""

    code: str = Field(
        min_length=1,
        max_length=256,
        pattern=r"^[!-~]+$",
        description="wx.login 返回的 code，5 分钟内一次有效",
    )
    app: Line | None = Field(None, description="小程序的 appid；不填为默认小程序")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"code": "0a3bXyGa1Zk2mJ0"}]}}


class PersonBrief(Out):
    """本人"""

    id: UUID
    nickname: str
    avatar: str | None


class SessionOut(Out):
    """新的会话；token 只在此处出现一次"""

    token: str
    expires_at: datetime = Field(description="若不再使用，届时失效；每次使用都会顺延")
    person: PersonBrief
    is_new: bool = Field(description="是否第一次登录")


class CurrentSession(Out):
    """当前会话"""

    id: str
    person_id: UUID
    console: bool


class DeviceOut(Out):
    """一个已登录的设备"""

    id: str
    device: str
    console: bool
    created_at: datetime
    current: bool


class ConsoleSession(Out):
    """控制台会话（OAuth2 密码模式的应答）"""

    access_token: str
    token_type: str
    expires_at: datetime
    person: PersonBrief
