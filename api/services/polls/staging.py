"""表决与环节: a poll that decides a stage of a topic is asked where, when and of whom the stage says.

Order of locks: the topic first, then its poll; moves of topics that void a poll keep to the same order.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotFound, Problem
from api.models import Place, Poll, Topic, TopicPlace, TopicStage
from api.rules.polls import Body, PollState, RollBasis
from api.rules.stage_polls import PollUnfit, unfit
from api.rules.topics import StageKind, TopicState
from api.rules.voting.rule import Rule
from api.services.access import Viewer, params
from api.services.topics.reading import readable_topics

_LIVE = (PollState.draft, PollState.announced, PollState.open, PollState.closed)


class StageNotVoting(Problem):
    status, code, title = 409, "stage_not_voting", "这个环节现在不能发起表决"
    advice = "只能为议题当前的、尚无结果的表决环节发起，一个环节同时只有一次表决。"


async def check(
    tx: AsyncSession,
    viewer: Viewer,
    place: Place,
    *,
    topic_id: UUID | None,
    stage_id: UUID | None,
    basis: RollBasis,
    body: str | None,
    rule: Rule,
    again: UUID | None = None,
) -> UUID | None:
    """The topic the poll belongs to, held until this transaction ends; None for a poll on its own.

    `again` is the poll that is to be repeated. Raises NotFound, PollUnfit, StageNotVoting.
    """
    if stage_id is not None:
        owner = await tx.execute(select(col(TopicStage.topic_id)).where(col(TopicStage.id) == stage_id))
        found = owner.scalar_one_or_none()
        if found is None or topic_id not in (None, found):
            raise NotFound("议题没有这个环节")
        topic_id = found
    if topic_id is None:
        return None
    seen = await tx.execute(
        select(col(Topic.path), col(Topic.state), col(Topic.position))
        .where(col(Topic.id) == topic_id, readable_topics())
        .with_for_update(key_share=True),
        params(viewer),
    )
    topic = seen.first()
    if topic is None:
        raise NotFound("没有这个议题，或不在您的查看范围内")
    if not place.path.startswith(topic.path) or not await _concerned(tx, topic_id, place.path):
        raise PollUnfit("表决的地域须是议题涉及的地域，或在其中")
    if stage_id is not None:
        stage = (
            await tx.execute(
                select(TopicStage)
                .where(col(TopicStage.id) == stage_id)
                .execution_options(populate_existing=True)
            )
        ).scalar_one()
        waiting = stage.position == topic.position and stage.outcome is None
        repeated = again is not None and stage.poll_id == again
        voting = stage.kind is StageKind.vote and topic.state is TopicState.running
        if not voting or not (waiting or repeated) or await _others(tx, stage_id, again):
            raise StageNotVoting
        refusal = unfit(stage.body, basis, Body(body) if body else None, rule)
        if refusal is not None:
            raise refusal
    return topic_id


async def _concerned(tx: AsyncSession, topic_id: UUID, path: str) -> bool:
    """The place holds, or lies in, a place the topic concerns: of a town's topic not every community is one."""
    found = await tx.execute(select(col(TopicPlace.path)).where(col(TopicPlace.topic_id) == topic_id))
    return any(path.startswith(one) or one.startswith(path) for one in found.scalars())


async def _others(tx: AsyncSession, stage_id: UUID, again: UUID | None) -> bool:
    """Another poll of the stage is on its way."""
    live = await tx.execute(
        select(col(Poll.id)).where(col(Poll.stage_id) == stage_id, col(Poll.state).in_(_LIVE))
    )
    return any(poll_id != again for poll_id in live.scalars())
