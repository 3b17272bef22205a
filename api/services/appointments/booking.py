"""Booking a slot, and every move on an appointment; `actor` None is the system acting by the clock."""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, func, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.kit.paging import FIRST, page, read_cursor
from api.kit.problems import NotAllowed, NotFound, WrongMoment
from api.models import Appointment, Official, Person, Place
from api.rules.appointments import (
    APPOINTMENTS,
    BOOKINGS_ALLOWED,
    LIVE,
    AppointmentClock,
    AppointmentFacts,
    AppointmentMove,
    AppointmentStanding,
    AppointmentState,
    BookedEnough,
    Slot,
    SlotTaken,
)
from api.rules.clocks import working_days
from api.rules.limits import LIMITS, CaseClass
from api.rules.people import PersonState
from api.rules.roles import Permission
from api.services import calendars, deadlines
from api.services.access import VIEWER, Viewer, params, reaches
from api.services.appointments import office
from api.services.content import moderation
from api.services.moves import Subject

AppointmentSubject = Subject[AppointmentState, AppointmentStanding, AppointmentFacts]

ACCEPTING = working_days(1)
"""A proposal holds its slot that long."""

Secretary, Visitor = aliased(Person, name="secretary"), aliased(Person, name="visitor")

_BOOK = text("""
insert into appointments (id, secretary_id, place_id, path, person_id, topic, content, slot_id, starts_at, ends_at,
                          state, created_at, updated_at)
select :id, :secretary, places.id, places.path, :person, :topic, 'pending', :slot, :starts, :ends, 'requested', :now, :now
from places where places.id = :place and (
  select count(*) from appointments
  where person_id = :person and secretary_id = :secretary and state in ('requested', 'proposed', 'confirmed', 'accepted')
) < :most
on conflict do nothing returning id
""").bindparams(
    *(bindparam(name, type_=Uuid()) for name in ("id", "secretary", "person", "slot", "place")),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("starts", "ends", "now")),
    bindparam("topic", type_=Text()),
)


async def _slot(tx: AsyncSession, secretary_id: UUID, slot_id: UUID) -> Slot:
    found = next((s for s in await office.open_slots(tx, secretary_id) if s.id == slot_id), None)
    if found is None:
        raise NotFound("没有这个时段，或已经过去")
    return found


async def book(tx: AsyncSession, viewer: Viewer, *, secretary_id: UUID, slot_id: UUID, topic: str) -> UUID:
    """Ask for a slot. Raises NotFound, NotAllowed, SlotTaken, BookedEnough.

    The index on live slots decides between two; the lock on the person keeps his bookings countable.
    """
    if viewer.person_id == secretary_id:
        raise NotAllowed("不能预约自己")
    slot = await _slot(tx, secretary_id, slot_id)
    state = await tx.execute(
        select(col(Person.state)).where(col(Person.id) == viewer.person_id).with_for_update(key_share=True)
    )
    if state.scalar_one() != PersonState.active:
        raise NotAllowed("该账号已停用")
    appointment_id, now = new_id(), clock.now()
    booked = await tx.execute(
        _BOOK,
        {
            "id": appointment_id,
            "secretary": secretary_id,
            "place": slot.place_id,
            "person": viewer.person_id,
            "topic": topic,
            "slot": slot.id,
            "starts": slot.starts_at,
            "ends": slot.ends_at,
            "now": now,
            "most": BOOKINGS_ALLOWED,
        },
    )
    if booked.first() is None:
        taken = await tx.execute(
            select(1)
            .select_from(Appointment)
            .where(
                col(Appointment.secretary_id) == secretary_id,
                col(Appointment.starts_at) == slot.starts_at,
                col(Appointment.state).in_(LIVE),
            )
        )
        raise SlotTaken() if taken.first() is not None else BookedEnough()
    limit = LIMITS[CaseClass.appointment].contact
    assert limit is not None
    calendar = await calendars.current(tx)
    deadlines.start(tx, APPOINTMENTS.subject, appointment_id, AppointmentClock.reply.value, limit, calendar)
    record(
        tx,
        subject_kind=APPOINTMENTS.subject,
        subject_id=appointment_id,
        move="request",
        to_state=AppointmentState.requested.value,
        actor_id=viewer.person_id,
        actor_title="居民",
        text="已提交预约",
    )
    await moderation.watch(
        tx,
        subject_kind=APPOINTMENTS.subject,
        subject_id=appointment_id,
        author_id=viewer.person_id,
        texts=[topic],
    )
    return appointment_id


def _rows() -> Any:
    return (
        select(
            Appointment,
            col(Place.name).label("place_name"),
            func.coalesce(col(Official.name), col(Secretary.nickname)).label("secretary_name"),
            col(Visitor.nickname).label("visitor_name"),
            office.acting(VIEWER, col(Appointment.secretary_id), col(Appointment.place_id)).label("acting"),
        )
        .join(Place, col(Place.id) == col(Appointment.place_id))
        .join(Secretary, col(Secretary.id) == col(Appointment.secretary_id))
        .join(Visitor, col(Visitor.id) == col(Appointment.person_id))
        .outerjoin(Official, col(Official.person_id) == col(Appointment.secretary_id))
        .where(
            or_(
                col(Appointment.person_id) == VIEWER,
                col(Appointment.secretary_id) == VIEWER,
                office.acting(VIEWER, col(Appointment.secretary_id), col(Appointment.place_id)),
                reaches(Permission.case_dispatch, col(Appointment.path)),
            )
        )
        .execution_options(populate_existing=True)
    )


def _standings(row: Any, viewer: Viewer) -> frozenset[AppointmentStanding]:
    it: Appointment = row.Appointment
    found = set()
    if it.person_id == viewer.person_id:
        found.add(AppointmentStanding.visitor)
    elif it.secretary_id == viewer.person_id:
        found.add(AppointmentStanding.secretary)
    elif row.acting:
        found.add(AppointmentStanding.delegate)
    return frozenset(found)


def _facts(it: Appointment) -> AppointmentFacts:
    return AppointmentFacts(begun=it.starts_at <= clock.now())


def shape(row: Any, viewer: Viewer) -> dict[str, Any]:
    """The wire shape of one appointment."""
    it: Appointment = row.Appointment
    fields = ("id", "topic", "slot_id", "starts_at", "ends_at", "state", "level", "reason", "version")
    return {
        **{f: getattr(it, f) for f in fields},
        "secretary": {"id": it.secretary_id, "name": row.secretary_name},
        "visitor": {"id": it.person_id, "name": row.visitor_name},
        "place": {"id": it.place_id, "name": row.place_name},
        "moves": APPOINTMENTS.open(it.state, _standings(row, viewer), _facts(it)),
        "created_at": it.created_at,
        "updated_at": it.updated_at,
    }


async def _row(tx: AsyncSession, viewer: Viewer, appointment_id: UUID) -> Any:
    found = await tx.execute(_rows().where(col(Appointment.id) == appointment_id), params(viewer))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这个预约，或不在您的查看范围内")
    return row


async def read(tx: AsyncSession, viewer: Viewer, appointment_id: UUID) -> dict[str, Any]:
    """One appointment as this viewer sees it. Raises NotFound."""
    await tx.flush()
    return shape(await _row(tx, viewer, appointment_id), viewer)


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    mine: bool,
    state: AppointmentState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Within reach, or only those asked for by oneself; newest first."""
    statement = _rows().where(col(Appointment.id) < read_cursor(after, FIRST))
    if mine:
        statement = statement.where(col(Appointment.person_id) == VIEWER)
    if state is not None:
        statement = statement.where(col(Appointment.state) == state)
    found = await tx.execute(statement.order_by(col(Appointment.id).desc()).limit(limit + 1), params(viewer))
    return page([shape(row, viewer) for row in found], limit)


async def _find(tx: AsyncSession, actor: Viewer | None, appointment_id: UUID) -> AppointmentSubject:
    async def look_again() -> list[str]:
        return (await _find(tx, actor, appointment_id)).moves() if actor is not None else []

    if actor is None:
        found = await tx.execute(select(Appointment).where(col(Appointment.id) == appointment_id))
        it, who, title = found.scalar_one(), frozenset({AppointmentStanding.system}), "系统"
    else:
        row = await _row(tx, actor, appointment_id)
        it, who = row.Appointment, _standings(row, actor)
        title = await _title(tx, actor, it, who)
    return AppointmentSubject(
        APPOINTMENTS,
        Appointment,
        appointment_id,
        AppointmentState(it.state),
        it.version,
        who,
        _facts(it),
        actor.person_id if actor is not None else None,
        title,
        look_again,
        it,
    )


async def _title(
    tx: AsyncSession, actor: Viewer, it: Appointment, who: frozenset[AppointmentStanding]
) -> str:
    """A delegate never acts in his own name alone: both are shown."""
    if AppointmentStanding.visitor in who or not who:
        return "预约人"
    secretary = await office.title_of(tx, it.secretary_id, it.place_id)
    if AppointmentStanding.secretary in who:
        return secretary
    return f"{await office.title_of(tx, actor.person_id, it.place_id)}（代 {secretary}）"


def _told(moment: Any) -> str:
    return clock.local(moment).strftime("%m-%d %H:%M")


async def move(
    tx: AsyncSession,
    actor: Viewer | None,
    appointment_id: UUID,
    name: AppointmentMove,
    *,
    slot_id: UUID | None = None,
    reason: str | None = None,
) -> None:
    """Make a move. Raises NotFound, NotAllowed, WrongMoment, SlotTaken, SlotPast, SlotAhead."""
    subject = await _find(tx, actor, appointment_id)
    subject.require(name)
    title = subject.life.titles()[name]
    columns: dict[str, Any] = {"reason": reason} if reason else {}
    data: dict[str, Any] = {"secretary_id": str(subject.row.secretary_id)}
    if slot_id is not None:
        slot = await _slot(tx, subject.row.secretary_id, slot_id)
        if slot.place_id != subject.row.place_id:
            raise NotFound("没有这个时段，或已经过去")
        columns |= {"slot_id": slot.id, "starts_at": slot.starts_at, "ends_at": slot.ends_at}
        data |= {"from": str(subject.row.slot_id), "to": str(slot.id)}
        title = f"改约至 {_told(slot.starts_at)}"
    told = f"{title}：{reason}" if reason else None
    try:
        async with tx.begin_nested():
            await subject.move(tx, name, text=title, data=data, told=told, **columns)
            await tx.flush()
    except IntegrityError:
        raise SlotTaken(moves=subject.moves()) from None
    await _clocks(tx, appointment_id, name)


async def _clocks(tx: AsyncSession, appointment_id: UUID, name: AppointmentMove) -> None:
    reply, accepting = AppointmentClock.reply.value, AppointmentClock.accepting.value
    match name:
        case AppointmentMove.confirm:
            await deadlines.meet(tx, appointment_id, [reply])
        case AppointmentMove.propose:
            await deadlines.meet(tx, appointment_id, [reply])
            calendar = await calendars.current(tx)
            await deadlines.replace(
                tx, APPOINTMENTS.subject, appointment_id, accepting, ACCEPTING, calendar, 1
            )
        case AppointmentMove.accept:
            await deadlines.meet(tx, appointment_id, [accepting])
        case AppointmentMove.cancel | AppointmentMove.expire:
            await deadlines.cancel(tx, appointment_id)


async def climb(tx: AsyncSession, appointment_id: UUID) -> None:
    """Nobody confirmed in time: one rung up, more people are told, and the next working day begins."""
    found = await tx.execute(
        select(Appointment).where(col(Appointment.id) == appointment_id).with_for_update()
    )
    it = found.scalar_one()
    if it.state != AppointmentState.requested:
        raise WrongMoment
    it.level += 1
    it.version += 1
    it.updated_at = clock.now()
    if it.level < HIGHEST:
        limit = LIMITS[CaseClass.appointment].contact
        assert limit is not None
        deadlines.start(
            tx,
            APPOINTMENTS.subject,
            appointment_id,
            AppointmentClock.reply.value,
            limit,
            await calendars.current(tx),
            cycle=it.level + 1,
        )
    record(
        tx,
        subject_kind=APPOINTMENTS.subject,
        subject_id=appointment_id,
        move="overdue",
        actor_id=None,
        actor_title="系统",
        text="预约逾期未确认，已升级",
        data={"level": it.level},
    )


HIGHEST = 2
"""Rung 1 adds the leads of the place, rung 2 the town."""
