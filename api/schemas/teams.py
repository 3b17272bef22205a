"""服务队 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.teams import TeamMemberMove, TeamMemberState
from api.schemas.activities import PersonShown, Reason
from api.schemas.base import Body, Named, Out, ShortText, Title

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"


class SetUpTeam(Body):
    """成立一支服务队"""

    place_id: UUID = Field(description="村（社区）")
    name: Title = Field(description="名称")
    introduction: ShortText | None = Field(None, description="介绍")
    leader_id: UUID | None = Field(None, description="队长；须是本社区已核实的志愿者")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"place_id": _EXAMPLE_ID, "name": "邻里电工队"}]}
    }


class ChangeTeam(Body):
    """修改服务队；不填的不变"""

    name: Title | None = None
    introduction: ShortText | None = None
    leader_id: UUID | None = Field(None, description="新队长")
    active: bool | None = Field(None, description="false 停止活动")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"leader_id": _EXAMPLE_ID}]}}


class TeamOut(Out):
    """服务队"""

    id: UUID
    name: str
    introduction: str | None
    place: Named
    leader: PersonShown | None
    members: int = Field(description="队员人数")
    mine: TeamMemberState | None = Field(description="您在队中的状态")
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class JoinTeam(Body):
    """申请入队，不需要内容"""

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


class TeamMemberOut(Out):
    """队员"""

    id: UUID
    team: Named
    person: PersonShown
    leads: bool = Field(description="是否队长")
    state: TeamMemberState
    reason: str | None
    joined_at: datetime
    left_at: datetime | None
    moves: list[TeamMemberMove]
    version: int


class MoveTeamMember(Body):
    """一次操作所需的内容"""

    reason: Reason | None = Field(None, description="refuse、remove：原因")
    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


TEAM_MEMBER_NEEDED: dict[TeamMemberMove, tuple[str, ...]] = {
    TeamMemberMove.refuse: ("reason",),
    TeamMemberMove.remove: ("reason",),
}
