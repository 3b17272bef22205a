"""What two persons record together: representatives of co-owners, written proxies, paper and assisted votes."""

import hmac
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotAllowed, NotFound, Problem, WrongMoment
from api.models import Caster, Elector, PaperEntry, Proxy, ProxyLoad, Representative, Residency
from api.models.people import PersonId
from api.models.places import HomeId
from api.models.polls import ElectorId, PollId
from api.rules.people import Relation, ResidencyState
from api.rules.polls import (
    PROXIES_PER_HOLDER,
    EntryState,
    PollClosed,
    PollNotOpen,
    PollState,
    VoteChannel,
)
from api.rules.roles import Permission
from api.rules.voting.ballots import Choices, checked
from api.services.access import Viewer
from api.services.polls.casting import Booth
from api.services.polls.finding import PollSubject, carries, find
from api.services.polls.leaves import write_entered

_OPEN = text("""select id from polls where id = :poll and state = 'open'
  and clock_timestamp() + :shift < closes_at for share""")


class SamePerson(Problem):
    status, code, title = 409, "same_person", "须由另一人复核"


class TooManyProxies(Problem):
    status, code, title = 409, "too_many_proxies", f"一人最多接受 {PROXIES_PER_HOLDER} 份委托"


class EntryPending(Problem):
    status, code, title = 409, "entry_pending", "这一票已有一份待复核或生效的录入"


class NotAnOwner(Problem):
    status, code, title = 422, "not_an_owner", "代表须是该房屋已核实的业主"


async def recorder(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> PollSubject:
    """The poll, for who may record in it. Raises NotFound, NotAllowed."""
    poll = await find(tx, viewer, poll_id)
    if not carries(poll.row, Permission.poll_record):
        raise NotAllowed("您没有代录这次表决的权限")
    return poll


async def name_representative(
    tx: AsyncSession, viewer: Viewer, poll_id: UUID, home_id: UUID, person_id: UUID
) -> None:
    """Who casts for a home of several owners; before the roll is frozen. Raises NotAnOwner, WrongMoment."""
    poll = await recorder(tx, viewer, poll_id)
    if poll.state not in (PollState.draft, PollState.announced):
        raise WrongMoment("选民册已经冻结，不能再指定代表", moves=poll.moves())
    owns = await tx.execute(
        select(1).where(
            col(Residency.home_id) == home_id,
            col(Residency.person_id) == person_id,
            col(Residency.relation) == Relation.owner,
            col(Residency.state) == ResidencyState.verified,
        )
    )
    if owns.first() is None:
        raise NotAnOwner
    row = {"person_id": person_id, "named_by": viewer.person_id, "created_at": clock.now()}
    await tx.execute(
        insert(Representative)
        .values(poll_id=poll_id, home_id=HomeId(home_id), **row)
        .on_conflict_do_update(index_elements=["poll_id", "home_id"], set_=row)
    )
    note(tx, viewer, poll, "name_representative", home_id=str(home_id), person_id=str(person_id))


async def record_proxy(
    tx: AsyncSession, viewer: Viewer, poll_id: UUID, elector_id: UUID, holder_id: UUID
) -> dict[str, Any]:
    """First hand: a written proxy was handed in. Raises EntryPending, TooManyProxies."""
    poll = await recorder(tx, viewer, poll_id)
    await _elector(tx, poll_id, elector_id)
    await must_be_open(tx, poll)
    proxy = Proxy(
        poll_id=PollId(poll_id),
        elector_id=ElectorId(elector_id),
        holder_id=PersonId(holder_id),
        recorded_by=viewer.person_id,
    )
    # One conditional statement takes one of the holder's places; two at once cannot both have the last.
    taken = await tx.execute(
        insert(ProxyLoad)
        .values(poll_id=poll_id, holder_id=holder_id, held=1)
        .on_conflict_do_update(
            index_elements=["poll_id", "holder_id"],
            set_={"held": col(ProxyLoad.held) + 1},
            where=col(ProxyLoad.held) < PROXIES_PER_HOLDER,
        )
        .returning(col(ProxyLoad.held))
    )
    if taken.first() is None:
        raise TooManyProxies
    await _add(tx, proxy)
    note(tx, viewer, poll, "record_proxy", elector_id=str(elector_id), holder_id=str(holder_id))
    return _entry(proxy)


async def confirm_proxy(tx: AsyncSession, viewer: Viewer, poll_id: UUID, proxy_id: UUID) -> dict[str, Any]:
    """Second hand: from now on the holder may cast for the elector. Raises SamePerson."""
    poll = await recorder(tx, viewer, poll_id)
    await must_be_open(tx, poll)
    found = await tx.execute(
        update(Proxy)
        .where(
            col(Proxy.id) == proxy_id,
            col(Proxy.poll_id) == poll_id,
            col(Proxy.state) == EntryState.pending,
            col(Proxy.recorded_by) != viewer.person_id,
        )
        .values(state=EntryState.confirmed, confirmed_by=viewer.person_id)
        .returning(Proxy)
    )
    proxy = found.scalar_one_or_none()
    if proxy is None:
        await _why(tx, Proxy, proxy_id, poll_id)
    await tx.execute(
        insert(Caster)
        .values(poll_id=poll_id, person_id=proxy.holder_id, elector_id=proxy.elector_id, as_proxy=True)
        .on_conflict_do_nothing()
    )
    note(tx, viewer, poll, "confirm_proxy", elector_id=str(proxy.elector_id))
    return _entry(proxy)


async def enter_paper(
    tx: AsyncSession,
    booth: Booth,
    viewer: Viewer,
    poll_id: UUID,
    elector_id: UUID,
    channel: VoteChannel,
    choices: Choices,
) -> dict[str, Any]:
    """First hand on a paper or assisted vote. Raises BadChoices, EntryPending."""
    poll = await recorder(tx, viewer, poll_id)
    await _elector(tx, poll_id, elector_id)
    await must_be_open(tx, poll)
    known = await booth.definition(poll_id)
    entry = PaperEntry(
        poll_id=PollId(poll_id),
        elector_id=ElectorId(elector_id),
        channel=channel,
        choices=checked(known.rule, known.options, choices),
        entered_by=viewer.person_id,
    )
    await _add(tx, entry)
    note(tx, viewer, poll, "enter_paper", elector_id=str(elector_id), channel=channel.value)
    return _entry(entry)


async def confirm_paper(
    tx: AsyncSession, booth: Booth, viewer: Viewer, poll_id: UUID, entry_id: UUID, choices: Choices
) -> dict[str, Any]:
    """Second hand, entering it again without seeing the first: equal ones become a ballot. Raises SamePerson.

    It takes the elector's slot like any other vote; the elector's own electronic vote prevails over it whenever
    it was or will be cast.
    """
    poll = await recorder(tx, viewer, poll_id)
    await must_be_open(tx, poll)
    known = await booth.definition(poll_id)
    text_ = checked(known.rule, known.options, choices)
    found = await tx.execute(
        update(PaperEntry)
        .where(
            col(PaperEntry.id) == entry_id,
            col(PaperEntry.poll_id) == poll_id,
            col(PaperEntry.state) == EntryState.pending,
            col(PaperEntry.entered_by) != viewer.person_id,
        )
        .values(second_by=viewer.person_id, state=EntryState.confirmed)
        .returning(PaperEntry)
    )
    entry = found.scalar_one_or_none()
    if entry is None:
        await _why(tx, PaperEntry, entry_id, poll_id)
    if entry.choices != text_:
        entry.state = EntryState.mismatch
        await tx.flush()
        note(tx, viewer, poll, "mismatch_paper", elector_id=str(entry.elector_id))
        return _entry(entry)
    slot = entry.elector_id.bytes
    if known.secret:
        slot = hmac.digest(known.key, slot, "sha256")
    await write_entered(tx, poll_id, [(entry.elector_id, slot, text_)])
    note(tx, viewer, poll, "confirm_paper", elector_id=str(entry.elector_id), channel=entry.channel)
    return _entry(entry)


async def must_be_open(tx: AsyncSession, poll: PollSubject) -> None:
    """Open now, and until this transaction ends. Raises PollNotOpen, PollClosed."""
    held = await tx.execute(_OPEN, {"poll": poll.id, "shift": clock.shift()})
    if held.first() is None:
        if poll.state in (PollState.draft, PollState.announced):
            raise PollNotOpen
        raise PollClosed(closes_at=poll.row["closes_at"])


async def _elector(tx: AsyncSession, poll_id: UUID, elector_id: UUID) -> None:
    found = await tx.execute(select(1).where(col(Elector.id) == elector_id, col(Elector.poll_id) == poll_id))
    if found.first() is None:
        raise NotFound("选民册上没有这一项")


async def _add(tx: AsyncSession, row: Proxy | PaperEntry) -> None:
    """The partial unique index lets one live entry an elector through."""
    try:
        async with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise EntryPending from None


async def _why(
    tx: AsyncSession, table: type[Proxy] | type[PaperEntry], entry_id: UUID, poll_id: UUID
) -> NoReturn:
    found = await tx.execute(
        select(col(table.state)).where(col(table.id) == entry_id, col(table.poll_id) == poll_id)
    )
    state = found.scalar_one_or_none()
    if state is None:
        raise NotFound("没有这份录入")
    if state == EntryState.pending:
        raise SamePerson
    raise WrongMoment("这份录入已经处理")


def note(tx: AsyncSession, viewer: Viewer, poll: PollSubject, move: str, **data: Any) -> None:
    """An event that stands in the audit trail only."""
    record(
        tx,
        subject_kind="poll",
        subject_id=poll.id,
        move=move,
        actor_id=viewer.person_id,
        actor_title=poll.actor_title,
        data=data,
    )


def _entry(row: Proxy | PaperEntry) -> dict[str, Any]:
    return {"id": row.id, "elector_id": row.elector_id, "state": row.state, "created_at": row.created_at}
