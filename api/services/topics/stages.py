"""Entering and leaving stages: written beside the topic's own move, which is what decides."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import TopicStage
from api.rules.clocks import Clock, Limit
from api.rules.topics import StageClock, StageOutcome
from api.services import calendars, deadlines

SUBJECT = "topic_stage"


async def enter(tx: AsyncSession, topic_id: UUID, position: int) -> TopicStage:
    """Open the stage for its next round and start its clock."""
    stage = (
        await tx.execute(
            update(TopicStage)
            .where(col(TopicStage.topic_id) == topic_id, col(TopicStage.position) == position)
            .values(
                round=col(TopicStage.round) + 1,
                opened_at=clock.now(),
                closed_at=None,
                outcome=None,
                result=None,
                poll_id=None,
            )
            .returning(TopicStage)
            .execution_options(populate_existing=True)
        )
    ).scalar_one()
    amount, kind = stage.limits
    deadlines.start(
        tx,
        SUBJECT,
        stage.id,
        StageClock.due,
        Limit(amount, Clock(kind)),
        await calendars.current(tx),
        cycle=stage.round,
    )
    return stage


async def leave(tx: AsyncSession, stage_id: UUID, outcome: StageOutcome, result: str | None) -> None:
    """Close the stage with its outcome in words; its clocks end."""
    await tx.execute(
        update(TopicStage)
        .where(col(TopicStage.id) == stage_id)
        .values(closed_at=clock.now(), outcome=outcome, result=result)
    )
    await deadlines.meet(tx, stage_id, [StageClock.due])
    await deadlines.cancel(tx, stage_id)


async def at(tx: AsyncSession, topic_id: UUID, position: int) -> TopicStage | None:
    """The stage at a position, if the topic has one."""
    found = await tx.execute(
        select(TopicStage).where(col(TopicStage.topic_id) == topic_id, col(TopicStage.position) == position)
    )
    return found.scalar_one_or_none()


async def last_of(tx: AsyncSession, topic_id: UUID, kind: Any, before: int) -> TopicStage:
    """The nearest stage of `kind` before a position."""
    found = await tx.execute(
        select(TopicStage)
        .where(
            col(TopicStage.topic_id) == topic_id,
            col(TopicStage.kind) == kind,
            col(TopicStage.position) < before,
        )
        .order_by(col(TopicStage.position).desc())
        .limit(1)
    )
    return found.scalar_one()
