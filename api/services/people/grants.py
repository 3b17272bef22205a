"""授权: giving and taking back roles, within one's own reach and never to or from oneself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import FIRST, page, read_cursor
from api.kit.problems import NotAllowed, NotFound, Problem, WrongMoment
from api.kit.secrets import Vault
from api.models import Grant, Official, Person, Place, Unit
from api.models.people import PersonId
from api.models.places import PlaceId, UnitId
from api.rules.people import PersonState
from api.rules.roles import ROLE_TITLES, SERVES, UNIT_ROLES, Permission, Role, capacity, roles_with
from api.services.access import Viewer, live, narrowed, require, require_anywhere, under
from api.services.login import works_in_console
from api.services.people.belonging import PHONE
from api.services.people.reading import readable_people
from api.services.places.finding import find_place


class AlreadyGranted(Problem):
    status, code, title = 409, "already_granted", "这个人在此处已有这个角色"


class OwnGrant(NotAllowed):
    code, title = "own_grant", "不能变更本人的授权"
    advice = "请由另一位有权限的人办理。"


class UnitNeeded(Problem):
    status, code, title = 422, "unit_needed", "物业、商家人员须指定单位，其他角色不指定"
    advice = "物业公司的单位在“承办单位列表”中，每个小区一个。"


class UntilPast(Problem):
    status, code, title = 422, "until_past", "截止时间须在将来"


@dataclass(frozen=True, slots=True)
class NewGrant:
    """Whom (by id, or by the whole phone number), what and where, and until when."""

    person_id: UUID | None
    phone: str | None
    role: Role
    place_id: UUID
    until: datetime | None
    unit_id: UUID | None = None


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Grant,
            col(Person.nickname),
            col(Official.name).label("official_name"),
            col(Place.name).label("place_name"),
            col(Place.path),
        )
        .join(Person, col(Person.id) == col(Grant.person_id))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
    )


def _view(row: Any) -> dict[str, Any]:
    grant: Grant = row.Grant
    now = clock.now()
    return {
        **{f: getattr(grant, f) for f in ("id", "role", "since", "until", "granted_by", "created_at")},
        "title": ROLE_TITLES[Role(grant.role)],
        "person": {"id": grant.person_id, "nickname": row.nickname, "name": row.official_name},
        "place": {"id": grant.place_id, "name": row.place_name},
        "live": grant.since <= now and (grant.until is None or grant.until > now),
    }


def _readable(tops: list[str]) -> ColumnElement[bool]:
    return under(col(Place.path), tops)


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    person_id: UUID | None,
    role: Role | None,
    only_live: bool,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Grants within reach, newest first. Raises NotAllowed, NotFound for no such place."""
    tops = await require_anywhere(tx, viewer, Permission.grant_read)
    if place_id is not None:
        tops = narrowed(tops, (await find_place(tx, place_id)).path)
    statement = _rows().where(_readable(tops), col(Grant.id) < read_cursor(after, FIRST))
    if person_id is not None:
        statement = statement.where(col(Grant.person_id) == person_id)
    if role is not None:
        statement = statement.where(col(Grant.role) == role)
    if only_live:
        statement = statement.where(live(literal(clock.now())))
    found = await tx.execute(statement.order_by(col(Grant.id).desc()).limit(limit + 1))
    return page([_view(row) for row in found], limit)


async def read(tx: AsyncSession, viewer: Viewer, grant_id: UUID) -> dict[str, Any]:
    """One grant within reach. Raises NotAllowed, NotFound."""
    return _view(await _row(tx, viewer, grant_id))


async def _row(tx: AsyncSession, viewer: Viewer, grant_id: UUID) -> Any:
    tops = await require_anywhere(tx, viewer, Permission.grant_read)
    found = await tx.execute(
        _rows().where(col(Grant.id) == grant_id, _readable(tops)).execution_options(populate_existing=True)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这项授权，或不在您的查看范围内")
    return row


async def grant(tx: AsyncSession, vault: Vault, viewer: Viewer, new: NewGrant) -> UUID:
    """Give a role. Somebody not yet tied to the reach is named by the whole phone number.

    Raises NotFound, NotAllowed, OwnGrant, AlreadyGranted, UntilPast, WrongMoment for a blocked account.
    """
    place = await find_place(tx, new.place_id)
    roles = await require(tx, viewer, Permission.grant_write, place.path)
    if new.until is not None and new.until <= clock.now():
        raise UntilPast
    person = await _whom(tx, vault, viewer, new)
    if person.id == viewer.person_id:
        raise OwnGrant
    if person.state is not PersonState.active:
        raise WrongMoment("该账号已停用，不能授权", state=person.state.value, moves=[])
    return await give(
        tx,
        person.id,
        new.role,
        place,
        until=new.until,
        by=viewer.person_id,
        title=capacity(roles),
        unit_id=new.unit_id,
    )


async def _whom(tx: AsyncSession, vault: Vault, viewer: Viewer, new: NewGrant) -> Person:
    """Locked: what one person is granted is decided one at a time."""
    if new.phone is not None:
        wanted: ColumnElement[bool] = col(Person.phone_index) == vault.index(PHONE, new.phone)
    else:
        tops = await require_anywhere(tx, viewer, Permission.grant_write)
        wanted = (col(Person.id) == new.person_id) & readable_people(tops)
    found = await tx.execute(select(Person).where(wanted).with_for_update(of=Person))
    person = found.scalar_one_or_none()
    if person is None:
        raise NotFound("没有这个人，或不在您的查看范围内；请用完整手机号指定")
    return person


async def give(
    tx: AsyncSession,
    person_id: PersonId,
    role: Role,
    place: Place,
    *,
    until: datetime | None,
    by: PersonId | None,
    title: str,
    unit_id: UUID | None = None,
) -> UUID:
    """Write the grant; the caller holds the lock on the person. Raises AlreadyGranted, UnitNeeded, NotFound."""
    await _fits_unit(tx, role, place, unit_id)
    same = await tx.execute(
        select(1).where(
            col(Grant.person_id) == person_id,
            col(Grant.role) == role,
            col(Grant.place_id) == place.id,
            col(Grant.unit_id).is_not_distinct_from(unit_id),
            or_(col(Grant.until).is_(None), col(Grant.until) > clock.now()),
        )
    )
    if same.first() is not None:
        raise AlreadyGranted
    new = Grant(
        person_id=person_id,
        role=role,
        place_id=PlaceId(place.id),
        unit_id=UnitId(unit_id) if unit_id is not None else None,
        until=until,
        granted_by=by,
    )
    tx.add(new)
    record(
        tx,
        subject_kind="grant",
        subject_id=new.id,
        move="grant",
        actor_id=by,
        actor_title=title,
        text=f"授予{ROLE_TITLES[role]}（{place.name}）",
        data={
            "person_id": str(person_id),
            "role": role.value,
            "place_id": str(place.id),
            "unit_id": str(unit_id) if unit_id is not None else None,
        },
    )
    await tx.flush()
    return new.id


async def _fits_unit(tx: AsyncSession, role: Role, place: Place, unit_id: UUID | None) -> None:
    """Roles of a unit are held at one that they serve, in the place named; the others at a place."""
    if (role in UNIT_ROLES) != (unit_id is not None):
        raise UnitNeeded
    if unit_id is not None:
        serving = [kind for kind, roles in SERVES.items() if role in roles]
        found = await tx.execute(
            select(1)
            .select_from(Unit)
            .where(col(Unit.id) == unit_id, col(Unit.place_id) == place.id, col(Unit.kind).in_(serving))
        )
        if found.first() is None:
            raise NotFound("此处没有这个单位，或这个角色不在该单位任职")


@dataclass(frozen=True, slots=True)
class Ended:
    """Whose grant ended, and whether any role is left that works in the console."""

    person_id: PersonId
    keeps_console: bool


async def end(tx: AsyncSession, viewer: Viewer, grant_id: UUID) -> Ended:
    """Take a role back as of now; a grant that has ended stays as it is. Raises NotFound, NotAllowed, OwnGrant.

    Target and own grants are locked together, so of two operators ending each other's one stays.
    """
    row = await _row(tx, viewer, grant_id)
    roles = await require(tx, viewer, Permission.grant_write, row.path)
    it: Grant = row.Grant
    if it.person_id == viewer.person_id:
        raise OwnGrant
    await _lock(tx, viewer, grant_id)
    now = clock.now()
    ended = await tx.execute(
        update(Grant)
        .where(col(Grant.id) == grant_id, or_(col(Grant.until).is_(None), col(Grant.until) > now))
        .values(until=func.greatest(now, col(Grant.since)))
        .returning(col(Grant.id))
    )
    if ended.first() is not None:
        record(
            tx,
            subject_kind="grant",
            subject_id=grant_id,
            move="end",
            actor_id=viewer.person_id,
            actor_title=capacity(roles),
            text=f"收回{ROLE_TITLES[Role(it.role)]}（{row.place_name}）",
            data={"person_id": str(it.person_id), "role": it.role, "place_id": str(it.place_id)},
        )
    return Ended(it.person_id, await works_in_console(tx, it.person_id))


async def _lock(tx: AsyncSession, viewer: Viewer, grant_id: UUID) -> None:
    """Raises NotAllowed when the viewer's own grants were taken back a moment ago."""
    found = await tx.execute(
        select(Grant)
        .where(
            or_(
                col(Grant.id) == grant_id,
                and_(
                    col(Grant.person_id) == viewer.person_id,
                    col(Grant.role).in_(roles_with(Permission.grant_write)),
                ),
            )
        )
        .order_by(col(Grant.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    now = clock.now()  # after the wait: what ended meanwhile is over
    own = [g for g in found.scalars() if g.person_id == viewer.person_id]
    if not any(g.since <= now and (g.until is None or g.until > now) for g in own):
        raise NotAllowed("您的授权刚刚被收回")
