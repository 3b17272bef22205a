"""找商家 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.property import MerchantCategory
from api.schemas.base import Body, Line, Named, Out, ShortText
from api.schemas.places import PublicNumber, ServiceHours
from api.schemas.property import Changes, ShortName

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class MerchantOut(Out):
    """商家"""

    id: UUID
    name: str
    category: MerchantCategory
    category_title: str = Field(description="类别名称")
    phone: str | None
    address: str | None
    hours: str | None = Field(description="营业时间")
    introduction: str | None
    online: bool = Field(description="是否在线接单；否则转社区书记台")
    active: bool
    unit_id: UUID | None = Field(description="接单的单位")
    place: Named = Field(description="所在社区")
    version: int
    created_at: datetime
    updated_at: datetime


class AddMerchant(Body):
    """登记商家"""

    place_id: UUID = Field(description="所在社区")
    category: MerchantCategory = Field(description="类别")
    name: ShortName
    phone: PublicNumber | None = Field(None, description="对外电话，不是个人号码")
    address: Line | None = None
    hours: Line | None = Field(None, description="营业时间，展示用")
    introduction: ShortText | None = None
    takes_orders: bool = Field(False, description="是否在线接单；是则建立它的承办单位")
    service_hours: ServiceHours | None = None

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "place_id": _EXAMPLE_ID,
                    "category": "repair",
                    "name": "老李家电维修",
                    "phone": "025-84400008",
                    "takes_orders": True,
                }
            ]
        }
    }


class ChangeMerchant(Changes):
    """变更商家；没有写到的保持不变"""

    category: MerchantCategory = Field(MerchantCategory.other, description="类别")
    name: ShortName = Field("商家", description="名称")
    phone: PublicNumber | None = Field(None, description="对外电话；null 为清除")
    address: Line | None = None
    hours: Line | None = Field(None, description="营业时间")
    introduction: ShortText | None = None
    active: bool = Field(True, description="是否展示")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"active": False}]}}
