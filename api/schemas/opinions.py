"""观点、态度与观点图 on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from api.rules.content import ContentState
from api.rules.stances import StanceWord
from api.schemas.base import Body, Out, clean_line

Sentence = Annotated[str, StringConstraints(min_length=4, max_length=140), BeforeValidator(clean_line)]
"""One sentence."""


class Speak(Body):
    """一条观点：一句话，不能回复别人"""

    text: Sentence

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"text": "北门 23 点后只走行人。"}]}
    }


class StatementOut(Out):
    """观点"""

    id: UUID
    text: str
    content: ContentState = Field(description="内容审核状态；通过后他人可见")
    mine: bool
    stance: StanceWord | None = Field(description="您的态度")
    created_at: datetime


class TakeStance(Body):
    """表态"""

    stance: StanceWord = Field(description="agree 赞成、disagree 反对、pass 略过")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"stance": "agree"}]}}


class StanceOut(Out):
    """您的态度"""

    statement_id: UUID
    stance: StanceWord


class Tally(Out):
    """态度的数量"""

    agree: int
    disagree: int
    pass_: int = Field(alias="pass")


class TypicalOut(Out):
    """一个群体有代表性的观点"""

    statement_id: UUID
    agrees: bool = Field(description="该群体赞成还是反对")
    share: float = Field(description="该群体持此态度的比例估计，0–1")


class GroupOut(Out):
    """观点群体"""

    size: int
    x: float
    y: float
    typical: list[TypicalOut]


class Dot(Out):
    """观点几乎相同的人"""

    x: float
    y: float
    people: int
    group: int = Field(description="第几个群体，从 0 起")


class Spoken(Out):
    """一条观点上的态度"""

    statement_id: UUID
    text: str
    all: Tally
    groups: list[Tally]
    consensus: float = Field(description="各群体都赞成的程度，0–1")
    dividing: float = Field(description="群体之间的最大差距，0–1")


class OpinionMapOut(Out):
    """观点图"""

    people: int = Field(description="表态的人数")
    placed: int = Field(description="表态足够多、有位置的人数")
    stances: int
    silhouette: float | None = Field(description="分群的清晰程度，-1–1；不分群时为 null")
    groups: list[GroupOut] = Field(description="从大到小；人数太少的不单独成群")
    dots: list[Dot]
    statements: list[Spoken]
    agreed: list[UUID] = Field(description="各群体都赞成的观点，从最一致的起")
    divided: list[UUID] = Field(description="群体之间对立的观点，从分歧最大的起")
    drawn_at: datetime
