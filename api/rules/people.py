"""People's relations: 居住关系, 党员报到 and 志愿者登记 with their life-cycles, and the masking of numbers."""

from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move


class PersonState(StrEnum):
    """个人状态：正常、停用、已注销"""

    active = "active"
    blocked = "blocked"
    erased = "erased"


class Relation(StrEnum):
    """与房屋的关系：业主、家属、租户"""

    owner = "owner"
    family = "family"
    tenant = "tenant"


RELATION_TITLES: dict[Relation, str] = {
    Relation.owner: "业主",
    Relation.family: "家属",
    Relation.tenant: "租户",
}


class ResidencyState(StrEnum):
    """居住关系状态：待核实、已核实、未通过、已结束"""

    pending = "pending"
    verified = "verified"
    refused = "refused"
    ended = "ended"


class MembershipKind(StrEnum):
    """报到种类：党员、志愿者"""

    party = "party"
    volunteer = "volunteer"


class ServiceTime(StrEnum):
    """可服务时间：工作日白天、工作日晚间、周末、节假日"""

    weekday = "weekday"
    evening = "evening"
    weekend = "weekend"
    holiday = "holiday"


MEMBERSHIP_TITLES: dict[MembershipKind, str] = {
    MembershipKind.party: "党员",
    MembershipKind.volunteer: "志愿者",
}
TIME_TITLES: dict[ServiceTime, str] = {
    ServiceTime.weekday: "工作日白天",
    ServiceTime.evening: "工作日晚间",
    ServiceTime.weekend: "周末",
    ServiceTime.holiday: "节假日",
}


class MembershipState(StrEnum):
    """报到状态：待核实、已核实、未通过、已结束"""

    pending = "pending"
    verified = "verified"
    refused = "refused"
    ended = "ended"


BELONGING_TITLES: dict[str, str] = {
    PersonState.active: "正常",
    PersonState.blocked: "停用",
    PersonState.erased: "已注销",
    ResidencyState.pending: "待核实",
    ResidencyState.verified: "已核实",
    ResidencyState.refused: "未通过",
    ResidencyState.ended: "已结束",
}
"""Of accounts, and of residencies and memberships alike: both use the same words."""


class BelongingMove(StrEnum):
    """居住关系与报到登记上的操作：核实通过、核实不通过、结束"""

    verify = "verify"
    refuse = "refuse"
    end = "end"


class BelongingStanding(StrEnum):
    """What somebody is to a residency or membership: 本人、核实人"""

    self = "self"
    verifier = "verifier"


_R, _M, _B = ResidencyState, MembershipState, BelongingStanding

RESIDENCIES: Lifecycle[ResidencyState, BelongingStanding, None] = Lifecycle(
    "residency",
    "居住关系",
    _R.pending,
    [
        Move(BelongingMove.verify, "核实通过", (_R.pending,), _R.verified, frozenset({_B.verifier})),
        Move(
            BelongingMove.refuse,
            "核实不通过",
            (_R.pending,),
            _R.refused,
            frozenset({_B.verifier}),
            note="须写明原因",
        ),
        Move(
            BelongingMove.end, "结束", (_R.pending, _R.verified), _R.ended, frozenset({_B.self, _B.verifier})
        ),
    ],
)

MEMBERSHIPS: Lifecycle[MembershipState, BelongingStanding, None] = Lifecycle(
    "membership",
    "报到登记",
    _M.pending,
    [
        Move(BelongingMove.verify, "核实通过", (_M.pending,), _M.verified, frozenset({_B.verifier})),
        Move(
            BelongingMove.refuse,
            "核实不通过",
            (_M.pending,),
            _M.refused,
            frozenset({_B.verifier}),
            note="须写明原因",
        ),
        Move(
            BelongingMove.end, "结束", (_M.pending, _M.verified), _M.ended, frozenset({_B.self, _B.verifier})
        ),
    ],
)


class PersonMove(StrEnum):
    """对个人账号的操作：停用、恢复"""

    block = "block"
    unblock = "unblock"


class PersonStanding(StrEnum):
    """What somebody is to a person's account: 管理员"""

    administrator = "administrator"


_P, _A = PersonState, PersonStanding

PEOPLE: Lifecycle[PersonState, PersonStanding, None] = Lifecycle(
    "person",
    "个人账号",
    _P.active,
    [
        Move(
            PersonMove.block,
            "停用",
            (_P.active,),
            _P.blocked,
            frozenset({_A.administrator}),
            note="须写明原因；所有登录立即失效",
        ),
        Move(
            PersonMove.unblock,
            "恢复",
            (_P.blocked,),
            _P.active,
            frozenset({_A.administrator}),
            note="须写明原因",
        ),
    ],
)


UNNAMED = "微信居民"
"""What a person is called who has given no name, or none that could be shown."""


def masked_phone(number: str) -> str:
    """138****5678; of shorter numbers, which this would show almost whole, the last two digits."""
    if len(number) >= 11:
        return f"{number[:3]}****{number[-4:]}"
    return f"****{number[-2:]}" if len(number) >= 7 else "****"
