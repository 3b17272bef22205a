"""表决草稿 on the wire."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from api.rules.polls import RollBasis
from api.rules.voting.rule import Option, Rule
from api.schemas.base import Body, LongText, Moment, Out, Title
from api.schemas.imports import ImportFaultOut
from api.schemas.polls import RollSource


class AmendPoll(Body):
    """要修改的内容；不写的不变"""

    title: Title | None = None
    text: LongText | None = None
    basis: RollBasis | None = None
    source: RollSource | None = Field(None, description="选民册的取法，整个替换")
    rule: Rule | None = None
    options: Annotated[list[Option], Field(max_length=200)] | None = Field(None, description="选项，整个替换")
    secret: bool | None = None
    allow_change: bool | None = None
    opens_at: Moment | None = None
    closes_at: Moment | None = None

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"title": "三单元加装电梯"}]}}


class RollImportLine(Out):
    """名单上的一项"""

    label: str
    persons: int
    area: Decimal


class RollImportOut(Out):
    """一次名单导入或试运行的结果"""

    file_name: str
    dry_run: bool = Field(description="是否试运行")
    applied: bool = Field(description="是否已经成为名单；有一行有误则不")
    lines: int = Field(description="记录数")
    persons: int = Field(description="合计票数")
    area: Decimal = Field(description="合计面积，平方米")
    with_account: int = Field(description="可以电子投票的项数")
    refused: int = Field(description="有误")
    faults: list[ImportFaultOut] = Field(description="逐行的错误，最多 1000 条")
    sample: list[RollImportLine] = Field(description="前 50 项")
