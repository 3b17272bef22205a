"""小程序码: what a scene of at most 32 characters says, and where the mini-program goes with it."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from uuid import UUID


class SceneKind(StrEnum):
    """小程序码指向：社区、志愿活动、表决、议题"""

    community = "community"
    activity = "activity"
    poll = "poll"
    topic = "topic"


PAGES: dict[SceneKind, str] = {
    SceneKind.community: "pages/community/index",
    SceneKind.activity: "pages/activity/detail",
    SceneKind.poll: "pages/poll/detail",
    SceneKind.topic: "pages/topic/detail",
}
_LETTERS = {SceneKind.community: "c", SceneKind.activity: "a", SceneKind.poll: "p", SceneKind.topic: "t"}
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}


def scene_of(kind: SceneKind, subject_id: UUID) -> str:
    """`c=` and 22 characters of the id: 24 of the 32 the platform allows, and none it forbids."""
    return f"{_LETTERS[kind]}={urlsafe_b64encode(subject_id.bytes).rstrip(b'=').decode()}"


def read_scene(scene: str) -> tuple[SceneKind, UUID] | None:
    """What a scene says; None for one that is none of ours."""
    kind = _KINDS.get(scene[:1])
    if kind is None or scene[1:2] != "=":
        return None
    try:
        found = UUID(bytes=urlsafe_b64decode(scene[2:].encode() + b"=="))
    except (ValueError, binascii.Error):
        return None
    return (kind, found) if scene_of(kind, found) == scene else None
