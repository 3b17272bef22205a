"""志愿活动 and 名额 on the wire."""

from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.rules.activities import LONGEST, MOST_REPEATS, MOST_SEATS, MOST_WAITING, RADIUS_M
from api.rules.activity_words import ActivityMove, ActivityState, Every, OpenTo, SeatMove, SeatState
from api.rules.content import ContentState
from api.schemas.base import Body, Line, LongText, Moment, Named, Out, ShortText, Title
from api.schemas.people import Skill
from api.schemas.uploads import PictureOut

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"
Reason = Annotated[ShortText, Field(min_length=2)]


class Position(Body):
    """一个位置，GCJ-02 坐标，度"""

    latitude: float = Field(ge=-90, le=90, description="纬度")
    longitude: float = Field(ge=-180, le=180, description="经度")


class PositionOut(Out):
    """一个位置"""

    latitude: float
    longitude: float


class Repeats(Body):
    """重复：各次单独报名、单独签到"""

    every: Every = Field(description="每天、每周、每两周、每月；每月没有这一天的月份略过")
    times: int = Field(ge=2, le=MOST_REPEATS, description="共几次")


class DrawUpActivity(Body):
    """起草一个活动，或一系列活动"""

    title: Title = Field(description="标题")
    text: LongText = Field(description="内容、要求和可能的风险")
    spot: Line = Field(description="集合地点")
    place_id: UUID = Field(description="村（社区）、网格或楼栋")
    team_id: UUID | None = Field(None, description="服务队；队长可以为本队起草")
    starts_at: Moment = Field(description="开始")
    ends_at: Moment = Field(description="结束；一次不超过 24 小时")
    seats: int = Field(ge=1, le=MOST_SEATS, description="名额")
    queue: int = Field(20, ge=0, le=MOST_WAITING, description="候补人数上限")
    open_to: OpenTo = Field(OpenTo.community, description="community 本社区居民和登记成员，everybody 所有人")
    registered: bool = Field(False, description="仅限已登记的志愿者")
    qualifications: list[Skill] = Field([], max_length=5, description="必须有的资质，活动当天有效")
    min_age: int | None = Field(None, ge=8, le=100, description="至少多少周岁")
    max_age: int | None = Field(None, ge=8, le=120, description="至多多少周岁")
    insured: bool = Field(False, description="活动当天须有有效的志愿者保险")
    position: Position | None = Field(None, description="可以定位签到的地点；不填则只能扫码")
    radius: int = Field(RADIUS_M, ge=50, le=5000, description="定位签到的范围，米")
    repeats: Repeats | None = Field(None, description="重复")
    uploads: list[UUID] = Field([], max_length=9, description="图片")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not timedelta() < self.ends_at - self.starts_at <= LONGEST:
            raise ValueError("结束须晚于开始，且不超过 24 小时")
        if self.min_age is not None and self.max_age is not None and self.max_age < self.min_age:
            raise ValueError("max_age 不能小于 min_age")
        return self

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "title": "周末清洁家园",
                    "text": "清理楼道杂物，请戴手套；注意楼梯湿滑。",
                    "spot": "1 幢楼下",
                    "place_id": _EXAMPLE_ID,
                    "starts_at": "2026-12-05T09:00:00+08:00",
                    "ends_at": "2026-12-05T11:00:00+08:00",
                    "seats": 20,
                }
            ]
        }
    }


class MoveActivity(Body):
    """一次操作所需的内容；每种操作只看自己的字段，多余的字段会被拒绝"""

    title: Title | None = Field(None, description="revise")
    text: LongText | None = Field(None, description="revise")
    spot: Line | None = Field(None, description="revise")
    starts_at: Moment | None = Field(None, description="revise")
    ends_at: Moment | None = Field(None, description="revise")
    seats: int | None = Field(None, ge=1, le=MOST_SEATS, description="revise")
    queue: int | None = Field(None, ge=0, le=MOST_WAITING, description="revise")
    more: int | None = Field(None, ge=1, le=MOST_SEATS, description="enlarge：增加几个名额")
    reason: Reason | None = Field(None, description="cancel：原因")
    whole_series: bool | None = Field(None, description="publish、cancel：连同本系列之后的各次")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"whole_series": True}]}}


REVISED = ("title", "text", "spot", "starts_at", "ends_at", "seats", "queue")
ACTIVITY_NEEDED: dict[ActivityMove, tuple[str, ...]] = {
    ActivityMove.enlarge: ("more",),
    ActivityMove.cancel: ("reason",),
}
ACTIVITY_ALLOWED: dict[ActivityMove, tuple[str, ...]] = {
    ActivityMove.revise: REVISED,
    ActivityMove.publish: ("whole_series",),
    ActivityMove.cancel: ("whole_series",),
}


class MySeatOut(Out):
    """我的名额"""

    id: UUID
    state: SeatState
    position: int | None = Field(description="候补第几位")
    offered_until: datetime | None = Field(description="轮到后在此之前答复")


class ActivityItem(Out):
    """活动列表中的一行"""

    id: UUID
    title: str
    excerpt: str = Field(description="内容的前 80 个字")
    spot: str
    state: ActivityState
    content: ContentState
    starts_at: datetime
    ends_at: datetime
    seats: int
    free: int = Field(description="还空几个名额")
    queue: int
    waiting: int = Field(description="几人候补")
    series_id: UUID | None
    place: Named
    distance: int | None = Field(description="离 near 几层：0 同一楼栋或网格，1 同一社区，2 同一街道……")
    version: int
    created_at: datetime
    updated_at: datetime


class ActivityOut(Out):
    """志愿活动"""

    id: UUID
    title: str
    text: str
    spot: str = Field(description="集合地点")
    content: ContentState
    state: ActivityState
    series_id: UUID | None = Field(description="同一系列的各次相同")
    starts_at: datetime
    ends_at: datetime
    open_to: OpenTo
    registered: bool
    qualifications: list[str]
    min_age: int | None
    max_age: int | None
    insured: bool
    position: PositionOut | None = Field(description="可以定位签到的地点")
    radius: int
    seats: int
    free: int
    queue: int
    waiting: int
    reason: str | None = Field(description="取消的原因")
    place: Named
    community: Named = Field(description="组织和记录的社区")
    team: Named | None
    organiser: bool = Field(description="您是否组织者")
    seat: MySeatOut | None = Field(description="您的名额")
    lacking: list[str] = Field(description="您要报名还差什么")
    uploads: list[PictureOut]
    moves: list[ActivityMove] = Field(description="您此刻可以进行的操作")
    published_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class SignUp(Body):
    """报名不需要内容"""

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


class OfActivity(Out):
    """名额所在的活动"""

    id: UUID
    title: str
    spot: str
    state: ActivityState
    starts_at: datetime
    ends_at: datetime


class PersonShown(Out):
    """显示的人"""

    id: UUID
    name: str
    mine: bool = Field(description="是否本人")


class SeatOut(Out):
    """名额"""

    id: UUID
    activity: OfActivity
    person: PersonShown
    state: SeatState
    ticket: int = Field(description="第几个报名")
    position: int | None = Field(description="候补第几位")
    offered_until: datetime | None
    minutes_automatic: int = Field(description="自动记录的分钟数")
    minutes_added: int = Field(description="补录的分钟数")
    reason: str | None = Field(description="移出、核销或取消的原因")
    moves: list[SeatMove] = Field(description="您此刻可以进行的操作；check_in、check_out 用签到接口")
    version: int
    created_at: datetime
    updated_at: datetime


class MoveSeat(Body):
    """一次操作所需的内容"""

    reason: Reason | None = Field(None, description="cancel 可填，remove、excuse 必填：原因")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"reason": "临时出差"}]}}


SEAT_NEEDED: dict[SeatMove, tuple[str, ...]] = {
    SeatMove.remove: ("reason",),
    SeatMove.excuse: ("reason",),
}
SEAT_ALLOWED: dict[SeatMove, tuple[str, ...]] = {SeatMove.cancel: ("reason",)}


class CheckIn(Body):
    """签到或签退：扫码得到的 qr，或所在位置，二选一"""

    qr: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="现场二维码的内容"
    )
    position: Position | None = Field(None, description="所在位置；只用来计算距离，不保存")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.qr is None) == (self.position is None):
            raise ValueError("qr 与 position 须填且只填一个")
        return self

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"position": {"latitude": 32.0456, "longitude": 118.8012}}]}
    }


class CheckinCode(Out):
    """此刻的签到码"""

    code: str = Field(description="二维码的内容")
    svg: str = Field(description="二维码图片，SVG")
    until: datetime = Field(description="在此之后换下一个")
