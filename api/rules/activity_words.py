"""The words of 志愿活动: states, moves and standings of activities, of seats in them, and of hours added by hand."""

from enum import StrEnum


class ActivityState(StrEnum):
    """活动状态：草稿、已发布、已结束、已取消"""

    draft = "draft"
    published = "published"
    ended = "ended"
    cancelled = "cancelled"


class ActivityMove(StrEnum):
    """活动上的操作"""

    revise = "revise"
    publish = "publish"
    enlarge = "enlarge"
    cancel = "cancel"
    end = "end"


class ActivityStanding(StrEnum):
    """What somebody is to an activity: 组织者、社区工作人员、系统"""

    organiser = "organiser"
    staff = "staff"
    system = "system"


class OpenTo(StrEnum):
    """报名范围：本社区的居民和登记成员、所有人"""

    community = "community"
    everybody = "everybody"


class Every(StrEnum):
    """重复：每天、每周、每两周、每月"""

    day = "day"
    week = "week"
    fortnight = "fortnight"
    month = "month"


class SeatState(StrEnum):
    """名额状态"""

    waitlisted = "waitlisted"
    offered = "offered"
    confirmed = "confirmed"
    checked_in = "checked_in"
    checked_out = "checked_out"
    hours_pending = "hours_pending"
    credited = "credited"
    cancelled = "cancelled"
    cancelled_late = "cancelled_late"
    no_show = "no_show"
    removed = "removed"
    lapsed = "lapsed"
    called_off = "called_off"


class SeatMove(StrEnum):
    """名额上的操作"""

    offer = "offer"
    accept = "accept"
    decline = "decline"
    expire = "expire"
    cancel = "cancel"
    check_in = "check_in"
    check_out = "check_out"
    remove = "remove"
    excuse = "excuse"
    miss = "miss"
    no_show = "no_show"
    settle = "settle"
    credit = "credit"
    call_off = "call_off"


class SeatStanding(StrEnum):
    """What somebody is to a seat: 本人、组织者（非本人）、系统"""

    self = "self"
    organiser = "organiser"
    system = "system"


class ActivityClock(StrEnum):
    """活动的时钟：前一天提醒、开始、签退截止、公示期满"""

    remind = "remind"
    begin = "begin"
    settle = "settle"
    credit = "credit"


SEAT_CLOCK = "answer"
"""Until when somebody of the waiting list may take the seat that was freed."""

WAITING: tuple[SeatState, ...] = (SeatState.waitlisted, SeatState.offered)
LIVE: tuple[SeatState, ...] = (
    SeatState.waitlisted,
    SeatState.offered,
    SeatState.confirmed,
    SeatState.checked_in,
    SeatState.checked_out,
    SeatState.hours_pending,
    SeatState.credited,
    SeatState.no_show,
    SeatState.removed,
)
"""A person has at most one such seat in an activity; who was removed does not come in again by another."""
PRESENT: tuple[SeatState, ...] = (SeatState.confirmed, SeatState.checked_in)
"""Somebody is, or will be, there: no two of a person overlap in time."""
STRIKES: tuple[SeatState, ...] = (SeatState.no_show, SeatState.cancelled_late)
SERVED: tuple[SeatState, ...] = (SeatState.hours_pending, SeatState.credited, SeatState.no_show)
"""The activity is over for them: hours may be added by hand."""


class CheckedBy(StrEnum):
    """签到方式：动态二维码、定位"""

    qr = "qr"
    position = "position"


class RecordKind(StrEnum):
    """服务记录种类：自动、补录、冲正"""

    automatic = "automatic"
    added = "added"
    counter = "counter"


class AddingState(StrEnum):
    """补录状态：待复核、已复核、未通过"""

    proposed = "proposed"
    confirmed = "confirmed"
    refused = "refused"


class AddingMove(StrEnum):
    """补录上的操作：复核通过、不通过"""

    confirm = "confirm"
    refuse = "refuse"


class AddingStanding(StrEnum):
    """What somebody is to added hours: 复核人（非提出人、非本人）"""

    second = "second"


ACTIVITY_TITLES: dict[ActivityState, str] = {
    ActivityState.draft: "草稿",
    ActivityState.published: "已发布",
    ActivityState.ended: "已结束",
    ActivityState.cancelled: "已取消",
}
ACTIVITY_STANDING_TITLES: dict[ActivityStanding, str] = {
    ActivityStanding.organiser: "组织者",
    ActivityStanding.staff: "社区工作人员",
    ActivityStanding.system: "系统",
}
SEAT_TITLES: dict[SeatState, str] = {
    SeatState.waitlisted: "候补中",
    SeatState.offered: "候补待确认",
    SeatState.confirmed: "已报名",
    SeatState.checked_in: "已签到",
    SeatState.checked_out: "已签退",
    SeatState.hours_pending: "时长公示中",
    SeatState.credited: "时长已计入",
    SeatState.cancelled: "已取消",
    SeatState.cancelled_late: "临期取消",
    SeatState.no_show: "未到场",
    SeatState.removed: "已移出",
    SeatState.lapsed: "未候补上",
    SeatState.called_off: "活动取消",
}
SEAT_STANDING_TITLES: dict[SeatStanding, str] = {
    SeatStanding.self: "本人",
    SeatStanding.organiser: "组织者（非本人）",
    SeatStanding.system: "系统",
}
ADDING_TITLES: dict[AddingState, str] = {
    AddingState.proposed: "待复核",
    AddingState.confirmed: "已复核",
    AddingState.refused: "未通过",
}
ADDING_STANDING_TITLES: dict[AddingStanding, str] = {AddingStanding.second: "复核人（非提出人、非本人）"}
