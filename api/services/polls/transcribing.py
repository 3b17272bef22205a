"""Many paper votes at once, from a file two persons answer for: the same rows as entered one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.kit.problems import NotFound
from api.models import Elector, PaperEntry
from api.models.polls import ElectorId, PollId
from api.rules.polls import EntryState, VoteChannel
from api.rules.voting.ballots import Choices, checked
from api.rules.voting.rule import Rule
from api.services.access import Viewer
from api.services.polls.counting import options_of
from api.services.polls.drafting import PollMalformed
from api.services.polls.entering import SamePerson, must_be_open, note, recorder
from api.services.polls.finding import load
from api.services.polls.leaves import write_entered

AT_ONCE = 1_000
"""Papers a statement."""


@dataclass(frozen=True, slots=True)
class Source:
    """The file they are copied from."""

    name: str
    sha256: str


async def transcribe(
    tx: AsyncSession,
    first: Viewer,
    second: Viewer,
    poll_id: UUID,
    papers: Sequence[tuple[int, Choices]],
    source: Source,
) -> None:
    """Enter `(number on the roll, choices)`, each number once; the last of an elector counts as ever.

    Raises SamePerson, NotAllowed, PollNotOpen, PollClosed, BadChoices, NotFound, PollMalformed.
    """
    if first.person_id == second.person_id:
        raise SamePerson
    poll = await recorder(tx, first, poll_id)
    await recorder(tx, second, poll_id)
    row = await load(tx, poll_id)
    if row.secret:
        raise PollMalformed("无记名表决的选票须逐张录入")
    rule, options = Rule.model_validate(row.rule), options_of(row)
    found = await tx.execute(
        select(col(Elector.number), col(Elector.id)).where(
            col(Elector.poll_id) == poll_id, col(Elector.number).in_([number for number, _ in papers])
        )
    )
    electors: dict[int, ElectorId] = {row.number: row.id for row in found}
    if len(electors) != len(papers):
        raise NotFound("有选票的选民不在册上，或出现了两次")
    entered = [(electors[number], checked(rule, options, choices)) for number, choices in papers]
    for start in range(0, len(entered), AT_ONCE):
        part = entered[start : start + AT_ONCE]
        await must_be_open(tx, poll)
        await tx.execute(insert(PaperEntry), [_entry(poll_id, *paper, first, second) for paper in part])
        await write_entered(tx, poll_id, [(elector, elector.bytes, text) for elector, text in part])
    data = {"papers": len(papers), "file": source.name, "sha256": source.sha256}
    note(tx, first, poll, "enter_papers", **data)
    note(tx, second, poll, "confirm_papers", **data)


def _entry(
    poll_id: UUID, elector: ElectorId, choices: str, first: Viewer, second: Viewer
) -> dict[str, object]:
    return {
        "id": new_id(),
        "poll_id": PollId(poll_id),
        "elector_id": elector,
        "channel": VoteChannel.paper,
        "choices": choices,
        "state": EntryState.confirmed,
        "entered_by": first.person_id,
        "second_by": second.person_id,
        "created_at": clock.now(),
    }
