"""Where the demo plays, and who plays in it: a real town of Nanjing, invented people.

Names and codes of the places are the official ones (国家统计局统计用区划代码); everybody named here is made up.
"""

from dataclasses import dataclass

from api.rules.places import Level
from api.rules.roles import Role

TOWN = "320102002000"
HERE = "320102002001"
"""The community of the story."""
THERE = "320102002002"
"""Its neighbour, under the same town."""
BUILDING = f"{HERE}-b03"
ROOM = "301"

PLACES: tuple[tuple[str, Level, str], ...] = (
    ("320000000000", Level.province, "江苏省"),
    ("320100000000", Level.city, "南京市"),
    ("320102000000", Level.county, "玄武区"),
    (TOWN, Level.town, "梅园新村街道"),
    (HERE, Level.village, "梅园新村社区"),
    (THERE, Level.village, "大行宫社区"),
    ("320102002005", Level.village, "大影壁社区"),
    ("320102002006", Level.village, "东南大学社区"),
    ("320102002007", Level.village, "兰园社区"),
    ("320102002009", Level.village, "太平门社区"),
    ("320102002010", Level.village, "明故宫社区"),
    ("320102002011", Level.village, "北安门社区"),
    ("320102002012", Level.village, "富贵山社区"),
    (f"{HERE}-b01", Level.building, "1 幢"),
    (f"{HERE}-b02", Level.building, "2 幢"),
    (BUILDING, Level.building, "3 幢"),
    (f"{THERE}-b01", Level.building, "1 幢"),
)
"""Parents before their children."""

ESTATES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (HERE, "梅园小区", (f"{HERE}-b01", f"{HERE}-b02", BUILDING)),
    (THERE, "行宫里小区", (f"{THERE}-b01",)),
)
"""Community, name, buildings."""

ROOMS = ("101", "102", "201", "202", ROOM, "302")
"""Of every building."""

DESK_HOURS = "工作日 9:00–12:00、14:00–18:00"


@dataclass(frozen=True, slots=True)
class Player:
    """One person of the demo."""

    name: str
    login: str
    """By what name the WeChat simulator knows the phone, or the console the person."""
    what: str
    """Who this is, for the audience."""
    role: Role | None = None
    place: str | None = None
    """Code of where the role is held, or of the building lived in."""
    room: str | None = None
    hours: str | None = None
    """When one can be met, for those the directory shows."""


RESIDENT = Player("李小满", "xiaoman", "梅园新村社区居民，住 3 幢 301", place=BUILDING, room=ROOM)
SECOND_RESIDENT = Player(
    "王桂芳", "guifang", "梅园新村社区居民，住 2 幢 102", place=f"{HERE}-b02", room="102"
)
STRANGER = Player("林过", "linguo", "路过的人，没有登记居住")
SECRETARY = Player("周敏", "zhoumin", "社区党委书记", Role.secretary, HERE, hours="每周三上午")
WORKER = Player("陈一鸣", "yiming", "社区工作者", Role.community_worker, HERE)
CHECKER = Player("吴桐", "wutong", "社区工作者", Role.community_worker, HERE)
NEIGHBOUR = Player("赵磊", "zhaolei", "大行宫社区的社区工作者", Role.community_worker, THERE)
NEIGHBOUR_SECRETARY = Player(
    "钱立", "qianli", "大行宫社区党委书记", Role.secretary, THERE, hours="每周二下午"
)
TOWN_SECRETARY = Player("郑岚", "zhenglan", "街道党工委书记", Role.secretary, TOWN, hours="每月 15 日")

PLAYERS = (
    RESIDENT,
    SECOND_RESIDENT,
    STRANGER,
    SECRETARY,
    WORKER,
    CHECKER,
    NEIGHBOUR,
    NEIGHBOUR_SECRETARY,
    TOWN_SECRETARY,
)
"""Everybody who logs in with WeChat."""

SUPERVISOR = Player("何静", "supervisor", "街道督办", Role.town_supervisor, TOWN)
OPERATOR = Player("许川", "operator", "县级运营", Role.operator, "320102000000")
"""The two who work in the console; the audience gets the operator's login."""
