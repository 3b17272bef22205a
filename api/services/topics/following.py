"""What follows from a topic's events: every participant is told at each step, and the system moves it on."""

from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

from sqlalchemy import literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.models import (
    Grant,
    Objection,
    Person,
    Place,
    Poll,
    Stance,
    Statement,
    Topic,
    TopicAttendance,
    TopicGuest,
    TopicMeeting,
    TopicRating,
    TopicStage,
)
from api.rules.people import PersonState
from api.rules.places import PREFIX_LENGTHS, ancestor_paths
from api.rules.polls import PollMove
from api.rules.roles import LEADS, Role, roles_with
from api.rules.topics import acts_for
from api.services import notices
from api.services.access import live
from api.services.topics import moving, papers
from api.services.topics.timing import TOWN, go_on

_BATCH = 1_000
"""People told in one statement: a statement takes 32,767 parameters."""


class Audience(StrEnum):
    """通知对象：参与者、本环节负责组织、社区负责人与街道、受邀人"""

    participants = "participants"
    drivers = "drivers"
    leads = "leads"
    guest = "guest"


_ALL, _DRIVERS = Audience.participants, Audience.drivers
WORDS: dict[str, tuple[tuple[Audience, str], ...]] = {
    "raise": ((_DRIVERS, "新的议题待处理"),),
    "resubmit": ((_DRIVERS, "议题已修改，待处理"),),
    "advance": ((_ALL, "议题有新进展"), (_DRIVERS, "议题进入您负责的环节")),
    "skip": ((_ALL, "议题有新进展"), (_DRIVERS, "议题进入您负责的环节")),
    "send_back": ((_ALL, "议题退回前一环节"), (_DRIVERS, "议题退回您负责的环节")),
    "reopen": ((_ALL, "评议不合格，重新执行"), (_DRIVERS, "评议不合格，请重新执行")),
    "revote": ((_ALL, "表决作废，重新表决"), (_DRIVERS, "表决作废，请重新发起")),
    "undecided": ((_ALL, "表决作废"), (_DRIVERS, "表决作废，请决定是否退回")),
    "decide": ((_ALL, "表决有了结果"), (_DRIVERS, "表决有了结果")),
    "return": ((_ALL, "议题退回修改"),),
    "finish": ((_ALL, "议题已办结"),),
    "end": ((_ALL, "议题已终止"),),
    "merge": ((_ALL, "议题已并入另一议题"),),
    "withdraw": ((_ALL, "议题已撤回"),),
    "invite": ((Audience.guest, "邀请您参与协商"),),
    "meet": ((_ALL, "协商会议预告"),),
    "minute": ((_ALL, "会议纪要已公布"),),
    "object": ((_DRIVERS, "收到异议，请答复"),),
    "answer_objection": ((_ALL, "异议已答复"),),
    "uphold_objection": ((_ALL, "异议成立"),),
    "plan": ((_ALL, "列入执行事项"),),
    "progress": ((_ALL, "执行有新进展"),),
    "overdue": ((Audience.leads, "议题超期"), (_DRIVERS, "议题超期")),
}
"""Moves that are not here tell nobody."""

_DECIDES = frozenset({PollMove.tally, PollMove.recount})
_UNDECIDES = frozenset({PollMove.void, PollMove.revote, PollMove.recount})
"""After a recount with another result a stage is decided anew."""

_UNBLOCKS = ("decide", "answer_objection", "withdraw_objection")
"""After these a topic may be ready to move on by itself."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell those whom the event concerns; move the topic on where nothing keeps it any more."""
    topic = (await tx.execute(select(Topic).where(col(Topic.id) == event.subject_id))).scalar_one()
    for audience, title in WORDS.get(event.move, ()):
        people = [p for p in await _people(tx, event, topic, audience) if p != event.actor_id]
        for some in (people[n : n + _BATCH] for n in range(0, len(people), _BATCH)):
            await notices.tell(
                tx,
                event,
                some,
                kind=f"topic.{event.move}.{audience}",
                title=title,
                text=f"“{topic.title}”：{event.text or title}。",
            )
    if event.move == "minute":
        await papers.order(tx, UUID(event.data["meeting_id"]))
    if event.move in _UNBLOCKS:
        await go_on(tx, topic.id)


async def follow_poll(tx: AsyncSession, event: Event) -> None:
    """A poll was counted: the stage it decides gets its outcome. A scale neither passes nor fails: it is a result.

    A poll that is void, or comes out differently when counted again, decides nothing any more.
    """
    if event.move not in _DECIDES and event.move not in _UNDECIDES:
        return
    poll = (await tx.execute(select(Poll).where(col(Poll.id) == event.subject_id))).scalar_one()
    if poll.stage_id is None or (event.move == PollMove.recount and event.data["same"]):
        return
    again = event.move in _UNDECIDES
    if again and not await moving.undecide(tx, poll.stage_id, poll.id, event.text or "表决作废"):
        return
    if event.move in _DECIDES and poll.outcome is not None:
        head, *conditions = poll.outcome["words"]
        passed = poll.outcome["passed"] is not False
        result = "；".join(words.rstrip("。") for words in conditions) or head
        await moving.decide(tx, poll.stage_id, poll.id, passed=passed, result=result, again=again)


async def _people(tx: AsyncSession, event: Event, topic: Topic, audience: Audience) -> list[UUID]:
    match audience:
        case Audience.participants:
            return await participants(tx, topic)
        case Audience.drivers:
            body = await tx.execute(
                select(col(TopicStage.body)).where(
                    col(TopicStage.topic_id) == topic.id, col(TopicStage.position) == topic.position
                )
            )
            return await _holders(tx, roles_with(acts_for(body.scalar_one())), topic.path)
        case Audience.leads:
            to_town = event.data.get("level", 0) >= TOWN
            return await _holders(tx, [Role.town_supervisor] if to_town else LEADS, topic.path)
        case Audience.guest:
            return [UUID(event.data["person_id"])]


async def participants(tx: AsyncSession, topic: Topic) -> list[UUID]:
    """Everybody who raised, spoke, took a stance, came, was invited, objected or rated, here or in a topic merged
    into this one."""
    whole = select(col(Topic.id)).where(or_(col(Topic.id) == topic.id, col(Topic.merged_into_id) == topic.id))
    stages = select(col(TopicStage.id)).where(col(TopicStage.topic_id).in_(whole))
    took_part = union(
        select(col(Statement.author_id)).where(col(Statement.topic_id).in_(whole)),
        select(col(Stance.person_id)).where(col(Stance.topic_id).in_(whole)),
        select(col(TopicGuest.person_id)).where(col(TopicGuest.topic_id).in_(whole)),
        select(col(TopicAttendance.person_id))
        .join(TopicMeeting, col(TopicMeeting.id) == col(TopicAttendance.meeting_id))
        .where(col(TopicMeeting.topic_id).in_(whole)),
        select(col(Objection.person_id)).where(col(Objection.topic_id).in_(whole)),
        select(col(TopicRating.person_id)).where(col(TopicRating.stage_id).in_(stages)),
        select(col(Topic.author_id)).where(col(Topic.id).in_(whole)),
    ).subquery()
    found = await tx.execute(
        select(col(Person.id))
        .where(col(Person.id).in_(select(took_part.c[0])), col(Person.state) == PersonState.active)
        .order_by(col(Person.id))
    )
    return list(found.scalars())


async def _holders(tx: AsyncSession, roles: Iterable[Role], path: str) -> list[UUID]:
    """Who holds one of `roles` at the topic's community or town: county and above are not told of each topic."""
    near = [p for p in ancestor_paths(path) if len(p) >= PREFIX_LENGTHS[-2]]
    found = await tx.execute(
        select(col(Grant.person_id))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .join(Person, col(Person.id) == col(Grant.person_id))
        .where(
            col(Place.path).in_(near),
            col(Grant.role).in_(list(roles)),
            col(Person.state) == PersonState.active,
            live(literal(clock.now())),
        )
        .distinct()
        .order_by(col(Grant.person_id))
    )
    return list(found.scalars())
