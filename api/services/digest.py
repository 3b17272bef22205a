"""每日待办: one notice and at most one message a day to each of the staff who asked for it."""

from datetime import time
from uuid import UUID

from sqlalchemy import and_, bindparam, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import Case, Deadline, Grant, NoticePreference, Person, Unit
from api.models.people import PersonId
from api.rules.cases import ACTIVE, CaseState
from api.rules.notices import Template
from api.rules.people import PersonState
from api.rules.roles import SERVES
from api.services import notices, sending
from api.services.access import live
from api.services.cases.reading import at_unit

FROM = time(8, 30)
"""Local time from which the day's digest goes out."""
AT_ONCE = 200
"""People a run of the job tells; the next run goes on."""

_overdue = exists(
    select(1).where(
        col(Deadline.subject_id) == col(Case.id),
        col(Deadline.met_at).is_(None),
        col(Deadline.cancelled_at).is_(None),
        col(Deadline.due_at) < bindparam("now"),
    )
)
_serving = (
    select(col(Unit.id))
    .join(Grant, at_unit())
    .where(
        col(Grant.person_id) == bindparam("person"),
        live(),
        tuple_(col(Unit.kind), col(Grant.role)).in_(
            [(kind.value, role.value) for kind, able in SERVES.items() for role in sorted(able)]
        ),
    )
)
_COUNTS = select(
    func.count().filter(col(Case.state) == CaseState.dispatched),
    func.count().filter(
        and_(col(Case.handler_id) == bindparam("person"), col(Case.state) != CaseState.dispatched)
    ),
    func.count().filter(
        and_(
            _overdue,
            or_(col(Case.state) == CaseState.dispatched, col(Case.handler_id) == bindparam("person")),
        )
    ),
).where(col(Case.unit_id).in_(_serving), col(Case.state).in_(sorted(ACTIVE)))


async def send_due(tx: AsyncSession) -> None:
    """The job: tell everybody whose digest of today is to come. The day on the row makes it one a day."""
    here = clock.local(clock.now())
    if here.time() < FROM:
        return
    today = here.date()
    wants = (
        select(col(NoticePreference.person_id))
        .join(Person, col(Person.id) == col(NoticePreference.person_id))
        .where(
            col(NoticePreference.digest),
            col(NoticePreference.digested_on).is_distinct_from(today),
            col(Person.state) == PersonState.active,
        )
        .order_by(col(NoticePreference.person_id))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=NoticePreference)
    )
    people = [PersonId(person_id) for person_id in (await tx.execute(wants)).scalars()]
    await tx.execute(
        update(NoticePreference).where(col(NoticePreference.person_id).in_(people)).values(digested_on=today)
    )
    for person_id in people:
        await _tell(tx, person_id)


async def _tell(tx: AsyncSession, person_id: PersonId) -> None:
    """Nothing to do is no news."""
    unsigned, mine, overdue = await counts(tx, person_id)
    if not unsigned and not mine:
        return
    event = record(
        tx, subject_kind="digest", subject_id=person_id, move="digest", actor_id=None, actor_title="系统"
    )
    await tx.flush()
    told = await notices.tell(
        tx,
        event,
        [person_id],
        kind="digest.daily",
        title="今日待办",
        text=f"待签收 {unsigned} 件，办理中 {mine} 件，其中已超时 {overdue} 件。",
    )
    for notice in told:
        await sending.queue_message(
            tx,
            notice,
            template=Template.daily_digest,
            page="pages/desk/index",
            fields={
                "number1": str(unsigned),
                "number2": str(mine),
                "number3": str(overdue),
                "date4": clock.local(clock.now()).strftime("%Y-%m-%d"),
            },
        )


async def counts(tx: AsyncSession, person_id: UUID) -> tuple[int, int, int]:
    """Cases to be signed by the person's units, in the person's hands, and how many of those are late."""
    row = (await tx.execute(_COUNTS, {"person": person_id, "now": clock.now()})).one()
    return row[0], row[1], row[2]
