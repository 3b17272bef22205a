"""通知: the subscription templates people can agree to, as data, and when a message may disturb somebody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from api.kit.clock import local

DAY_MINUTES = 24 * 60


class Template(StrEnum):
    """订阅消息模板：诉求进展、登记审核结果、每日待办"""

    case_progress = "case_progress"
    registration_result = "registration_result"
    daily_digest = "daily_digest"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a template is called and carries: field key (its type and number) → what stands in it."""

    title: str
    fields: Mapping[str, str]


TEMPLATES: dict[Template, Shape] = {
    Template.case_progress: Shape(
        "诉求进展", {"thing1": "诉求", "phrase2": "状态", "time3": "时间", "thing4": "提示"}
    ),
    Template.registration_result: Shape(
        "登记审核结果", {"thing1": "登记事项", "phrase2": "结果", "time3": "时间", "thing4": "说明"}
    ),
    Template.daily_digest: Shape(
        "每日待办", {"number1": "待签收", "number2": "办理中", "number3": "已超时", "date4": "日期"}
    ),
}
"""Must be the platform's templates field by field: it refuses a message with a field too many or too few."""


class Consent(StrEnum):
    """对一次订阅请求的回答：接受、拒绝、模板已被平台封禁"""

    accept = "accept"
    reject = "reject"
    ban = "ban"


class ConsentEntry(StrEnum):
    """订阅账本的一笔：接受、拒绝、封禁、在设置里关闭、平台称已无次数。后两者使之前的接受作废。"""

    accept = "accept"
    reject = "reject"
    ban = "ban"
    off = "off"
    refused = "refused"


class ConsentSource(StrEnum):
    """一笔从何而来：小程序上报、平台弹窗事件、平台设置事件、平台发送应答"""

    app = "app"
    popup = "popup"
    settings = "settings"
    platform = "platform"


SAME_TAP = timedelta(minutes=10)
"""The phone and the platform both report a tap; reports this near to each other are of one tap."""


def quiet_end(now: datetime, start: int | None, end: int | None) -> datetime | None:
    """When the quiet hours around `now` end, or None outside them.

    `start` and `end` are minutes of the local day; a stretch over midnight has `start` > `end`, equal ones
    mean the whole day and end where they begin.
    """
    if start is None or end is None:
        return None
    here = local(now)
    minute = here.hour * 60 + here.minute
    inside = start <= minute < end if start < end else minute >= start or minute < end
    if not inside:
        return None
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + timedelta(minutes=end)
    return until if until > here else until + timedelta(days=1)
