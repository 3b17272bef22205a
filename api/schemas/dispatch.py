"""社区派单 on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.rules.dispatch import (
    MOST_WEIGHT,
    WEIGHT_TITLES,
    BatchMove,
    BatchState,
    Cause,
    DispatchMode,
    LineState,
    Weights,
)
from api.rules.need_words import NeedKind, NeedState, Urgency
from api.schemas.base import Body, Named, Out

_EXAMPLE_ID = "01938f2a-6f00-7000-8000-0123456789ab"
_DEFAULTS = Weights()


class OrderDispatch(Body):
    """为一个地域的全部待认领需求算一次派单方案"""

    place_id: UUID = Field(description="地域：县（区）、街道（乡镇）或社区（村）")
    kind: NeedKind | None = Field(None, description="只派一种；不填则微心愿和志愿求助一起派")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"place_id": _EXAMPLE_ID}]}}


class MoveDispatch(Body):
    """一次操作所需的内容"""

    without: list[UUID] = Field([], max_length=1000, description="apply：不派哪些需求")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"without": [_EXAMPLE_ID]}]}}


class DispatchBatchOut(Out):
    """派单批次"""

    id: UUID
    place: Named
    kind: NeedKind | None
    state: BatchState
    settings_version: int = Field(description="按哪一版派单设置计算，0 为默认")
    slot: datetime | None = Field(description="定时派单的时刻；手工的没有")
    at_once: bool = Field(description="算好即派")
    needs: int = Field(description="待认领的需求")
    members: int = Field(description="看过的成员")
    matched: int = Field(description="拟派的件数")
    unmatched: int = Field(description="无人可派的件数")
    offered: int = Field(description="已派出的件数")
    stale: int = Field(description="派出时情况已变的件数")
    cost: int = Field(description="方案的总代价，越小越好")
    gini: float = Field(description="派后各成员本月任务的基尼系数，0 为完全平均")
    computed_at: datetime | None
    finished_at: datetime | None
    moves: list[BatchMove] = Field(description="您此刻可以进行的操作")
    version: int
    created_at: datetime
    updated_at: datetime


class DispatchedNeed(Out):
    """方案中的需求"""

    id: UUID
    kind: NeedKind
    title: str
    urgency: Urgency
    state: NeedState
    published_at: datetime | None


class DispatchLineOut(Out):
    """派单方案的一行"""

    id: UUID
    state: LineState
    need: DispatchedNeed
    member: Named | None = Field(description="拟派给谁")
    cost: int
    reasons: list[str] = Field(description="为什么派给这位成员")
    cause: Cause | None = Field(description="无人可派的原因")
    note: str | None = Field(description="无人可派的说明，或情况如何变了")
    offer_id: UUID | None


_Weight = Annotated[int, Field(ge=0, le=MOST_WEIGHT)]


class WeightsBody(Body):
    """派单权重：每一项每一级的代价，整数，越小越优先"""

    distance: _Weight = Field(_DEFAULTS.distance, description=WEIGHT_TITLES["distance"])
    skill: _Weight = Field(_DEFAULTS.skill, description=WEIGHT_TITLES["skill"])
    refusals: _Weight = Field(_DEFAULTS.refusals, description=WEIGHT_TITLES["refusals"])
    unsure: _Weight = Field(_DEFAULTS.unsure, description=WEIGHT_TITLES["unsure"])
    stranger: _Weight = Field(_DEFAULTS.stranger, description=WEIGHT_TITLES["stranger"])
    load: _Weight = Field(_DEFAULTS.load, description=WEIGHT_TITLES["load"])
    alone: _Weight = Field(_DEFAULTS.alone, description=WEIGHT_TITLES["alone"])
    urgent: _Weight = Field(_DEFAULTS.urgent, description=WEIGHT_TITLES["urgent"])
    day: _Weight = Field(_DEFAULTS.day, description=WEIGHT_TITLES["day"])


class WriteDispatchSettings(Body):
    """派单设置的新版本"""

    place_id: UUID = Field(description="地域；其下没有自己设置的地域都照此")
    version: int = Field(ge=0, description="您看到的该地域的最新版本，还没有则为 0")
    weights: WeightsBody = Field(WeightsBody.model_construct(), description="权重")
    mode: DispatchMode = Field(DispatchMode.off, description="off 不定时，preview 只算方案，apply 算好即派")
    hours: list[Annotated[int, Field(ge=8, le=20)]] = Field([], max_length=6, description="每天几点算，8–20")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [{"place_id": _EXAMPLE_ID, "version": 0, "mode": "preview", "hours": [9, 15]}]
        }
    }


class WeightsOut(Out):
    """派单权重"""

    distance: int = Field(description=WEIGHT_TITLES["distance"])
    skill: int = Field(description=WEIGHT_TITLES["skill"])
    refusals: int = Field(description=WEIGHT_TITLES["refusals"])
    unsure: int = Field(description=WEIGHT_TITLES["unsure"])
    stranger: int = Field(description=WEIGHT_TITLES["stranger"])
    load: int = Field(description=WEIGHT_TITLES["load"])
    alone: int = Field(description=WEIGHT_TITLES["alone"])
    urgent: int = Field(description=WEIGHT_TITLES["urgent"])
    day: int = Field(description=WEIGHT_TITLES["day"])


class SettingsVersion(Out):
    """派单设置的一版"""

    version: int
    mode: DispatchMode
    hours: list[int]
    created_at: datetime


class DispatchSettingsOut(Out):
    """一个地域照用的派单设置"""

    place: Named
    source: Named | None = Field(description="设置来自哪个地域；没有则为默认")
    version: int = Field(description="本地域自己的最新版本，0 为还没有")
    weights: WeightsOut
    mode: DispatchMode
    hours: list[int]
    versions: list[SettingsVersion] = Field(description="本地域的各版，新的在前")
