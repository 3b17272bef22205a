"""服务记录, 补录 and 证明 on the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from api.rules.activity_words import AddingMove, AddingState, RecordKind
from api.rules.certificates import CertificateMove, CertificateState, IdKind, is_resident_id
from api.schemas.activities import PersonShown, Reason
from api.schemas.base import Body, Named, Out, ShortText, clean_line

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class RecordOut(Out):
    """服务记录的一行；只增不改，错了以冲正抵消"""

    id: UUID
    kind: RecordKind = Field(description="automatic 自动、added 补录、counter 冲正")
    minutes: int = Field(description="分钟；冲正为负")
    day: date = Field(description="服务的日期")
    activity: Named
    community: Named = Field(description="组织和记录的社区")
    person: PersonShown
    counters_id: UUID | None = Field(description="冲正的是哪一条")
    reason: str | None = Field(description="冲正的原因")
    created_at: datetime


class MyRecords(Out):
    """我的服务记录"""

    automatic_minutes: int = Field(description="自动记录合计，已减去冲正")
    added_minutes: int = Field(description="补录合计，已减去冲正")
    items: list[RecordOut]
    next: str | None = Field(description="下一页的标记")


class PublicMinutes(Out):
    """时长公示的一行"""

    id: UUID
    name: str = Field(description="隐去中间的名字")
    counted: bool = Field(description="是否已计入；false 为公示中")
    automatic_minutes: int
    added_minutes: int


class CounterRecord(Body):
    """冲正一条服务记录；需要更正的另行补录"""

    reason: Reason = Field(description="原因，本人可见")
    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"reason": "中途离开未签退"}]}}


class AddHours(Body):
    """补录一个名额的时长，由第二人复核"""

    seat_id: UUID = Field(description="哪个名额")
    minutes: int = Field(ge=1, le=1440, description="分钟；与自动时长合计不超过活动的长度")
    reason: Reason = Field(description="为什么补录")
    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"seat_id": _EXAMPLE_ID, "minutes": 60, "reason": "老人没有手机，现场签名册为证"}]
        }
    }


class MoveAdding(Body):
    """复核"""

    reason: Reason | None = Field(None, description="refuse：原因")
    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


ADDING_NEEDED: dict[AddingMove, tuple[str, ...]] = {AddingMove.refuse: ("reason",)}


class AddingOut(Out):
    """一条补录"""

    id: UUID
    activity: Named
    seat_id: UUID
    person: PersonShown
    minutes: int
    reason: str
    state: AddingState
    refusal: str | None = Field(description="不通过的原因")
    proposed_by: Named
    moves: list[AddingMove]
    version: int
    created_at: datetime
    updated_at: datetime


RealName = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=2, max_length=40)]
IdNumber = Annotated[
    str,
    BeforeValidator(lambda v: clean_line(v).upper() if isinstance(v, str) else v),
    StringConstraints(min_length=5, max_length=30, pattern="^[0-9A-Z]+$"),
]


class AskCertificate(Body):
    """申请志愿服务记录证明"""

    place_id: UUID = Field(description="组织活动的村（社区）")
    since: date = Field(description="从哪天")
    until: date = Field(description="到哪天")
    name: RealName = Field(description="与证件一致的姓名")
    id_kind: IdKind = Field(IdKind.resident_id, description="证件类型")
    id_number: IdNumber = Field(description="证件号码；只用于核对，系统只留首尾几位")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.until < self.since:
            raise ValueError("until 不能早于 since")
        if self.id_kind is IdKind.resident_id and not is_resident_id(self.id_number):
            raise ValueError("身份证号码有误")
        return self

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "place_id": _EXAMPLE_ID,
                    "since": "2026-01-01",
                    "until": "2026-12-31",
                    "name": "张三丰",
                    "id_kind": "resident_id",
                    "id_number": "11010519491231002X",
                }
            ]
        }
    }


class CertificateLine(Out):
    """证明中的一次服务"""

    day: date
    title: str
    minutes: int


class CertificateOut(Out):
    """志愿服务记录证明；给本人和出具单位"""

    id: UUID
    number: str = Field(description="证明编号")
    name: str
    name_masked: str = Field(description="公开查验时显示的姓名")
    id_kind: IdKind
    id_masked: str = Field(description="证件号码，隐去中间")
    volunteer_number: str | None = Field(description="志愿者编号")
    since: date
    until: date
    minutes: int
    hours: str = Field(description="小时，一位小数，不进位")
    lines: list[CertificateLine]
    community: Named = Field(description="出具单位")
    contact: str | None = Field(description="出具单位联系方式")
    handler_name: str | None = Field(description="负责人（经办人）")
    state: CertificateState
    reason: str | None = Field(description="不予出具或撤销的原因")
    issued_at: datetime | None
    printed: bool = Field(description="PDF 可以下载")
    missing: list[str] = Field(description="字体缺少的字，在 PDF 中印作编码")
    mine: bool
    moves: list[CertificateMove]
    version: int
    created_at: datetime
    updated_at: datetime


class MoveCertificate(Body):
    """一次操作所需的内容"""

    reason: ShortText | None = Field(None, min_length=2, description="refuse、revoke：原因")
    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"reason": "证件与姓名不符"}]}}


CERTIFICATE_NEEDED: dict[CertificateMove, tuple[str, ...]] = {
    CertificateMove.refuse: ("reason",),
    CertificateMove.revoke: ("reason",),
}


class CertificateCheck(Out):
    """公开查验的结果；不多于证明本身所载。持证人注销后只余证明曾经出具、现已撤销，其余各项为空"""

    number: str
    valid: bool = Field(description="有效；false 为已撤销")
    state: CertificateState
    name: str | None = Field(description="隐去中间的姓名")
    id_kind: IdKind | None
    id_number: str | None = Field(description="隐去中间的证件号码")
    volunteer_number: str | None
    minutes: int | None
    hours: str | None
    since: date | None
    until: date | None
    activities: int | None = Field(description="服务次数")
    issuer: str = Field(description="出具单位")
    issued_at: datetime
    reason: str | None = Field(description="撤销的原因")


class PublicCertificate(Out):
    """证明公示的一行"""

    id: UUID
    name: str = Field(description="隐去中间的姓名")
    minutes: int
    hours: str
    since: date
    until: date
    activities: int
    community: Named
    handler_name: str | None
    issued_at: datetime
    until_at: datetime = Field(description="公示到什么时候")
