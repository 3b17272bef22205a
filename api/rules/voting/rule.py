"""表决规则: everything that decides how ballots become an outcome, as one versioned object frozen with the poll.

Its canonical form (RFC 8785) is hashed, sealed and published before the first vote. Shares are exact fractions
written "2/3"; areas are whole hundredths of a square metre, money is fen.
"""

from enum import StrEnum
from fractions import Fraction
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

import orjson
import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Share = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}/[1-9][0-9]{0,2}$")]
OptionId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]


class Method(StrEnum):
    """计票方式：赞成反对弃权、单选、多选（至多 k 项）、量表、预算"""

    yes_no = "yes_no"
    single = "single"
    approval = "approval"
    scale = "scale"
    budget = "budget"


METHOD_TITLES: dict[Method, str] = {
    Method.yes_no: "赞成、反对、弃权",
    Method.single: "单选",
    Method.approval: "多选",
    Method.scale: "评分",
    Method.budget: "预算",
}


class Measure(StrEnum):
    """计量：人数（户数）、专有部分面积"""

    persons = "persons"
    area = "area"


class Base(StrEnum):
    """比例的基数：全体选民、参与表决的、表示赞成或反对的"""

    roll = "roll"
    cast = "cast"
    decisive = "decisive"


class Ties(StrEnum):
    """票数相同时：都不通过（须重新表决）、按公告的先后"""

    none = "none"
    order = "order"


class Unreturned(StrEnum):
    """未投的票：不算参与、按议事规则计入多数一方"""

    not_cast = "not_cast"
    majority = "majority"


class Algorithm(StrEnum):
    """预算分配：按票数从高到低、等额份额法"""

    greedy = "greedy"
    equal_shares = "equal_shares"


class Completion(StrEnum):
    """预算余额：不再分配、余额内按票数从高到低补足"""

    none = "none"
    greedy = "greedy"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quorum(Strict):
    """参与要求：参与表决的不少于（strict：超过）全体的 share"""

    measure: Measure = Measure.persons
    share: Share
    strict: bool = False


class Threshold(Strict):
    """通过要求：同意的不少于（strict：超过）base 的 share"""

    measure: Measure = Measure.persons
    share: Share
    strict: bool = False
    base: Base = Base.cast


class BudgetRule(Strict):
    """预算分配办法"""

    amount: Annotated[int, Field(gt=0, description="预算总额，分")]
    algorithm: Algorithm = Algorithm.greedy
    min_votes: Annotated[int, Field(ge=0, description="低于此票数的项目不予考虑")] = 0
    caps: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict, description="各类别的上限，分")
    completion: Completion = Completion.none


class Rule(Strict):
    """表决规则"""

    version: Literal[1] = 1
    method: Method
    max_choices: Annotated[int, Field(ge=1, le=200, description="至多选几项")] = 1
    winners: Annotated[int, Field(ge=1, le=200, description="当选几项")] = 1
    grades: Annotated[int, Field(ge=2, le=100, description="量表的最高分，从 1 分起")] | None = None
    quorum: tuple[Quorum, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    ties: Ties = Ties.none
    unreturned: Unreturned = Unreturned.not_cast
    budget: BudgetRule | None = None
    clause: Annotated[str, StringConstraints(max_length=120), Field(description="依据")] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.method is Method.budget) != (self.budget is not None):
            raise ValueError("预算表决须写明 budget，其他表决不写")
        if (self.method is Method.scale) != (self.grades is not None):
            raise ValueError("评分表决须写明 grades，其他表决不写")
        if self.method in (Method.yes_no, Method.single) and self.max_choices != 1:
            raise ValueError("这种表决只能选一项")
        if self.unreturned is Unreturned.majority and self.method is not Method.yes_no:
            raise ValueError("未投的票只有在赞成、反对的表决中才能计入多数一方")
        shares = [q.share for q in self.quorum] + [t.share for t in self.thresholds]
        for part in shares:
            if not 0 < share(part) <= 1:
                raise ValueError("比例应大于 0，不超过 1")
        return self


class Option(Strict):
    """选项：预算表决的项目另有费用（分）与类别"""

    id: OptionId
    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    cost: Annotated[int, Field(gt=0, description="费用，分")] | None = None
    group: Annotated[str, StringConstraints(max_length=80)] | None = None


YES, NO, ABSTAIN = "yes", "no", "abstain"
YES_NO_OPTIONS = (
    Option(id=YES, title="赞成"),
    Option(id=NO, title="反对"),
    Option(id=ABSTAIN, title="弃权"),
)


def share(text: str) -> Fraction:
    """ "2/3" as a number."""
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below))


def as_json(rule: Rule) -> dict[str, Any]:
    """The rule as it is stored, published and hashed: every field, defaults too."""
    return rule.model_dump(mode="json")


_MOST_INT = 2**53 - 1


def canonical(value: Any) -> bytes:
    """RFC 8785. Where nothing is in it that orjson would write otherwise, orjson writes it, some twenty times faster."""
    if _plain(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(value)


def _plain(value: Any) -> bool:
    """Neither fractions nor huge numbers, and keys whose bytes are in the order of their UTF-16."""
    kind: type = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_MOST_INT <= value <= _MOST_INT)
    if kind is dict:
        return all(type(k) is str and k.isascii() and _plain(v) for k, v in value.items())
    return (kind is list or kind is tuple) and all(map(_plain, value))


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, hex."""
    return sha256(canonical(value)).hexdigest()


ART_278 = "《中华人民共和国民法典》第二百七十八条"
_BOTH = (Measure.persons, Measure.area)


def owners_ordinary(*, unreturned: Unreturned = Unreturned.not_cast) -> Rule:
    """民法典第278条的一般事项: ≥2/3 take part by persons and by area; more than half of those agree by both."""
    return Rule(
        method=Method.yes_no,
        quorum=tuple(Quorum(measure=m, share="2/3") for m in _BOTH),
        thresholds=tuple(Threshold(measure=m, share="1/2", strict=True) for m in _BOTH),
        unreturned=unreturned,
        clause=ART_278,
    )


def owners_special(*, unreturned: Unreturned = Unreturned.not_cast) -> Rule:
    """民法典第278条的特别事项 (维修资金的筹集, 改建, 改变用途 …): ≥3/4 of those taking part agree by both."""
    return Rule(
        method=Method.yes_no,
        quorum=tuple(Quorum(measure=m, share="2/3") for m in _BOTH),
        thresholds=tuple(Threshold(measure=m, share="3/4") for m in _BOTH),
        unreturned=unreturned,
        clause=ART_278,
    )


def simple_majority(clause: str = "", *, quorum: str | None = "1/2") -> Rule:
    """More than half of the roll takes part, more than half of those agree. 村委会组织法 art. 22 has these numbers."""
    return Rule(
        method=Method.yes_no,
        quorum=(Quorum(share=quorum, strict=True),) if quorum else (),
        thresholds=(Threshold(share="1/2", strict=True),),
        clause=clause,
    )
