"""小程序码 on the wire."""

from uuid import UUID

from pydantic import Field

from api.rules.codes import SceneKind
from api.schemas.base import Out


class SceneOut(Out):
    """扫码所指"""

    kind: SceneKind = Field(description="社区 community、志愿活动 activity、表决 poll")
    id: UUID
    title: str = Field(description="名称")
    page: str = Field(description="小程序内的页面")
