"""导出 on the wire."""

from uuid import UUID

from pydantic import Field

from api.rules.cases import CaseCategory, CaseKind, CaseState
from api.schemas.base import Body


class ExportCases(Body):
    """导出诉求：范围与筛选，与列表相同"""

    place: UUID = Field(description="地域标识；含其下各级")
    state: CaseState | None = Field(None, description="状态")
    kind: CaseKind | None = Field(None, description="种类")
    category: CaseCategory | None = Field(None, description="类别")
    overdue: bool | None = Field(None, description="true 只要办结超时的，false 只要没有超时的")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"place": "01938f2a-6f00-7000-8000-0123456789ab", "state": "in_progress"}]
        }
    }
