"""What keeps a deployment running, on the wire: calendar, audit, queue."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.kit.paging import Page
from api.rules.calendar import DayKind
from api.schemas.base import Happened, Out


class NamedDay(Out):
    """放假或调休上班的一天"""

    date: date
    kind: DayKind = Field(description="放假 holiday、调休上班 makeup")
    kind_title: str
    name: str = Field(description="节日名称")


class CalendarOut(Out):
    """工作日历"""

    version: int = Field(description="版本；期限记住自己按哪一版计算")
    known_from: date
    known_through: date = Field(description="已公布的安排到哪一天；之后暂按周一至周五")
    warning: str | None = Field(description="将要用完时的提醒")
    office_hours: str
    service_hours: str
    days: list[NamedDay]


class EventOut(Happened):
    """审计中的一个事件"""

    subject_kind: str
    subject_id: UUID
    actor_id: UUID | None = Field(description="空为系统")
    data: dict[str, Any] = Field(description="内部数据")


class LetterOut(Out):
    """多次失败、不再重试的投递"""

    id: UUID = Field(description="事件标识")
    subject_kind: str
    subject_id: UUID
    move: str
    at: datetime
    attempts: int
    error: str | None


class QueueOut(Page[LetterOut]):
    """队列"""

    waiting: int = Field(description="等待处理的事件数")
    oldest_seconds: int | None = Field(description="最早的一个等了多少秒")
    dead: int = Field(description="不再重试的投递数")
