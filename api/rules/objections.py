"""异议: what may happen to an objection while a result is on show."""

from dataclasses import dataclass
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem


class ObjectionState(StrEnum):
    """异议状态"""

    raised = "raised"
    answered = "answered"
    upheld = "upheld"
    withdrawn = "withdrawn"


OBJECTION_TITLES: dict[ObjectionState, str] = {
    ObjectionState.raised: "待答复",
    ObjectionState.answered: "已答复",
    ObjectionState.upheld: "成立",
    ObjectionState.withdrawn: "已撤回",
}


class ObjectionMove(StrEnum):
    """异议上的操作"""

    answer = "answer"
    uphold = "uphold"
    withdraw = "withdraw"


class ObjectionStanding(StrEnum):
    """What a person is to an objection. 与异议的关系"""

    objector = "objector"
    driver = "driver"


OBJECTION_STANDING_TITLES: dict[ObjectionStanding, str] = {
    ObjectionStanding.objector: "异议人",
    ObjectionStanding.driver: "本环节负责组织",
}


class OwnObjection(Problem):
    status, code, title = 409, "own_objection", "不能处理自己提出的异议"


@dataclass(frozen=True, slots=True)
class ObjectionFacts:
    """What the guards look at."""

    mine: bool


def _anothers(facts: ObjectionFacts) -> Problem | None:
    return OwnObjection() if facts.mine else None


_S, _BY = ObjectionState, ObjectionStanding

OBJECTIONS: Lifecycle[ObjectionState, ObjectionStanding, ObjectionFacts] = Lifecycle(
    "objection",
    "异议",
    ObjectionState.raised,
    [
        Move(ObjectionMove.answer, "答复", (_S.raised,), _S.answered, frozenset({_BY.driver}), _anothers,
             note="公开答复；3 个工作日内"),
        Move(ObjectionMove.uphold, "认定成立", (_S.raised,), _S.upheld, frozenset({_BY.driver}), _anothers,
             note="成立的异议阻止执行，议题须退回重新协商或表决"),
        Move(ObjectionMove.withdraw, "撤回", (_S.raised, _S.upheld), _S.withdrawn, frozenset({_BY.objector})),
    ],
)  # fmt: skip
