"""表决: the life-cycle of a poll, its rolls and channels. Source: docs/voting.md."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem


class PollState(StrEnum):
    """表决状态"""

    draft = "draft"
    announced = "announced"
    open = "open"
    closed = "closed"
    counted = "counted"
    void = "void"


POLL_STATE_TITLES: dict[PollState, str] = {
    PollState.draft: "草稿",
    PollState.announced: "已公告",
    PollState.open: "表决中",
    PollState.closed: "已截止",
    PollState.counted: "已计票",
    PollState.void: "已作废",
}


class RollBasis(StrEnum):
    """选民册依据：按人、按户、按业主（人数与面积）、按组织成员、按名单"""

    person = "person"
    household = "household"
    owner = "owner"
    members = "members"
    list = "list"


BASIS_TITLES: dict[RollBasis, str] = {
    RollBasis.person: "一人一票",
    RollBasis.household: "一户一票",
    RollBasis.owner: "业主（人数与面积）",
    RollBasis.members: "组织成员",
    RollBasis.list: "名单",
}


class Body(StrEnum):
    """表决的组织：支部党员、两委成员"""

    party = "party"
    committees = "committees"


class VoteChannel(StrEnum):
    """投票方式：本人电子票、受托人电子票、纸质票、协助投票"""

    web = "web"
    proxy = "proxy"
    paper = "paper"
    assisted = "assisted"


class EntryState(StrEnum):
    """双人录入的状态：待复核、已生效、不一致、已撤销"""

    pending = "pending"
    confirmed = "confirmed"
    mismatch = "mismatch"
    revoked = "revoked"


class PollMove(StrEnum):
    """表决上的操作"""

    announce = "announce"
    open = "open"
    close = "close"
    tally = "tally"
    recount = "recount"
    revote = "revote"
    void = "void"


class PollStanding(StrEnum):
    """What somebody is to a poll. 与表决的关系"""

    manager = "manager"
    system = "system"


POLL_STANDING_TITLES: dict[PollStanding, str] = {
    PollStanding.manager: "表决组织者",
    PollStanding.system: "系统",
}


class PollClock(StrEnum):
    """表决上的期限：开始、截止"""

    open = "open"
    close = "close"


class TooEarly(Problem):
    status, code, title = 409, "too_early", "还没有到公告的时间"
    advice = "表决按公告的时间开始和截止；需要更改请作废后重新发起。"


@dataclass(frozen=True, slots=True)
class PollFacts:
    """What the guards look at."""

    now: datetime
    opens_at: datetime
    closes_at: datetime


PROXIES_PER_HOLDER = 2


def _begun(facts: PollFacts) -> Problem | None:
    if facts.now < facts.opens_at:
        return TooEarly("还没有到公告的开始时间", opens_at=facts.opens_at)
    return None


def _over(facts: PollFacts) -> Problem | None:
    if facts.now < facts.closes_at:
        return TooEarly("还没有到公告的截止时间", closes_at=facts.closes_at)
    return None


_S, _BY = PollState, PollStanding

POLLS: Lifecycle[PollState, PollStanding, PollFacts] = Lifecycle(
    "poll",
    "表决",
    PollState.draft,
    [
        Move(PollMove.announce, "公告", (_S.draft,), _S.announced, frozenset({_BY.manager, _BY.system}),
             note="事项、选项、规则与起止时间自此不再更改"),
        Move(PollMove.open, "开始", (_S.announced,), _S.open, frozenset({_BY.manager, _BY.system}), _begun,
             note="冻结选民册并公布其指纹；到时由系统开始"),
        Move(PollMove.close, "截止", (_S.open,), _S.closed, frozenset({_BY.manager, _BY.system}), _over,
             note="无记名的：销毁密钥，打乱选票；到时由系统截止"),
        Move(PollMove.tally, "计票", (_S.closed,), _S.counted, frozenset({_BY.system}),
             note="全部选票封存之后，由系统按冻结的规则计票"),
        Move(PollMove.recount, "重新计票", (_S.counted,), _S.counted, frozenset({_BY.manager}),
             note="从选票重新计算，与原结果比较，记入事件"),
        Move(PollMove.revote, "重新表决", (_S.closed, _S.counted), _S.void, frozenset({_BY.manager}),
             note="须写明原因；原表决作废，同一事项另起一次草稿"),
        Move(PollMove.void, "作废", (_S.draft, _S.announced, _S.open, _S.closed, _S.counted), _S.void,
             frozenset({_BY.manager, _BY.system}), note="须写明原因；选票保留，不再生效"),
    ],
)  # fmt: skip


class PollClosed(Problem):
    status, code, title = 409, "poll_closed", "表决已经截止"


class PollNotOpen(Problem):
    status, code, title = 409, "poll_not_open", "表决尚未开始"


class NotOnRoll(Problem):
    status, code, title = 403, "not_on_roll", "您不在这次表决的选民册上"


class AlreadyVoted(Problem):
    status, code, title = 409, "already_voted", "这一票已经投出，本次表决不可更改"


class WhichElector(Problem):
    status, code, title = 422, "elector_needed", "您在选民册上有不止一项，请指明投哪一票"
    advice = "electors 列出您可以投的各项，把其中一个放在 elector_id 中。"


class BadChoices(Problem):
    status, code, title = 422, "choices_invalid", "选票内容不符合表决规则"
