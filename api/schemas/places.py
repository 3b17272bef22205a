"""地域 and who is responsible there, on the wire."""

from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from api.rules.places import Level, UnitKind
from api.rules.property import AssignmentMode
from api.rules.roles import Role
from api.schemas.base import Body, Line, Named, Out, ShortText, clean_line

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"

Name = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=40)]
Room = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=20)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{1,10}$")]
ServiceHours = Annotated[
    str,
    BeforeValidator(clean_line),
    StringConstraints(min_length=11, max_length=60),
    Field(description="服务时间，例如 08:00-20:00 或 08:00-12:00,14:00-18:00，每天合计不少于 4 小时"),
]
PublicNumber = Annotated[
    str, BeforeValidator(clean_line), StringConstraints(min_length=3, max_length=30, pattern=r"^[0-9+\- ]+$")
]


class PlaceItem(Out):
    """地域列表中的一行"""

    id: UUID
    code: str = Field(description="统计用区划代码 12 位；网格、楼栋为社区代码加编号")
    level: Level = Field(description="层级")
    name: str
    parent_id: UUID | None = Field(description="上级地域")


class Bounds(Body):
    """地域范围（GCJ-02）：在此登记的位置须在其中"""

    south: float = Field(ge=3.5, le=53.6, description="最南纬度")
    west: float = Field(ge=73.4, le=135.1, description="最西经度")
    north: float = Field(ge=3.5, le=53.6, description="最北纬度")
    east: float = Field(ge=73.4, le=135.1, description="最东经度")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"south": 32.03, "west": 118.78, "north": 32.06, "east": 118.81}]}
    }

    @model_validator(mode="after")
    def _a_box(self) -> Self:
        if self.south >= self.north or self.west >= self.east:
            raise ValueError("south 须小于 north，west 须小于 east")
        return self


class PlaceOut(PlaceItem):
    """地域，连同它的各级上级"""

    active: bool = Field(description="是否启用")
    ancestors: list[PlaceItem] = Field(description="从省到直接上级")
    estate: Named | None = Field(description="楼栋所属小区")
    bounds: Bounds | None = Field(description="本地域划定的范围")


class PlaceNear(Named):
    """地域及其层级"""

    level: Level


class HomeItem(Out):
    """楼栋中的一户；不含住户信息"""

    id: UUID
    room: str = Field(description="房号")
    estate: Named | None = Field(None, description="所在小区")
    company: Named | None = Field(None, description="服务这个小区的物业公司")
    assets: list[Named] = Field([], description="本楼栋的和全小区共用的在用设施")


class EstateOut(Out):
    """小区"""

    id: UUID
    name: str
    place: Named = Field(description="所在社区")
    buildings: list[Named] = Field(description="楼栋")
    company: Named | None = Field(None, description="服务这个小区的物业公司")
    assets: list[Named] = Field([], description="在用的设施")


class BranchOut(Out):
    """党支部"""

    id: UUID
    name: str
    place: Named


class Desk(Out):
    """书记台：对外的办公地点与电话"""

    id: UUID
    name: str
    phone: str | None
    address: str | None
    hours: str | None = Field(description="办公时间")


class Post(Out):
    """一个职务"""

    role: Literal[Role.secretary, Role.deputy] = Field(description="角色")
    role_title: str = Field(description="角色名称")
    place: PlaceNear = Field(description="任职地域")
    desk: Desk | None


class _Shown(Out):
    id: UUID = Field(description="人员标识")
    name: str
    title: str = Field(description="职务称呼")
    hours: str | None = Field(description="接待时间")
    introduction: str | None


class SecretaryItem(_Shown, Post):
    """书记或副主任，由近及远"""


class SecretaryOut(_Shown):
    """书记或副主任，及其全部职务"""

    posts: list[Post]


class UnitOut(Out):
    """承办单位"""

    id: UUID
    kind: UnitKind = Field(description="种类：书记台、物业公司、网格、代办点、商家")
    name: str
    phone: str | None = Field(description="对外电话")
    address: str | None
    hours: str | None
    active: bool
    company_id: UUID | None = Field(description="物业公司")
    estate_id: UUID | None = Field(description="物业公司服务的小区")
    service_hours: str | None = Field(description="本单位的服务时间；空则按公司的，公司没有的按 08:00-20:00")
    assignment: AssignmentMode = Field(
        description="派工方式：负责人指派 dispatcher、成员自取 taken、轮派 rotation"
    )
    place: PlaceNear


class AddPlace(Body):
    """新增网格或楼栋"""

    parent_id: UUID = Field(description="所属社区")
    level: Literal[Level.grid, Level.building] = Field(description="网格 grid 或楼栋 building")
    number: Number = Field(description="社区内编号，小写字母与数字，例如 01")
    name: Name

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"parent_id": _EXAMPLE_ID, "level": "building", "number": "07", "name": "7 幢"}]
        }
    }


class AddEstate(Body):
    """新增小区"""

    place_id: UUID = Field(description="所在社区")
    name: Name
    building_ids: list[UUID] = Field([], max_length=200, description="属于它的楼栋")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"place_id": _EXAMPLE_ID, "name": "梅园小区", "building_ids": [_EXAMPLE_ID]}]
        }
    }


class AddHome(Body):
    """新增房屋"""

    building_id: UUID = Field(description="楼栋")
    room: Room = Field(description="房号")
    area_m2: Decimal | None = Field(
        None, gt=0, max_digits=9, decimal_places=2, description="建筑面积，平方米"
    )

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"building_id": _EXAMPLE_ID, "room": "301", "area_m2": "89.60"}]}
    }


class HomeOut(HomeItem):
    """房屋"""

    area_m2: Decimal | None = Field(description="建筑面积，平方米")
    building: Named


class AddUnit(Body):
    """新增承办单位"""

    kind: UnitKind = Field(description="种类")
    place_id: UUID = Field(description="服务的地域")
    name: Name
    phone: PublicNumber | None = Field(None, description="对外电话，不是个人号码")
    address: Line | None = None
    hours: Line | None = Field(None, description="办公时间")
    company_id: UUID | None = Field(None, description="物业公司；须同时填小区")
    estate_id: UUID | None = Field(None, description="物业公司服务的小区，一个小区一个在用的")
    service_hours: ServiceHours | None = None
    assignment: AssignmentMode = Field(AssignmentMode.taken, description="派工方式")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "kind": "secretary_desk",
                    "place_id": _EXAMPLE_ID,
                    "name": "梅园新村社区书记台",
                    "phone": "025-84400001",
                    "address": "梅园新村 1 号",
                    "hours": "工作日 9:00–12:00、14:00–18:00",
                }
            ]
        }
    }


class AddBranch(Body):
    """新增党支部"""

    place_id: UUID = Field(description="所在社区")
    name: Name

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"place_id": _EXAMPLE_ID, "name": "第一党支部"}]}
    }


class DescribeOfficial(Body):
    """对公众展示的公职信息"""

    name: Name
    title: Name = Field(description="职务称呼")
    hours: Line | None = Field(None, description="接待时间")
    introduction: ShortText | None = None

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"name": "周敏", "title": "社区党委书记", "hours": "每周三上午"}]}
    }


class OfficialOut(Out):
    """公职信息"""

    person_id: UUID
    name: str
    title: str
    hours: str | None
    introduction: str | None
