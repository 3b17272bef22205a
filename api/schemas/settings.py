"""地域设定 on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.rules.limits import CaseClass
from api.schemas.base import Body, Line, Moment, Named, Out

Amount = Annotated[int, Field(ge=1, le=100_000)]


class Term(Body):
    """一类诉求的时限，与缺省不同的才填；按小时计的填分钟数，按天计的填天数"""

    sign: Amount | None = Field(None, description="签收")
    contact: Amount | None = Field(None, description="首次联系")
    finish: Amount | None = Field(None, description="办结")


class SetTerms(Body):
    """一版地域设定，整份替换"""

    place: UUID = Field(description="地域标识；其下没有自己设定的都随它")
    terms: dict[CaseClass, Term] = Field(description="时限类别 → 时限；空的为恢复缺省", max_length=20)
    valid_from: Moment | None = Field(None, description="何时生效，不能早于现在；不填为立即")
    note: Line = Field(description="依据，例如发文字号")

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "place": "01938f2a-6f00-7000-8000-0123456789ab",
                    "terms": {"help": {"finish": 3}, "consult": {"sign": 120}},
                    "note": "社区居民公约第 8 条",
                }
            ]
        }
    }


class Promise(Out):
    """一类诉求此刻承诺的时限"""

    case_class: CaseClass = Field(description="时限类别")
    title: str = Field(description="名称")
    sign: str | None = Field(description="签收")
    contact: str | None = Field(description="首次联系")
    finish: str | None = Field(description="办结")


class SettingVersion(Out):
    """一版设定"""

    id: UUID
    version: int
    valid_from: datetime = Field(description="何时生效")
    terms: dict[CaseClass, dict[str, int]] = Field(description="与缺省不同的时限")
    note: str = Field(description="依据")
    created_at: datetime


class SettingsOut(Out):
    """一个地域的设定"""

    place: Named
    in_force: UUID | None = Field(description="现行的一版，可能是上级地域的；缺省为 null")
    promises: list[Promise] = Field(description="此刻在这里承诺的时限")
    versions: list[SettingVersion] = Field(description="这个地域自己的各版，从新到旧")
