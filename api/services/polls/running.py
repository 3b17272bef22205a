"""Opening and closing: the roll is frozen at one end, the ballots are closed, and unlinked, at the other."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import Deadline, PaperEntry, Poll, PollKey
from api.models.polls import PollId
from api.rules.polls import PollClock, PollMove, PollState
from api.rules.voting.rule import Method, Rule, canonical
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.places.finding import find_place
from api.services.polls import drafting, rolls, sealing, staging
from api.services.polls.counting import options_of
from api.services.polls.declaring import declare
from api.services.polls.finding import find, load

_PATIENT = select(func.set_config("statement_timeout", "120s", True))
_LOCK_POLL = select(col(Poll.id)).with_for_update()
_VOTED = text("select encode(uuid_send(elector_id), 'hex') from marks where poll_id = :poll order by 1")
_BALLOTS = text("select count(*) from ballots where poll_id = :poll")
_CAME_IN = text("""select date_trunc(:unit, cast_at at time zone 'Asia/Shanghai') at time zone 'Asia/Shanghai' as since,
  count(*) as first_votes from ballots where poll_id = :poll and turn = 1 group by 1 order by 1""")
"""First ballots by the hour; of a secret poll by the day, for an hour may have had one voter."""
_SHUFFLE = (
    text("create temp table shuffled_ballots on commit drop as select * from ballots where poll_id = :poll"),
    text("create temp table shuffled_marks on commit drop as select * from marks where poll_id = :poll"),
    text("delete from ballots where poll_id = :poll"),
    text("delete from marks where poll_id = :poll"),
)
"""A secret poll's ballots and marks are written anew in an order of their own, without times, keys or counts of turns."""
_REWRITE = (
    text("""insert into ballots (poll_id, slot, turn, own, choices, salt, leaf, batch)
  select poll_id, slot, turn, own, choices, salt, leaf, batch from shuffled_ballots order by gen_random_uuid()"""),
    text("""insert into marks (poll_id, elector_id, turn)
  select poll_id, elector_id, 1 from shuffled_marks order by gen_random_uuid()"""),
)


async def announce(tx: AsyncSession, actor: Viewer | None, poll_id: UUID) -> None:
    """From here on nothing of the poll changes; it opens and closes at its times."""
    poll = await find(tx, actor, poll_id)
    row = await load(tx, poll_id)
    poll.require(PollMove.announce)
    await poll.move(tx, PollMove.announce, text=f"公告：{row.title}", data={"rule_hash": row.rule_hash})
    calendar = await calendars.current(tx)
    for kind, due in ((PollClock.open, row.opens_at), (PollClock.close, row.closes_at)):
        tx.add(
            Deadline(
                id=new_id(),
                subject_kind="poll",
                subject_id=poll_id,
                kind=kind.value,
                limits=[],
                allowed=max(0, int((due - clock.now()).total_seconds())),
                calendar_version=calendar.version,
                started_at=clock.now(),
                due_at=due,
            )
        )


async def open_(tx: AsyncSession, actor: Viewer | None, poll_id: UUID) -> None:
    """Freeze the roll and begin. Raises TooEarly, EmptyRoll."""
    poll = await find(tx, actor, poll_id)
    poll.require(PollMove.open)
    await tx.execute(_PATIENT)
    row = await load(tx, poll_id)
    now = clock.now()
    frozen = await rolls.freeze(tx, row)
    declare(
        tx,
        poll_id,
        "open",
        title=row.title,
        text=row.text,
        options=[o.model_dump(mode="json") for o in options_of(row)],
        rule=Rule.model_validate(row.rule).model_dump(mode="json"),
        basis=row.basis.value,
        secret=row.secret,
        allow_change=row.allow_change,
        closes_at=row.closes_at.isoformat().replace("+00:00", "Z"),
        roll={
            "size": frozen.size,
            "persons": frozen.persons,
            "area": f"{frozen.area:.2f}",
            "hash": frozen.hash,
        },
    )
    await deadlines.meet(tx, poll_id, (PollClock.open,))
    await poll.move(
        tx,
        PollMove.open,
        text=f"表决开始，选民册共 {frozen.size} 项，指纹 {frozen.hash[:16]}",
        data={"roll_hash": frozen.hash, "rule_hash": row.rule_hash},
        opened_at=now,
        roll_size=frozen.size,
        roll_area=frozen.area,
        roll_hash=frozen.hash,
    )


async def close(tx: AsyncSession, actor: Viewer | None, poll_id: UUID) -> None:
    """No vote gets in any more; every receipt given is counted. A secret poll's ballots lose what linked them."""
    await sealing.lock(tx, poll_id)
    poll = await find(tx, actor, poll_id)
    poll.require(PollMove.close)
    # Whoever is casting holds this row FOR SHARE until his ballot is committed: wait for all of them.
    await tx.execute(_LOCK_POLL.where(col(Poll.id) == poll_id))
    await tx.execute(_PATIENT)
    voted = list((await tx.execute(_VOTED, {"poll": poll_id})).scalars())
    turnout = sha256(canonical(voted)).hexdigest()
    ballots = (await tx.execute(_BALLOTS, {"poll": poll_id})).scalar_one()
    turnout_by = await _turnout(tx, poll_id, "day" if poll.row["secret"] else "hour")
    declare(tx, poll_id, "close", ballots=ballots, voted=len(voted), turnout_hash=turnout)
    await deadlines.meet(tx, poll_id, (PollClock.close,))
    await poll.move(
        tx,
        PollMove.close,
        text=f"表决截止，共 {len(voted)} 票",
        data={"turnout_hash": turnout},
        closed_at=clock.now(),
        turnout_hash=turnout,
        voted=len(voted),
        turnout=turnout_by,
    )
    if poll.row["secret"]:
        await _unlink(tx, poll_id)


async def _turnout(tx: AsyncSession, poll_id: UUID, unit: str) -> list[dict[str, Any]]:
    """`[{"at", "voted"}]`, running."""
    voted, found = 0, []
    for since, first_votes in await tx.execute(_CAME_IN, {"poll": poll_id, "unit": unit}):
        voted += first_votes
        found.append({"at": since, "voted": voted})
    return found


async def _unlink(tx: AsyncSession, poll_id: UUID) -> None:
    await tx.execute(delete(PollKey).where(col(PollKey.poll_id) == PollId(poll_id)))
    await tx.execute(update(PaperEntry).where(col(PaperEntry.poll_id) == poll_id).values(choices=None))
    for statement in _SHUFFLE:
        await tx.execute(statement, {"poll": poll_id})
    for statement in _REWRITE:
        await tx.execute(statement)


async def void(tx: AsyncSession, actor: Viewer | None, poll_id: UUID, reason: str) -> None:
    """It counts for nothing; what was cast stays."""
    await sealing.lock(tx, poll_id)
    poll = await find(tx, actor, poll_id)
    poll.require(PollMove.void)
    was_open = poll.state is PollState.open
    if was_open:
        await tx.execute(_LOCK_POLL.where(col(Poll.id) == poll_id))
        await tx.execute(_PATIENT)
    await deadlines.cancel(tx, poll_id)
    await poll.move(tx, PollMove.void, text="作废", told=f"作废：{reason}")
    if was_open and poll.row["secret"]:
        await _unlink(tx, poll_id)


async def revote(tx: AsyncSession, actor: Viewer, poll_id: UUID, reason: str, again: dict[str, Any]) -> UUID:
    """The poll is void, and a draft of the same question waits: `again` has `opens_at` and `closes_at`."""
    poll = await find(tx, actor, poll_id)
    poll.require(PollMove.revote)
    row = await load(tx, poll_id)
    rule = Rule.model_validate(row.rule)
    await staging.check(
        tx,
        actor,
        await find_place(tx, row.place_id),
        topic_id=row.topic_id,
        stage_id=row.stage_id,
        basis=row.basis,
        body=row.source.get("body"),
        rule=rule,
        again=poll_id,
    )
    options = () if rule.method is Method.yes_no else options_of(row)
    await poll.move(tx, PollMove.revote, text="重新表决", told=f"重新表决：{reason}")
    return await drafting.create(
        tx,
        actor,
        drafting.NewPoll(
            place_id=row.place_id,
            title=row.title,
            text=row.text,
            basis=row.basis,
            rule=rule,
            options=options,
            source=row.source,
            secret=row.secret,
            allow_change=row.allow_change,
            topic_id=row.topic_id,
            stage_id=row.stage_id,
            previous_id=PollId(poll_id),
            **again,
        ),
    )


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """The announced moment has come; a poll that went another way meanwhile is left alone."""
    poll = await load(tx, deadline.subject_id)
    match PollClock(deadline.kind), poll.state:
        case PollClock.open, PollState.announced:
            await open_(tx, None, poll.id)
        case PollClock.close, PollState.open:
            await close(tx, None, poll.id)
        case _:
            return
