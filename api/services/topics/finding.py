"""Finding a topic to act on, and the people who may speak on it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotAllowed, NotFound, WrongMoment
from api.models import Topic
from api.rules.roles import Role, capacity, permissions_of
from api.rules.topics import (
    STAGE_TITLES,
    TOPICS,
    ConsultationKind,
    StageKind,
    TopicFacts,
    TopicStanding,
    TopicState,
    WrongStage,
    acts_for,
)
from api.services.access import Viewer, params
from api.services.moves import Subject
from api.services.topics.reading import READ_AS_SYSTEM, READ_ONE

TopicSubject = Subject[TopicState, TopicStanding, TopicFacts]
Row = Mapping[str, Any]


def is_driver(row: Row, viewer: Viewer) -> bool:
    """Acts for the body that owns the current stage; nobody screens what he raised himself."""
    screens_own = row["author_id"] == viewer.person_id and row["stage_kind"] == StageKind.screening
    roles = frozenset(Role(r) for r in row["roles"] or ())
    return acts_for(row["stage_body"]) in permissions_of(roles) and not screens_own


def standings(row: Row, viewer: Viewer) -> frozenset[TopicStanding]:
    """What the viewer is to the topic."""
    found = set()
    if row["author_id"] == viewer.person_id:
        found.add(TopicStanding.author)
    if is_driver(row, viewer):
        found.add(TopicStanding.driver)
    return frozenset(found)


def facts(row: Row) -> TopicFacts:
    return TopicFacts(
        kind=row["stage_kind"],
        position=row["position"],
        last=row["position"] == row["last"],
        optional=row["stage_optional"],
        by_resident=row["by_resident"],
        now=clock.now(),
        due_at=row["due_at"],
        consultation=row["stage_consultation"],
        statements=row["statements"],
        meetings=tuple(ConsultationKind(k) for k in row["meetings"] or ()),
        expert_came=row["expert_came"],
        outcome=row["stage_outcome"],
        polled=row["running_poll_id"] is not None,
        objections=row["objections"],
        milestones=row["milestones"],
        milestones_open=row["milestones_open"],
        mark=float(row["mark"]) if row["mark"] is not None else None,
        round=row["stage_round"],
    )


def title_of(row: Row, viewer: Viewer) -> str:
    """In which capacity the viewer acts."""
    if row["author_id"] == viewer.person_id and row["by_resident"]:
        return "提出人"
    return capacity(frozenset(Role(r) for r in row["roles"] or ()))


async def read_row(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> Row:
    """The topic with its current stage as this viewer reaches it. Raises NotFound."""
    found = await tx.execute(READ_ONE, {"topic_id": topic_id, **params(viewer)})
    row: Row | None = found.mappings().first()
    if row is None:
        raise NotFound("没有这个议题，或不在您的查看范围内")
    return row


async def find(tx: AsyncSession, actor: Viewer | None, topic_id: UUID) -> TopicSubject:
    """The topic to be moved, held so that what its guards look at stays until the move. Raises NotFound.

    Contributions hold the topic for share: they come before the move and are seen by it, or after it.
    """
    await tx.execute(select(col(Topic.id)).where(col(Topic.id) == topic_id).with_for_update(key_share=True))
    if actor is None:
        found = await tx.execute(READ_AS_SYSTEM, {"topic_id": topic_id, "now": clock.now()})
        row: Row = found.mappings().one()
        standing, actor_id, title = frozenset({TopicStanding.system}), None, "系统"
    else:
        row = await read_row(tx, actor, topic_id)
        standing, actor_id, title = standings(row, actor), actor.person_id, title_of(row, actor)

    async def look_again() -> list[str]:
        return (await find(tx, actor, topic_id)).moves()

    return TopicSubject(
        TOPICS,
        Topic,
        topic_id,
        row["state"],
        row["version"],
        standing,
        facts(row),
        actor_id,
        title,
        look_again,
        row,
    )


async def take_part(tx: AsyncSession, viewer: Viewer, topic_id: UUID, *kinds: StageKind) -> Row:
    """Hold the topic in a stage of one of `kinds` for somebody who lives there or was invited.

    Raises NotFound, NotAllowed, WrongMoment, WrongStage.
    """
    row = await hold(tx, viewer, topic_id, *kinds)
    if not row["lives_within"] and not row["invited"]:
        raise NotAllowed("只有当地已核实的居民和受邀人员可以参与")
    return row


async def run_stage(tx: AsyncSession, viewer: Viewer, topic_id: UUID, *kinds: StageKind) -> Row:
    """The same for who acts for the stage's body."""
    return await hold(tx, viewer, topic_id, *kinds, allowed=is_driver)


async def hold(
    tx: AsyncSession, viewer: Viewer, topic_id: UUID, *kinds: StageKind, allowed: Any = None
) -> Row:
    """The topic as it will stay until this transaction ends."""
    await tx.execute(select(col(Topic.id)).where(col(Topic.id) == topic_id).with_for_update(read=True))
    row = await read_row(tx, viewer, topic_id)
    if allowed is not None and not allowed(row, viewer):
        raise NotAllowed("只有本环节的负责组织可以进行此操作")
    if row["state"] != TopicState.running:
        raise WrongMoment("议题不在进行中", state=row["state"].value)
    if kinds and row["stage_kind"] not in kinds:
        raise WrongStage(f"只能在{'、'.join(STAGE_TITLES[kind] for kind in kinds)}环节进行")
    return row
