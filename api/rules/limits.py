"""Promised times 办理时限 of a case by its class, and the time-limited steps around it: defaults a community may change.

Source: lifecycles A, "Limits". Each row is such that signing is due before contact and contact before the finish
from every moment of the year; that is why what a property company promises runs on its service hours.
"""

from dataclasses import dataclass
from enum import StrEnum

from api.rules.cases import CaseClock
from api.rules.clocks import (
    Limit,
    hours,
    minutes,
    natural_days,
    service_hours,
    working_days,
    working_hours,
)


class CaseClass(StrEnum):
    """时限类别: what kind of matter a case is to the clock."""

    danger = "danger"
    urgent_repair = "urgent_repair"
    ordinary_repair = "ordinary_repair"
    overhaul = "overhaul"
    property_complaint = "property_complaint"
    consult = "consult"
    help = "help"
    suggest = "suggest"
    complain = "complain"
    errand = "errand"
    booking = "booking"
    appointment = "appointment"


CLASS_TITLES: dict[CaseClass, str] = {
    CaseClass.danger: "危及生命安全",
    CaseClass.urgent_repair: "物业急修",
    CaseClass.ordinary_repair: "物业一般报修",
    CaseClass.overhaul: "物业公共部位大修",
    CaseClass.property_complaint: "物业投诉",
    CaseClass.consult: "书记信箱·咨询",
    CaseClass.help: "书记信箱·求助",
    CaseClass.suggest: "书记信箱·建议",
    CaseClass.complain: "书记信箱·投诉",
    CaseClass.errand: "帮办代办",
    CaseClass.booking: "找商家·预约服务",
    CaseClass.appointment: "书记·预约接待",
}


@dataclass(frozen=True, slots=True)
class CaseLimits:
    """签收、首次联系、办结时限 of one class. None: this step has no term of its own."""

    sign: Limit | None
    contact: Limit | None
    """First contact by a person; the automatic receipt and the signing are none."""
    finish: Limit | None
    note: str
    """What the term means where the table's short words do not say it (Chinese, shown to people)."""
    source: str


_CITIZENS_CALLS = "国办函〔2025〕66号；国办发〔2019〕51号；北京接诉即办条例；晴隆、沈阳、济源公布的时限"
_REPAIRS = "建设部 1998 年维修规范；其未规定处为本系统设定"

LIMITS: dict[CaseClass, CaseLimits] = {
    CaseClass.danger: CaseLimits(
        minutes(15), minutes(30), hours(2), "请先拨打 110、119 或 120；2 小时内排除危险", _REPAIRS
    ),
    CaseClass.urgent_repair: CaseLimits(
        minutes(30), minutes(30), hours(24), "停水、停电、停气、停暖、电梯故障，全天候计时", _REPAIRS
    ),
    CaseClass.ordinary_repair: CaseLimits(
        service_hours(2), service_hours(4), natural_days(3), "签收和联系按物业服务时间计时", _REPAIRS
    ),
    CaseClass.overhaul: CaseLimits(
        service_hours(4), hours(24), working_days(5), "5 个工作日内拿出方案，此后申请延期或挂账", _REPAIRS
    ),
    CaseClass.property_complaint: CaseLimits(
        service_hours(4), hours(24), natural_days(7), "签收按物业服务时间计时", _REPAIRS
    ),
    CaseClass.consult: CaseLimits(
        working_hours(4), working_days(1), working_days(1), "签收按办公时间计时", _CITIZENS_CALLS
    ),
    CaseClass.help: CaseLimits(
        working_hours(4), working_days(1), working_days(5), "签收按办公时间计时", _CITIZENS_CALLS
    ),
    CaseClass.suggest: CaseLimits(
        working_hours(4), working_days(1), working_days(5), "签收按办公时间计时", _CITIZENS_CALLS
    ),
    CaseClass.complain: CaseLimits(
        working_hours(4), working_days(1), working_days(10), "签收按办公时间计时", _CITIZENS_CALLS
    ),
    CaseClass.errand: CaseLimits(
        working_hours(4), working_days(1), working_days(5), "与书记信箱·求助相同", "本系统设定"
    ),
    CaseClass.booking: CaseLimits(
        service_hours(4), hours(24), natural_days(3), "签收按商家服务时间计时；3 日内约定并上门", "本系统设定"
    ),
    CaseClass.appointment: CaseLimits(
        None, working_days(1), None, "1 个工作日内确认或另约时间；以约定时段为准", "本系统设定"
    ),
}


STEPS: dict[CaseClock, Limit] = {
    CaseClock.screening: working_hours(4),
    CaseClock.asking: working_days(3),
    CaseClock.checking: working_days(1),
    CaseClock.rating: natural_days(7),
    CaseClock.confirming: working_days(1),
    CaseClock.calling_back: working_days(2),
    CaseClock.planning: working_hours(4),
    CaseClock.to_town: working_days(2),
    CaseClock.supervising: working_days(5),
}
"""限时环节: what must be done, or lapses, within a time. Screening by the dispatcher and the call-back are our own
numbers, the others are the table of moves and the ladder."""

RETURN_ASKED: Limit = working_days(1)
"""退单 is asked for so soon after the case arrived."""
APPEAL_ASKED: Limit = working_days(5)
"""申诉 so soon after the rejection."""


@dataclass(frozen=True, slots=True)
class ExtensionRule:
    """延期: who may grant it, how much at most, how often for one case. It is asked for before the due time."""

    most: Limit
    times: int


class ExtensionLevel(StrEnum):
    """延期批准层级"""

    community = "community"
    town = "town"


EXTENSION_TITLES: dict[ExtensionLevel, str] = {
    ExtensionLevel.community: "社区批准",
    ExtensionLevel.town: "街道批准",
}

EXTENSIONS: dict[ExtensionLevel, ExtensionRule] = {
    ExtensionLevel.community: ExtensionRule(working_days(5), 1),
    ExtensionLevel.town: ExtensionRule(working_days(10), 1),
}

LADDER_PERCENTS: tuple[int, int] = (50, 80)
"""Of a clock used: the handler is reminded, then the unit's lead is added."""
