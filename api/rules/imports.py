"""What can be brought in by file in the console."""

from enum import StrEnum


class RegisterKind(StrEnum):
    """导入种类：物业公司、人员授权、房屋、设施"""

    units = "units"
    staff = "staff"
    homes = "homes"
    assets = "assets"
