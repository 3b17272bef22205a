"""Raising a topic: by any verified resident, 户籍 or not, or by staff; where it belongs and who takes part."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.problems import NotAllowed, NotFound, Problem
from api.models import Home, Place, Residency, Topic, TopicPlace, TopicStage
from api.models.topics import TopicId
from api.rules.content import ContentState
from api.rules.people import ResidencyState
from api.rules.places import PREFIX_LENGTHS, Level, ancestor_paths
from api.rules.roles import Permission, capacity, permissions_of
from api.rules.topic_templates import TEMPLATES, TopicTemplate
from api.services.access import Viewer, roles_at
from api.services.content import moderation
from api.services.topics import stages


class PlacesApart(Problem):
    status, code, title = 422, "places_apart", "这些地域不能共同议事"
    advice = "几个社区共同的议题须属于同一街道（乡镇），且每个都是村（社区）。"


class NotThisTemplate(Problem):
    status, code, title = 422, "not_this_template", "这个模板不适用于所选地域"


@dataclass(frozen=True, slots=True)
class NewTopic:
    """What somebody wants to have talked over, and whom it concerns."""

    template: TopicTemplate
    title: str
    text: str
    place_ids: tuple[UUID, ...]


async def raise_topic(tx: AsyncSession, viewer: Viewer, new: NewTopic) -> UUID:
    """Write the topic with all its stages and open the first. Raises NotFound, NotAllowed, PlacesApart,
    NotThisTemplate."""
    concerned, home = await _belongs(tx, new.place_ids)
    template = TEMPLATES[new.template]
    if home.level not in template.levels:
        raise NotThisTemplate(f"“{template.title}”不适用于{home.name}")
    roles = await roles_at(tx, viewer, home.path)
    staff = Permission.topic_run in permissions_of(roles)
    if not staff:
        if not await _lives_in_one(tx, viewer, concerned):
            raise NotAllowed("只有当地已核实的居民或工作人员可以提出议题")
        if not template.by_residents:
            raise NotAllowed(f"“{template.title}”由村（社区）组织发起")
    topic = Topic(
        template=new.template,
        title=new.title,
        text=new.text,
        place_id=home.id,
        path=home.path,
        author_id=viewer.person_id,
        by_resident=not staff,
        content=ContentState.passed if staff else ContentState.pending,
    )
    tx.add(topic)
    await tx.flush()  # its places and stages refer to it
    tx.add_all(TopicPlace(topic_id=topic.id, place_id=p.id, path=p.path) for p in concerned)
    tx.add_all(_stages(topic.id, new.template))
    await tx.flush()  # the first stage is opened by an update
    await stages.enter(tx, topic.id, 0)
    if topic.by_resident:
        await moderation.watch(
            tx,
            subject_kind="topic",
            subject_id=topic.id,
            author_id=viewer.person_id,
            texts=[new.title, new.text],
            path=home.path,
        )
    record(
        tx,
        subject_kind="topic",
        subject_id=topic.id,
        move="raise",
        to_state=topic.state.value,
        actor_id=viewer.person_id,
        actor_title=capacity(roles) if staff else "居民",
        text=f"提出议题，进入{template.steps[0].title}",
    )
    return topic.id


def _stages(topic_id: TopicId, template: TopicTemplate) -> list[TopicStage]:
    return [
        TopicStage(
            topic_id=topic_id,
            position=position,
            kind=step.kind,
            title=step.title,
            body=step.body,
            consultation=step.consultation,
            optional=step.optional,
            voters=step.voters,
            limits=[step.limit.amount, step.limit.clock.value],
        )
        for position, step in enumerate(TEMPLATES[template].steps)
    ]


async def _belongs(tx: AsyncSession, place_ids: tuple[UUID, ...]) -> tuple[list[Place], Place]:
    """The places concerned, and the lowest place above them all."""
    found = await tx.execute(select(Place).where(col(Place.id).in_(place_ids)).order_by(col(Place.path)))
    concerned = list(found.scalars())
    if len(concerned) != len(set(place_ids)):
        raise NotFound("没有这个地域")
    if len(concerned) == 1:
        return concerned, concerned[0]
    if any(place.level is not Level.village for place in concerned):
        raise PlacesApart
    shared = [path for path in ancestor_paths(concerned[0].path) if concerned[-1].path.startswith(path)]
    if not shared or len(shared[-1]) < PREFIX_LENGTHS[-2]:
        raise PlacesApart
    above = await tx.execute(select(Place).where(col(Place.path) == shared[-1]))
    return concerned, above.scalar_one()


async def _lives_in_one(tx: AsyncSession, viewer: Viewer, concerned: list[Place]) -> bool:
    homes = await tx.execute(
        select(col(Place.path))
        .join(Home, col(Home.building_id) == col(Place.id))
        .join(Residency, col(Residency.home_id) == col(Home.id))
        .where(
            col(Residency.person_id) == viewer.person_id,
            col(Residency.state) == ResidencyState.verified,
        )
    )
    return any(path.startswith(place.path) for path in homes.scalars() for place in concerned)
