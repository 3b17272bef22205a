"""需求: its kinds, states and moves, and those of the claims and offers that hang on it, with their Chinese words."""

from enum import StrEnum


class NeedKind(StrEnum):
    """需求种类：微心愿、志愿求助"""

    wish = "wish"
    help = "help"


KIND_TITLES: dict[NeedKind, str] = {NeedKind.wish: "微心愿", NeedKind.help: "志愿求助"}


class NeedCategory(StrEnum):
    """需求类别：物品、陪伴、维修、出行、代办、学习、健康、其他"""

    goods = "goods"
    company = "company"
    repair = "repair"
    travel = "travel"
    errand = "errand"
    learning = "learning"
    health = "health"
    other = "other"


CATEGORY_TITLES: dict[NeedCategory, str] = {
    NeedCategory.goods: "物品",
    NeedCategory.company: "陪伴",
    NeedCategory.repair: "维修",
    NeedCategory.travel: "出行",
    NeedCategory.errand: "代办",
    NeedCategory.learning: "学习",
    NeedCategory.health: "健康",
    NeedCategory.other: "其他",
}


class Urgency(StrEnum):
    """紧急程度：一般、较急、紧急"""

    normal = "normal"
    soon = "soon"
    urgent = "urgent"


class NeedState(StrEnum):
    """需求状态"""

    submitted = "submitted"
    returned = "returned"
    declined = "declined"
    merged = "merged"
    published = "published"
    offered = "offered"
    claimed = "claimed"
    contacted = "contacted"
    done = "done"
    confirmed = "confirmed"
    unconfirmed = "unconfirmed"
    closed = "closed"
    in_house = "in_house"
    withdrawn = "withdrawn"


STATE_TITLES: dict[NeedState, str] = {
    NeedState.submitted: "待审核",
    NeedState.returned: "退回修改",
    NeedState.declined: "未采纳",
    NeedState.merged: "已合并",
    NeedState.published: "待认领",
    NeedState.offered: "已派单",
    NeedState.claimed: "已认领",
    NeedState.contacted: "已联系",
    NeedState.done: "待确认",
    NeedState.confirmed: "已确认",
    NeedState.unconfirmed: "未确认",
    NeedState.closed: "已关闭",
    NeedState.in_house: "社区兜底",
    NeedState.withdrawn: "已撤回",
}

OPEN: tuple[NeedState, ...] = (
    NeedState.submitted,
    NeedState.returned,
    NeedState.published,
    NeedState.offered,
    NeedState.claimed,
    NeedState.contacted,
    NeedState.done,
    NeedState.in_house,
)
"""Not ended: a household has at most two wishes in these."""

SHOWN: tuple[NeedState, ...] = (
    NeedState.published,
    NeedState.offered,
    NeedState.claimed,
    NeedState.contacted,
    NeedState.done,
    NeedState.confirmed,
    NeedState.unconfirmed,
    NeedState.in_house,
)
"""Screened and not taken back: neighbours and members see it."""


class ClaimState(StrEnum):
    """认领状态：已认领、已联系、已完成、已确认、未确认、已退单、超时释放、已转单、已终止"""

    claimed = "claimed"
    contacted = "contacted"
    done = "done"
    confirmed = "confirmed"
    unconfirmed = "unconfirmed"
    released = "released"
    timed_out = "timed_out"
    transferred = "transferred"
    ended = "ended"


CLAIM_TITLES: dict[ClaimState, str] = {
    ClaimState.claimed: "已认领",
    ClaimState.contacted: "已联系",
    ClaimState.done: "已完成",
    ClaimState.confirmed: "已确认",
    ClaimState.unconfirmed: "未确认",
    ClaimState.released: "已退单",
    ClaimState.timed_out: "超时释放",
    ClaimState.transferred: "已转单",
    ClaimState.ended: "已终止",
}

WORKING: tuple[ClaimState, ...] = (ClaimState.claimed, ClaimState.contacted)
"""Counted against the member's limit."""
HOLDING: tuple[ClaimState, ...] = (*WORKING, ClaimState.done)
"""Holding a seat of the need."""


class OfferState(StrEnum):
    """派单状态：待答复、已接受、已婉拒、已过期、已收回"""

    open = "open"
    accepted = "accepted"
    passed = "passed"
    expired = "expired"
    recalled = "recalled"


class NeedMove(StrEnum):
    """需求上的操作"""

    submit = "submit"
    return_ = "return"
    decline = "decline"
    publish = "publish"
    merge = "merge"
    claim = "claim"
    offer = "offer"
    recall = "recall"
    accept = "accept"
    pass_ = "pass"  # noqa: S105  (a move, no password)
    expire = "expire"
    contact = "contact"
    release = "release"
    let_go = "let_go"
    hold_to = "hold_to"
    time_out = "time_out"
    transfer = "transfer"
    accept_transfer = "accept_transfer"
    refuse_transfer = "refuse_transfer"
    extend = "extend"
    agree_extension = "agree_extension"
    refuse_extension = "refuse_extension"
    settle = "settle"
    finish = "finish"
    confirm = "confirm"
    lapse = "lapse"
    dispute = "dispute"
    redo = "redo"
    reopen = "reopen"
    close = "close"
    take_over = "take_over"
    withdraw = "withdraw"


class Standing(StrEnum):
    """What a person is to a need. 与需求的关系"""

    author = "author"
    member = "member"
    claimant = "claimant"
    offeree = "offeree"
    receiver = "receiver"
    screener = "screener"
    dispatcher = "dispatcher"
    caller = "caller"
    system = "system"


STANDING_TITLES: dict[Standing, str] = {
    Standing.author: "提出人（或代录人）",
    Standing.member: "已核实的党员或志愿者",
    Standing.claimant: "认领人",
    Standing.offeree: "被派单人",
    Standing.receiver: "转单接收人",
    Standing.screener: "审核人",
    Standing.dispatcher: "派单员",
    Standing.caller: "回访人",
    Standing.system: "系统",
}


class NeedClock(StrEnum):
    """需求上的期限：审核、待认领、完成、回访、确认"""

    screening = "screening"
    unclaimed = "unclaimed"
    finish = "finish"
    callback = "callback"
    confirming = "confirming"


class ClaimClock(StrEnum):
    """认领上的期限：联系提醒、逾期释放"""

    warning = "contact_warning"
    release = "contact_release"


OFFER_CLOCK = "answer"
"""派单上的期限: to be answered by the offeree."""
