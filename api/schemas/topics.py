"""议题 on the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.rules.content import ContentState
from api.rules.objections import ObjectionMove, ObjectionState
from api.rules.topic_templates import TopicTemplate
from api.rules.topics import (
    ConsultationKind,
    GuestKind,
    StageKind,
    StageOutcome,
    TopicBody,
    TopicMove,
    TopicState,
)
from api.schemas.base import Body, Line, LongText, Moment, Named, Out, ShortText, Title
from api.schemas.uploads import PictureOut

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class RaiseTopic(Body):
    """提出一个议题"""

    template: TopicTemplate = Field(TopicTemplate.consultation, description="议事模板")
    title: Title = Field(description="标题")
    text: LongText = Field(description="要商量的事")
    place_id: UUID | None = Field(None, description="村（社区）、楼栋；与 place_ids 二选一")
    place_ids: list[UUID] | None = Field(
        None, min_length=2, max_length=20, description="几个社区共同商量：同一街道的几个村（社区）"
    )

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "template": "consultation",
                    "title": "小区北门是否夜间关闭",
                    "text": "北门夜间车辆噪声大，建议 23 点后关闭，行人走侧门。",
                    "place_id": _EXAMPLE_ID,
                }
            ]
        }
    }

    @model_validator(mode="after")
    def _one_way_of_saying_where(self) -> Self:
        if (self.place_id is None) == (self.place_ids is None):
            raise ValueError("place_id 与 place_ids 须填且只填一个")
        return self


class StageOut(Out):
    """环节"""

    id: UUID
    position: int = Field(description="第几个环节，从 0 起")
    kind: StageKind
    title: str
    body: TopicBody = Field(description="负责组织")
    consultation: ConsultationKind | None = Field(description="协商形式")
    optional: bool = Field(description="是否可略过")
    voters: str = Field(description="表决由谁、按什么多数；不是表决的为空")
    round: int = Field(description="第几次进入；0 为尚未进入")
    opened_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None = Field(description="期限")
    outcome: StageOutcome | None = Field(description="结果")
    result: str | None = Field(description="结果说明")
    poll_id: UUID | None = Field(description="表决")


class Guest(Out):
    """受邀人"""

    kind: GuestKind
    name: str


class TopicAuthor(Out):
    """提出人"""

    name: str
    mine: bool = Field(description="是否本人")


class TopicOut(Out):
    """议题"""

    id: UUID
    template: TopicTemplate
    title: str
    text: str
    state: TopicState
    content: ContentState = Field(description="内容审核状态；通过后居民可见")
    level: int = Field(description="升级层级 0–4")
    place: Named = Field(description="归属地域；几个社区共同的归属街道")
    places: list[Named] = Field(description="涉及的地域")
    author: TopicAuthor
    by_resident: bool = Field(description="是否居民提出")
    position: int = Field(description="当前环节")
    stages: list[StageOut]
    guests: list[Guest] = Field(description="受邀专家、利益相关方")
    can: list[Literal["statement", "stance", "objection", "rating"]] = Field(
        description="您此刻可以参与的方式"
    )
    merged_into: UUID | None
    moves: list[TopicMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class StageNow(Out):
    """当前环节"""

    kind: StageKind
    title: str


class TopicItem(Out):
    """议题列表中的一行"""

    id: UUID
    template: TopicTemplate
    title: str
    state: TopicState
    stage: StageNow
    level: int
    place: Named
    content: ContentState
    version: int
    created_at: datetime
    updated_at: datetime


class MoveTopic(Body):
    """一次操作所需的内容；每种操作只看自己的字段，多余的字段会被拒绝"""

    result: ShortText | None = Field(None, description="advance、finish：本环节的结果，公开")
    reason: ShortText | None = Field(None, description="skip、send_back、return、end、withdraw：原因，公开")
    to: int | None = Field(None, ge=0, le=20, description="send_back：退回到第几个环节；不填为前一环节")
    into: UUID | None = Field(None, description="merge：并入哪个议题")
    title: Title | None = Field(None, description="resubmit：修改后的标题")
    text: LongText | None = Field(None, description="resubmit：修改后的内容")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"result": "同意列入协商，邀请物业和消防参加。"}]}
    }


NEEDED: dict[TopicMove, tuple[str, ...]] = {
    TopicMove.skip: ("reason",),
    TopicMove.send_back: ("reason",),
    TopicMove.return_: ("reason",),
    TopicMove.end: ("reason",),
    TopicMove.merge: ("into",),
}
ALLOWED: dict[TopicMove, tuple[str, ...]] = {
    TopicMove.advance: ("result",),
    TopicMove.finish: ("result",),
    TopicMove.send_back: ("to",),
    TopicMove.withdraw: ("reason",),
    TopicMove.resubmit: ("title", "text"),
}


class InviteGuest(Body):
    """邀请一位专家或利益相关方"""

    person_id: UUID
    kind: GuestKind = Field(description="expert 专家、stakeholder 利益相关方")
    name: Line = Field(description="公开显示的称呼与专业或立场")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"person_id": _EXAMPLE_ID, "kind": "expert", "name": "王工（电梯检验）"}]
        }
    }


class AnnounceMeeting(Body):
    """会议预告"""

    kind: ConsultationKind = Field(description="talk 民情恳谈、hearing 听证、appraisal 论证")
    title: Title
    venue: Line = Field(description="地点")
    held_at: Moment = Field(description="时间")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "kind": "talk",
                    "title": "北门夜间关闭恳谈会",
                    "venue": "社区议事室",
                    "held_at": "2026-12-01T19:00:00+08:00",
                }
            ]
        }
    }


class AttendantIn(Body):
    """到会人"""

    name: Line
    capacity: Line = Field(description="身份，如居民代表、物业、专家")
    person_id: UUID | None = Field(None, description="在本系统的账号，如有")


class WriteMinutes(Body):
    """会议纪要，只写一次"""

    minutes: LongText
    conclusion: ShortText = Field(description="结论")
    attendants: list[AttendantIn] = Field(min_length=1, max_length=300, description="到会人")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "minutes": "与会居民逐一发言……",
                    "conclusion": "同意 23 点后关闭北门。",
                    "attendants": [{"name": "周阿姨", "capacity": "居民代表"}],
                }
            ]
        }
    }


class Attendant(Out):
    """到会人"""

    name: str
    capacity: str
    expert: bool = Field(description="是否受邀专家")


class MeetingOut(Out):
    """会议"""

    id: UUID
    kind: ConsultationKind
    title: str
    venue: str
    held_at: datetime
    minutes: str | None
    conclusion: str | None
    attendants: list[Attendant]
    recorded_at: datetime | None


class RaiseObjection(Body):
    """异议"""

    text: ShortText

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"text": "公示的费用与会议纪要不符，请说明。"}]}
    }


class MoveObjection(Body):
    """处理异议"""

    answer: ShortText | None = Field(None, description="answer、uphold：公开的答复")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"answer": "差额为税费，明细已附在公示栏。"}]}
    }


class ObjectionOut(Out):
    """异议"""

    id: UUID
    text: str
    state: ObjectionState
    content: ContentState
    answer: str | None
    answered_at: datetime | None
    mine: bool
    moves: list[ObjectionMove]
    version: int
    created_at: datetime
    updated_at: datetime


class PlanMilestone(Body):
    """列出一个执行事项"""

    title: Title
    days: int = Field(ge=1, le=730, description="多少个自然日内完成")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"title": "安装门禁", "days": 20}]}
    }


class MilestoneOut(Out):
    """执行事项"""

    id: UUID
    title: str
    round: int = Field(description="第几轮执行")
    due_at: datetime
    done_at: datetime | None
    overdue: bool


class ReportProgress(Body):
    """进展"""

    text: LongText
    milestone_id: UUID | None = Field(None, description="属于哪个事项")
    done: bool = Field(False, description="该事项是否就此完成")
    uploads: list[UUID] = Field(default_factory=list, max_length=9, description="照片：本人上传的附件")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"text": "门禁已安装调试。", "milestone_id": _EXAMPLE_ID, "done": True}]
        }
    }

    @model_validator(mode="after")
    def _done_names_what(self) -> Self:
        if self.done and self.milestone_id is None:
            raise ValueError("完成事项须填 milestone_id")
        return self


class ProgressOut(Out):
    """进展"""

    id: UUID
    milestone_id: UUID | None
    by: str
    text: str
    uploads: list[PictureOut] = Field(description="照片；审核通过之前只有上传人和工作人员可见")
    created_at: datetime


class RateTopic(Body):
    """居民评议"""

    stars: Annotated[int, Field(ge=1, le=5, description="1–5 分")]

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"stars": 4}]}}
