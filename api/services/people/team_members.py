"""队员: who joins a team is confirmed by its leader or the community; leaves, or is removed."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound
from api.models import Person, Team, TeamMember
from api.models.teams import TeamId
from api.rules.content import CheckScene
from api.rules.roles import Permission, Role, capacity, roles_with
from api.rules.teams import (
    TEAM_MEMBERS,
    MemberFacts,
    TeamMemberMove,
    TeamMemberStanding,
    TeamMemberState,
)
from api.services import notices
from api.services.access import VIEWER, Viewer, params, reaches, roles_here
from api.services.content import moderation
from api.services.moves import Subject
from api.services.people.accounts import active
from api.services.people.belonging import SELF_TITLE, AlreadyRegistered
from api.services.people.teams import At, NotAVolunteer, find_team, may_write, volunteers

MemberSubject = Subject[TeamMemberState, TeamMemberStanding, MemberFacts]


async def join(tx: AsyncSession, viewer: Viewer, team_id: UUID) -> UUID:
    """申请入队. Raises NotFound, NotAllowed, NotAVolunteer, AlreadyRegistered."""
    await active(tx, viewer)
    row = await find_team(tx, viewer, team_id)
    if not row.Team.active:
        raise NotFound("这支服务队已停止活动")
    if not await volunteers(tx, viewer.person_id, row.Team.place_id):
        raise NotAVolunteer
    new = TeamMember(team_id=TeamId(team_id), person_id=viewer.person_id)
    written = await tx.execute(
        insert(TeamMember)
        .values(new.model_dump())
        .on_conflict_do_nothing(index_elements=["team_id", "person_id"], index_where=text("left_at is null"))
        .returning(col(TeamMember.id))
    )
    if written.first() is None:
        raise AlreadyRegistered("您已申请或已在队中")
    record(
        tx,
        subject_kind=TEAM_MEMBERS.subject,
        subject_id=new.id,
        move="join",
        to_state=new.state,
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
        text="申请入队",
    )
    return new.id


def _readable_members() -> ColumnElement[bool]:
    """One's own membership, those of the team one leads, and those in reach of a role that sees people."""
    return or_(
        col(TeamMember.person_id) == VIEWER,
        col(Team.leader_id) == VIEWER,
        reaches(Permission.person_read, col(At.path)),
    )


def _members() -> Select[Any]:
    shown: tuple[Any, ...] = (
        TeamMember,
        col(Team.name).label("team_name"),
        col(Team.leader_id),
        col(At.path),
        col(Person.nickname),
        roles_here(col(At.path)).scalar_subquery().label("roles"),
    )
    return (
        select(*shown)
        .join(Team, col(Team.id) == col(TeamMember.team_id))
        .join(At, col(At.id) == col(Team.place_id))
        .join(Person, col(Person.id) == col(TeamMember.person_id))
        .where(_readable_members())
        .execution_options(populate_existing=True)
    )


def _standings(row: Any, viewer: Viewer) -> frozenset[TeamMemberStanding]:
    if row.TeamMember.person_id == viewer.person_id:
        return frozenset({TeamMemberStanding.self})
    leads = row.leader_id == viewer.person_id or may_write(row)
    return frozenset({TeamMemberStanding.leader}) if leads else frozenset()


def _facts(row: Any) -> MemberFacts:
    return MemberFacts(leads=row.leader_id == row.TeamMember.person_id)


def member_view(viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape of one member."""
    it: TeamMember = row.TeamMember
    mine = it.person_id == viewer.person_id
    return {
        **{f: getattr(it, f) for f in ("id", "state", "joined_at", "left_at", "version")},
        "reason": it.reason if it.reason_passed_at is not None or not mine else None,
        "team": {"id": it.team_id, "name": row.team_name},
        "person": {"id": it.person_id, "name": row.nickname, "mine": mine},
        "leads": row.leader_id == it.person_id,
        "moves": TEAM_MEMBERS.open(it.state, _standings(row, viewer), _facts(row)),
    }


async def _member(tx: AsyncSession, viewer: Viewer, member_id: UUID) -> Any:
    found = await tx.execute(_members().where(col(TeamMember.id) == member_id), params(viewer))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这名队员，或不在您的查看范围内")
    return row


async def read_member(tx: AsyncSession, viewer: Viewer, member_id: UUID) -> dict[str, Any]:
    """One member as this viewer sees them. Raises NotFound."""
    return member_view(viewer, await _member(tx, viewer, member_id))


async def members(
    tx: AsyncSession,
    viewer: Viewer,
    team_id: UUID,
    *,
    state: TeamMemberState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """The members one may see, newest first: all of them for the leader and staff, oneself for others."""
    await find_team(tx, viewer, team_id)
    statement = _members().where(col(TeamMember.team_id) == team_id, col(TeamMember.id) < read_cursor(after))
    if state is not None:
        statement = statement.where(col(TeamMember.state) == state)
    found = await tx.execute(statement.order_by(col(TeamMember.id).desc()).limit(limit + 1), params(viewer))
    return page([member_view(viewer, row) for row in found], limit)


async def _find(tx: AsyncSession, viewer: Viewer, member_id: UUID) -> MemberSubject:
    row = await _member(tx, viewer, member_id)
    it: TeamMember = row.TeamMember

    async def look_again() -> list[str]:
        return (await _find(tx, viewer, member_id)).moves()

    mine = it.person_id == viewer.person_id
    leader = "队长" if row.leader_id == viewer.person_id else None
    return MemberSubject(
        TEAM_MEMBERS,
        TeamMember,
        member_id,
        it.state,
        it.version,
        _standings(row, viewer),
        _facts(row),
        viewer.person_id,
        SELF_TITLE if mine else leader or capacity(frozenset(Role(r) for r in row.roles or ())),
        look_again,
        row,
    )


_WORDS = {
    TeamMemberMove.confirm: "确认入队",
    TeamMemberMove.refuse: "不同意入队",
    TeamMemberMove.leave: "退出服务队",
    TeamMemberMove.remove: "移出服务队",
}


async def move(
    tx: AsyncSession, viewer: Viewer, member_id: UUID, name: TeamMemberMove, reason: str | None
) -> None:
    """Confirm, refuse, leave or remove. Raises NotFound, NotAllowed, WrongMoment, LeaderStays."""
    member = await _find(tx, viewer, member_id)
    gone: dict[str, Any] = {} if name is TeamMemberMove.confirm else {"left_at": clock.now()}
    await member.move(tx, name, text=_WORDS[name], reason=reason, reason_passed_at=None, **gone)
    await moderation.watch(
        tx,
        subject_kind="team_member_reason",
        subject_id=member_id,
        author_id=viewer.person_id,
        texts=[reason],
        path=member.row.path,
        scene=CheckScene.comment,
    )


_TOLD = {
    TeamMemberMove.confirm.value: "您已加入“{team}”",
    TeamMemberMove.refuse.value: "入队申请未通过",
    TeamMemberMove.remove.value: "您已被移出“{team}”",
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Who confirms hears of who asks, who asked hears the answer."""
    found = await tx.execute(
        select(col(TeamMember.person_id), col(Team.name), col(Team.leader_id), col(Team.place_id))
        .join(Team, col(Team.id) == col(TeamMember.team_id))
        .where(col(TeamMember.id) == event.subject_id)
    )
    person_id, team, leader_id, place_id = found.one()
    if event.move == "join":
        people = await notices.holders(tx, roles_with(Permission.team_write), place_id)
        able = [p for p in (*people, leader_id) if p is not None and p != person_id]
        title, words = "入队申请", f"有志愿者申请加入“{team}”，请确认。"
        await notices.tell(tx, event, able, kind="team_member.join", title=title, text=words)
    elif event.move in _TOLD:
        title = _TOLD[event.move].format(team=team)
        await notices.tell(
            tx, event, [person_id], kind=f"team_member.{event.move}", title=title, text=f"服务队“{team}”。"
        )
