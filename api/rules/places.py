"""地域: levels of the tree, official codes, and the path by which a subtree is one range of an index."""

import re
from enum import StrEnum


class Level(StrEnum):
    """地域层级：省、市、县、乡镇/街道、村/社区、网格、楼栋"""

    province = "province"
    city = "city"
    county = "county"
    town = "town"
    village = "village"
    grid = "grid"
    building = "building"


LEVEL_TITLES: dict[Level, str] = {
    Level.province: "省",
    Level.city: "市",
    Level.county: "县（区）",
    Level.town: "乡镇（街道）",
    Level.village: "村（社区）",
    Level.grid: "网格",
    Level.building: "楼栋",
}


class UnitKind(StrEnum):
    """承办单位种类：书记台、物业公司、网格、代办点、商家"""

    secretary_desk = "secretary_desk"
    property_company = "property_company"
    grid_team = "grid_team"
    errand_desk = "errand_desk"
    merchant = "merchant"


DIGITS: dict[Level, int] = {
    Level.province: 2,
    Level.city: 4,
    Level.county: 6,
    Level.town: 9,
    Level.village: 12,
}
"""Significant digits of the official code (国家统计局统计用区划代码) at each level; the rest are zeros."""

PARENT: dict[Level, Level] = {
    Level.city: Level.province,
    Level.county: Level.city,
    Level.town: Level.county,
    Level.village: Level.town,
    Level.grid: Level.village,
    Level.building: Level.village,
}

PREFIX_LENGTHS: tuple[int, ...] = (3, 6, 9, 13, 17)
"""Lengths of the paths of province, city, county, town and village: the digits above and a slash for each."""

PATH_END = "left(path, -1) || '0'"
"""The first string after a subtree: paths end in '/', and '0' is the character after it."""

_LOCAL = re.compile(r"[0-9]{12}-[gb][0-9a-z]{1,10}")


def full_code(digits: str) -> str:
    """A code of 2, 4, 6, 9 or 12 digits padded to the official twelve. Raises ValueError."""
    if not digits.isascii() or not digits.isdigit() or len(digits) not in DIGITS.values():
        raise ValueError(f"区划代码应为 2、4、6、9 或 12 位数字：{digits!r}")
    return digits.ljust(12, "0")


def path_of(code: str, level: Level) -> str:
    """The path of an official code, one segment a level: "32/01/02/002/001/".

    For a grid or building (code "320102002001-b12") the village's path and one more segment.
    Raises ValueError for a code that is not of this level.
    """
    if level in DIGITS:
        if len(code) != 12 or not code.isascii() or not code.isdigit() or code[DIGITS[level] :].strip("0"):
            zeros = f"，第 {DIGITS[level]} 位之后都是 0" if DIGITS[level] < 12 else ""
            raise ValueError(f"{LEVEL_TITLES[level]}代码应为 12 位数字{zeros}：{code!r}")
        ends = [d for d in DIGITS.values() if d <= DIGITS[level]]
        starts = [0, *ends[:-1]]
        return "".join(f"{code[a:b]}/" for a, b in zip(starts, ends, strict=True))
    if not _LOCAL.fullmatch(code) or code[13] != level.value[0]:
        raise ValueError(f"{LEVEL_TITLES[level]}代码应为社区代码加 -{level.value[0]} 加编号：{code!r}")
    return f"{path_of(code[:12], Level.village)}{code[13:]}/"


def ancestor_paths(path: str) -> list[str]:
    """Every path from the root down to `path` itself."""
    parts = path.rstrip("/").split("/")
    return ["".join(f"{p}/" for p in parts[: n + 1]) for n in range(len(parts))]
