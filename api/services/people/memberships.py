"""报到登记: party members reporting to a community, and volunteers registering with it."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.events import record
from api.kit.paging import FIRST, page, read_cursor
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import Branch, Membership, Person, Place, Qualification
from api.models.people import BranchId
from api.models.places import PlaceId
from api.rules.content import CheckScene, ContentState
from api.rules.people import (
    MEMBERSHIPS,
    BelongingMove,
    BelongingStanding,
    MembershipKind,
    MembershipState,
    ServiceTime,
)
from api.rules.places import Level
from api.rules.roles import Permission, Role, capacity
from api.services.access import VIEWER, Viewer, params, placed_under, reaches, roles_here
from api.services.content import moderation
from api.services.moves import Subject
from api.services.people import belonging
from api.services.people.accounts import active
from api.services.people.belonging import SELF_TITLE, AlreadyRegistered
from api.services.places.finding import find_place

At = aliased(Place, name="reported_to")
MembershipSubject = Subject[MembershipState, BelongingStanding, None]
_FIELDS = (
    "id",
    "kind",
    "work_unit",
    "skills",
    "availability",
    "times",
    "birth_year",
    "insured_until",
    "ends_on",
    "content",
    "state",
    "reason",
    "version",
    "created_at",
    "updated_at",
)
_ASKED = {MembershipKind.party: "党员报到", MembershipKind.volunteer: "申请登记为志愿者"}


@dataclass(frozen=True, slots=True)
class NewMembership:
    """What somebody says when reporting to a community."""

    kind: MembershipKind
    place_id: UUID
    branch_id: UUID | None
    work_unit: str | None
    skills: list[str]
    availability: str | None
    times: list[ServiceTime]
    birth_year: int | None
    insured_until: date | None
    ends_on: date | None
    qualifications: list[tuple[str, date | None]]
    """Name and last day; None for ever."""

    @property
    def said(self) -> list[str]:
        """What is in the person's own words."""
        free = [self.work_unit, *self.skills, self.availability, *(name for name, _ in self.qualifications)]
        return [words for words in free if words]


def readable_memberships() -> ColumnElement[bool]:
    """One's own, and those within the reach of a role that sees people."""
    return or_(col(Membership.person_id) == VIEWER, reaches(Permission.person_read, col(At.path)))


def membership_rows() -> Select[Any]:
    """Everything a viewer is shown of memberships: bind `viewer`, `now`."""
    return (
        select(
            Membership,
            col(At.name).label("place_name"),
            col(Branch.name).label("branch_name"),
            col(Person.nickname),
            col(Person.phone_sealed),
            roles_here(col(At.path)).scalar_subquery().label("roles"),
            select(
                func.jsonb_agg(
                    aggregate_order_by(
                        func.jsonb_build_object(
                            "name", col(Qualification.name), "expires_on", col(Qualification.expires_on)
                        ),
                        col(Qualification.name),
                    )
                )
            )
            .where(col(Qualification.membership_id) == col(Membership.id))
            .scalar_subquery()
            .label("qualifications"),
        )
        .join(At, col(At.id) == col(Membership.place_id))
        .join(Person, col(Person.id) == col(Membership.person_id))
        .outerjoin(Branch, col(Branch.id) == col(Membership.branch_id))
    )


def membership_view(vault: Vault, viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape of one membership."""
    it: Membership = row.Membership
    what = _standings(row, viewer)
    return {
        **{f: getattr(it, f) for f in _FIELDS},
        "qualifications": row.qualifications or [],
        "person": belonging.brief(vault, it.person_id, row.nickname, row.phone_sealed),
        "place": {"id": it.place_id, "name": row.place_name},
        "branch": {"id": it.branch_id, "name": row.branch_name} if it.branch_id is not None else None,
        "moves": MEMBERSHIPS.open(it.state, what, None),
    }


def _standings(row: Any, viewer: Viewer) -> frozenset[BelongingStanding]:
    return belonging.standings(row.Membership.person_id, row.roles, viewer, Permission.membership_verify)


async def _row(tx: AsyncSession, viewer: Viewer, membership_id: UUID) -> Any:
    statement = membership_rows().where(col(Membership.id) == membership_id, readable_memberships())
    found = await tx.execute(statement.execution_options(populate_existing=True), params(viewer))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这条报到登记，或不在您的查看范围内")
    return row


async def read(tx: AsyncSession, vault: Vault, viewer: Viewer, membership_id: UUID) -> dict[str, Any]:
    """One membership as this viewer sees it. Raises NotFound."""
    return membership_view(vault, viewer, await _row(tx, viewer, membership_id))


async def listing(
    tx: AsyncSession,
    vault: Vault,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    kind: MembershipKind | None,
    state: MembershipState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """One's own, newest first; with a place, all readable ones in it. Raises NotFound for no such place."""
    statement = membership_rows().where(col(Membership.id) < read_cursor(after, FIRST))
    if place_id is None:
        statement = statement.where(col(Membership.person_id) == VIEWER)
    else:
        place = await find_place(tx, place_id)
        statement = statement.where(
            placed_under(col(Membership.place_id), [place.path]), readable_memberships()
        )
    if kind is not None:
        statement = statement.where(col(Membership.kind) == kind)
    if state is not None:
        statement = statement.where(col(Membership.state) == state)
    found = await tx.execute(statement.order_by(col(Membership.id).desc()).limit(limit + 1), params(viewer))
    return page([membership_view(vault, viewer, row) for row in found], limit)


async def register(tx: AsyncSession, viewer: Viewer, asked: NewMembership) -> UUID:
    """Report to a community. Raises NotFound, WrongLevel, AlreadyRegistered, NotAllowed for a blocked account."""
    await active(tx, viewer)
    place = await find_place(tx, asked.place_id, Level.village)
    if asked.branch_id is not None:
        branch = await tx.execute(
            select(1).where(col(Branch.id) == asked.branch_id, col(Branch.place_id) == place.id)
        )
        if branch.first() is None:
            raise NotFound("这个社区没有这个党支部")
    new = Membership(
        person_id=viewer.person_id,
        kind=asked.kind,
        place_id=PlaceId(place.id),
        branch_id=BranchId(asked.branch_id) if asked.branch_id is not None else None,
        work_unit=asked.work_unit,
        skills=asked.skills,
        availability=asked.availability,
        times=[time.value for time in asked.times],
        birth_year=asked.birth_year,
        insured_until=asked.insured_until,
        ends_on=asked.ends_on,
        content=ContentState.pending if asked.said else ContentState.passed,
    )
    written = await tx.execute(
        insert(Membership)
        .values(new.model_dump())
        .on_conflict_do_nothing(
            index_elements=["person_id", "kind", "place_id"],
            index_where=text("state in ('pending', 'verified')"),
        )
        .returning(col(Membership.id))
    )
    if written.first() is None:
        raise AlreadyRegistered("您已在这个社区登记过")
    tx.add_all(
        Qualification(membership_id=new.id, name=name, expires_on=until)
        for name, until in asked.qualifications
    )
    await moderation.watch(
        tx,
        subject_kind="membership",
        subject_id=new.id,
        author_id=viewer.person_id,
        texts=asked.said,
        path=place.path,
        scene=CheckScene.profile,
    )
    record(
        tx,
        subject_kind="membership",
        subject_id=new.id,
        move="register",
        to_state=MembershipState.pending,
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
        text=_ASKED[asked.kind],
    )
    return new.id


async def find(tx: AsyncSession, viewer: Viewer, membership_id: UUID) -> MembershipSubject:
    """The membership as `viewer` reaches it. Raises NotFound."""
    row = await _row(tx, viewer, membership_id)
    mine = row.Membership.person_id == viewer.person_id

    async def look_again() -> list[str]:
        return (await find(tx, viewer, membership_id)).moves()

    return MembershipSubject(
        MEMBERSHIPS,
        Membership,
        membership_id,
        row.Membership.state,
        row.Membership.version,
        _standings(row, viewer),
        None,
        viewer.person_id,
        SELF_TITLE if mine else capacity(frozenset(Role(r) for r in row.roles or ())),
        look_again,
        row,
    )


async def move(
    tx: AsyncSession, viewer: Viewer, membership_id: UUID, name: BelongingMove, reason: str | None
) -> None:
    """Verify, refuse or end. Raises NotFound, NotAllowed, WrongMoment."""
    await belonging.decide(tx, await find(tx, viewer, membership_id), name, reason)
