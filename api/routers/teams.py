"""服务队: set up, joined, led."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.teams import LeaderStays, TeamMemberMove, TeamMemberState
from api.schemas.base import Happened
from api.schemas.teams import (
    TEAM_MEMBER_NEEDED,
    ChangeTeam,
    JoinTeam,
    MoveTeamMember,
    SetUpTeam,
    TeamMemberOut,
    TeamOut,
)
from api.services.people import team_members, teams
from api.services.people.belonging import AlreadyRegistered
from api.services.people.teams import NotAVolunteer, TeamNameTaken
from api.services.places.finding import WrongLevel
from api.services.timeline import timeline

router = APIRouter(tags=["服务队"], route_class=TransactionRoute)

TeamId = Annotated[UUID, Path(description="服务队标识")]
MemberId = Annotated[UUID, Path(description="队员标识")]


@router.post(
    "/teams",
    status_code=201,
    response_model=TeamOut,
    summary="成立服务队",
    description="由社区成立；队长须是本社区已核实的志愿者，即为第一名队员。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongLevel, TeamNameTaken, NotAVolunteer, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def set_up_team(body: SetUpTeam, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    made = await teams.set_up(tx, viewer, **body.model_dump())
    await tx.flush()
    return await teams.read(tx, viewer, made)


@router.get(
    "/teams",
    response_model=Page[TeamOut],
    summary="服务队列表",
    description="一个地域的服务队，从新到旧。",
    responses=problems(Malformed, NotFound),
)
async def list_teams(
    viewer: CurrentViewer,
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    limit: Limit = 20,
    after: After = None,
) -> dict[str, Any]:
    return await teams.listing(tx, viewer, place, limit=limit, after=after)


@router.get(
    "/teams/{team_id}",
    response_model=TeamOut,
    summary="查看服务队",
    description="名称、介绍、队长、人数，以及您在队中的状态。",
    responses=problems(NotFound),
)
async def get_team(team_id: TeamId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await teams.read(tx, viewer, team_id)


@router.patch(
    "/teams/{team_id}",
    response_model=TeamOut,
    summary="修改服务队",
    description="名称、介绍、队长、是否活动；由社区修改，不填的不变。",
    responses=problems(Malformed, NotFound, NotAllowed, TeamNameTaken, NotAVolunteer),
)
async def change_team(team_id: TeamId, body: ChangeTeam, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await teams.change(tx, viewer, team_id, body.model_dump(exclude_none=True))
    await tx.flush()
    return await teams.read(tx, viewer, team_id)


@router.get(
    "/teams/{team_id}/events",
    response_model=Page[Happened],
    summary="服务队时间线",
    description="成立和修改的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_team_events(
    team_id: TeamId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await teams.find_team(tx, viewer, team_id)
    return await timeline(tx, team_id, limit=limit, after=after)


@router.post(
    "/teams/{team_id}/members",
    status_code=201,
    response_model=TeamMemberOut,
    summary="申请入队",
    description="须是本社区已核实的志愿者；由队长或社区确认。",
    responses=problems(Malformed, NotFound, NotAllowed, NotAVolunteer, AlreadyRegistered, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def join_team(team_id: TeamId, body: JoinTeam, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    made = await team_members.join(tx, viewer, team_id)
    await tx.flush()
    return await team_members.read_member(tx, viewer, made)


@router.get(
    "/teams/{team_id}/members",
    response_model=Page[TeamMemberOut],
    summary="队员列表",
    description="队长和工作人员看全部，其他人看自己的，从新到旧。",
    responses=problems(Malformed, NotFound),
)
async def list_team_members(
    team_id: TeamId,
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    state: Annotated[TeamMemberState | None, Query(description="状态")] = None,
) -> dict[str, Any]:
    return await team_members.members(tx, viewer, team_id, state=state, limit=limit, after=after)


@router.post(
    "/team-members/{member_id}/moves/{move}",
    response_model=TeamMemberOut,
    summary="办理队员",
    description="队长或社区 confirm 确认、refuse 不同意、remove 移出（写明原因）；本人 leave 退出。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, LeaderStays, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def move_team_member(
    member_id: MemberId,
    move: Annotated[TeamMemberMove, Path(description="操作")],
    body: MoveTeamMember,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, TEAM_MEMBER_NEEDED.get(move, ()), ())
    await team_members.move(tx, viewer, member_id, move, body.reason)
    await tx.flush()
    return await team_members.read_member(tx, viewer, member_id)
