"""A draft is its author's until it is announced: what it asks, of whom, under which rule, and the list of its roll."""

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotAllowed, WrongMoment
from api.models import Poll
from api.rules.polls import PollState
from api.rules.roles import Permission
from api.rules.voting.rule import Method, Rule, as_json, digest
from api.services.access import Viewer
from api.services.polls.counting import options_of as stored_options
from api.services.polls.drafting import NewPoll, options_of
from api.services.polls.entering import note
from api.services.polls.finding import PollSubject, carries, find, load


async def draft_of(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> PollSubject:
    """The viewer's own draft. Raises NotFound, NotAllowed, WrongMoment."""
    poll = await find(tx, viewer, poll_id)
    if not carries(poll.row, Permission.poll_manage) or poll.row["created_by"] != viewer.person_id:
        raise NotAllowed("只有起草人可以修改草稿")
    if poll.row["stage_id"] is not None:
        raise NotAllowed("议题中的表决由议题的环节决定，不单独修改")
    if poll.state is not PollState.draft:
        raise WrongMoment("表决已经公告，内容不再更改", moves=poll.moves())
    return poll


async def amend(tx: AsyncSession, viewer: Viewer, poll_id: UUID, changes: dict[str, Any]) -> None:
    """Set the fields of NewPoll that are in `changes`; all must agree again.

    Raises NotFound, NotAllowed, PollMalformed, WrongMoment, also when somebody was faster.
    """
    poll = await draft_of(tx, viewer, poll_id)
    row = await load(tx, poll_id)
    kept = {name: getattr(row, name) for name in ("title", "text", "basis", "source", "secret", "allow_change",
                                                  "opens_at", "closes_at")}  # fmt: skip
    old = Rule.model_validate(row.rule)
    options = () if old.method is Method.yes_no else tuple(stored_options(row))
    new = NewPoll(**{"place_id": row.place_id, "rule": old, "options": options, **kept, **changes})
    await _write(
        tx,
        poll,
        **{name: getattr(new, name) for name in kept},
        options=[o.model_dump(mode="json", exclude_none=True) for o in options_of(new)],
        rule=as_json(new.rule),
        rule_hash=digest(as_json(new.rule)),
    )
    note(tx, viewer, poll, "amend", fields=sorted(changes))


async def set_entries(
    tx: AsyncSession, viewer: Viewer, poll: PollSubject, entries: list[dict[str, Any]], source: dict[str, Any]
) -> None:
    """The list of the roll, whole. Raises WrongMoment when somebody was faster."""
    await _write(tx, poll, source={**poll.row["source"], "entries": entries})
    note(tx, viewer, poll, "amend", fields=["source"], **source)


async def _write(tx: AsyncSession, poll: PollSubject, **columns: Any) -> None:
    """Only while it is the draft that was looked at."""
    changed = await tx.execute(
        update(Poll)
        .where(col(Poll.id) == poll.id, col(Poll.state) == PollState.draft, col(Poll.version) == poll.version)
        .values(version=poll.version + 1, updated_at=clock.now(), **columns)
        .returning(col(Poll.id))
    )
    if changed.first() is None:
        raise WrongMoment("别人刚刚修改或公告了这次表决，请按最新内容操作", moves=await poll.look_again())
