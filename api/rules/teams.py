"""服务队: how somebody becomes a member of a team, and stops being one."""

from dataclasses import dataclass
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem


class TeamMemberState(StrEnum):
    """队员状态：待确认、队员、未通过、已退出、已移出"""

    pending = "pending"
    member = "member"
    refused = "refused"
    left = "left"
    removed = "removed"


class TeamMemberMove(StrEnum):
    """队员上的操作：确认、不同意、退出、移出"""

    confirm = "confirm"
    refuse = "refuse"
    leave = "leave"
    remove = "remove"


class TeamMemberStanding(StrEnum):
    """What somebody is to a team member: 本人、队长或社区工作人员（非本人）"""

    self = "self"
    leader = "leader"


TEAM_MEMBER_TITLES: dict[TeamMemberState, str] = {
    TeamMemberState.pending: "待确认",
    TeamMemberState.member: "队员",
    TeamMemberState.refused: "未通过",
    TeamMemberState.left: "已退出",
    TeamMemberState.removed: "已移出",
}
TEAM_MEMBER_STANDING_TITLES: dict[TeamMemberStanding, str] = {
    TeamMemberStanding.self: "本人",
    TeamMemberStanding.leader: "队长或社区工作人员（非本人）",
}


class LeaderStays(Problem):
    status, code, title = 409, "leader_stays", "队长不能退出或被移出"
    advice = "请社区先更换队长。"


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What the guards look at."""

    leads: bool = False
    """The member leads the team."""


_S, _BY, _M = TeamMemberState, TeamMemberStanding, TeamMemberMove


def _no_leader(facts: MemberFacts) -> Problem | None:
    return LeaderStays() if facts.leads else None


_LEADER = frozenset({_BY.leader})

TEAM_MEMBERS: Lifecycle[TeamMemberState, TeamMemberStanding, MemberFacts] = Lifecycle(
    "team_member",
    "队员",
    _S.pending,
    [
        Move(_M.confirm, "确认入队", (_S.pending,), _S.member, _LEADER),
        Move(_M.refuse, "不同意入队", (_S.pending,), _S.refused, _LEADER, note="写明原因"),
        Move(_M.leave, "退出", (_S.pending, _S.member), _S.left, frozenset({_BY.self}), _no_leader),
        Move(_M.remove, "移出", (_S.member,), _S.removed, _LEADER, _no_leader, "写明原因"),
    ],
)
