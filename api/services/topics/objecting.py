"""异议 while a result is on show: raised by residents, answered or upheld by the stage's body, and binding."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotFound, Problem
from api.models import Objection
from api.models.topics import StageId, TopicId
from api.rules.content import ContentState
from api.rules.objections import (
    OBJECTIONS,
    ObjectionFacts,
    ObjectionMove,
    ObjectionStanding,
    ObjectionState,
)
from api.rules.topic_templates import ANSWER_WITHIN
from api.rules.topics import StageClock, StageKind
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.content import moderation
from api.services.moves import Subject
from api.services.topics.finding import Row, hold, is_driver, read_row, take_part, title_of

SUBJECT = "objection"
ObjectionSubject = Subject[ObjectionState, ObjectionStanding, ObjectionFacts]


class AlreadyObjected(Problem):
    status, code, title = 409, "already_objected", "您的异议正在处理中"
    advice = "每人每次公示同时只能有一条未处理的异议。"


async def object_(tx: AsyncSession, viewer: Viewer, topic_id: UUID, text: str) -> dict[str, Any]:
    """提出异议. One live objection a person, stage and round. Raises as take_part, and AlreadyObjected."""
    topic = await take_part(tx, viewer, topic_id, StageKind.publicity)
    made = await tx.execute(
        insert(Objection)
        .values(
            id=new_id(),
            topic_id=TopicId(topic_id),
            stage_id=StageId(topic["stage_id"]),
            round=topic["stage_round"],
            person_id=viewer.person_id,
            text=text,
            content=ContentState.pending,
            state=ObjectionState.raised,
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(Objection)
    )
    objection = made.scalar_one_or_none()
    if objection is None:
        raise AlreadyObjected
    await moderation.watch(
        tx,
        subject_kind="objection",
        subject_id=objection.id,
        author_id=viewer.person_id,
        texts=[text],
        path=topic["path"],
    )
    calendar = await calendars.current(tx)
    deadlines.start(tx, SUBJECT, objection.id, StageClock.answer, ANSWER_WITHIN, calendar)
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="object",
        actor_id=viewer.person_id,
        actor_title="居民",
        text="收到一条异议",
        data={"objection_id": str(objection.id)},
    )
    return _shape(objection, topic, viewer)


async def listing(
    tx: AsyncSession, viewer: Viewer, topic_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """Objections of a topic, oldest first; words not yet checked only for their author and staff."""
    topic = await read_row(tx, viewer, topic_id)
    found = await tx.execute(
        select(Objection)
        .where(
            col(Objection.topic_id) == topic_id,
            col(Objection.id) > read_cursor(after, LAST),
            _shown(topic, viewer),
        )
        .order_by(col(Objection.id))
        .limit(limit + 1)
    )
    return page([_shape(o, topic, viewer) for o in found.scalars()], limit)


def _shown(topic: Row, viewer: Viewer) -> ColumnElement[bool]:
    if topic["staff"]:
        return true()
    return or_(col(Objection.content) == ContentState.passed, col(Objection.person_id) == viewer.person_id)


async def move(
    tx: AsyncSession, viewer: Viewer, objection_id: UUID, move: ObjectionMove, answer: str | None
) -> dict[str, Any]:
    """答复、认定成立、撤回. Raises NotFound, NotAllowed, WrongMoment, OwnObjection."""
    objection, topic = await _find(tx, viewer, objection_id)
    topic_id = objection.topic_id
    await hold(tx, viewer, topic_id, StageKind.publicity)
    subject = _subject(tx, viewer, objection, topic)
    columns: dict[str, Any] = {}
    if move is not ObjectionMove.withdraw:
        columns = {"answer": answer, "answered_at": clock.now()}
    await subject.move(tx, move, **columns)
    await deadlines.meet(tx, objection_id, [StageClock.answer])
    title = {
        ObjectionMove.answer: "答复异议",
        ObjectionMove.uphold: "异议成立",
        ObjectionMove.withdraw: "一条异议已撤回",
    }[move]
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move=f"{move.value}_objection",
        actor_id=viewer.person_id,
        actor_title=title_of(topic, viewer),
        text=title,
        data={"objection_id": str(objection_id)},
        told=f"{title}：{answer}" if answer and move is not ObjectionMove.withdraw else None,
    )
    return _shape(await _again(tx, objection_id), topic, viewer)


async def _find(tx: AsyncSession, viewer: Viewer, objection_id: UUID) -> tuple[Objection, Row]:
    objection = (
        await tx.execute(select(Objection).where(col(Objection.id) == objection_id))
    ).scalar_one_or_none()
    if objection is None:
        raise NotFound("没有这条异议，或不在您的查看范围内")
    topic = await read_row(tx, viewer, objection.topic_id)
    mine = objection.person_id == viewer.person_id
    if objection.content is not ContentState.passed and not mine and not topic["staff"]:
        raise NotFound("没有这条异议，或不在您的查看范围内")
    return objection, topic


async def _again(tx: AsyncSession, objection_id: UUID) -> Objection:
    found = await tx.execute(
        select(Objection).where(col(Objection.id) == objection_id).execution_options(populate_existing=True)
    )
    return found.scalar_one()


def _subject(tx: AsyncSession, viewer: Viewer, objection: Objection, topic: Row) -> ObjectionSubject:
    async def look_again() -> list[str]:
        again = await _again(tx, objection.id)
        return OBJECTIONS.open(again.state, *_toward(again, topic, viewer))

    standings, facts = _toward(objection, topic, viewer)
    return ObjectionSubject(
        OBJECTIONS,
        Objection,
        objection.id,
        objection.state,
        objection.version,
        standings,
        facts,
        viewer.person_id,
        title_of(topic, viewer),
        look_again,
    )


def _toward(
    objection: Objection, topic: Row, viewer: Viewer
) -> tuple[frozenset[ObjectionStanding], ObjectionFacts]:
    found = set()
    mine = objection.person_id == viewer.person_id
    if mine:
        found.add(ObjectionStanding.objector)
    if is_driver(topic, viewer):
        found.add(ObjectionStanding.driver)
    return frozenset(found), ObjectionFacts(mine)


def _shape(objection: Objection, topic: Row, viewer: Viewer) -> dict[str, Any]:
    return {
        "id": objection.id,
        "text": objection.text,
        "state": objection.state,
        "content": objection.content,
        "answer": objection.answer,
        "answered_at": objection.answered_at,
        "mine": objection.person_id == viewer.person_id,
        "moves": OBJECTIONS.open(objection.state, *_toward(objection, topic, viewer)),
        "version": objection.version,
        "created_at": objection.created_at,
        "updated_at": objection.updated_at,
    }
