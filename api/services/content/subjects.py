"""What a verdict means for what was judged, by kind of subject: every table with residents' words has its line."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from api.kit import clock
from api.models import (
    Activity,
    Appointment,
    Case,
    CaseMessage,
    CaseRating,
    CaseRequest,
    CaseTask,
    Claim,
    ContentCheck,
    Membership,
    Need,
    Objection,
    Seat,
    Statement,
    TeamMember,
    Topic,
    Upload,
)
from api.rules.content import ContentState
from api.services.cases import opening
from api.services.people import names

Judged = Callable[[AsyncSession, ContentCheck, ContentState], Awaitable[None]]
"""Shows or hides the subject of a check, in the transaction of its verdict."""


def column_of(table: type[SQLModel]) -> Judged:
    """Sets the column `content` of the table's row."""
    row: Any = table

    async def judged(tx: AsyncSession, check: ContentCheck, content: ContentState) -> None:
        await tx.execute(update(table).where(col(row.id) == check.subject_id).values(content=content))

    return judged


def moment_of(table: type[SQLModel], column: str) -> Judged:
    """Sets when the words beside `column` passed, for a second piece of text in the table's row."""
    row: Any = table

    async def judged(tx: AsyncSession, check: ContentCheck, content: ContentState) -> None:
        passed_at = clock.now() if content is ContentState.passed else None
        await tx.execute(update(table).where(col(row.id) == check.subject_id).values({column: passed_at}))

    return judged


SUBJECTS: dict[str, Judged] = {
    "case": opening.judged,
    "case_message": column_of(CaseMessage),
    "case_plan": moment_of(Case, "plan_passed_at"),
    "case_request": column_of(CaseRequest),
    "case_answer": moment_of(CaseRequest, "answer_passed_at"),
    "case_task": column_of(CaseTask),
    "case_result": moment_of(CaseTask, "result_passed_at"),
    "case_rating": column_of(CaseRating),
    "need": column_of(Need),
    "need_rating": moment_of(Need, "rating_passed_at"),
    "claim": column_of(Claim),
    "activity": column_of(Activity),
    "activity_reason": moment_of(Activity, "reason_passed_at"),
    "seat_reason": moment_of(Seat, "reason_passed_at"),
    "team_member_reason": moment_of(TeamMember, "reason_passed_at"),
    "appointment": column_of(Appointment),
    "membership": column_of(Membership),
    names.NICKNAME: names.judged,
    names.AVATAR: names.judged,
    "upload": column_of(Upload),
    "topic": column_of(Topic),
    "statement": column_of(Statement),
    "objection": column_of(Objection),
}

TITLES: dict[str, str] = {
    "case": "诉求",
    "case_message": "补充内容",
    "case_plan": "办理方案",
    "case_request": "申请理由",
    "case_answer": "审批意见",
    "case_task": "协同任务",
    "case_result": "协同结果",
    "case_rating": "评价",
    "need": "需求",
    "need_rating": "评价",
    "claim": "完成情况",
    "activity": "活动",
    "activity_reason": "取消活动的原因",
    "seat_reason": "名额变动的原因",
    "team_member_reason": "队员变动的原因",
    "appointment": "预约事由",
    "membership": "报到登记",
    names.NICKNAME: "昵称",
    names.AVATAR: "头像",
    "upload": "图片",
    "topic": "议题",
    "statement": "观点",
    "objection": "异议",
}
"""What the author is told was refused; “内容” for a kind that is not here."""
