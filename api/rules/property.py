"""找物业, 帮办代办, 找商家: which matters go where, by which rule, and what a person is told before anything else."""

from datetime import timedelta
from enum import StrEnum

from api.kit.problems import Problem
from api.rules.calendar import Hours
from api.rules.cases import CaseCategory, CaseKind, Outcome


class AssetKind(StrEnum):
    """设施种类"""

    lift = "lift"
    pump_room = "pump_room"
    power_room = "power_room"
    gate = "gate"
    parking = "parking"
    lighting = "lighting"
    fire_control = "fire_control"
    drainage = "drainage"
    facade = "facade"
    roof = "roof"
    greenery = "greenery"
    playground = "playground"
    surveillance = "surveillance"
    other = "other"


ASSET_TITLES: dict[AssetKind, str] = {
    AssetKind.lift: "电梯",
    AssetKind.pump_room: "水泵房",
    AssetKind.power_room: "配电房",
    AssetKind.gate: "门禁道闸",
    AssetKind.parking: "停车设施",
    AssetKind.lighting: "公共照明",
    AssetKind.fire_control: "消防设施",
    AssetKind.drainage: "排水管网",
    AssetKind.facade: "外墙",
    AssetKind.roof: "屋面",
    AssetKind.greenery: "绿化",
    AssetKind.playground: "活动场地",
    AssetKind.surveillance: "监控",
    AssetKind.other: "其他设施",
}


class MerchantCategory(StrEnum):
    """商家类别"""

    repair = "repair"
    housekeeping = "housekeeping"
    grocery = "grocery"
    catering = "catering"
    hairdressing = "hairdressing"
    laundry = "laundry"
    pharmacy = "pharmacy"
    elder_care = "elder_care"
    child_care = "child_care"
    recycling = "recycling"
    other = "other"


MERCHANT_TITLES: dict[MerchantCategory, str] = {
    MerchantCategory.repair: "便民维修",
    MerchantCategory.housekeeping: "家政",
    MerchantCategory.grocery: "超市便利",
    MerchantCategory.catering: "餐饮",
    MerchantCategory.hairdressing: "理发",
    MerchantCategory.laundry: "洗衣",
    MerchantCategory.pharmacy: "药店",
    MerchantCategory.elder_care: "养老服务",
    MerchantCategory.child_care: "托育",
    MerchantCategory.recycling: "废品回收",
    MerchantCategory.other: "其他",
}


class AssignmentMode(StrEnum):
    """派工方式：负责人指派、成员自取、轮派"""

    dispatcher = "dispatcher"
    taken = "taken"
    rotation = "rotation"


ASSIGNMENT_TITLES: dict[AssignmentMode, str] = {
    AssignmentMode.dispatcher: "负责人指派",
    AssignmentMode.taken: "成员自取",
    AssignmentMode.rotation: "轮派",
}


CATEGORIES_OF: dict[CaseKind, tuple[CaseCategory, ...]] = {
    CaseKind.secretary: (
        CaseCategory.consult,
        CaseCategory.help,
        CaseCategory.suggest,
        CaseCategory.complain,
    ),
    CaseKind.property: (
        CaseCategory.danger,
        CaseCategory.urgent_repair,
        CaseCategory.ordinary_repair,
        CaseCategory.overhaul,
        CaseCategory.property_complaint,
    ),
    CaseKind.errand: (CaseCategory.errand,),
    CaseKind.merchant: (CaseCategory.booking, CaseCategory.complain),
    CaseKind.grid: (
        CaseCategory.danger,
        CaseCategory.urgent_repair,
        CaseCategory.ordinary_repair,
        CaseCategory.overhaul,
        CaseCategory.help,
    ),
}
"""What may be handed in, by kind; the order is the one shown. Grid events are found by grid workers."""


FIELD_WORK: frozenset[CaseCategory] = frozenset(
    {
        CaseCategory.danger,
        CaseCategory.urgent_repair,
        CaseCategory.ordinary_repair,
        CaseCategory.overhaul,
    }
)
"""上门、到场的处置: what was done can be seen."""


def photos_owed(kind: CaseKind, category: CaseCategory, outcome: Outcome) -> bool:
    """处置前后照片: of field work that was done, whole or in part; of what was only explained there are none."""
    return (
        kind in (CaseKind.property, CaseKind.grid)
        and category in FIELD_WORK
        and outcome in (Outcome.solved, Outcome.partly)
    )


ADVICE: dict[CaseCategory, str] = {
    CaseCategory.danger: "有人身危险请先拨打电话：报警 110，火灾与被困救援 119，医疗急救 120；脱险后再提交，物业 15 分钟内响应。",
}
"""Shown before the form and again with the receipt."""


class Rule(StrEnum):
    """派单规则 and its version, kept on each case it dispatched."""

    manual = "manual"
    secretary_desk = "secretary-desk/1"
    """Home or place → community → the desk of its secretary."""
    estate_company = "estate-company/1"
    """Home → building → estate → the unit of its property company."""
    grid_team = "grid-team/1"
    """A hazard, or what a grid worker deals with himself: the grid's team, else the community's."""
    errand_desk = "errand-desk/1"
    merchant_unit = "merchant-unit/1"
    community_desk = "community-desk/1"
    """Nobody nearer could take it; the event says why."""


NO_ESTATE = "没有说明是哪个小区，转社区书记台"
NO_COMPANY = "小区没有登记在用的物业公司，转社区书记台"
NO_GRID_TEAM = "社区没有网格队伍，转社区书记台"
NO_ERRAND_DESK = "社区没有代办点，转社区书记台"
NO_MERCHANT_UNIT = "商家没有在线接单，转社区书记台"


class ServiceHoursShort(Problem):
    status, code, title = 422, "service_hours_wrong", "服务时间填写有误"


SHORTEST_DAY = timedelta(hours=4)
"""With four service hours in every 24, a promise of four of them never ends after one of 24 hours."""


def service_hours_of(text: str) -> Hours:
    """A company's service hours as typed. Raises ServiceHoursShort."""
    try:
        found = Hours.parse(text)
    except ValueError as error:
        raise ServiceHoursShort(str(error)) from None
    if found.length < SHORTEST_DAY:
        raise ServiceHoursShort("每天的服务时间合计不得少于 4 小时，否则承诺的时限无法兑现")
    return found
