"""Bringing a participatory budget in from a Pabulib file: a poll of its own, its roll, its ballots, its outcome.

Everything goes the way of any other poll: drafted, announced, opened on a frozen roll, entered as paper by two
persons, closed by the clock, sealed and counted under the frozen rule.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.problems import NotFound, WrongMoment
from api.kit.secrets import Vault
from api.models import Credential, Place
from api.rules.polls import PollState, RollBasis
from api.rules.voting.ballots import Roll, grouped
from api.rules.voting.ballots import checked as checked_choices
from api.rules.voting.outcome import decide
from api.services.access import Viewer
from api.services.imports.pabulib import Election, read_election
from api.services.polls import drafting, running
from api.services.polls.drafting import NewPoll
from api.services.polls.finding import load
from api.services.polls.sealing import Sealer
from api.services.polls.transcribing import Source, transcribe

WINDOW = timedelta(seconds=10)
A_BALLOT = timedelta(milliseconds=5)
"""How long the poll stays open: so that even a slow machine has entered everything."""

Waiting = Callable[[timedelta], None]


@dataclass(frozen=True, slots=True)
class ElectionResult:
    """What the file holds, what became of it, and how the outcome compares with the official one."""

    election: Election
    poll_id: UUID | None = None
    """None where nothing was written."""
    outcome: dict[str, Any] | None = None

    @property
    def differs(self) -> frozenset[str]:
        """Options funded here and not officially, or the other way round; nothing where the file does not tell."""
        if self.outcome is None or self.election.selected is None:
            return frozenset()
        return self.election.selected ^ frozenset(self.outcome["winners"])


async def import_election(
    db: Database,
    vault: Vault,
    file: Path,
    *,
    place_code: str,
    first: str,
    second: str,
    waiting: Waiting = lambda _: None,
    dry_run: bool = False,
) -> ElectionResult:
    """`first` and `second`: user names of who enters and who confirms, as for paper; `first` manages the poll too.

    A line at fault and nothing is written; a dry run counts and writes nothing. Raises ImportFault, NotFound,
    NotAllowed, SamePerson, PollClosed when entering took too long: then nothing was written either.
    """
    election = await asyncio.to_thread(read_election, file)
    if election.faults:
        return ElectionResult(election)
    if dry_run:
        return ElectionResult(election, None, await asyncio.to_thread(rehearsed, election))
    async with db.transaction() as tx:
        poll_id, closes_at = await _enter(tx, election, file.name, place_code, first, second)
    waiting(closes_at - clock.now())
    await asyncio.sleep(max(0.0, (closes_at - clock.now()).total_seconds() + 0.05))
    return ElectionResult(election, poll_id, await finish(db, vault, poll_id))


def rehearsed(election: Election) -> dict[str, Any]:
    """The outcome of the file's ballots under its rule, without any poll."""
    assert election.rule is not None
    options = election.options
    groups = grouped((checked_choices(election.rule, options, list(v.choices)), 1, 0) for v in election.votes)
    return decide(election.rule, options, Roll(len(election.votes)), groups)


async def _enter(
    tx: AsyncSession, election: Election, name: str, place_code: str, first: str, second: str
) -> tuple[UUID, datetime]:
    """The whole poll up to its last ballot, in one transaction: all or nothing."""
    assert election.rule is not None
    clerk, other = await _person(tx, first), await _person(tx, second)
    place = (
        await tx.execute(select(col(Place.id)).where(col(Place.code) == place_code))
    ).scalar_one_or_none()
    if place is None:
        raise NotFound(f"没有代码为 {place_code} 的地域")
    opens = clock.now()
    closes = opens + WINDOW + A_BALLOT * len(election.votes)
    new = NewPoll(
        place_id=place,
        title=election.title,
        text=election.text,
        basis=RollBasis.list,
        source={
            "entries": [
                {"label": vote.voter, "person_id": None, "persons": 1, "area": "0"} for vote in election.votes
            ]
        },
        rule=election.rule,
        options=election.options,
        opens_at=opens,
        closes_at=closes,
    )
    poll_id = await drafting.create(tx, clerk, new)
    await running.announce(tx, clerk, poll_id)
    await running.open_(tx, clerk, poll_id)
    await tx.flush()
    papers = [(n, list(vote.choices)) for n, vote in enumerate(election.votes, 1)]
    await transcribe(tx, clerk, other, poll_id, papers, Source(name, election.sha256))
    return poll_id, closes


async def _person(tx: AsyncSession, username: str) -> Viewer:
    found = await tx.execute(select(col(Credential.person_id)).where(col(Credential.username) == username))
    person = found.scalar_one_or_none()
    if person is None:
        raise NotFound(f"没有用户名为 {username} 的控制台登录")
    return Viewer(person, "", console=True)


async def finish(db: Database, vault: Vault, poll_id: UUID) -> dict[str, Any]:
    """Close, seal and count as the worker does; whichever of the two comes first does it.

    Raises WrongMoment for a poll that somebody made void meanwhile.
    """
    sealer = Sealer(db, vault)
    while True:
        async with db.reading() as tx:
            poll = await load(tx, poll_id)
        if poll.state is PollState.counted and poll.outcome is not None:
            while await sealer.run_once():  # the outcome itself
                pass
            return poll.outcome
        if poll.state is PollState.void:
            raise WrongMoment("表决已作废")
        if poll.state is PollState.open:
            with suppress(WrongMoment):  # the worker was faster
                async with db.transaction() as tx:
                    await running.close(tx, None, poll_id)
        await sealer.run_once()
