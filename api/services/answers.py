"""Answers of hot paths under an idempotency key: one statement does the work and keeps what was answered.

Elsewhere the route keeps it around the use-case (api/routers/deps.Once); here the use-case itself looks at the key.
"""

from dataclasses import dataclass

from api.kit import idempotency
from api.kit.ids import new_id
from api.models.people import PersonId
from api.services.access import Viewer


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


def answered(
    pending: idempotency.Pending, stored: bytes | None, status: int | None, body: bytes | None
) -> Answer | None:
    """What was answered under this key, None for a new one. Raises KeyReused, StillRunning."""
    try:
        idempotency.replay(pending, stored, status, body)
    except idempotency.Replayed as replayed:
        return Answer(replayed.status, replayed.body, replayed=True)
    return None
