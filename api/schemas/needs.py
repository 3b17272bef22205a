"""需求 on the wire: wishes, help requests, claims and offers."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from api.rules.content import ContentState
from api.rules.need_words import ClaimState, NeedCategory, NeedKind, NeedMove, NeedState, Urgency
from api.rules.needs import MOST_SEATS
from api.rules.points import Period
from api.schemas.base import Body, Line, LongText, Named, Nickname, Out, ShortText, Title
from api.schemas.cases import Due
from api.schemas.people import Phone, Skill

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class OnBehalf(Body):
    """代录：为没有手机的居民提出"""

    name: Nickname = Field(description="居民姓名，只给认领人看")
    phone: Phone = Field(description="联系电话，只给认领人看")
    consent: Line = Field(description="本人如何同意代录，例如“电话同意”")


class _NewNeed(Body):
    title: Title = Field(description="标题")
    text: LongText = Field(description="内容")
    category: NeedCategory = Field(description="类别")
    place_id: UUID | None = Field(None, description="地点：村（社区）、网格或楼栋；与 home_id 二选一")
    home_id: UUID | None = Field(None, description="本人居住的房屋；与 place_id 二选一，只给认领人看")
    urgency: Urgency = Field(Urgency.normal, description="紧急程度")
    skills: list[Skill] = Field([], max_length=10, description="最好会的特长；不会也可以认领")
    qualifications: list[Skill] = Field([], max_length=5, description="必须有的资质")
    min_age: int | None = Field(None, ge=18, le=80, description="认领人至少多少周岁")
    insured: bool = Field(False, description="认领人须有有效的志愿者保险")
    seats: int = Field(1, ge=1, le=MOST_SEATS, description="需要几个人（联合认领）")
    due_on: date | None = Field(None, description="希望在哪天之前")
    on_behalf_of: OnBehalf | None = Field(None, description="代录")
    uploads: list[UUID] = Field([], max_length=9, description="图片")

    @model_validator(mode="after")
    def _one_of_place_and_home(self) -> Self:
        if (self.place_id is None) == (self.home_id is None):
            raise ValueError("place_id 与 home_id 须填且只填一个")
        return self


_WISH: dict[str, JsonValue] = {
    "title": "想要一副老花镜",
    "text": "眼镜腿断了，看不清药盒上的字，想要一副 300 度的老花镜。",
    "category": "goods",
    "place_id": _EXAMPLE_ID,
}


class SubmitWish(_NewNeed):
    """提一个微心愿"""

    risks: ShortText | None = Field(None, description="可能的风险")
    model_config = Body.model_config | {"json_schema_extra": {"examples": [_WISH]}}


class SubmitHelp(_NewNeed):
    """提一个志愿求助；须说明可能的风险"""

    risks: ShortText | None = Field(None, description="可能的风险，必填（《志愿服务条例》第十三条）")
    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "title": "陪老人去医院复查",
                    "text": "周四上午需要有人陪同去区医院复查。",
                    "category": "health",
                    "place_id": _EXAMPLE_ID,
                    "urgency": "soon",
                    "risks": "老人行动不便，上下楼需搀扶。",
                }
            ]
        }
    }


class Somebody(Out):
    """显示的人"""

    name: str
    mine: bool = Field(description="是否本人")


class ClaimOut(Out):
    """认领"""

    id: UUID
    state: ClaimState
    member: Somebody
    seat: int = Field(description="第几个名额")
    in_house: bool = Field(description="是否社区兜底完成")
    release_asked: bool = Field(description="退单申请等社区确认")
    release_reason: str | None
    text: str | None = Field(description="完成情况")
    minutes: int | None = Field(description="服务分钟数")
    claimed_at: datetime
    contacted_at: datetime | None
    done_at: datetime | None


class OfferOut(Out):
    """派单"""

    id: UUID
    member: Somebody
    reasons: list[str] = Field(description="为什么派给这位成员")
    expires_at: datetime


class ContactOut(Out):
    """联系方式；只给已登记联系的认领人，每次查看留痕"""

    name: str | None
    phone: str | None
    home: str | None


class NeedDues(Out):
    """审核、待认领、完成、确认的期限"""

    screening: Due | None
    unclaimed: Due | None
    finish: Due | None
    confirming: Due | None


class NeedOut(Out):
    """需求"""

    id: UUID
    kind: NeedKind
    category: NeedCategory
    title: str
    text: str
    urgency: Urgency
    skills: list[str]
    qualifications: list[str]
    min_age: int | None
    insured: bool
    risks: str | None
    due_on: date | None
    content: ContentState
    state: NeedState
    seats: int
    free_seats: int = Field(description="还空几个名额")
    place: Named
    community: Named
    home_id: UUID | None = Field(description="只给本人和工作人员")
    author: Somebody
    recorded: bool = Field(description="是否代录")
    claim: ClaimOut | None = Field(description="您的认领；没有则为第一份")
    claims: list[ClaimOut]
    offer: OfferOut | None = Field(description="待答复的派单；只给被派单人、本人和工作人员")
    contact: ContactOut | None
    due: NeedDues
    disputed: bool = Field(description="提出人有异议，等社区决定")
    extended: bool
    extension_to: date | None = Field(description="申请延期到哪天，等提出人同意")
    rating: int | None
    rating_text: str | None = Field(description="评语；审核通过之前只有提出人和工作人员可见")
    confirmed_by_call: bool = Field(description="由回访确认")
    merged_into: UUID | None
    lacking: list[str] = Field(description="您要认领还差什么")
    own_household: bool = Field(description="是否您本户的需求")
    published_at: datetime | None
    done_at: datetime | None
    closed_at: datetime | None
    moves: list[NeedMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class NeedItem(Out):
    """需求列表中的一行"""

    id: UUID
    kind: NeedKind
    category: NeedCategory
    title: str
    excerpt: str = Field(description="内容的前 80 个字")
    urgency: Urgency
    skills: list[str]
    state: NeedState
    seats: int
    free_seats: int
    place: Named
    due_on: date | None
    distance: int | None = Field(description="离 near 几层：0 同一楼栋或网格，1 同一社区，2 同一街道……")
    published_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class MyClaim(Out):
    """我的认领"""

    id: UUID
    state: ClaimState
    need: NeedItem
    minutes: int | None
    claimed_at: datetime
    contact_by: datetime | None = Field(description="在此之前联系对方，否则自动释放")


class MyOffer(Out):
    """派给我的单"""

    id: UUID
    need: NeedItem
    reasons: list[str]
    expires_at: datetime


class KindNumbers(Out):
    """一类需求的数字"""

    kind: NeedKind
    posted: int = Field(description="公开的")
    claimed: int = Field(description="有人认领过的")
    done: int = Field(description="已完成的（含待确认）")
    confirmed: int
    unconfirmed: int = Field(description="完成后逾期未确认的")
    in_house: int = Field(description="社区兜底中的")
    waiting: int = Field(description="仍在等待认领的")
    hours_to_claim: float | None = Field(description="从公开到首次认领，中位数，小时")
    hours_to_done: float | None = Field(description="从公开到完成，中位数，小时")
    rating: float | None = Field(description="平均星级，只算已确认的")


class NeedNumbers(Out):
    """群众点单统计"""

    place: Named
    period: Period
    since: date
    kinds: list[KindNumbers]


class BranchNumbers(Out):
    """一个党支部"""

    id: UUID
    name: str
    members: int = Field(description="有效报到的党员")
    active: int = Field(description="认领过的党员")
    claimed: int
    done: int
    minutes: int = Field(description="已确认（含逾期未确认）的服务分钟数")


class BranchesOverview(Out):
    """党支部接单情况"""

    place: Named
    period: Period
    since: date
    branches: list[BranchNumbers]


class ClaimNeed(Body):
    """认领不需要内容"""

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


class MoveNeed(Body):
    """一次操作所需的内容；每种操作只看自己的字段，多余的字段会被拒绝"""

    title: Title | None = Field(None, description="submit：修改后的标题")
    text: LongText | None = Field(None, description="submit：修改后的内容；finish：完成情况；confirm：评价")
    reason: Annotated[ShortText, Field(min_length=2)] | None = Field(None, description="原因")
    into: UUID | None = Field(None, description="merge：合并到哪一项")
    person_id: UUID | None = Field(None, description="offer：派给谁；transfer：转给谁")
    minutes: int | None = Field(None, ge=1, le=1440, description="finish：服务分钟数")
    uploads: list[UUID] | None = Field(None, max_length=9, description="finish：图片")
    stars: int | None = Field(None, ge=1, le=5, description="confirm：1–5 星")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"text": "已送到家中，老人试戴合适。", "minutes": 40}]}
    }


_M = NeedMove
_REASON = ("reason",)
NEEDED: dict[NeedMove, tuple[str, ...]] = {
    **dict.fromkeys(
        (_M.return_, _M.decline, _M.release, _M.hold_to, _M.extend, _M.dispute, _M.redo, _M.reopen, _M.close),
        _REASON,
    ),
    _M.merge: ("into",),
    _M.offer: ("person_id",),
    _M.transfer: ("person_id",),
    _M.finish: ("text", "minutes"),
    _M.confirm: ("stars",),
}
"""What a move cannot do without."""

ALLOWED: dict[NeedMove, tuple[str, ...]] = {
    _M.submit: ("title", "text"),
    _M.finish: ("uploads",),
    _M.confirm: ("text",),
    _M.withdraw: _REASON,
}
"""What a move looks at beside."""
