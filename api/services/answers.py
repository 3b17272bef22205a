"""Answers of hot paths under an idempotency key: one statement does the work and keeps what was answered.

Elsewhere the route keeps it around the use-case (api/routers/deps.Once); here the use-case itself looks at the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Text, and_, bindparam
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import idempotency
from api.kit.ids import new_id
from api.models.people import PersonId
from api.services.access import VIEWER, Viewer


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: now, and again for the same key."""

    status: int
    body: bytes
    replayed: bool = False


def pending_of(viewer: Viewer, key: str | None, method: str, path: str, body: bytes) -> idempotency.Pending:
    """The caller's key, or a fresh one nobody can repeat for a caller who sent none."""
    name = idempotency.check_key(key) if key is not None else new_id().hex
    return idempotency.Pending(PersonId(viewer.person_id), name, idempotency.fingerprint(method, path, body))


def with_key(rows: Select[Any]) -> Select[Any]:
    """`rows` with the past of the viewer's key beside them, for `answered`: bind `viewer` and `key`."""
    key, answer = aliased(idempotency.IdempotencyKey), aliased(idempotency.IdempotencyAnswer)
    name = bindparam("key", type_=Text())
    return (
        rows.add_columns(
            col(key.fingerprint).label("key_fingerprint"),
            col(answer.status).label("key_status"),
            col(answer.body).label("key_body"),
        )
        .outerjoin(key, and_(col(key.person_id) == VIEWER, col(key.key) == name))
        .outerjoin(answer, and_(col(answer.person_id) == VIEWER, col(answer.key) == name))
    )


def answered(pending: idempotency.Pending, row: Mapping[str, Any]) -> Answer | None:
    """What was answered under this key, None for a new one; `row` is one of `with_key`. Raises KeyReused,
    StillRunning."""
    try:
        idempotency.replay(pending, row["key_fingerprint"], row["key_status"], row["key_body"])
    except idempotency.Replayed as replayed:
        return Answer(replayed.status, replayed.body, replayed=True)
    return None
