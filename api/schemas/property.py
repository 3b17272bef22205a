"""找物业 on the wire: companies, assets, categories with their promises, and a worker's tasks."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from api.rules.cases import CaseCategory, CaseClock, CaseKind, CaseState
from api.rules.property import AssetKind, AssignmentMode
from api.schemas.base import Body, Line, Named, Out, clean_line
from api.schemas.places import PublicNumber, ServiceHours

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"

ShortName = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=40)]


class CategoryOut(Out):
    """诉求类别及其承诺"""

    kind: CaseKind
    category: CaseCategory
    title: str
    sign: str | None = Field(description="签收时限")
    contact: str | None = Field(description="首次联系时限")
    finish: str | None = Field(description="办结时限")
    note: str = Field(description="说明")
    advice: str | None = Field(description="应先做的事，例如先拨打 110、119、120")


class CompanyOut(Out):
    """物业公司"""

    id: UUID
    name: str
    phone: str | None
    service_hours: str | None = Field(description="服务时间；空为 08:00-20:00")
    place: Named = Field(description="登记地")


class AddCompany(Body):
    """登记物业公司"""

    place_id: UUID = Field(description="登记地：街道或县（区）")
    name: ShortName
    phone: PublicNumber | None = Field(None, description="对外电话，不是个人号码")
    service_hours: ServiceHours | None = None

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "place_id": _EXAMPLE_ID,
                    "name": "梅园物业服务有限公司",
                    "phone": "025-84400002",
                    "service_hours": "08:00-20:00",
                }
            ]
        }
    }


class Changes(Body):
    """At least one field; what is not named stays."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("至少填写一项")
        return self

    def changes(self) -> dict[str, object]:
        """The fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ChangeUnit(Changes):
    """变更承办单位；没有写到的保持不变"""

    phone: PublicNumber | None = Field(None, description="对外电话；null 为清除")
    address: Line | None = None
    hours: Line | None = Field(None, description="办公时间")
    service_hours: ServiceHours | None = None
    assignment: AssignmentMode = Field(AssignmentMode.taken, description="派工方式")
    active: bool = Field(True, description="是否启用；停用后不再派单")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"assignment": "rotation", "service_hours": "07:30-21:00"}]}
    }


class AssetOut(Out):
    """设施"""

    id: UUID
    kind: AssetKind
    kind_title: str = Field(description="种类名称")
    name: str
    active: bool
    estate: Named
    building: Named | None = Field(description="所在楼栋；空为全小区共用")


class AddAsset(Body):
    """登记设施"""

    estate_id: UUID = Field(description="小区")
    building_id: UUID | None = Field(None, description="所在楼栋；不填为全小区共用")
    kind: AssetKind = Field(description="种类")
    name: ShortName = Field(description="名称，例如 2 号电梯")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "estate_id": _EXAMPLE_ID,
                    "building_id": _EXAMPLE_ID,
                    "kind": "lift",
                    "name": "2 号电梯",
                }
            ]
        }
    }


class ChangeAsset(Changes):
    """变更设施；没有写到的保持不变"""

    kind: AssetKind = Field(AssetKind.other, description="种类")
    name: ShortName = Field("设施", description="名称")
    active: bool = Field(True, description="是否在用")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"active": False}]}}


class MemberOut(Out):
    """承办单位的一名成员"""

    id: UUID
    name: str
    in_hand: int = Field(description="手上未办结的件数")


class AssistOut(Out):
    """请本单位协同的任务"""

    id: UUID
    text: str = Field(description="要做的事")


class TaskOut(Out):
    """我的待办中的一件，最先到期的在前：本单位承办的诉求，或请本单位协同的任务"""

    id: UUID
    number: str
    kind: CaseKind
    category: CaseCategory
    title: str
    state: CaseState
    cycle: int
    level: int
    place: Named
    room: str | None = Field(description="房号")
    asset: Named | None
    unit: Named = Field(description="承办的单位；协同任务为被请协同的单位")
    handler: Named | None = Field(description="承办人或被指派的人；协同任务为 null")
    task: AssistOut | None = Field(description="协同任务；本单位承办的诉求为 null")
    next_clock: CaseClock | None = Field(
        description="最先到期的期限：签收 sign、首次联系 contact、办结 finish；协同任务按诉求的办结"
    )
    next_due_at: datetime | None = Field(description="何时到期；暂停或已处置为 null")
    overdue: bool
    version: int
    created_at: datetime
