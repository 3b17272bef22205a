"""统计 on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.rules.statistics import ExclusionReason, Grouping
from api.schemas.base import Body, Named, Out


class RateOut(Out):
    """一个比率，0–1"""

    value: float | None = Field(description="比率；没有可算的为 null")
    low: float | None = Field(description="Wilson 95% 区间下限")
    high: float | None = Field(description="Wilson 95% 区间上限")
    n: int = Field(description="分母")
    ordered: bool = Field(description="分母不足 20 的只列出、不排名")


class RatesOut(Out):
    """响应率、解决率、满意率及综合"""

    response: RateOut = Field(description="响应率：按时首次联系 / 到期件")
    resolution: RateOut = Field(description="解决率：（解决 + ½ 部分解决）/ 已答复")
    floor: float | None = Field(description="解决率下限：解决 / 全部到期件")
    coverage: float | None = Field(description="答复覆盖：已答复 / 全部到期件")
    satisfaction: RateOut = Field(description="满意率：三至五星 / 已评价")
    strict: RateOut = Field(description="严格满意率：四、五星 / 已评价")
    composite: float | None = Field(description="综合得分 0–100：响应 20%、解决 30%、满意 50%")


class CountsOut(Out):
    """件数；cohort 为到期件，末五项不在其中"""

    cohort: int
    contact_due: int
    contacted_in_time: int
    solved: int
    partly: int
    explained: int
    impossible: int
    answered: int
    finished_in_time: int
    rated: int
    satisfied: int
    pleased: int
    excluded: int
    merged: int
    withdrawn: int
    rejected: int
    referred: int
    found: int = Field(description="网格员主动发现，另计")


class GroupOut(Out):
    """一组：合计、一个单位、一个社区或一个类别"""

    id: UUID | None
    name: str
    counts: CountsOut
    rates: RatesOut


class ExclusionsOut(Out):
    """经两人确认剔除的件数"""

    reason: ExclusionReason
    title: str
    count: int


class StatisticsOut(Out):
    """一个地域、一个周期的统计"""

    place: Named
    period: str
    since: datetime
    until: datetime
    by: Grouping
    groups: list[GroupOut]
    exclusions: list[ExclusionsOut]


class ProposeExclusion(Body):
    """提出剔除"""

    case_id: UUID = Field(description="诉求标识")
    reason: ExclusionReason = Field(description="理由")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"case_id": "01938f2a-6f00-7000-8000-0123456789ab", "reason": "force_majeure"}]
        }
    }


class ExclusionOut(Out):
    """一件剔除"""

    case_id: UUID
    reason: ExclusionReason
    confirmed: bool = Field(description="是否已由第二人确认")
