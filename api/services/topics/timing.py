"""What happens when a clock of a topic runs out: 公示 and 评议 move on by themselves, all else climbs the ladder."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import Deadline, Milestone, Objection, Topic, TopicStage
from api.rules.objections import ObjectionState
from api.rules.topic_templates import CLIMB_AFTER
from api.rules.topics import StageClock, StageKind, TopicMove, TopicState
from api.services import calendars, deadlines
from api.services.topics import moving, stages
from api.services.topics.finding import find

COMMUNITY, TOWN = 2, 3
"""Rungs of the ladder."""


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Act on a stage's clock that passed, as the system."""
    stage = (
        await tx.execute(select(TopicStage).where(col(TopicStage.id) == deadline.subject_id))
    ).scalar_one()
    if deadline.cycle != stage.round or stage.closed_at is not None:
        return
    if deadline.kind == StageClock.climb:
        await _climb(tx, stage.topic_id, TOWN, f"{stage.title}超期未改正", stage)
    elif not await go_on(tx, stage.topic_id):
        await _climb(tx, stage.topic_id, COMMUNITY, f"{stage.title}超期", stage)


async def go_on(tx: AsyncSession, topic_id: UUID) -> bool:
    """Move a topic whose 公示 or 评议 is over, or whose vote passed, on to what follows. False where nothing does."""
    topic = await find(tx, None, topic_id)
    by_itself = topic.facts.kind in (StageKind.publicity, StageKind.evaluation, StageKind.vote)
    if topic.state is not TopicState.running or not by_itself:
        return False
    open_now = topic.moves()
    if TopicMove.reopen in open_now:
        await moving.reopen(tx, topic_id)
    elif TopicMove.advance in open_now:
        await moving.advance(tx, None, topic_id)
    elif TopicMove.finish in open_now:
        await moving.finish(tx, None, topic_id)
    else:
        return False
    return True


async def objection_ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Nobody answered an objection in time."""
    objection = (
        await tx.execute(select(Objection).where(col(Objection.id) == deadline.subject_id))
    ).scalar_one()
    stage = (
        await tx.execute(select(TopicStage).where(col(TopicStage.id) == objection.stage_id))
    ).scalar_one()
    live = stage.round == objection.round and stage.closed_at is None
    if objection.state is ObjectionState.raised and live:
        await _climb(tx, objection.topic_id, COMMUNITY, "异议超期未答复", stage)


async def milestone_ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Something to be done was not done in time."""
    milestone = (
        await tx.execute(select(Milestone).where(col(Milestone.id) == deadline.subject_id))
    ).scalar_one()
    stage = (
        await tx.execute(select(TopicStage).where(col(TopicStage.id) == milestone.stage_id))
    ).scalar_one()
    live = stage.round == milestone.round and stage.closed_at is None
    if milestone.done_at is None and live:
        await _climb(tx, milestone.topic_id, COMMUNITY, f"事项“{milestone.title}”超期", stage)


async def _climb(tx: AsyncSession, topic_id: UUID, level: int, why: str, stage: TopicStage) -> None:
    """Add people; time is never reset, and everybody sees the rung. From the community it goes on to the town."""
    await tx.execute(
        update(Topic)
        .where(col(Topic.id) == topic_id)
        .values(level=func.greatest(col(Topic.level), level), updated_at=clock.now())
    )
    if level == COMMUNITY:
        await deadlines.replace(
            tx,
            stages.SUBJECT,
            stage.id,
            StageClock.climb,
            CLIMB_AFTER,
            await calendars.current(tx),
            stage.round,
        )
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="overdue",
        actor_id=None,
        actor_title="系统",
        text=why,
        data={"level": level},
    )
