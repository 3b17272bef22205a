"""内容审核 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.content import CheckKind, CheckMove, CheckState
from api.schemas.base import Body, Named, Out
from api.schemas.people import Reason


class CheckOut(Out):
    """一条审核"""

    id: UUID
    title: str = Field(description="审核的是什么：诉求、昵称、图片等")
    subject_kind: str = Field(description="对象种类")
    subject_id: UUID = Field(description="对象标识")
    what: CheckKind = Field(description="文字 text、图片 picture")
    texts: list[str] = Field(description="待审的文字；通过之后不再保留")
    picture: str | None = Field(description="待审图片的地址，10 分钟内有效")
    state: CheckState
    suggest: str | None = Field(description="平台的建议：pass、review、risky")
    label: int | None = Field(description="平台的标签")
    label_title: str | None = Field(description="标签名称")
    error: str | None = Field(description="平台为什么没有给出结果")
    reason: str | None = Field(description="不通过的原因，告知作者")
    author: Named | None = Field(description="作者")
    risk_rank: int | None = Field(description="平台给作者的风险等级 0–4，只供参考")
    moves: list[CheckMove] = Field(description="您此刻可以进行的操作")
    decided_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class JudgeContent(Body):
    """审核结论"""

    reason: Reason | None = Field(None, description="refuse 必填：原因，告知作者")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"reason": "含有他人的电话号码"}]}}


NEEDED: dict[CheckMove, tuple[str, ...]] = {CheckMove.refuse: ("reason",)}
"""What a move cannot do without."""
