"""Finding a poll: who may see which, what the actor is to it, one statement for its whole view."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound
from api.models import Caster, Mark, Place, Poll, Residency
from api.rules.people import ResidencyState
from api.rules.polls import POLLS, PollFacts, PollStanding, PollState
from api.rules.roles import Permission, Role, capacity, permissions_of
from api.services.access import VIEWER, Viewer, params, reaches, roles_here
from api.services.moves import Subject

PollSubject = Subject[PollState, PollStanding, PollFacts]
POLL_ID = bindparam("poll_id", type_=Uuid())


def _lives_there() -> ColumnElement[bool]:
    """A verified resident of the poll's place, of what lies under it, or of the community it lies in."""
    community = select(col(Place.path)).where(col(Place.id) == col(Residency.community_id)).scalar_subquery()
    return (
        select(1)
        .select_from(Residency)
        .where(
            col(Residency.person_id) == VIEWER,
            col(Residency.state) == ResidencyState.verified,
            or_(func.starts_with(community, col(Poll.path)), func.starts_with(col(Poll.path), community)),
        )
        .exists()
    )


def _on_the_roll() -> ColumnElement[bool]:
    return (
        select(1)
        .select_from(Caster)
        .where(col(Caster.poll_id) == col(Poll.id), col(Caster.person_id) == VIEWER)
        .exists()
    )


def readable_polls() -> ColumnElement[bool]:
    """Drafts for staff in reach only; from the announcement on also for who lives there or is on the roll."""
    return or_(
        reaches(Permission.poll_read, col(Poll.path)),
        and_(col(Poll.state) != PollState.draft, or_(_lives_there(), _on_the_roll())),
    )


def _entries() -> Any:
    """The viewer's own entries: `[{"elector_id", "as_proxy", "voted"}]`."""
    voted = (
        select(1)
        .select_from(Mark)
        .where(col(Mark.poll_id) == col(Poll.id), col(Mark.elector_id) == col(Caster.elector_id))
        .exists()
    )
    entry = func.jsonb_build_object(
        "elector_id", col(Caster.elector_id), "as_proxy", col(Caster.as_proxy), "voted", voted
    )
    return (
        select(func.jsonb_agg(entry))
        .where(col(Caster.poll_id) == col(Poll.id), col(Caster.person_id) == VIEWER)
        .scalar_subquery()
    )


def polls_seen() -> Select[Any]:
    """Polls as the viewer sees them: bind `viewer`, `now`."""
    return (
        select(
            *Poll.__table__.columns,  # type: ignore[attr-defined]
            col(Place.name).label("place_name"),
            roles_here(col(Poll.path)).scalar_subquery().label("roles"),
            _entries().label("entries"),
        )
        .join(Place, col(Place.id) == col(Poll.place_id))
        .where(readable_polls())
    )


READ_ONE = polls_seen().where(col(Poll.id) == POLL_ID)


def facts(row: Any) -> PollFacts:
    return PollFacts(clock.now(), row["opens_at"], row["closes_at"])


def standings(row: Any) -> frozenset[PollStanding]:
    permissions = permissions_of(frozenset(Role(r) for r in row["roles"] or ()))
    return frozenset({PollStanding.manager} if Permission.poll_manage in permissions else ())


async def read_row(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> Any:
    """Raises NotFound."""
    row = (await tx.execute(READ_ONE, {"poll_id": poll_id, **params(viewer)})).mappings().first()
    if row is None:
        raise NotFound("没有这次表决，或不在您的查看范围内")
    return row


async def find(tx: AsyncSession, actor: Viewer | None, poll_id: UUID) -> PollSubject:
    """The poll as `actor` reaches it; None is the system. Raises NotFound."""
    if actor is None:
        poll = (await tx.execute(select(Poll).where(col(Poll.id) == poll_id))).scalar_one_or_none()
        if poll is None:
            raise NotFound
        row: Any = poll.model_dump()
        able, title = frozenset({PollStanding.system}), "系统"
    else:
        row = await read_row(tx, actor, poll_id)
        able, title = standings(row), capacity(frozenset(Role(r) for r in row["roles"] or ()))

    async def look_again() -> list[str]:
        return (await find(tx, actor, poll_id)).moves()

    return PollSubject(
        POLLS,
        Poll,
        poll_id,
        PollState(row["state"]),
        row["version"],
        able,
        facts(row),
        actor.person_id if actor is not None else None,
        title,
        look_again,
        row,
    )


async def load(tx: AsyncSession, poll_id: UUID) -> Poll:
    """The row itself, fresh. The caller has decided that it may be touched."""
    found = await tx.execute(
        select(Poll).where(col(Poll.id) == poll_id).execution_options(populate_existing=True)
    )
    return found.scalar_one()


def carries(row: Any, permission: Permission) -> bool:
    """Whether the roles of a read row carry `permission`."""
    return permission in permissions_of(frozenset(Role(r) for r in row["roles"] or ()))
