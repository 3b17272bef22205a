"""观点图: drawn in the worker as stances come, one drawing a topic for all stances of a window.

A stance leaves a row for its window's end. Nobody writes into a window that is over, so the row can be taken and
deleted by the drawing itself: no stance waits for a drawing, and none is left out of the last one.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import OpinionJob, OpinionMap, Stance, Statement, Topic
from api.rules import opinions
from api.rules.content import ContentState
from api.rules.opinion_data import to_json
from api.rules.opinion_picture import drawn

SETTLED = timedelta(seconds=6)
"""Longer than a statement may take: whoever began in a window has committed or failed."""
AT_ONCE = 20
"""Topics drawn in one run of the job."""


async def draw_due(tx: AsyncSession) -> None:
    """Draw the maps of topics whose windows are over; two workers draw different topics."""
    for _ in range(AT_ONCE):
        due = await tx.execute(
            select(col(OpinionJob.topic_id))
            .where(col(OpinionJob.due_at) <= clock.now() - SETTLED)
            .order_by(col(OpinionJob.due_at))
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        topic_id = due.scalar_one_or_none()
        if topic_id is None:
            return
        await tx.execute(
            delete(OpinionJob).where(
                col(OpinionJob.topic_id) == topic_id, col(OpinionJob.due_at) <= clock.now() - SETTLED
            )
        )
        await draw(tx, topic_id)


async def draw(tx: AsyncSession, topic_id: UUID) -> None:
    """Draw one map from the stances on statements that passed the check, and keep it."""
    title = (await tx.execute(select(col(Topic.title)).where(col(Topic.id) == topic_id))).scalar_one()
    found = await tx.execute(
        select(col(Statement.id))
        .where(col(Statement.topic_id) == topic_id, col(Statement.content) == ContentState.passed)
        .order_by(col(Statement.id))
    )
    ids = list(found.scalars())
    index = {statement_id: n for n, statement_id in enumerate(ids)}
    rows = await tx.execute(
        select(col(Stance.person_id), col(Stance.statement_id), col(Stance.stance))
        .where(col(Stance.topic_id) == topic_id)
        .order_by(col(Stance.person_id), col(Stance.statement_id))
    )
    people: dict[UUID, int] = {}
    who, what, how = [], [], []
    for person_id, statement_id, stance in rows:
        if statement_id in index:
            who.append(people.setdefault(person_id, len(people)))
            what.append(index[statement_id])
            how.append(stance)
    # Half a second for 50,000 stances: in a thread, so that the worker's other loops go on.
    drawing = await asyncio.to_thread(opinions.draw, who, what, how, (len(people), len(ids)))
    kept = {"data": to_json(drawing, ids), "svg": drawn(drawing, title), "drawn_at": clock.now()}
    await tx.execute(
        insert(OpinionMap)
        .values(topic_id=topic_id, **kept)
        .on_conflict_do_update(index_elements=["topic_id"], set_=kept)
    )
