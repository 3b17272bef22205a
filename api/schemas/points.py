"""积分 on the wire."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from api.rules.points import EntryKind, Period, RedemptionMove, RedemptionState
from api.schemas.base import Body, Named, Out, ShortText, Title

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class EntryOut(Out):
    """积分流水的一行"""

    id: UUID
    kind: EntryKind
    amount: int = Field(description="分；兑换与冲正为负")
    minutes: int = Field(description="对应的服务分钟数")
    day: date
    reason: str
    created_at: datetime


class PointsOut(Out):
    """我的积分"""

    balance: int = Field(description="可用积分")
    named: bool = Field(description="是否同意在排行中显示名字")
    items: list[EntryOut]
    next: str | None = Field(description="下一页的标记")


class BeNamed(Body):
    """是否同意在排行中显示名字"""

    named: bool
    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"named": True}]}}


class RankedOut(Out):
    """排行中的一行；同分同名次"""

    rank: int
    name: str
    points: int
    minutes: int
    mine: bool


class RankingsOut(Out):
    """先看分布，再看同意显示名字的人"""

    place: Named
    period: Period
    since: date
    people: int = Field(description="有积分的人数")
    points: int
    minutes: int
    quartiles: list[int] | None = Field(
        description="四分位数：四分之一、一半、四分之三的人不超过；不足 5 人为 null"
    )
    most: int | None = Field(description="最高分；不足 5 人为 null")
    named: list[RankedOut]


class OfferReward(Body):
    """上架一件兑换品"""

    place_id: UUID = Field(description="村（社区）")
    title: Title
    text: ShortText | None = None
    cost: int = Field(ge=1, le=100_000, description="需要多少分")
    stock: int = Field(ge=0, le=100_000, description="数量")
    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"place_id": _EXAMPLE_ID, "title": "洗衣液一瓶", "cost": 40, "stock": 20}]
        }
    }


class RewardOut(Out):
    """兑换品"""

    id: UUID
    place: Named
    title: str
    text: str | None
    cost: int
    stock: int
    active: bool
    created_at: datetime


class Redeem(Body):
    """兑换一件，不需要内容"""

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


class RedemptionOut(Out):
    """一次兑换"""

    id: UUID
    reward: Named
    cost: int
    state: RedemptionState
    moves: list[RedemptionMove]
    version: int
    created_at: datetime
    updated_at: datetime
