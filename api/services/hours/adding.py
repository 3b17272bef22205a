"""补录: proposed by one of the community, confirmed by a second; never for oneself, never beyond the activity."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.events import record
from api.kit.paging import page, read_cursor
from api.kit.problems import NotAllowed, NotFound, Problem, WrongMoment
from api.models import Activity, AddedHours, Person, Seat
from api.models.activities import ActivityId, SeatId
from api.models.people import PersonId
from api.rules.activities import ADDINGS, OwnHours
from api.rules.activity_words import SERVED, AddingStanding, AddingState, SeatState
from api.rules.roles import Permission, Role, capacity
from api.services.access import Viewer, params, reaches, require, roles_here, stand
from api.services.activities.reading import row_of, seat_row
from api.services.activities.view import permitted
from api.services.hours import recording
from api.services.moves import Subject

AddingSubject = Subject[AddingState, AddingStanding, None]
_LENGTH = "ck_seats_minutes_in_length"


class AddedTooMuch(Problem):
    status, code, title = 409, "added_too_much", "自动与补录的时长合计不能超过活动的长度"


class AddingWaits(Problem):
    status, code, title = 409, "adding_waits", "这个名额已有补录等待复核"


class NotServed(Problem):
    status, code, title = 409, "not_served", "活动结束、签到截止之后才能补录"


async def propose(
    tx: AsyncSession, viewer: Viewer, activity_id: UUID, seat_id: UUID, minutes: int, reason: str
) -> UUID:
    """Minutes of one seat, waiting for a second person.

    Raises NotFound, NotAllowed, OwnHours, NotServed, AddedTooMuch, AddingWaits.
    """
    activity = await row_of(tx, viewer, activity_id)
    roles = await require(tx, viewer, Permission.activity_write, activity["path"])
    await stand(tx, viewer)
    seat = await seat_row(tx, viewer, seat_id)
    if seat["activity_id"] != activity_id:
        raise NotFound("这个活动没有这个名额")
    if seat["person_id"] == viewer.person_id:
        raise OwnHours
    if SeatState(seat["state"]) not in SERVED:
        raise NotServed
    length = int((seat["ends_at"] - seat["starts_at"]).total_seconds() // 60)
    if seat["minutes_automatic"] + seat["minutes_added"] + minutes > length:
        raise AddedTooMuch(most=length - seat["minutes_automatic"] - seat["minutes_added"])
    new = AddedHours(
        activity_id=ActivityId(activity_id),
        seat_id=SeatId(seat_id),
        person_id=seat["person_id"],
        minutes=minutes,
        reason=reason,
        proposed_by=viewer.person_id,
    )
    written = await tx.execute(
        insert(AddedHours)
        .values(new.model_dump())
        .on_conflict_do_nothing(index_elements=["seat_id"], index_where=text("state = 'proposed'"))
        .returning(col(AddedHours.id))
    )
    if written.first() is None:
        raise AddingWaits
    record(
        tx,
        subject_kind=ADDINGS.subject,
        subject_id=new.id,
        move="propose",
        to_state=new.state,
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text="提出补录",
    )
    return new.id


Proposer = aliased(Person, name="proposer")
_SHOWN = ("id", "minutes", "reason", "state", "refusal", "version", "created_at", "updated_at")


def _rows() -> Select[Any]:
    return (
        select(
            AddedHours,
            col(Activity.title),
            col(Activity.path),
            col(Person.nickname),
            col(Proposer.nickname).label("proposer"),
            roles_here(col(Activity.path)).scalar_subquery().label("roles"),
        )
        .join(Activity, col(Activity.id) == col(AddedHours.activity_id))
        .join(Person, col(Person.id) == col(AddedHours.person_id))
        .join(Proposer, col(Proposer.id) == col(AddedHours.proposed_by))
        .where(reaches(Permission.activity_read, col(Activity.path)))
        .execution_options(populate_existing=True)
    )


def _standings(row: Any, viewer: Viewer) -> frozenset[AddingStanding]:
    """Neither who proposed nor who gains is the second person."""
    able = Permission.activity_write in permitted({"roles": row.roles})
    it: AddedHours = row.AddedHours
    second = able and viewer.person_id not in (it.proposed_by, it.person_id)
    return frozenset({AddingStanding.second}) if second else frozenset()


def adding_view(viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape, for staff alone."""
    it: AddedHours = row.AddedHours
    return {
        **{f: getattr(it, f) for f in _SHOWN},
        "activity": {"id": it.activity_id, "name": row.title},
        "seat_id": it.seat_id,
        "person": {"id": it.person_id, "name": row.nickname, "mine": it.person_id == viewer.person_id},
        "proposed_by": {"id": it.proposed_by, "name": row.proposer},
        "moves": ADDINGS.open(it.state, _standings(row, viewer), None),
    }


async def _row(tx: AsyncSession, viewer: Viewer, adding_id: UUID) -> Any:
    row = (await tx.execute(_rows().where(col(AddedHours.id) == adding_id), params(viewer))).one_or_none()
    if row is None:
        raise NotFound("没有这条补录，或不在您的查看范围内")
    return row


async def read(tx: AsyncSession, viewer: Viewer, adding_id: UUID) -> dict[str, Any]:
    """One proposal. Raises NotFound."""
    return adding_view(viewer, await _row(tx, viewer, adding_id))


async def listing(
    tx: AsyncSession, viewer: Viewer, activity_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """The proposals of an activity, newest first. Raises NotFound, NotAllowed."""
    activity = await row_of(tx, viewer, activity_id)
    if Permission.activity_read not in permitted(activity):
        raise NotAllowed("补录只给社区工作人员看")
    found = await tx.execute(
        _rows()
        .where(col(AddedHours.activity_id) == activity_id, col(AddedHours.id) < read_cursor(after))
        .order_by(col(AddedHours.id).desc())
        .limit(limit + 1),
        params(viewer),
    )
    return page([adding_view(viewer, row) for row in found], limit)


async def _find(tx: AsyncSession, viewer: Viewer, adding_id: UUID) -> AddingSubject:
    row = await _row(tx, viewer, adding_id)
    it: AddedHours = row.AddedHours

    async def look_again() -> list[str]:
        return (await _find(tx, viewer, adding_id)).moves()

    return AddingSubject(
        ADDINGS,
        AddedHours,
        adding_id,
        it.state,
        it.version,
        _standings(row, viewer),
        None,
        viewer.person_id,
        capacity(frozenset(Role(r) for r in row.roles or ())),
        look_again,
        row,
    )


def _not_oneself(adding: AddingSubject, viewer: Viewer) -> None:
    it: AddedHours = adding.row.AddedHours
    if viewer.person_id in (it.proposed_by, it.person_id):
        raise OwnHours


async def confirm(tx: AsyncSession, viewer: Viewer, adding_id: UUID) -> None:
    """复核通过: the minutes are written. Raises NotFound, NotAllowed, OwnHours, WrongMoment, AddedTooMuch, NotServed."""
    adding = await _find(tx, viewer, adding_id)
    _not_oneself(adding, viewer)
    adding.require("confirm")
    it: AddedHours = adding.row.AddedHours
    seat = await seat_row(tx, None, it.seat_id)
    if SeatState(seat["state"]) not in SERVED:
        raise NotServed
    await adding.move(tx, "confirm", text="补录复核通过", decided_by=PersonId(viewer.person_id))
    await _grow(tx, it)
    await recording.add(tx, seat, it, viewer.person_id)


async def _grow(tx: AsyncSession, it: AddedHours) -> None:
    """The seat's own CHECK holds the sum within the activity's length, whoever else adds at the same time."""
    try:
        grown = await tx.execute(
            update(Seat)
            .where(col(Seat.id) == it.seat_id, col(Seat.state).in_(SERVED))
            .values(minutes_added=col(Seat.minutes_added) + it.minutes)
            .returning(col(Seat.id))
        )
    except IntegrityError as error:
        if _LENGTH in str(error.orig):
            raise AddedTooMuch from None
        raise
    if grown.first() is None:
        raise WrongMoment("名额刚刚有变化，请刷新后再试", moves=[])


async def refuse(tx: AsyncSession, viewer: Viewer, adding_id: UUID, reason: str) -> None:
    """复核不通过. Raises NotFound, NotAllowed, OwnHours, WrongMoment."""
    adding = await _find(tx, viewer, adding_id)
    _not_oneself(adding, viewer)
    await adding.move(
        tx, "refuse", text="补录复核不通过", decided_by=PersonId(viewer.person_id), refusal=reason
    )
