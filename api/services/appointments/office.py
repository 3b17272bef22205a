"""接待时间与代理: what a secretary offers, and who acts for him; slots are worked out from it, never stored."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotAllowed, NotFound, Problem
from api.models import Appointment, Delegation, Grant, OfficeHours, Official, Person, Place
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.appointments import LIVE, Slot, Stretch, slots
from api.rules.roles import LEADS, ROLE_TITLES, Permission, Role, roles_with
from api.services import calendars
from api.services.access import Viewer, live, of_place, require
from api.services.places.finding import find_place


class HoursOverlap(Problem):
    status, code, title = 409, "hours_overlap", "与已有的接待时间重叠"


class NoSuchPost(Problem):
    status, code, title = 404, "no_such_post", "这个人在此处没有书记或副主任职务"


class NotADelegate(Problem):
    status, code, title = 409, "not_a_delegate", "代理人须在同一地域有社区工作者、副主任或书记职务"


MAY_DELEGATE: tuple[Role, ...] = (Role.community_worker, *LEADS)


async def hold(tx: AsyncSession, person_id: UUID) -> None:
    """One at a time what hangs on this person: his hours, his bookings."""
    await tx.execute(
        select(col(Person.id)).where(col(Person.id) == person_id).with_for_update(key_share=True)
    )


def holding(person_id: UUID, place_id: UUID, roles: tuple[Role, ...]) -> ColumnElement[bool]:
    """This person holds one of `roles` at exactly this place now."""
    return (
        select(1)
        .select_from(Grant)
        .where(
            col(Grant.person_id) == person_id,
            col(Grant.place_id) == place_id,
            col(Grant.role).in_(roles),
            of_place(),
            live(literal(clock.now())),
        )
        .exists()
    )


async def _holds(tx: AsyncSession, person_id: UUID, place_id: UUID, roles: tuple[Role, ...]) -> bool:
    return bool((await tx.execute(select(holding(person_id, place_id, roles)))).scalar_one())


async def _may_arrange(tx: AsyncSession, viewer: Viewer, secretary_id: UUID, place: Place) -> str:
    """The secretary himself, or whoever describes officials there; the capacity he acts in."""
    if viewer.person_id == secretary_id:
        return await title_of(tx, secretary_id, place.id)
    await require(tx, viewer, Permission.grant_write, place.path)
    return ROLE_TITLES[roles_with(Permission.grant_write)[0]]


async def title_of(tx: AsyncSession, person_id: UUID, place_id: UUID) -> str:
    """`书记 周敏`: the role held at the place and the name shown to the public."""
    found = await tx.execute(
        select(col(Grant.role), func.coalesce(col(Official.name), col(Person.nickname)))
        .select_from(Grant)
        .join(Person, col(Person.id) == col(Grant.person_id))
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
        .where(
            col(Grant.person_id) == person_id,
            col(Grant.place_id) == place_id,
            col(Grant.role).in_(MAY_DELEGATE),
            live(literal(clock.now())),
        )
    )
    held = {Role(role): name for role, name in found}
    role = next((role for role in (*LEADS, Role.community_worker) if role in held), None)
    return f"{ROLE_TITLES[role]} {held[role]}" if role is not None else "工作人员"


def in_force(today: date) -> ColumnElement[bool]:
    """Hours that have not ended."""
    return or_(col(OfficeHours.until).is_(None), col(OfficeHours.until) >= today)


def _shape(hours: OfficeHours, place_name: str) -> dict[str, Any]:
    fields = ("id", "weekday", "minutes", "since", "until")
    return {
        **{f: getattr(hours, f) for f in fields},
        "opens": _clock(hours.opens),
        "closes": _clock(hours.closes),
        "place": {"id": hours.place_id, "name": place_name},
    }


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


async def hours_of(tx: AsyncSession, secretary_id: UUID) -> list[dict[str, Any]]:
    """His recurring office hours, in the order of the week."""
    found = await tx.execute(
        select(OfficeHours, col(Place.name))
        .join(Place, col(Place.id) == col(OfficeHours.place_id))
        .where(col(OfficeHours.secretary_id) == secretary_id, in_force(clock.local(clock.now()).date()))
        .order_by(col(OfficeHours.weekday), col(OfficeHours.opens))
    )
    return [_shape(hours, name) for hours, name in found]


async def add_hours(
    tx: AsyncSession,
    viewer: Viewer,
    secretary_id: UUID,
    *,
    place_id: UUID,
    weekday: int,
    opens: int,
    closes: int,
    minutes: int,
    since: date | None,
    until: date | None,
) -> dict[str, Any]:
    """A stretch of a weekday; minutes after midnight. Raises NotFound, NoSuchPost, NotAllowed, HoursOverlap."""
    place = await find_place(tx, place_id)
    if not await _holds(tx, secretary_id, place_id, LEADS):
        raise NoSuchPost
    title = await _may_arrange(tx, viewer, secretary_id, place)
    await hold(tx, secretary_id)
    since = since or clock.local(clock.now()).date()
    same = await tx.execute(
        select(1)
        .select_from(OfficeHours)
        .where(
            col(OfficeHours.secretary_id) == secretary_id,
            col(OfficeHours.weekday) == weekday,
            col(OfficeHours.opens) < closes,
            col(OfficeHours.closes) > opens,
            in_force(since),
            col(OfficeHours.since) <= until if until is not None else literal(True),
        )
    )
    if same.first() is not None:
        raise HoursOverlap
    hours = OfficeHours(
        secretary_id=PersonId(secretary_id),
        place_id=PlaceId(place_id),
        weekday=weekday,
        opens=opens,
        closes=closes,
        minutes=minutes,
        since=since,
        until=until,
    )
    tx.add(hours)
    _note(tx, viewer, title, hours.id, "office_hours", "create", {"secretary_id": str(secretary_id)})
    return _shape(hours, place.name)


def _note(
    tx: AsyncSession, viewer: Viewer, title: str, subject_id: UUID, kind: str, move: str, data: dict[str, Any]
) -> None:
    record(
        tx,
        subject_kind=kind,
        subject_id=subject_id,
        move=move,
        actor_id=viewer.person_id,
        actor_title=title,
        data=data,
    )


async def end_hours(tx: AsyncSession, viewer: Viewer, hours_id: UUID) -> dict[str, Any]:
    """No more slots after today; what is booked stays. Raises NotFound, NotAllowed."""
    found = await tx.execute(
        select(OfficeHours, Place)
        .join(Place, col(Place.id) == col(OfficeHours.place_id))
        .where(col(OfficeHours.id) == hours_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这段接待时间")
    title = await _may_arrange(tx, viewer, row.OfficeHours.secretary_id, row.Place)
    today = clock.local(clock.now()).date()
    ended = await tx.execute(
        update(OfficeHours)
        .where(col(OfficeHours.id) == hours_id)
        .values(until=func.greatest(col(OfficeHours.since), func.least(col(OfficeHours.until), today)))
        .returning(OfficeHours)
        .execution_options(populate_existing=True)
    )
    _note(tx, viewer, title, hours_id, "office_hours", "end", {})
    return _shape(ended.scalar_one(), row.Place.name)


async def open_slots(tx: AsyncSession, secretary_id: UUID) -> list[Slot]:
    """What his hours are cut into from now on, taken or not; only where he holds the post now."""
    now = clock.now()
    found = await tx.execute(
        select(OfficeHours).where(
            col(OfficeHours.secretary_id) == secretary_id, in_force(clock.local(now).date())
        )
    )
    rows = list(found.scalars())
    posts = {
        place_id for place_id in {r.place_id for r in rows} if await _holds(tx, secretary_id, place_id, LEADS)
    }
    stretches = [
        Stretch(r.id, r.place_id, r.weekday, r.opens, r.closes, r.minutes, r.since, r.until)
        for r in rows
        if r.place_id in posts
    ]
    return slots(stretches, await calendars.current(tx), now)


async def listed_slots(tx: AsyncSession, secretary_id: UUID) -> list[dict[str, Any]]:
    """The slots of the next four weeks, and which of them are free."""
    coming = await open_slots(tx, secretary_id)
    taken = await tx.execute(
        select(col(Appointment.starts_at), col(Appointment.ends_at)).where(
            col(Appointment.secretary_id) == secretary_id,
            col(Appointment.state).in_(LIVE),
            col(Appointment.ends_at) > clock.now(),
        )
    )
    booked = [(row.starts_at, row.ends_at) for row in taken]
    return [
        {
            "id": slot.id,
            "place_id": slot.place_id,
            "starts_at": slot.starts_at,
            "ends_at": slot.ends_at,
            "free": not any(starts < slot.ends_at and ends > slot.starts_at for starts, ends in booked),
        }
        for slot in coming
    ]


async def delegate(
    tx: AsyncSession,
    viewer: Viewer,
    secretary_id: UUID,
    *,
    delegate_id: UUID,
    place_id: UUID,
    until: datetime | None,
) -> dict[str, Any]:
    """The secretary lets somebody of his place act for him. Raises NotFound, NoSuchPost, NotAllowed, NotADelegate."""
    if viewer.person_id != secretary_id:
        raise NotAllowed("只有书记本人可以指定代理人")
    if not await _holds(tx, secretary_id, place_id, LEADS):
        raise NoSuchPost
    if delegate_id == secretary_id or not await _holds(tx, delegate_id, place_id, MAY_DELEGATE):
        raise NotADelegate
    row = Delegation(
        secretary_id=PersonId(secretary_id),
        delegate_id=PersonId(delegate_id),
        place_id=PlaceId(place_id),
        until=until,
    )
    tx.add(row)
    title = await title_of(tx, secretary_id, place_id)
    _note(tx, viewer, title, row.id, "delegation", "create", {"delegate_id": str(delegate_id)})
    await tx.flush()
    (shown,) = [d for d in await delegations(tx, secretary_id) if d["id"] == row.id]
    return shown


def acting(person_id: ColumnElement[Any], secretary_id: Any, place_id: Any) -> ColumnElement[bool]:
    """`person_id` acts for the secretary at the place now, and still has a post there himself."""
    now = literal(clock.now())
    still = (
        select(1)
        .select_from(Grant)
        .where(
            col(Grant.person_id) == person_id,
            col(Grant.place_id) == place_id,
            col(Grant.role).in_(MAY_DELEGATE),
            of_place(),
            live(now),
        )
        .exists()
    )
    return and_(
        select(1)
        .select_from(Delegation)
        .where(
            col(Delegation.delegate_id) == person_id,
            col(Delegation.secretary_id) == secretary_id,
            col(Delegation.place_id) == place_id,
            col(Delegation.since) <= now,
            or_(col(Delegation.until).is_(None), col(Delegation.until) > now),
        )
        .exists(),
        still,
    )


async def delegations(tx: AsyncSession, secretary_id: UUID) -> list[dict[str, Any]]:
    """Who acts for him now."""
    found = await tx.execute(
        select(Delegation, func.coalesce(col(Official.name), col(Person.nickname)), col(Place.name))
        .join(Person, col(Person.id) == col(Delegation.delegate_id))
        .join(Place, col(Place.id) == col(Delegation.place_id))
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
        .where(
            col(Delegation.secretary_id) == secretary_id,
            or_(col(Delegation.until).is_(None), col(Delegation.until) > clock.now()),
        )
        .order_by(col(Delegation.id))
    )
    return [
        {
            "id": row.id,
            "delegate": {"id": row.delegate_id, "name": name},
            "place": {"id": row.place_id, "name": place},
            "since": row.since,
            "until": row.until,
        }
        for row, name, place in found
    ]


async def end_delegation(tx: AsyncSession, viewer: Viewer, delegation_id: UUID) -> list[dict[str, Any]]:
    """By the secretary or by the delegate himself; ended stays ended. Returns who is left. Raises NotFound."""
    now = clock.now()
    ended = await tx.execute(
        update(Delegation)
        .where(
            col(Delegation.id) == delegation_id,
            or_(
                col(Delegation.secretary_id) == viewer.person_id,
                col(Delegation.delegate_id) == viewer.person_id,
            ),
        )
        .values(until=func.greatest(col(Delegation.since), func.least(col(Delegation.until), now)))
        .returning(col(Delegation.secretary_id))
    )
    secretary_id = ended.scalar_one_or_none()
    if secretary_id is None:
        raise NotFound("没有这项代理")
    _note(tx, viewer, "本人", delegation_id, "delegation", "end", {})
    return await delegations(tx, secretary_id)
