"""What can be brought in by file in the console."""

from enum import StrEnum


class RegisterKind(StrEnum):
    """导入种类：物业公司、人员授权、房屋、设施、住户名册、成员名册"""

    units = "units"
    staff = "staff"
    homes = "homes"
    assets = "assets"
    households = "households"
    members = "members"


REGISTER_TITLES: dict[RegisterKind, str] = {
    RegisterKind.units: "物业公司",
    RegisterKind.staff: "人员授权",
    RegisterKind.homes: "房屋",
    RegisterKind.assets: "设施",
    RegisterKind.households: "住户名册",
    RegisterKind.members: "成员名册",
}
