"""What a taking in one statement looks at beside its subject: the account, and what became of the key."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import idempotency
from api.kit.problems import NotAllowed
from api.models import Person
from api.rules.people import PersonState
from api.services.access import VIEWER
from api.services.answers import Answer, answered, with_key


def with_account_and_key(subject: Select[Any]) -> Select[Any]:
    """`subject`, a row for one viewer, with `my_state`, `my_name` and the past of a key: bind `viewer` and `key`."""
    me = aliased(Person, name="me")
    account: tuple[Any, ...] = (col(me.state).label("my_state"), col(me.nickname).label("my_name"))
    return with_key(subject.add_columns(*account).join(me, col(me.id) == VIEWER))


def earlier(row: Mapping[str, Any], pending: idempotency.Pending) -> Answer | None:
    """What was answered for this key before; None for a new one. Raises KeyReused, StillRunning, NotAllowed."""
    known = answered(pending, row)
    if known is None and row["my_state"] != PersonState.active:
        raise NotAllowed("该账号已停用")
    return known
