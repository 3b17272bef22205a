"""预约接待 on the wire."""

import re
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.rules.appointments import AppointmentMove, AppointmentState
from api.schemas.base import Body, Moment, Named, Out, ShortText

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError("时间应写作 09:00，最晚 24:00")
    return text


TimeOfDay = Annotated[str, StringConstraints(min_length=5, max_length=5), AfterValidator(_time)]


def minutes_of(text: str) -> int:
    """Minutes after midnight."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


class SlotOut(Out):
    """一个接待时段"""

    id: UUID
    place_id: UUID = Field(description="接待地")
    starts_at: datetime
    ends_at: datetime
    free: bool = Field(description="是否还可以预约")


class AddOfficeHours(Body):
    """新增每周的一段接待时间"""

    place_id: UUID = Field(description="任职地域")
    weekday: int = Field(ge=1, le=7, description="星期几，1 为星期一")
    opens: TimeOfDay = Field(description="开始，例如 09:00")
    closes: TimeOfDay = Field(description="结束，例如 11:30")
    minutes: int = Field(30, ge=5, le=480, description="每个时段的分钟数")
    since: date | None = Field(
        None, ge=date(2000, 1, 1), le=date(2100, 1, 1), description="从哪一天起；不填为今天"
    )
    until: date | None = Field(
        None, ge=date(2000, 1, 1), le=date(2100, 1, 1), description="到哪一天止，含；不填为长期"
    )

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {"place_id": _EXAMPLE_ID, "weekday": 3, "opens": "09:00", "closes": "11:30", "minutes": 30}
            ]
        }
    }

    @model_validator(mode="after")
    def _holds_a_slot(self) -> Self:
        if minutes_of(self.closes) - minutes_of(self.opens) < self.minutes:
            raise ValueError("结束须晚于开始，且至少容纳一个时段")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError("until 不能早于 since")
        return self


class OfficeHoursOut(Out):
    """每周的一段接待时间；法定节假日除外"""

    id: UUID
    place: Named
    weekday: int = Field(description="星期几，1 为星期一")
    opens: str
    closes: str
    minutes: int
    since: date
    until: date | None


class AddDelegation(Body):
    """指定代理人"""

    delegate_id: UUID = Field(description="代理人；须在同一地域有职务")
    place_id: UUID = Field(description="任职地域")
    until: Moment | None = Field(None, description="到何时；不填为长期")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"delegate_id": _EXAMPLE_ID, "place_id": _EXAMPLE_ID}]}
    }


class DelegationOut(Out):
    """书记的代理人"""

    id: UUID
    delegate: Named
    place: Named
    since: datetime
    until: datetime | None


class BookAppointment(Body):
    """预约一位书记的一个时段"""

    secretary_id: UUID = Field(description="书记")
    slot_id: UUID = Field(description="时段，见 GET /secretaries/{id}/slots")
    topic: ShortText = Field(description="想谈的事")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"secretary_id": _EXAMPLE_ID, "slot_id": _EXAMPLE_ID, "topic": "加装电梯的意见"}]
        }
    }


class MoveAppointment(Body):
    """一次操作所需的内容"""

    slot_id: UUID | None = Field(None, description="propose：改到的时段")
    reason: ShortText | None = Field(None, description="propose、cancel：原因")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"slot_id": _EXAMPLE_ID}]}}


NEEDED: dict[AppointmentMove, tuple[str, ...]] = {AppointmentMove.propose: ("slot_id",)}
ALLOWED: dict[AppointmentMove, tuple[str, ...]] = {
    AppointmentMove.propose: ("slot_id", "reason"),
    AppointmentMove.cancel: ("reason",),
}
"""What a move cannot do without, and what it looks at."""


class AppointmentOut(Out):
    """预约接待；想谈的事只有双方和当地工作人员看得到"""

    id: UUID
    secretary: Named
    visitor: Named
    place: Named
    topic: str
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    state: AppointmentState
    level: int = Field(description="逾期未确认升到第几级")
    reason: str | None
    moves: list[AppointmentMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class MonthOut(Out):
    """一个月的书记信箱"""

    month: str = Field(description="来信月份，例如 2026-11")
    received: int = Field(description="收到（不含撤回、并单、不予受理、转外部）")
    answered: int = Field(description="已答复")
    closed: int = Field(description="已结案")
    median_answer_seconds: int | None = Field(description="从提交到首次公开答复的中位数，秒；不足 5 件不列")


class PlaceMonths(Out):
    """一个地域的书记信箱"""

    place: Named
    months: list[MonthOut]


class LetterboxOut(Out):
    """书记信箱统计：只有件数与时长，不含任何来信内容"""

    id: UUID
    name: str
    places: list[PlaceMonths]
