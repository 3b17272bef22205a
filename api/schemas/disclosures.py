"""公开事项 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.cases import CaseState
from api.rules.disclosures import DisclosureKind, DisclosureMove, DisclosurePace, DisclosureState
from api.schemas.base import Body, LongText, Named, Out, ShortText, Title
from api.schemas.uploads import PictureOut, UploadIds

_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class PlanDisclosure(Body):
    """列出一件须随时公开的重大事项"""

    place_id: UUID = Field(description="村（社区）")
    kind: DisclosureKind = Field(description="party 党务、affairs 村（居）务、finance 财务")
    title: Title

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"place_id": _ID, "kind": "affairs", "title": "集体土地出租招标结果"}]
        }
    }


class MoveDisclosure(Body):
    """一次操作所需的内容；多余的字段会被拒绝"""

    text: LongText | None = Field(None, description="draft：公开的内容")
    uploads: UploadIds | None = Field(None, description="draft：图片")
    opinion: ShortText | None = Field(None, description="review：审核意见，随内容公开")
    reason: ShortText | None = Field(None, description="return：退回的原因")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"text": "十一月收入 12,000 元，支出 8,450 元，明细见附图。"}]}
    }


NEEDED: dict[DisclosureMove, tuple[str, ...]] = {
    DisclosureMove.draft: ("text",),
    DisclosureMove.review: ("opinion",),
    DisclosureMove.return_: ("reason",),
}
ALLOWED: dict[DisclosureMove, tuple[str, ...]] = {DisclosureMove.draft: ("uploads",)}


class QuestionCount(Out):
    """疑问的件数"""

    asked: int
    open: int = Field(description="尚未办结的")


class DisclosureItem(Out):
    """公开事项列表中的一行"""

    id: UUID
    place: Named
    kind: DisclosureKind
    pace: DisclosurePace = Field(description="quarterly 每季度、monthly 每月、at_once 随时")
    period: str | None = Field(description="所属期间，如 2026-11、2026-Q4；重大事项为 null")
    title: str
    state: DisclosureState
    level: int = Field(description="升级层级 0–4")
    due_at: datetime = Field(description="公开的期限")
    published_at: datetime | None
    overdue: bool = Field(description="是否超期，公开之后仍然记着")
    questions: QuestionCount
    can_ask: bool = Field(description="您是否可以提出疑问")
    moves: list[DisclosureMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class DisclosureOut(DisclosureItem):
    """公开事项"""

    text: str | None = Field(description="公开的内容")
    opinion: str | None = Field(description="监督委员会的审核意见")
    uploads: list[PictureOut]


class AskOnDisclosure(Body):
    """对公开内容的疑问"""

    text: LongText
    anonymous: bool = Field(False, description="对其他居民隐去姓名")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"text": "绿化支出 3,000 元用在哪里？请附合同。"}]}
    }


class QuestionOut(Out):
    """一条疑问：编号与办理状态；内容见该诉求，按其公开范围可见"""

    id: UUID = Field(description="诉求标识")
    number: str
    state: CaseState
    created_at: datetime
