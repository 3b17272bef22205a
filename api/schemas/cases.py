"""诉求 on the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.rules.case_requests import RejectReason
from api.rules.cases import CaseCategory, CaseKind, CaseMove, CaseState, Channel, Outcome, Visibility
from api.rules.content import ContentState
from api.rules.property import CATEGORIES_OF
from api.schemas.base import Body, Line, LongText, Named, Nickname, Out, ShortText, Title
from api.schemas.case_requests import RequestOut
from api.schemas.people import Phone
from api.schemas.uploads import UploadIds

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class EnteredFor(Body):
    """代录：为没有手机的或来电的居民提交；本人以同一手机号登录后即归本人"""

    name: Nickname = Field(description="居民姓名，加密保存")
    phone: Phone = Field(description="联系电话，加密保存；承办人凭理由查看，留痕")
    consent: Line = Field(description="本人如何同意代录，例如“电话同意”")
    channel: Literal[Channel.recorded, Channel.phone] = Field(
        Channel.recorded, description="当面代录 recorded，来电代录 phone"
    )


class Position(Body):
    """位置（GCJ-02）"""

    latitude: float = Field(ge=3.5, le=53.6, description="纬度")
    longitude: float = Field(ge=73.4, le=135.1, description="经度")


class SubmitCase(Body):
    """一件诉求：找书记、找物业、帮办代办、找商家；网格员可以登记网格事件"""

    kind: CaseKind = Field(
        CaseKind.secretary,
        description="种类：找书记 secretary、找物业 property、帮办代办 errand、找商家 merchant；网格事件 grid 由网格员登记",
    )
    category: CaseCategory = Field(description="类别，须属于所选种类，见 GET /case-categories")
    title: Title = Field(description="标题")
    text: LongText = Field(description="内容")
    place_id: UUID | None = Field(None, description="发生地：村（社区）、网格或楼栋；与 home_id 二选一")
    home_id: UUID | None = Field(None, description="本人居住的房屋；与 place_id 二选一，且只能不公开")
    visibility: Visibility = Field(Visibility.private, description="公开范围")
    anonymous: bool = Field(False, description="对他人匿名")
    uploads: UploadIds = ()
    estate: UUID | None = Field(None, description="找物业：小区；房屋、楼栋或设施已能说明时不必填")
    asset: UUID | None = Field(None, description="找物业：设施，如 2 号电梯、水泵房")
    merchant: UUID | None = Field(None, description="找商家：商家标识，必填")
    on_behalf_of: EnteredFor | None = Field(None, description="代录，须有代录权限")
    position: Position | None = Field(None, description="网格事件：位置，必填，须在所选地域范围内")
    self_handled: bool = Field(
        False, description="网格事件：自行处置（由本人用 settle 办结）；否则按规则上报承办单位"
    )

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "kind": "secretary",
                    "category": "help",
                    "title": "三单元楼道灯不亮",
                    "text": "三单元二楼到三楼的楼道灯坏了一周，老人晚上下楼不安全。",
                    "place_id": _EXAMPLE_ID,
                    "visibility": "community",
                    "anonymous": False,
                }
            ]
        }
    }

    @model_validator(mode="after")
    def _one_of_place_and_home(self) -> Self:
        if (self.place_id is None) == (self.home_id is None):
            raise ValueError("place_id 与 home_id 须填且只填一个")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        fitting = CATEGORIES_OF[self.kind]
        if self.category not in fitting:
            raise ValueError(f"category 应为 {'、'.join(fitting)} 之一")
        grid = self.kind is CaseKind.grid
        if self.kind is not CaseKind.property and not grid and (self.asset or self.estate):
            raise ValueError("只有找物业和网格事件可以填 estate、asset")
        if not grid and (self.position or self.self_handled):
            raise ValueError("只有网格事件可以填 position、self_handled")
        if grid and (self.position is None or not self.uploads):
            raise ValueError("网格事件须填 position，并附现场照片")
        if grid and self.on_behalf_of is not None:
            raise ValueError("网格事件由网格员自己发现，不代他人登记")
        if (self.kind is CaseKind.merchant) != (self.merchant is not None):
            raise ValueError("找商家须填 merchant，其他种类不填")
        return self


class Due(Out):
    """一个期限"""

    due_at: datetime | None = Field(description="到期时间；暂停中为 null")
    met_at: datetime | None = Field(description="完成时间")
    overdue: bool = Field(description="是否已超时")
    provisional: bool = Field(description="是否按暂定日历计算（放假安排尚未公布）")


class Dues(Out):
    """签收、首次联系、办结的期限"""

    sign: Due | None = Field(description="签收")
    contact: Due | None = Field(description="首次联系")
    finish: Due | None = Field(description="办结")


class Reporter(Out):
    """反映人"""

    name: str = Field(description="显示的名字；匿名时为化名")
    mine: bool = Field(description="是否本人")


class Outside(Out):
    """外部系统"""

    system: str = Field(description="系统名称")
    number: str = Field(description="在该系统的编号")


class CaseOut(Out):
    """诉求"""

    id: UUID
    number: str = Field(description="回执号")
    kind: CaseKind
    category: CaseCategory
    title: str
    text: str
    state: CaseState
    cycle: int = Field(description="第几轮办理")
    level: int = Field(description="升级层级 0–4")
    visibility: Visibility
    anonymous: bool
    content: ContentState = Field(description="内容审核：通过之后才按公开范围给他人看")
    channel: Channel = Field(description="来源")
    recorded: bool = Field(description="是否由工作人员代录或发现")
    consent: str | None = Field(description="本人如何同意代录；只对本人和工作人员")
    position: Position | None = Field(description="网格事件的位置")
    self_handled: bool = Field(description="网格员自行处置")
    place: Named
    community: Named
    home_id: UUID | None
    room: str | None = Field(description="房号；只对本人和工作人员")
    estate: Named | None = Field(description="小区")
    asset: Named | None = Field(description="设施")
    advice: str | None = Field(description="应先做的事，例如危及生命先拨打 110、119、120")
    unit: Named | None = Field(description="承办单位")
    reporter: Reporter
    outcome: Outcome | None
    due: Dues
    requests: list[RequestOut] = Field(description="单上的申请（退单、延期等）")
    hazard: bool = Field(description="是否安全隐患：反映人撤回后仍要办理")
    plan: str | None = Field(description="升级至社区后的新方案；审核通过之前只有工作人员可见")
    outside: Outside | None = Field(description="转外部或上报的去处与编号")
    reject_reason: RejectReason | None = Field(description="不予受理的理由")
    merged_into: UUID | None
    rating: int | None = Field(description="最近一次总体评价，1–5 星")
    first_contact_at: datetime | None
    handled_at: datetime | None
    closed_at: datetime | None
    moves: list[CaseMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class CaseContact(Out):
    """代录的联系方式"""

    name: str
    phone: str


class CaseItem(Out):
    """诉求列表中的一行"""

    id: UUID
    number: str
    kind: CaseKind
    category: CaseCategory
    title: str
    excerpt: str = Field(description="内容的前 80 个字")
    state: CaseState
    cycle: int
    level: int
    visibility: Visibility
    place: Named
    reporter: Reporter
    finish_due_at: datetime | None = Field(description="办结期限")
    overdue: bool
    version: int
    created_at: datetime
    updated_at: datetime


Star = Annotated[int, Field(ge=1, le=5, description="1–5 星")]


class Stars(Body):
    """评价：一次点击即可，其余可不填"""

    overall: Star
    result: Star | None = None
    attitude: Star | None = None
    speed: Star | None = None
    text: ShortText | None = None

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"overall": 5}]}}


class MoveCase(Body):
    """一次操作所需的内容；每种操作只看自己的字段，多余的字段会被拒绝"""

    unit_id: UUID | None = Field(
        None, description="dispatch：指定承办单位，不填按路由规则；transfer：转给的单位"
    )
    handler_id: UUID | None = Field(None, description="assign：指派给单位的这名成员；不填按轮派次序")
    question: ShortText | None = Field(None, description="ask：要问的问题")
    text: ShortText | None = Field(
        None, description="answer：补充内容；pass_check：备注；confirm、plan：公开说明；call_back：回访记录"
    )
    outcome: Outcome | None = Field(None, description="finish、settle：办理结果")
    reply: LongText | None = Field(None, description="finish、settle：公开答复或处置说明")
    publish: bool | None = Field(
        None,
        description="finish：不再需要，内容审核通过即按反映人选择的范围公开",
        json_schema_extra={"deprecated": True},
    )
    channel: Literal[Channel.recorded, Channel.phone] | None = Field(
        None, description="answer：代为补充时与反映人核实的方式，当面 recorded、电话 phone；本人补充不填"
    )
    uploads: UploadIds | None = Field(None, description="answer：图片")
    before: UploadIds | None = Field(None, description="finish、settle：处置前的照片")
    after: UploadIds | None = Field(None, description="finish、settle：处置后的照片")
    reason: ShortText | None = Field(
        None, description="fail_check、withdraw、transfer、reopen、mark_hazard、unmerge、object：原因"
    )
    owner_id: UUID | None = Field(None, description="plan：责任人，不填为本人")
    system: Line | None = Field(None, description="refer、report_up：外部系统名称")
    number: Line | None = Field(None, description="refer、report_up：在外部系统的编号")
    stars: Stars | None = Field(None, description="rate、dispute：评价")
    parent_id: UUID | None = Field(None, description="merge：并入哪一件")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"outcome": "solved", "reply": "已更换灯具，当晚恢复照明。"}]}
    }


NEEDED: dict[CaseMove, tuple[str, ...]] = {
    CaseMove.ask: ("question",),
    CaseMove.answer: ("text",),
    CaseMove.finish: ("outcome", "reply"),
    CaseMove.settle: ("outcome", "reply", "after"),
    CaseMove.fail_check: ("reason",),
    CaseMove.rate: ("stars",),
    CaseMove.dispute: ("stars",),
    CaseMove.transfer: ("unit_id", "reason"),
    CaseMove.refer: ("system", "number"),
    CaseMove.report_up: ("system", "number"),
    CaseMove.reopen: ("reason",),
    CaseMove.confirm: ("text",),
    CaseMove.call_back: ("text",),
    CaseMove.plan: ("text",),
    CaseMove.mark_hazard: ("reason",),
    CaseMove.merge: ("parent_id",),
    CaseMove.object: ("reason",),
}
"""What a move cannot do without."""

ALLOWED: dict[CaseMove, tuple[str, ...]] = {
    CaseMove.dispatch: ("unit_id",),
    CaseMove.assign: ("handler_id",),
    CaseMove.finish: ("outcome", "reply", "publish", "before", "after"),
    CaseMove.settle: ("outcome", "reply", "before", "after"),
    CaseMove.answer: ("text", "channel", "uploads"),
    CaseMove.pass_check: ("text",),
    CaseMove.withdraw: ("reason",),
    CaseMove.plan: ("text", "owner_id"),
    CaseMove.unmerge: ("reason",),
}
"""What a move looks at; as much as it needs where nothing stands here."""


class SayOnCase(Body):
    """在诉求上说的话"""

    kind: Literal["reply", "contact", "note"] = Field(
        description="reply 公开答复（反映人为补充）、contact 登记一次联系、note 内部备注"
    )
    text: LongText
    uploads: UploadIds = ()

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"kind": "reply", "text": "您好，已安排电工明早上门。"}]}
    }


class CaseMessageOut(Out):
    """一条往来"""

    id: UUID
    kind: Literal["reply", "question", "answer", "contact", "note"]
    author: str = Field(description="以什么身份说的")
    text: str
    content: ContentState = Field(description="内容审核：通过之前只有本人和工作人员可见")
    created_at: datetime
