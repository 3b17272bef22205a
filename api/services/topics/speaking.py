"""观点与态度: one sentence each, no replies; one stance a person and statement, written in one statement."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    SmallInteger,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.db import Statement as Prebuilt
from api.kit.events import record
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotAllowed, NotFound
from api.models import OpinionJob, Stance, Statement, Topic, TopicStage
from api.models.topics import TopicId
from api.rules.content import ContentState
from api.rules.stances import VALUES, WORDS, StanceWord
from api.rules.topics import StageKind, TopicState, WrongStage
from api.services.access import NOW, VIEWER, Viewer, params
from api.services.content import moderation
from api.services.topics.finding import Row, read_row, take_part
from api.services.topics.reading import invited, lives_within, readable_topics

WINDOW = timedelta(seconds=10)
"""Stances that come within one window cause one drawing of the map, after its end."""


async def speak(tx: AsyncSession, viewer: Viewer, topic_id: UUID, text: str) -> dict[str, Any]:
    """发表观点. Raises as take_part."""
    topic = await take_part(tx, viewer, topic_id, StageKind.consultation)
    statement = Statement(topic_id=TopicId(topic_id), author_id=viewer.person_id, text=text)
    tx.add(statement)
    await moderation.watch(
        tx,
        subject_kind="statement",
        subject_id=statement.id,
        author_id=viewer.person_id,
        texts=[text],
        path=topic["path"],
    )
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="speak",
        actor_id=viewer.person_id,
        actor_title="居民",
        data={"statement_id": str(statement.id)},
    )
    return _shape(statement, None, mine=True)


async def statements(
    tx: AsyncSession, viewer: Viewer, topic_id: UUID, *, limit: int, after: str | None, unanswered: bool
) -> dict[str, Any]:
    """Statements with the viewer's own stance, oldest first; unchecked ones for their author and staff."""
    topic = await read_row(tx, viewer, topic_id)
    found = await tx.execute(
        select(Statement, col(Stance.stance))
        .outerjoin(
            Stance,
            and_(col(Stance.statement_id) == col(Statement.id), col(Stance.person_id) == viewer.person_id),
        )
        .where(
            col(Statement.topic_id) == topic_id,
            col(Statement.id) > read_cursor(after, LAST),
            _shown(topic, viewer),
            *([col(Stance.stance).is_(None)] if unanswered else []),
        )
        .order_by(col(Statement.id))
        .limit(limit + 1)
    )
    shapes = [_shape(s, stance, mine=s.author_id == viewer.person_id) for s, stance in found]
    return page(shapes, limit)


def _shown(topic: Row, viewer: Viewer) -> Any:
    passed = col(Statement.content) == ContentState.passed
    return literal(True) if topic["staff"] else or_(passed, col(Statement.author_id) == viewer.person_id)


def _shape(statement: Statement, stance: int | None, *, mine: bool) -> dict[str, Any]:
    return {
        "id": statement.id,
        "text": statement.text,
        "content": statement.content,
        "mine": mine,
        "stance": WORDS[stance] if stance is not None else None,
        "created_at": statement.created_at,
    }


def _take() -> Prebuilt:
    """Look, write the stance and ask for a new map, in one round trip; the look says why nothing was written."""
    statement_id = bindparam("statement_id", type_=Uuid())
    here = (
        select(
            col(Topic.id).label("topic_id"),
            and_(
                col(Topic.state) == TopicState.running, col(TopicStage.kind) == StageKind.consultation
            ).label("open"),
            or_(lives_within(), invited()).label("may"),
        )
        .select_from(Statement)
        .join(Topic, col(Topic.id) == col(Statement.topic_id))
        .join(
            TopicStage,
            and_(col(TopicStage.topic_id) == col(Topic.id), col(TopicStage.position) == col(Topic.position)),
        )
        .where(
            col(Statement.id) == statement_id,
            col(Statement.content) == ContentState.passed,
            readable_topics(),
        )
        .cte("here")
    )
    row = insert(Stance).from_select(
        ["statement_id", "person_id", "topic_id", "stance", "at"],
        select(
            statement_id,
            VIEWER,
            here.c.topic_id,
            bindparam("stance", type_=SmallInteger()),
            NOW,
        ).where(here.c.open, here.c.may),
    )
    written = (
        row.on_conflict_do_update(
            index_elements=["statement_id", "person_id"],
            set_={"stance": row.excluded.stance, "at": row.excluded.at},
            where=col(Stance.stance) != row.excluded.stance,
        )
        .returning(col(Stance.topic_id))
        .cte("written")
    )
    asked = (
        insert(OpinionJob)
        .from_select(
            ["topic_id", "due_at"],
            select(written.c.topic_id, bindparam("due_at", type_=DateTime(timezone=True))),
        )
        .on_conflict_do_nothing()
        .returning(col(OpinionJob.topic_id))
        .cte("asked")
    )
    return Prebuilt(
        select(
            here.c.open, here.c.may, select(func.count()).select_from(asked).scalar_subquery().label("asked")
        )
    )


_TAKE = _take()


async def take_stance(db: Database, viewer: Viewer, statement_id: UUID, stance: StanceWord) -> dict[str, Any]:
    """表态: one a person and statement, the last counts; one round trip. Raises NotFound, NotAllowed, WrongStage."""
    now = clock.now()
    row = await db.fetch_one(
        _TAKE,
        statement_id=statement_id,
        stance=VALUES[stance],
        due_at=window_end(now),
        **params(viewer),
    )
    if row is None:
        raise NotFound("没有这条观点，或不在您的查看范围内")
    if not row["may"]:
        raise NotAllowed("只有当地已核实的居民和受邀人员可以表态")
    if not row["open"]:
        raise WrongStage("协商环节已经结束，不能再表态")
    return {"statement_id": statement_id, "stance": stance}


def window_end(now: datetime) -> datetime:
    """The end of the window `now` lies in."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return start + WINDOW * ((now - start) // WINDOW + 1)
