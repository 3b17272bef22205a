"""Moving a topic through its stages: each move as one use-case. `actor` None is the system.

`Subject.move` writes the topic's row conditionally; stages are written beside it in the same transaction.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.problems import Problem
from api.models import Topic, TopicStage
from api.rules.content import ContentState
from api.rules.topics import StageKind, StageOutcome, TopicMove, TopicState
from api.services.access import Viewer, params
from api.services.content import moderation
from api.services.polls import running
from api.services.topics import stages
from api.services.topics.finding import TopicSubject, find
from api.services.topics.reading import readable_topics

_MERGED = "并入同类议题"
"""Without the other's title: an author's words must not stand in another's history."""


class NoSuchStage(Problem):
    status, code, title = 422, "no_such_stage", "没有可以退回的这个环节"


class CannotMerge(Problem):
    status, code, title = 409, "cannot_merge", "不能并入这个议题"
    advice = "并入的议题须在同一地域、正在进行。"


_GUESTS_GO_ALONG = text("""insert into topic_guests (topic_id, person_id, kind, name, invited_by, created_at)
  select :into, person_id, kind, name, invited_by, created_at from topic_guests where topic_id = :topic_id
  on conflict do nothing""")


async def _go(
    tx: AsyncSession,
    topic: TopicSubject,
    move: TopicMove,
    position: int,
    outcome: StageOutcome,
    said: str | None,
) -> None:
    """Leave the current stage for the one at `position`, in one move with its event."""
    topic.require(move)
    target = await stages.at(tx, topic.id, position)
    assert target is not None
    verb = {
        StageOutcome.passed: "完成",
        StageOutcome.failed: "未通过",
        StageOutcome.skipped: "略过",
        StageOutcome.sent_back: "退回",
    }[outcome]
    title = f"{topic.row['stage_title']}{verb}，进入{target.title}"
    told = f"{title}：{said}" if said else None
    data = {"stage_id": str(target.id), "kind": target.kind.value, "outcome": outcome.value}
    await topic.move(tx, move, text=title, data=data, told=told, position=position)
    await stages.leave(tx, topic.row["stage_id"], outcome, said)
    await stages.enter(tx, topic.id, position)


async def advance(tx: AsyncSession, actor: Viewer | None, topic_id: UUID, result: str | None = None) -> None:
    """进入下一环节, once the stage's exit rule holds."""
    topic = await find(tx, actor, topic_id)
    topic.require(TopicMove.advance)
    said = result or topic.row["stage_result"]
    await _go(tx, topic, TopicMove.advance, topic.facts.position + 1, StageOutcome.passed, said)


async def skip(tx: AsyncSession, actor: Viewer, topic_id: UUID, reason: str) -> None:
    """略过 an optional stage, with the reason for everybody to read."""
    topic = await find(tx, actor, topic_id)
    topic.require(TopicMove.skip)
    await _go(tx, topic, TopicMove.skip, topic.facts.position + 1, StageOutcome.skipped, reason)


async def send_back(tx: AsyncSession, actor: Viewer, topic_id: UUID, reason: str, to: int | None) -> None:
    """退回 to an earlier stage (the one before, where none is named): it is gone through again."""
    topic = await find(tx, actor, topic_id)
    topic.require(TopicMove.send_back)
    position = topic.facts.position - 1 if to is None else to
    if not 0 <= position < topic.facts.position:
        raise NoSuchStage
    await _drop_poll(tx, topic, "议题退回")
    await _go(tx, topic, TopicMove.send_back, position, StageOutcome.sent_back, reason)


async def _drop_poll(tx: AsyncSession, topic: TopicSubject, reason: str) -> None:
    """A vote that is under way decides nothing once its stage is left; what was decided stays as it was."""
    poll_id = topic.row["running_poll_id"]
    if topic.facts.kind is StageKind.vote and poll_id is not None and topic.facts.outcome is None:
        await running.void(tx, None, poll_id, reason)


async def reopen(tx: AsyncSession, topic_id: UUID) -> None:
    """重新执行 after a poor mark: by the system, with the mark in words."""
    topic = await find(tx, None, topic_id)
    topic.require(TopicMove.reopen)
    execution = await stages.last_of(tx, topic_id, StageKind.execution, topic.facts.position)
    said = f"居民评议平均 {topic.facts.mark:.1f} 分"
    await _go(tx, topic, TopicMove.reopen, execution.position, StageOutcome.failed, said)


async def finish(tx: AsyncSession, actor: Viewer | None, topic_id: UUID, result: str | None = None) -> None:
    """办结 after the last stage."""
    topic = await find(tx, actor, topic_id)
    await topic.move(tx, TopicMove.finish, text="议题办结", told=f"议题办结：{result}" if result else None)
    await stages.leave(tx, topic.row["stage_id"], StageOutcome.passed, result)


async def return_(tx: AsyncSession, actor: Viewer, topic_id: UUID, reason: str) -> None:
    """退回修改 to the author; the stage's clock stops."""
    topic = await find(tx, actor, topic_id)
    await topic.move(tx, TopicMove.return_, text="退回修改", told=f"退回修改：{reason}")
    await stages.leave(tx, topic.row["stage_id"], StageOutcome.sent_back, reason)


async def resubmit(
    tx: AsyncSession, actor: Viewer, topic_id: UUID, title: str | None, text: str | None
) -> None:
    """修改后再提交: new words are checked again, and the stage begins again."""
    topic = await find(tx, actor, topic_id)
    changed: dict[str, Any] = {n: said for n, said in (("title", title), ("text", text)) if said is not None}
    if changed and topic.row["by_resident"]:
        changed["content"] = ContentState.pending
    await topic.move(tx, TopicMove.resubmit, text="修改后再提交")
    if changed:  # written beside the move, whose own `text` is the event's
        await tx.execute(update(Topic).where(col(Topic.id) == topic_id).values(**changed))
    if "content" in changed:
        words = [changed.get("title", topic.row["title"]), changed.get("text", topic.row["text"])]
        await moderation.watch(
            tx,
            subject_kind="topic",
            subject_id=topic_id,
            author_id=actor.person_id,
            texts=words,
            path=topic.row["path"],
        )
    await stages.enter(tx, topic_id, topic.facts.position)


async def end(tx: AsyncSession, actor: Viewer, topic_id: UUID, reason: str) -> None:
    """终止, with the reason for everybody to read."""
    topic = await find(tx, actor, topic_id)
    topic.require(TopicMove.end)
    await _drop_poll(tx, topic, "议题终止")
    await topic.move(tx, TopicMove.end, text="终止", told=f"终止：{reason}")
    await stages.leave(tx, topic.row["stage_id"], StageOutcome.failed, reason)


async def withdraw(tx: AsyncSession, actor: Viewer, topic_id: UUID, reason: str | None) -> None:
    """撤回 by the author, before anybody has begun with it."""
    topic = await find(tx, actor, topic_id)
    topic.require(TopicMove.withdraw)
    await _drop_poll(tx, topic, "议题撤回")
    await topic.move(tx, TopicMove.withdraw, text="提出人撤回", words={"reason": reason} if reason else None)
    await stages.leave(tx, topic.row["stage_id"], StageOutcome.failed, "提出人撤回")


async def merge(tx: AsyncSession, actor: Viewer, topic_id: UUID, into: UUID) -> None:
    """并入 another running topic of the same place. Raises CannotMerge.

    The target is held for share: it is not merged away at the same time, so merged topics make no chains.
    """
    topic = await find(tx, actor, topic_id)
    topic.require(TopicMove.merge)
    target = (
        await tx.execute(
            select(col(Topic.id))
            .where(
                col(Topic.id) == into,
                col(Topic.id) != topic_id,
                col(Topic.place_id) == topic.row["place_id"],
                col(Topic.state) == TopicState.running,
                readable_topics(),
            )
            .with_for_update(read=True),
            params(actor),
        )
    ).first()
    children = await tx.execute(select(col(Topic.id)).where(col(Topic.merged_into_id) == topic_id).limit(1))
    if target is None or children.first() is not None:
        raise CannotMerge(moves=topic.moves())
    await tx.execute(_GUESTS_GO_ALONG, {"topic_id": topic_id, "into": into})
    await topic.move(tx, TopicMove.merge, text=_MERGED, data={"into": str(into)}, merged_into_id=into)
    await stages.leave(tx, topic.row["stage_id"], StageOutcome.skipped, _MERGED)


async def decide(
    tx: AsyncSession, stage_id: UUID, poll_id: UUID, *, passed: bool, result: str, again: bool = False
) -> None:
    """记入表决结果: by the system, once the poll of the stage is counted. Where the stage is not waiting for
    this poll any more (it was sent back, or voted again), nothing happens. `again` is after undecide."""
    stage = (await tx.execute(select(TopicStage).where(col(TopicStage.id) == stage_id))).scalar_one()
    topic = await find(tx, None, stage.topic_id)
    waiting = topic.row["stage_id"] == stage_id and (again or topic.row["running_poll_id"] == poll_id)
    if not waiting or TopicMove.decide not in topic.moves():
        return
    outcome = StageOutcome.passed if passed else StageOutcome.failed
    data = {"poll_id": str(poll_id), "outcome": outcome.value}
    title = f"{stage.title}{'通过' if passed else '未通过'}"
    await topic.move(tx, TopicMove.decide, text=title, data=data, told=f"{title}：{result}")
    await tx.execute(
        update(TopicStage)
        .where(col(TopicStage.id) == stage_id)
        .values(outcome=outcome, result=result, poll_id=poll_id)
    )


async def undecide(tx: AsyncSession, stage_id: UUID, poll_id: UUID, reason: str) -> bool:
    """重新表决: by the system, when the poll that decided a stage counts no more: the stage is gone through again.

    True where it is. Once carrying out has begun nothing moves by itself: the event tells those who must decide.
    """
    stage = (await tx.execute(select(TopicStage).where(col(TopicStage.id) == stage_id))).scalar_one()
    topic = await find(tx, None, stage.topic_id)
    await tx.refresh(stage)
    if stage.poll_id != poll_id or topic.state is not TopicState.running:
        return False
    if TopicMove.revote in topic.moves():
        await _drop_poll(tx, topic, reason)
        await _go(tx, topic, TopicMove.revote, stage.position, StageOutcome.sent_back, reason)
        return True
    record(
        tx,
        subject_kind="topic",
        subject_id=stage.topic_id,
        move="undecided",
        actor_id=None,
        actor_title=topic.actor_title,
        text=f"{reason}，请决定是否退回",
        data={"poll_id": str(poll_id)},
    )
    return False
