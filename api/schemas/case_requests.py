"""单上的申请、协同任务与时钟 on the wire."""

from datetime import date, datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.rules.case_requests import (
    RejectReason,
    RequestKind,
    RequestMove,
    RequestState,
    SuspendReason,
    TaskState,
)
from api.rules.cases import CaseClock
from api.rules.clocks import Clock
from api.rules.content import ContentState
from api.rules.limits import ExtensionLevel
from api.schemas.base import Body, Out, ShortText

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class AssistingUnit(Body):
    """请一个单位协同"""

    unit_id: UUID = Field(description="协同单位")
    text: ShortText = Field(description="请它做什么")


NEEDED: dict[RequestKind, frozenset[str]] = {
    RequestKind.give_back: frozenset(),
    RequestKind.extend: frozenset({"days"}),
    RequestKind.suspend: frozenset({"days", "suspend_reason"}),
    RequestKind.assist: frozenset({"units"}),
    RequestKind.supervise: frozenset(),
    RequestKind.reject: frozenset({"reject_reason"}),
    RequestKind.appeal: frozenset(),
}
"""What a kind cannot do without, beside the reason; only 退单 may have one more."""
_OPTIONAL = {RequestKind.give_back: frozenset({"unit_id"})}
_MOST_DAYS = {RequestKind.extend: 10, RequestKind.suspend: 30}


class AskOnCase(Body):
    """单上的申请；每种申请只看自己的字段，多余的字段会被拒绝"""

    kind: RequestKind = Field(
        description="退单 return、延期 extend、挂账 suspend、协同 assist、督办 supervise、不予受理 reject、申诉 appeal"
    )
    reason: ShortText = Field(description="理由；延期与挂账的理由反映人可见")
    days: int | None = Field(
        None, ge=1, le=30, description="extend：工作日，最多 10；suspend：到复核的天数，最多 30"
    )
    unit_id: UUID | None = Field(None, description="return：建议改派的单位")
    units: list[AssistingUnit] | None = Field(
        None, min_length=1, max_length=10, description="assist：协同单位与任务"
    )
    reject_reason: RejectReason | None = Field(None, description="reject：理由")
    suspend_reason: SuspendReason | None = Field(None, description="suspend：理由")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"kind": "extend", "reason": "灯具须从厂家订货，预计周五到货。", "days": 3}]
        }
    }

    @model_validator(mode="after")
    def _its_own_fields(self) -> Self:
        needed = NEEDED[self.kind]
        given = {
            n for n in ("days", "unit_id", "units", "reject_reason", "suspend_reason") if getattr(self, n)
        }
        if needed - given:
            raise ValueError(f"{self.kind} 须填 {'、'.join(sorted(needed - given))}")
        if extra := given - needed - _OPTIONAL.get(self.kind, frozenset()):
            raise ValueError(f"{self.kind} 不用 {'、'.join(sorted(extra))}")
        if self.days is not None and self.days > _MOST_DAYS[self.kind]:
            raise ValueError(f"{self.kind} 最多 {_MOST_DAYS[self.kind]} 天")
        return self


class DecideRequest(Body):
    """批准或不批准"""

    text: ShortText | None = Field(None, description="审批意见；不批准时必填")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"text": "同意，请按期办结。"}]}}


class ActOnTask(Body):
    """完成或免除一项协同任务"""

    text: ShortText = Field(description="完成情况，或免除的理由")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"text": "已清理，附照片。"}]}}


class TaskOut(Out):
    """协同任务"""

    id: UUID
    unit_id: UUID = Field(description="协同单位")
    text: str = Field(description="请它做什么")
    state: TaskState
    content: ContentState = Field(description="任务的内容审核")
    result: str | None = Field(description="完成情况，或免除的理由")


class RequestOut(Out):
    """单上的申请"""

    id: UUID
    kind: RequestKind
    state: RequestState
    cycle: int = Field(description="在第几轮提出")
    reason: str | None = Field(description="理由；审核通过之前只有提出人和工作人员可见")
    content: ContentState = Field(description="理由的内容审核")
    days: int | None = Field(description="延期的工作日，或到复核的天数")
    level: ExtensionLevel | None = Field(description="延期由谁批准")
    reject_reason: RejectReason | None
    suspend_reason: SuspendReason | None
    proposed_unit_id: UUID | None = Field(description="退单：建议改派的单位")
    asker: str = Field(description="以什么身份提出")
    mine: bool = Field(description="是否本人提出")
    decider: str | None = Field(description="以什么身份决定")
    answer: str | None = Field(description="审批意见；审核通过之前只有工作人员可见")
    asked_at: datetime
    decided_at: datetime | None
    tasks: list[TaskOut] = Field(description="协同任务")
    moves: list[RequestMove] = Field(description="您此刻可以进行的操作")


class LimitOut(Out):
    """一段时限"""

    amount: int
    clock: Clock
    text: str


class ClockOut(Out):
    """一个时钟：起点、时限、计时段与暂停，任何人都可据此复算"""

    kind: CaseClock
    title: str
    whose: Literal["resident", "unit", "step"] = Field(description="居民的、承办单位的，或某一环节的")
    cycle: int
    calendar_version: int
    provisional: bool
    limits: list[LimitOut] = Field(description="时限与各次延期")
    allowed: int = Field(description="应计时间合计，秒")
    started_at: datetime
    due_at: datetime | None = Field(description="到期时间；暂停中为 null")
    segments: list[tuple[datetime, datetime]] = Field(
        description="计时的各段；总和等于 allowed（暂停中较少）"
    )
    pauses: list[tuple[datetime, datetime | None]] = Field(description="不计时的各段")
    used: int = Field(description="已用时间，秒")
    remaining: int = Field(description="剩余时间，秒")
    met_at: datetime | None
    ended_at: datetime | None = Field(description="不再需要的时间")
    overdue: bool


class NamedDay(Out):
    """节假日或调休上班日"""

    date: date
    worked: bool
    name: str


class CountedBy(Out):
    """所用的工作日历"""

    version: int
    known_through: date = Field(description="放假安排公布到哪一天；此后暂按周一至周五")
    office_hours: str
    service_hours: str
    days: list[NamedDay] = Field(description="涉及的节假日与调休上班日；其余按周一至周五上班")


class ClocksOut(Out):
    """诉求的全部时钟"""

    now: datetime
    clocks: list[ClockOut]
    calendars: list[CountedBy]
