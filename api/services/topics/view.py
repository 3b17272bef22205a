"""A topic as one viewer sees it."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.rules.topics import TOPICS, StageKind, TopicState
from api.services.access import Viewer
from api.services.topics import reading
from api.services.topics.finding import Row, facts, read_row, standings


async def read(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> dict[str, Any]:
    """The whole topic with its stages and the moves open to this viewer. Raises NotFound."""
    row = await read_row(tx, viewer, topic_id)
    found = facts(row)
    mine = row["author_id"] == viewer.person_id
    return {
        "id": row["id"],
        "template": row["template"],
        "title": row["title"],
        "text": row["text"],
        "state": row["state"],
        "content": row["content"],
        "level": row["level"],
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "places": await reading.places(tx, topic_id),
        "author": {"name": row["author_name"], "mine": mine},
        "by_resident": row["by_resident"],
        "position": row["position"],
        "stages": [_stage(stage) for stage in await reading.stages(tx, topic_id)],
        "guests": await reading.guests(tx, topic_id),
        "can": _can(row),
        "merged_into": row["merged_into_id"],
        "moves": TOPICS.open(row["state"], standings(row, viewer), found),
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _can(row: Row) -> list[str]:
    """What the viewer may contribute now."""
    if row["state"] != TopicState.running or not (row["lives_within"] or row["invited"]):
        return []
    match row["stage_kind"]:
        case StageKind.consultation:
            return ["statement", "stance"]
        case StageKind.publicity:
            return ["objection"]
        case StageKind.evaluation if row["lives_within"]:
            return ["rating"]
    return []


def _stage(stage: dict[str, Any]) -> dict[str, Any]:
    shown = ("id", "position", "kind", "title", "body", "consultation", "optional", "voters", "round")
    return {name: stage[name] for name in shown} | {
        "opened_at": stage["opened_at"],
        "closed_at": stage["closed_at"],
        "due_at": stage["due_at"],
        "outcome": stage["outcome"],
        "result": stage["result"],
        "poll_id": stage["poll_id"] or stage["running_poll_id"],
    }
