"""服务队: set up by the community, which names its leader."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound, Problem
from api.models import Membership, Person, Place, Team, TeamMember
from api.models.people import PersonId
from api.models.places import PlaceId
from api.models.teams import TeamId
from api.rules.people import MembershipKind, MembershipState
from api.rules.places import Level
from api.rules.roles import Permission, Role, capacity, permissions_of
from api.rules.teams import (
    TeamMemberState,
)
from api.services.access import VIEWER, Viewer, params, placed_under, require, roles_here, stand
from api.services.places.finding import find_place

At = aliased(Place, name="belongs_to")
"""Apart from the places of grants, which reach is asked of."""


class TeamNameTaken(Problem):
    status, code, title = 409, "team_name_taken", "这个社区已有同名的服务队"


class NotAVolunteer(Problem):
    status, code, title = 403, "not_a_volunteer", "加入服务队须先在这个社区登记为志愿者并经核实"


_SHOWN = ("id", "name", "introduction", "active", "version", "created_at", "updated_at")


def _teams() -> Select[Any]:
    members = (
        select(func.count())
        .where(col(TeamMember.team_id) == col(Team.id), col(TeamMember.state) == TeamMemberState.member)
        .correlate(Team)
        .scalar_subquery()
    )
    mine = (
        select(col(TeamMember.state))
        .where(
            col(TeamMember.team_id) == col(Team.id),
            col(TeamMember.person_id) == VIEWER,
            col(TeamMember.left_at).is_(None),
        )
        .correlate(Team)
        .scalar_subquery()
    )
    shown: tuple[Any, ...] = (
        Team,
        col(At.name).label("place_name"),
        col(At.path),
        col(Person.nickname).label("leader_name"),
        members.label("members"),
        mine.label("mine"),
        roles_here(col(At.path)).scalar_subquery().label("roles"),
    )
    return (
        select(*shown)
        .join(At, col(At.id) == col(Team.place_id))
        .outerjoin(Person, col(Person.id) == col(Team.leader_id))
        .execution_options(populate_existing=True)
    )


def may_write(row: Any) -> bool:
    return Permission.team_write in permissions_of(frozenset(Role(r) for r in row.roles or ()))


def team_view(viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape of one team."""
    it: Team = row.Team
    leader = {"id": it.leader_id, "name": row.leader_name, "mine": it.leader_id == viewer.person_id}
    return {
        **{f: getattr(it, f) for f in _SHOWN},
        "place": {"id": it.place_id, "name": row.place_name},
        "leader": leader if it.leader_id is not None else None,
        "members": row.members,
        "mine": row.mine,
    }


async def find_team(tx: AsyncSession, viewer: Viewer, team_id: UUID) -> Any:
    row = (await tx.execute(_teams().where(col(Team.id) == team_id), params(viewer))).one_or_none()
    if row is None:
        raise NotFound("没有这支服务队")
    return row


async def read(tx: AsyncSession, viewer: Viewer, team_id: UUID) -> dict[str, Any]:
    """One team: teams are public. Raises NotFound."""
    return team_view(viewer, await find_team(tx, viewer, team_id))


async def listing(
    tx: AsyncSession, viewer: Viewer, place_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """The teams of a place, newest first. Raises NotFound."""
    place = await find_place(tx, place_id)
    found = await tx.execute(
        _teams()
        .where(
            placed_under(col(Team.place_id), [place.path]),
            col(Team.active),
            col(Team.id) < read_cursor(after),
        )
        .order_by(col(Team.id).desc())
        .limit(limit + 1),
        params(viewer),
    )
    return page([team_view(viewer, row) for row in found], limit)


async def set_up(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID,
    name: str,
    introduction: str | None,
    leader_id: UUID | None,
) -> UUID:
    """A new team. Its leader is its first member. Raises NotFound, WrongLevel, NotAllowed, TeamNameTaken."""
    place = await find_place(tx, place_id, Level.village)
    roles = await require(tx, viewer, Permission.team_write, place.path)
    await stand(tx, viewer)
    new = Team(place_id=PlaceId(place.id), name=name, introduction=introduction)
    written = await tx.execute(
        insert(Team)
        .values(new.model_dump())
        .on_conflict_do_nothing(index_elements=["place_id", "name"])
        .returning(col(Team.id))
    )
    if written.first() is None:
        raise TeamNameTaken
    _tell(tx, viewer, new.id, "set_up", capacity(roles), f"成立{name}")
    if leader_id is not None:
        await _lead(tx, new.id, new.place_id, leader_id)
    return new.id


def _tell(tx: AsyncSession, viewer: Viewer, team_id: UUID, move: str, title: str, words: str) -> None:
    record(
        tx,
        subject_kind="team",
        subject_id=team_id,
        move=move,
        actor_id=viewer.person_id,
        actor_title=title,
        text=words,
    )


async def change(tx: AsyncSession, viewer: Viewer, team_id: UUID, changes: dict[str, Any]) -> None:
    """Name, introduction, leader, whether it is active. Raises NotFound, NotAllowed, TeamNameTaken, NotAVolunteer."""
    row = await find_team(tx, viewer, team_id)
    roles = await require(tx, viewer, Permission.team_write, row.path)
    await stand(tx, viewer)
    leader_id = changes.pop("leader_id", None)
    try:
        await tx.execute(
            update(Team)
            .where(col(Team.id) == team_id)
            .values(**changes, version=col(Team.version) + 1, updated_at=clock.now())
        )
    except IntegrityError as error:
        if "uq_teams_place_id_name" in str(error.orig):
            raise TeamNameTaken from None
        raise
    _tell(tx, viewer, team_id, "change", capacity(roles), "修改服务队")
    if leader_id is not None:
        await _lead(tx, team_id, row.Team.place_id, leader_id)


async def _lead(tx: AsyncSession, team_id: TeamId | UUID, place_id: UUID, person_id: UUID) -> None:
    """The leader is a volunteer of the community, and a member from now on."""
    if not await volunteers(tx, person_id, place_id):
        raise NotAVolunteer("队长须是在这个社区登记并经核实的志愿者")
    joined = TeamMember(team_id=TeamId(team_id), person_id=PersonId(person_id), state=TeamMemberState.member)
    await tx.execute(
        insert(TeamMember)
        .values(joined.model_dump())
        .on_conflict_do_update(
            index_elements=["team_id", "person_id"],
            index_where=text("left_at is null"),
            set_={"state": TeamMemberState.member, "version": col(TeamMember.version) + 1},
        )
    )
    await tx.execute(update(Team).where(col(Team.id) == team_id).values(leader_id=person_id))


async def volunteers(tx: AsyncSession, person_id: UUID, place_id: UUID) -> bool:
    today = clock.local(clock.now()).date()
    found: Any = await tx.execute(
        select(literal_column("1")).where(
            col(Membership.person_id) == person_id,
            col(Membership.place_id) == place_id,
            col(Membership.kind) == MembershipKind.volunteer,
            col(Membership.state) == MembershipState.verified,
            or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) >= today),
        )
    )
    return found.first() is not None
