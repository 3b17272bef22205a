"""注销: asked for, taken back, carried out by the clock; and the sessions ended that live in Redis."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.events import Event, record
from api.kit.problems import NotFound
from api.models import Deadline, Erasure, Person
from api.models.people import PersonId
from api.rules.people import PersonState
from api.rules.privacy import COOLING_OFF, ERASURES, ErasureSource, ErasureStanding, ErasureState
from api.services import calendars, deadlines, notices
from api.services.access import Viewer
from api.services.moves import Subject
from api.services.people.belonging import SELF_TITLE
from api.services.privacy.holdings import OFFICES, erasing
from api.services.sessions import Sessions

CLOCK = "carry_out"
ErasureSubject = Subject[ErasureState, ErasureStanding, None]


async def request(tx: AsyncSession, person_id: PersonId, source: ErasureSource) -> Erasure:
    """Begin the days of grace, or go on with those that run. The clock's end carries it out."""
    calendar = await calendars.current(tx)
    new = Erasure(person_id=person_id, source=source, due_at=clock.now())
    columns = deadlines.row_of("erasure", new.id, CLOCK, COOLING_OFF, calendar, clock.now(), 1)
    new.due_at = columns["due_at"] = datetime.fromisoformat(columns["due_at"])
    written = await tx.execute(
        insert(Erasure)
        .values(new.model_dump())
        .on_conflict_do_nothing(index_elements=["person_id"], index_where=text("state = 'requested'"))
        .returning(col(Erasure.id))
    )
    if written.first() is None:
        return await _live(tx, person_id)
    await tx.execute(insert(Deadline).values(columns))
    record(
        tx,
        subject_kind=ERASURES.subject,
        subject_id=new.id,
        move="request",
        to_state=ErasureState.requested,
        actor_id=person_id if source is ErasureSource.person else None,
        actor_title=SELF_TITLE if source is ErasureSource.person else "微信平台",
        text="申请注销",
    )
    return new


async def _live(tx: AsyncSession, person_id: UUID) -> Erasure:
    found = await tx.execute(
        select(Erasure)
        .where(col(Erasure.person_id) == person_id, col(Erasure.state) == ErasureState.requested)
        .execution_options(populate_existing=True)
    )
    erasure = found.scalar_one_or_none()
    if erasure is None:
        raise NotFound("没有正在办理的注销")
    return erasure


async def last(tx: AsyncSession, viewer: Viewer) -> dict[str, Any]:
    """The viewer's latest request. Raises NotFound."""
    found = await tx.execute(
        select(Erasure)
        .where(col(Erasure.person_id) == viewer.person_id)
        .order_by(col(Erasure.id).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    erasure = found.scalar_one_or_none()
    if erasure is None:
        raise NotFound("您没有申请过注销")
    return view(erasure)


def view(erasure: Erasure) -> dict[str, Any]:
    """As on the wire, for the person alone."""
    fields = ("id", "state", "source", "due_at", "version", "created_at", "updated_at")
    return {
        **{f: getattr(erasure, f) for f in fields},
        "moves": ERASURES.open(erasure.state, frozenset({ErasureStanding.self}), None),
    }


def _subject(erasure: Erasure, standing: ErasureStanding, tx: AsyncSession) -> ErasureSubject:
    system = standing is ErasureStanding.system

    async def look_again() -> list[str]:
        found = await tx.execute(select(col(Erasure.state)).where(col(Erasure.id) == erasure.id))
        return ERASURES.open(ErasureState(found.scalar_one()), frozenset({standing}), None)

    return ErasureSubject(
        ERASURES,
        Erasure,
        erasure.id,
        erasure.state,
        erasure.version,
        frozenset({standing}),
        None,
        None if system else erasure.person_id,
        "系统" if system else SELF_TITLE,
        look_again,
        erasure,
    )


async def cancel(tx: AsyncSession, viewer: Viewer) -> None:
    """Take the request back; everything stays as it was. Raises NotFound, WrongMoment."""
    erasure = await _live(tx, viewer.person_id)
    await _subject(erasure, ErasureStanding.self, tx).move(tx, "cancel", text="撤回注销")
    await deadlines.cancel(tx, erasure.id)


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """The days of grace are over: empty what the registry says, leave the tombstone."""
    found = await tx.execute(select(Erasure).where(col(Erasure.id) == deadline.subject_id))
    erasure = found.scalar_one()
    if erasure.state is not ErasureState.requested:
        return
    await _subject(erasure, ErasureStanding.system, tx).move(tx, "carry_out", text="注销完成")
    for statement in erasing():
        names = {
            "person": erasure.person_id,
            "erasure": erasure.id,
            "now": clock.now(),
            "offices": OFFICES,
        }
        await tx.execute(statement, {n: v for n, v in names.items() if n in statement.compile().params})


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell the person that the request came in, or was taken back: it may have been somebody else's hand."""
    if event.move not in ("request", "cancel"):
        return
    found = await tx.execute(select(Erasure).where(col(Erasure.id) == event.subject_id))
    erasure = found.scalar_one()
    if erasure.state is ErasureState.done:
        return
    until = clock.local(erasure.due_at).strftime("%Y年%m月%d日")
    asked = event.move == "request"
    await notices.tell(
        tx,
        event,
        [erasure.person_id],
        kind=f"erasure.{event.move}",
        title="注销申请已受理" if asked else "注销已撤回",
        text=f"将于{until}完成，此前可随时撤回。" if asked else "您的账号和内容保持不变。",
    )


class Goodbyes:
    """Ends the sessions of the erased. They live in Redis, so not in the transaction that erased."""

    def __init__(self, db: Database, sessions: Sessions) -> None:
        self._db = db
        self._sessions = sessions

    async def run_one(self) -> bool:
        """One person; False when there is none. Raises while Redis is away, and then nothing is ticked off."""
        async with self._db.reading() as tx:
            found = await tx.execute(
                select(col(Erasure.id), col(Erasure.person_id))
                .join(Person, col(Person.id) == col(Erasure.person_id))
                .where(
                    col(Erasure.state) == ErasureState.done,
                    col(Erasure.signed_out_at).is_(None),
                    col(Person.state) == PersonState.erased,
                )
                .limit(1)
            )
            row = found.first()
        if row is None:
            return False
        await self._sessions.close_all(PersonId(row[1]))
        async with self._db.transaction() as tx:
            await tx.execute(
                update(Erasure).where(col(Erasure.id) == row[0]).values(signed_out_at=clock.now())
            )
        return True
