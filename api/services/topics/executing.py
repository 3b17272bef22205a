"""执行: what is to be done by when, and reports of progress; 评议: the residents' marks."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotAllowed, Problem
from api.models import Milestone, Progress, TopicRating
from api.models.topics import StageId, TopicId
from api.rules.clocks import natural_days
from api.rules.topics import StageClock, StageKind
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.topics.finding import hold, read_row, run_stage, title_of
from api.services.uploads import attaching, showing
from api.services.uploads.pictures import Pictures

MILESTONE = "topic_milestone"


class NoSuchMilestone(Problem):
    status, code, title = 422, "no_such_milestone", "没有这个未完成的事项"


async def plan(tx: AsyncSession, viewer: Viewer, topic_id: UUID, title: str, days: int) -> dict[str, Any]:
    """列出一个事项, due in `days` natural days, on the deadline clock."""
    topic = await run_stage(tx, viewer, topic_id, StageKind.execution)
    milestone = Milestone(
        topic_id=TopicId(topic_id),
        stage_id=StageId(topic["stage_id"]),
        round=topic["stage_round"],
        title=title,
        due_at=clock.now(),
    )
    calendar = await calendars.current(tx)
    clocked = deadlines.start(tx, MILESTONE, milestone.id, StageClock.milestone, natural_days(days), calendar)
    assert clocked.due_at is not None
    milestone.due_at = clocked.due_at
    tx.add(milestone)
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="plan",
        actor_id=viewer.person_id,
        actor_title=title_of(topic, viewer),
        text=f"列入一个事项，{clock.local(milestone.due_at):%Y-%m-%d} 前完成",
        told=f"列入事项“{title}”，{clock.local(milestone.due_at):%Y-%m-%d} 前完成",
        data={"milestone_id": str(milestone.id)},
    )
    return _milestone(milestone)


async def milestones(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> list[dict[str, Any]]:
    """All milestones of a topic, by when they are due. Raises NotFound."""
    await read_row(tx, viewer, topic_id)
    found = await tx.execute(
        select(Milestone)
        .where(col(Milestone.topic_id) == topic_id)
        .order_by(col(Milestone.due_at), col(Milestone.id))
    )
    return [_milestone(m) for m in found.scalars()]


async def report(
    tx: AsyncSession,
    viewer: Viewer,
    pictures: Pictures,
    topic_id: UUID,
    text: str,
    *,
    milestone_id: UUID | None = None,
    done: bool = False,
    upload_ids: Sequence[UUID] = (),
) -> dict[str, Any]:
    """进展. With `done` the milestone is met, once. Raises as run_stage, NoSuchMilestone, UploadNotUsable, TooManyUploads."""
    topic = await run_stage(tx, viewer, topic_id, StageKind.execution)
    if milestone_id is not None:
        await _touch(tx, topic["stage_id"], milestone_id, done)
    progress = Progress(
        topic_id=TopicId(topic_id),
        stage_id=StageId(topic["stage_id"]),
        milestone_id=milestone_id,
        author_id=viewer.person_id,
        author_title=title_of(topic, viewer),
        text=text,
    )
    tx.add(progress)
    await attaching.attach(tx, viewer.person_id, upload_ids, subject_kind="progress", subject_id=progress.id)
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="progress",
        actor_id=viewer.person_id,
        actor_title=progress.author_title,
        text="填写进展",
        told=f"进展：{text}",
        data={"progress_id": str(progress.id), "done": done},
    )
    return (await _with_pictures(tx, viewer, pictures, [progress], insider=topic["staff"]))[0]


async def _touch(tx: AsyncSession, stage_id: UUID, milestone_id: UUID, done: bool) -> None:
    """One conditional statement: of two who report it done, one does."""
    found = await tx.execute(
        update(Milestone)
        .where(
            col(Milestone.id) == milestone_id,
            col(Milestone.stage_id) == stage_id,
            col(Milestone.done_at).is_(None),
        )
        .values(done_at=clock.now() if done else None)
        .returning(col(Milestone.id))
    )
    if found.first() is None:
        raise NoSuchMilestone
    if done:
        await deadlines.meet(tx, milestone_id, [StageClock.milestone])


async def reports(
    tx: AsyncSession, viewer: Viewer, pictures: Pictures, topic_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """Reports of progress with their photos, oldest first. Raises NotFound."""
    topic = await read_row(tx, viewer, topic_id)
    found = await tx.execute(
        select(Progress)
        .where(col(Progress.topic_id) == topic_id, col(Progress.id) > read_cursor(after, LAST))
        .order_by(col(Progress.id))
        .limit(limit + 1)
    )
    told = list(found.scalars())
    return page(await _with_pictures(tx, viewer, pictures, told, insider=topic["staff"]), limit)


async def _with_pictures(
    tx: AsyncSession, viewer: Viewer, pictures: Pictures, told: list[Progress], *, insider: bool
) -> list[dict[str, Any]]:
    shown = await showing.of(tx, viewer, pictures, [p.id for p in told], insider=insider) if told else []
    return [_progress(p) | {"uploads": [s for s in shown if s["subject_id"] == p.id]} for p in told]


async def rate(tx: AsyncSession, viewer: Viewer, topic_id: UUID, stars: int) -> None:
    """评议: one mark a resident and round; a later one replaces it. Those who live there only."""
    topic = await hold(tx, viewer, topic_id, StageKind.evaluation)
    if not topic["lives_within"]:
        raise NotAllowed("只有当地已核实的居民可以评议")
    mark: dict[str, Any] = {
        "stars": stars,
        "at": clock.now(),
    }
    await tx.execute(
        insert(TopicRating)
        .values(stage_id=topic["stage_id"], round=topic["stage_round"], person_id=viewer.person_id, **mark)
        .on_conflict_do_update(index_elements=["stage_id", "round", "person_id"], set_=mark)
    )
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="rate",
        actor_id=viewer.person_id,
        actor_title="居民",
        data={"stars": stars, "round": topic["stage_round"]},
    )


def _milestone(milestone: Milestone) -> dict[str, Any]:
    return {
        "id": milestone.id,
        "title": milestone.title,
        "round": milestone.round,
        "due_at": milestone.due_at,
        "done_at": milestone.done_at,
        "overdue": (milestone.done_at or clock.now()) > milestone.due_at,
    }


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "id": progress.id,
        "milestone_id": progress.milestone_id,
        "by": progress.author_title,
        "text": progress.text,
        "created_at": progress.created_at,
    }
