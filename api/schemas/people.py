"""People, their homes and memberships, and what they were granted, on the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from api.rules.content import ContentState
from api.rules.people import (
    BelongingMove,
    MembershipKind,
    MembershipState,
    PersonMove,
    PersonState,
    Relation,
    ResidencyState,
    ServiceTime,
)
from api.rules.roles import Permission, Role
from api.schemas.base import Body, Line, Moment, Named, Nickname, Out, ShortText, clean_line
from api.schemas.places import OfficialOut

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"

Avatar = Annotated[str, StringConstraints(max_length=500, pattern=r"^https://[!-~]+$")]
Skill = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=20)]
Reason = Annotated[ShortText, Field(description="原因，留痕备查", min_length=2)]
Phone = Annotated[str, BeforeValidator(clean_line), StringConstraints(pattern=r"^\+?[0-9]{7,15}$")]


class PersonShown(Out):
    """工作人员看到的人；号码隐去中间四位"""

    id: UUID
    nickname: str
    phone: str | None = Field(description="隐去中间四位的手机号")


class HomeShown(Out):
    """房屋与楼栋"""

    id: UUID
    room: str
    building: Named


class ResidencyOut(Out):
    """居住关系"""

    id: UUID
    person: PersonShown
    home: HomeShown
    community: Named
    relation: Relation = Field(description="业主 owner、家属 family、租户 tenant")
    is_registered: bool = Field(description="户籍是否在本社区")
    state: ResidencyState
    reason: str | None = Field(description="核实不通过的原因")
    moves: list[BelongingMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class RegisterResidency(Body):
    """登记居住在一套房屋"""

    home_id: UUID = Field(description="房屋")
    relation: Relation = Field(description="与房屋的关系")
    is_registered: bool = Field(description="户籍是否在本社区；不在也可以参与")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"home_id": _EXAMPLE_ID, "relation": "owner", "is_registered": True}]
        }
    }


class QualificationOut(Out):
    """一项资质"""

    name: str
    expires_on: date | None = Field(description="有效期至；长期为 null")


class NewQualification(Body):
    """一项资质"""

    name: Skill = Field(description="资质名称，例如“电工证”")
    expires_on: date | None = Field(None, description="有效期至；不填为长期")


class MembershipOut(Out):
    """党员报到或志愿者登记"""

    id: UUID
    person: PersonShown
    kind: MembershipKind = Field(description="党员 party、志愿者 volunteer")
    place: Named = Field(description="报到的社区")
    branch: Named | None = Field(description="党支部")
    work_unit: str | None = Field(description="工作单位")
    skills: list[str] = Field(description="特长")
    availability: str | None = Field(description="可以服务的时间")
    times: list[ServiceTime] = Field(description="通常可以服务的时段")
    birth_year: int | None = Field(description="出生年份")
    insured_until: date | None = Field(description="志愿者保险有效至")
    ends_on: date | None = Field(description="报到截止日；不填为长期")
    qualifications: list[QualificationOut] = Field(description="资质")
    content: ContentState = Field(description="内容审核；登记的内容只有本人和工作人员可见")
    state: MembershipState
    reason: str | None = Field(description="核实不通过的原因")
    moves: list[BelongingMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class RegisterMembership(Body):
    """向社区报到"""

    kind: MembershipKind = Field(description="党员 party、志愿者 volunteer")
    place_id: UUID = Field(description="村（社区）")
    branch_id: UUID | None = Field(None, description="党支部，仅党员")
    work_unit: Line | None = Field(None, description="工作单位")
    skills: list[Skill] = Field([], max_length=20, description="特长")
    availability: Line | None = Field(None, description="可以服务的时间")
    times: list[ServiceTime] = Field([], max_length=4, description="通常可以服务的时段")
    birth_year: int | None = Field(None, ge=1900, le=2100, description="出生年份")
    insured_until: date | None = Field(None, description="志愿者保险有效至")
    ends_on: date | None = Field(None, description="报到截止日；不填为长期")
    qualifications: list[NewQualification] = Field([], max_length=10, description="资质，由社区核实")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "kind": "party",
                    "place_id": _EXAMPLE_ID,
                    "work_unit": "区供电公司",
                    "skills": ["电工", "写字"],
                    "availability": "周末全天",
                }
            ]
        }
    }

    @model_validator(mode="after")
    def _branch_of_party_members(self) -> Self:
        if self.branch_id is not None and self.kind is not MembershipKind.party:
            raise ValueError("只有党员报到填写党支部")
        names = [qualification.name for qualification in self.qualifications]
        if len(set(names)) != len(names):
            raise ValueError("同一项资质只填一次")
        return self


class MoveBelonging(Body):
    """对一条登记的操作"""

    reason: Reason | None = Field(None, description="refuse 必填、end 可填：原因")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"reason": "与房产登记不符"}]}}


NEEDED: dict[BelongingMove, tuple[str, ...]] = {BelongingMove.refuse: ("reason",)}
ALLOWED: dict[BelongingMove, tuple[str, ...]] = {BelongingMove.end: ("reason",)}


class GrantBrief(Out):
    """一项授权"""

    id: UUID
    role: Role
    title: str = Field(description="角色名称")
    place: Named
    since: datetime
    until: datetime | None


class MeOut(Out):
    """本人"""

    id: UUID
    nickname: str
    nickname_pending: str | None = Field(description="审核中的新昵称，只有本人看到")
    avatar: str | None
    avatar_pending: str | None = Field(description="审核中的新头像，只有本人看到")
    phone: str | None = Field(description="隐去中间四位的手机号")
    residencies: list[ResidencyOut] = Field(description="居住关系，新的在前，最多 50 条")
    memberships: list[MembershipOut] = Field(description="报到登记，新的在前，最多 50 条")
    grants: list[GrantBrief] = Field(description="有效的授权")
    points: int = Field(description="可用积分")
    unread: int = Field(description="未读通知数")
    created_at: datetime


class ChangeMe(Body):
    """修改本人资料；不填的不变"""

    nickname: Nickname | None = Field(None, description="昵称")
    avatar: Avatar | None = Field(None, description="头像的 https 地址；null 为去掉头像")
    avatar_upload: UUID | None = Field(None, description="本人上传的图片（POST /v1/uploads）作为头像")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"nickname": "三单元老周"}]}}

    @model_validator(mode="after")
    def _everybody_has_a_name(self) -> Self:
        if "nickname" in self.model_fields_set and self.nickname is None:
            raise ValueError("昵称不能去掉")
        if "avatar_upload" in self.model_fields_set and (
            self.avatar_upload is None or "avatar" in self.model_fields_set
        ):
            raise ValueError("avatar_upload 须是上传的图片，且不能与 avatar 同时填写")
        return self


class BindPhone(Body):
    """手机号按钮给出的 code"""

    code: str = Field(min_length=1, max_length=256, pattern=r"^[!-~]+$", description="5 分钟内一次有效")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"code": "e31968a7f94cc5ee"}]}}


class PersonItem(Out):
    """人员列表中的一行"""

    id: UUID
    nickname: str
    name: str | None = Field(description="公职姓名")
    avatar: str | None
    phone: str | None = Field(description="隐去中间四位的手机号")
    state: PersonState
    grants: list[GrantBrief] = Field(description="您范围内的有效授权")
    created_at: datetime


class PersonOut(PersonItem):
    """人员，连同在您范围内的居住、报到与授权"""

    official: OfficialOut | None
    residencies: list[ResidencyOut]
    memberships: list[MembershipOut]
    has_console_login: bool = Field(description="是否有控制台账号")
    moves: list[PersonMove] = Field(description="您此刻可以进行的操作")
    version: int
    updated_at: datetime


class WithReason(Body):
    """须写明原因的操作"""

    reason: Reason

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"reason": "核实紧急求助，需电话联系"}]}
    }


class LookUpPerson(Body):
    """按完整手机号查找"""

    phone: Phone = Field(description="完整手机号")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"phone": "13900001234"}]}}


class PhoneOut(Out):
    """完整手机号"""

    phone: str


class Holder(Out):
    """被授权的人"""

    id: UUID
    nickname: str
    name: str | None = Field(description="公职姓名")


class GrantOut(GrantBrief):
    """授权"""

    person: Holder
    live: bool = Field(description="此刻是否有效")
    granted_by: UUID | None = Field(description="授予人；空为系统")
    created_at: datetime


class GiveGrant(Body):
    """授予一个角色；person_id 与 phone 二选一"""

    person_id: UUID | None = Field(None, description="您范围内的人")
    phone: Phone | None = Field(None, description="完整手机号；用于还不在您范围内的人")
    role: Role = Field(description="角色")
    place_id: UUID = Field(description="地域，及于其下全部")
    unit_id: UUID | None = Field(None, description="物业、商家人员所在的单位；只及于该单位的诉求")
    until: Moment | None = Field(None, description="截止时间；不填为长期")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"phone": "13900001234", "role": "community_worker", "place_id": _EXAMPLE_ID}]
        }
    }

    @model_validator(mode="after")
    def _one_of_person_and_phone(self) -> Self:
        if (self.person_id is None) == (self.phone is None):
            raise ValueError("person_id 与 phone 须填且只填一个")
        return self


class PermissionOut(Out):
    """一项权限"""

    permission: Permission
    title: str


class RoleOut(Out):
    """一个角色及其权限"""

    role: Role
    title: str
    console: bool = Field(description="是否使用控制台")
    permissions: list[PermissionOut]
