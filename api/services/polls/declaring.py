"""What is sealed beside the ballots: the opening with its rule and roll, the closing with its count, the outcome."""

import os
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.models import PollRecord
from api.rules.voting.records import leaf_of
from api.rules.voting.rule import canonical


def declare(tx: AsyncSession, poll_id: UUID, kind: str, **content: Any) -> PollRecord:
    """Write a declaration to be sealed: `{"type": kind, "poll", …, "salt"}`."""
    whole = {"type": kind, "poll": str(poll_id), **content, "salt": os.urandom(16).hex()}
    made = PollRecord(poll_id=poll_id, content=canonical(whole).decode(), leaf=leaf_of(whole))
    tx.add(made)
    return made
