"""相似诉求、附和与评价 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.cases import CaseState
from api.rules.content import ContentState
from api.schemas.base import Named, Out


class SimilarCase(Out):
    """一件可能相同的诉求"""

    id: UUID
    number: str = Field(description="回执号")
    title: str
    state: CaseState
    place: Named
    supports: int = Field(description="已有几人附和")
    score: int = Field(description="相似分，50 及以上才列出")
    reasons: list[str] = Field(description="相似在何处，如“同一楼栋”“文字有 62% 相同”")
    created_at: datetime


class SimilarCases(Out):
    """可能相同的诉求，最像的在前"""

    items: list[SimilarCase]


class Supports(Out):
    """附和情况"""

    case_id: UUID
    supports: int = Field(description="附和人数")
    supported: bool = Field(description="您是否已附和")

    model_config = Out.model_config | {
        "json_schema_extra": {
            "examples": [
                {"case_id": "01938f2a-6f00-7000-8000-0123456789ab", "supports": 3, "supported": True}
            ]
        }
    }


class RatingOut(Out):
    """一次评价"""

    id: UUID
    cycle: int = Field(description="对第几轮办理")
    overall: int = Field(description="总体，1–5 星")
    result: int | None = Field(description="办理结果")
    attitude: int | None = Field(description="服务态度")
    speed: int | None = Field(description="办理速度")
    text: str | None = Field(description="评语；审核通过之前只有本人和工作人员可见")
    content: ContentState = Field(description="评语的内容审核")
    joined: bool = Field(description="由附和的居民或并案诉求的反映人评价")
    mine: bool = Field(description="是否本人所评")
    created_at: datetime
