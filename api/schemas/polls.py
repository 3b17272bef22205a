"""表决 on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.rules.polls import Body as VotingBody
from api.rules.polls import EntryState, PollMove, PollState, RollBasis
from api.rules.voting.rule import Option, Rule
from api.schemas.base import Body, Line, LongText, Moment, Named, Out, ShortText, Title

_ID = "01938f2a-6f00-7000-8000-0123456789ab"
Grades = dict[Annotated[str, Field(max_length=40)], Annotated[int, Field(ge=1, le=100)]]
Picked = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=200)]


class CastBallot(Body):
    """一张选票"""

    choices: Picked | Grades = Field(
        description="所选选项的标识；赞成、反对、弃权为 yes、no、abstain；评分表决为每个选项的分数"
    )
    elector_id: UUID | None = Field(None, description="您在选民册上有不止一项时，投哪一项")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"choices": ["yes"]}]}}


class Receipt(Out):
    """回执：请妥善保存，凭它可以查证这一票已封存、已计入"""

    type: Literal["receipt"]
    poll: UUID
    elector: str = Field(description="选票上的选民代号；无记名表决为化名")
    turn: int = Field(description="这一票的第几次")
    own: bool = Field(description="是否本人电子票")
    choices: list[str] | dict[str, int]
    salt: str = Field(description="随机盐，十六进制")
    leaf: str = Field(description="选票的指纹，十六进制")
    at: datetime
    signature: str = Field(description="服务器签名（Ed25519），十六进制")


class Excluded(Body):
    """不列入选民册的人"""

    person_id: UUID
    reason: Line


class ListEntry(Body):
    """名单上的一项"""

    label: Line
    person_id: UUID | None = None
    persons: Annotated[int, Field(ge=1, le=1000)] = 1
    area: Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=2)] = Decimal(0)


class RollSource(Body):
    """选民册的取法"""

    body: VotingBody | None = Field(None, description="basis=members：党员 party 或两委 committees")
    branch_id: UUID | None = Field(None, description="只取一个党支部")
    excluded: Annotated[list[Excluded], Field(max_length=1000)] = Field(default_factory=list)
    entries: Annotated[list[ListEntry], Field(max_length=20_000)] = Field(
        default_factory=list, description="basis=list：名单"
    )


class DraftPoll(Body):
    """发起一次表决"""

    place_id: UUID
    title: Title
    text: LongText
    basis: RollBasis
    source: RollSource = Field(default_factory=RollSource)
    rule: Rule
    options: Annotated[list[Option], Field(max_length=200)] = Field(default_factory=list)
    secret: bool = Field(False, description="无记名")
    allow_change: bool = Field(True, description="截止前可以更改")
    opens_at: Moment
    closes_at: Moment
    topic_id: UUID | None = None
    stage_id: UUID | None = None

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "place_id": _ID,
                    "title": "三单元加装电梯",
                    "text": "是否同意按公示方案加装电梯，费用分摊见附件。",
                    "basis": "owner",
                    "rule": {
                        "method": "yes_no",
                        "quorum": [
                            {"measure": "persons", "share": "2/3"},
                            {"measure": "area", "share": "2/3"},
                        ],
                        "thresholds": [
                            {"measure": "persons", "share": "3/4"},
                            {"measure": "area", "share": "3/4"},
                        ],
                        "clause": "《中华人民共和国民法典》第二百七十八条",
                    },
                    "opens_at": "2026-12-01T00:00:00Z",
                    "closes_at": "2026-12-08T00:00:00Z",
                }
            ]
        }
    }


class MovePoll(Body):
    """一次操作所需的内容"""

    reason: ShortText | None = Field(None, description="void、revote：原因")
    opens_at: Moment | None = Field(None, description="revote：新的开始时间")
    closes_at: Moment | None = Field(None, description="revote：新的截止时间")

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{}]}}


NEEDED: dict[PollMove, tuple[str, ...]] = {
    PollMove.void: ("reason",),
    PollMove.revote: ("reason", "opens_at", "closes_at"),
}


class RollOut(Out):
    """冻结的选民册"""

    size: int
    area: Decimal | None = Field(description="总面积，平方米")
    hash: str = Field(description="选民册的指纹")


class MyElector(Out):
    """您可以投的一票"""

    elector_id: UUID
    as_proxy: bool = Field(description="是否受他人委托")
    voted: bool = Field(description="这一票是否已投")


class PollItem(Out):
    """表决列表中的一行"""

    id: UUID
    title: str
    text: str
    state: PollState
    place: Named
    topic_id: UUID | None
    stage_id: UUID | None
    basis: RollBasis
    secret: bool
    allow_change: bool
    options: list[Option]
    rule: Rule
    rule_hash: str = Field(description="规则的指纹")
    opens_at: datetime
    closes_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    roll: RollOut | None = Field(description="选民册；冻结之前为 null")
    electors: list[MyElector]
    on_roll: bool | None = Field(description="您是否在选民册上；冻结之前为 null")
    passed: bool | None
    previous_id: UUID | None = Field(description="重新表决的，原来的那次")
    moves: list[PollMove]
    version: int
    created_at: datetime
    updated_at: datetime


class PollOut(PollItem):
    """表决"""

    turnout: int | None = Field(description="已投几票；表决中为几秒之内的近似数，冻结之前为 null")


class Turned(Out):
    """到某一小时（日）结束为止投了多少；at 是它的开始"""

    at: datetime
    voted: int


class ResultOut(Out):
    """表决结果"""

    poll_id: UUID
    state: PollState
    counted_at: datetime | None
    outcome: dict[str, Any] = Field(
        description="结果：是否通过、逐项条件、各选项得票、文字说明；见 docs/bulletin.md"
    )
    options: list[Option]
    turnout: list[Turned] = Field(description="逐小时的累计投票数；无记名的逐日")


class HeadOut(Out):
    """一个签名的封存头"""

    type: Literal["head"]
    log: UUID = Field(description="哪一本：表决的标识，或全零为事件")
    number: int
    size: int
    total: int
    root: str
    previous: str
    day: str
    hash: str
    signature: str


class SealOut(HeadOut):
    """封存头列表中的一行"""

    id: UUID


class Step(Out):
    """包含路径的一步"""

    side: Literal["left", "right"]
    hash: str


class ProofOut(Out):
    """一片叶在封存中的位置"""

    leaf: str
    position: int
    path: list[Step]
    head: HeadOut
    public_key: str = Field(description="验证签名的公钥（Ed25519），十六进制")


class SealedEvent(Out):
    """事件封存的内容：人、文字与内部数据只有加盐的指纹，见 docs/bulletin.md"""

    type: Literal["event"]
    id: UUID
    subject_kind: str
    subject: UUID
    move: str
    from_: str | None = Field(alias="from")
    to: str | None
    actor_kind: str
    actor: str | None
    text: str | None
    data: str | None
    at: str
    salt: str


class ShownOfEvent(Out):
    """指纹背后的内容"""

    actor: UUID | None
    text: str | None
    data: dict[str, Any]


class EventProofOut(ProofOut):
    """一个事件的封存证明"""

    version: Literal[1]
    type: Literal["event_proof"]
    event: SealedEvent
    shown: ShownOfEvent


class SealsOut(Out):
    """封存头"""

    items: list[SealOut]
    next: str | None
    public_key: str


class PreviewLine(Out):
    """预览中的一项"""

    label: str
    persons: int
    area: Decimal
    casters: int = Field(description="几个人可以投这一票")
    no_area: bool
    no_owner: bool
    no_representative: bool


class PreviewOut(Out):
    """选民册预览"""

    size: int
    persons: int
    area: Decimal
    no_area: int = Field(description="缺面积的")
    no_owner: int = Field(description="缺业主的")
    no_representative: int = Field(description="共有而未指定代表的")
    silent: int = Field(description="没有人可以电子投票的")
    sample: list[PreviewLine]


class RollLine(Out):
    """选民册上的一项"""

    id: UUID
    number: int
    label: str
    persons: int
    area: Decimal
    voted: bool
    casters: int


class RollPage(Out):
    """选民册"""

    items: list[RollLine]
    next: int | None = Field(description="下一页从哪一号之后")


class NameRepresentative(Body):
    """共有房屋的代表"""

    home_id: UUID
    person_id: UUID

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"home_id": _ID, "person_id": _ID}]}
    }


class RecordProxy(Body):
    """书面委托"""

    elector_id: UUID
    holder_id: UUID = Field(description="受托人")

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"elector_id": _ID, "holder_id": _ID}]}
    }


class EnterPaper(Body):
    """代录纸质票"""

    elector_id: UUID
    channel: Literal["paper", "assisted"] = "paper"
    choices: Picked | Grades

    model_config = Body.model_config | {
        "json_schema_extra": {"examples": [{"elector_id": _ID, "channel": "paper", "choices": ["no"]}]}
    }


class ConfirmPaper(Body):
    """第二人再录一遍"""

    choices: Picked | Grades

    model_config = Body.model_config | {"json_schema_extra": {"examples": [{"choices": ["no"]}]}}


class EntryOut(Out):
    """双人录入"""

    id: UUID
    elector_id: UUID
    state: EntryState
    created_at: datetime
