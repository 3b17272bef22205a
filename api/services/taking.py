"""What a taking in one statement looks at beside its subject: the account, and what became of the key."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, Text, and_, bindparam
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import idempotency
from api.kit.problems import NotAllowed
from api.models import Person
from api.rules.people import PersonState
from api.services.access import VIEWER
from api.services.answers import Answer, answered


def with_account_and_key(subject: Select[Any]) -> Select[Any]:
    """`subject`, a row for one viewer, with `my_state`, `my_name` and the past of a key: bind `viewer` and `key`."""
    key, answer = aliased(idempotency.IdempotencyKey), aliased(idempotency.IdempotencyAnswer)
    me = aliased(Person, name="me")
    key_name = bindparam("key", type_=Text())
    return (
        subject.add_columns(
            col(me.state).label("my_state"),
            col(me.nickname).label("my_name"),
            col(key.fingerprint).label("key_fingerprint"),
            col(answer.status).label("key_status"),
            col(answer.body).label("key_body"),
        )
        .join(me, col(me.id) == VIEWER)
        .outerjoin(key, and_(col(key.person_id) == VIEWER, col(key.key) == key_name))
        .outerjoin(answer, and_(col(answer.person_id) == VIEWER, col(answer.key) == key_name))
    )


def earlier(row: Mapping[str, Any], pending: idempotency.Pending) -> Answer | None:
    """What was answered for this key before; None for a new one. Raises KeyReused, StillRunning, NotAllowed."""
    known = answered(pending, row["key_fingerprint"], row["key_status"], row["key_body"])
    if known is None and row["my_state"] != PersonState.active:
        raise NotAllowed("该账号已停用")
    return known
