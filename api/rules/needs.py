"""需求: the life-cycle of something a neighbour can do, wish 微心愿 or help 志愿求助. Source: lifecycles, chapter B.

A need may have several seats (联合认领): it is published while one is free, and goes on when the last of its
claims has got there. Evidence and the claimant's own steps hang on the claim; api/services/needs moves both.
"""

from collections.abc import Callable
from dataclasses import dataclass

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.clocks import Limit, hours, natural_days, working_days
from api.rules.content import ContentState
from api.rules.need_words import ClaimClock, ClaimState, NeedClock, NeedMove, NeedState, Standing, Urgency

LIVE_LIMIT = 3
"""Claims a member may be working on at once."""
LIMITED_TO = 1
"""After RELEASES_COUNTED releases or timeouts within RELEASES_DAYS, for LIMITED_DAYS."""
RELEASES_COUNTED, RELEASES_DAYS, LIMITED_DAYS = 3, 90, 30
OPEN_WISHES = 2
"""Open wishes of a household; each takes one of so many numbered places."""
MOST_SEATS = 20
TRANSFERS_ALLOWED = 2
EXTENSION_DAYS = 7

CLOCKS: dict[NeedClock, Limit] = {
    NeedClock.screening: working_days(2),
    NeedClock.unclaimed: natural_days(7),
    NeedClock.finish: natural_days(7),
    NeedClock.callback: hours(72),
    NeedClock.confirming: natural_days(7),
}
CLAIM_CLOCKS: dict[ClaimClock, Limit] = {ClaimClock.warning: hours(48), ClaimClock.release: hours(72)}
ANSWER_IN: dict[Urgency, Limit] = {
    Urgency.normal: hours(12),
    Urgency.soon: hours(12),
    Urgency.urgent: hours(1),
}
"""How long an offer waits; silence is a neutral decline."""


class OwnHousehold(Problem):
    status, code, title = 403, "own_household", "不能处理本户提出的需求"


class NotQualified(Problem):
    status, code, title = 403, "not_qualified", "您还不符合这项需求的要求"
    advice = "lacking 列出还差什么；在报到登记中补充并经社区核实后再认领。"


class LiveLimit(Problem):
    status, code, title = 409, "live_limit", "您正在进行的认领已达上限"
    advice = "先完成或退回已认领的，再认领新的。"


class AlreadyClaimed(Problem):
    status, code, title = 409, "already_claimed", "您已认领这项需求"


class ContentRefused(Problem):
    status, code, title = 409, "content_refused", "内容审核未通过，不能公开"


class AlreadyContacted(Problem):
    status, code, title = 409, "already_contacted", "您已登记过联系"


class ContactFirst(Problem):
    status, code, title = 409, "contact_first", "请先联系对方再登记完成"


class ReleaseAsked(Problem):
    status, code, title = 409, "release_asked", "退单申请正在等社区确认"


class NothingAsked(Problem):
    status, code, title = 409, "nothing_asked", "没有待处理的申请"


class TransferredEnough(Problem):
    status, code, title = 409, "transferred_enough", "转单次数已用完，或已有转单待接收"


class ExtendedEnough(Problem):
    status, code, title = 409, "extended_enough", "只能延期一次，或已有延期申请待同意"


class NotDisputed(Problem):
    status, code, title = 409, "not_disputed", "提出人没有提出异议"


class AlreadyDisputed(Problem):
    status, code, title = 409, "already_disputed", "已提出异议，等待社区处理"


class OwnWork(Problem):
    status, code, title = 403, "own_work", "不能替别人决定自己认领的事"


class SharedTask(Problem):
    status, code, title = 409, "shared_task", "联合认领的名额未满，已有人认领"
    advice = "由派单员用 settle 按现有人数开始，或继续等待认领。"


class NobodyYet(Problem):
    status, code, title = 409, "nobody_yet", "还没有人认领，不能按现有人数开始"


@dataclass(frozen=True, slots=True)
class NeedFacts:
    """What the guards look at; read with the row in one statement."""

    free: int = 1
    """Free seats."""
    mine: ClaimState | None = None
    """The viewer's own claim that holds a seat."""
    others: tuple[ClaimState, ...] = ()
    """All other claims that hold one."""
    asked_release: bool = False
    """The viewer's claim waits for the dispatcher to let it go."""
    release_waiting: bool = False
    transfers: int = 0
    transfer_waiting: bool = False
    own_household: bool = False
    viewer_worked: bool = False
    """The viewer holds, or held to the end, a claim of it."""
    lacking: tuple[str, ...] = ()
    """What the viewer would need to claim it, in words for a person."""
    content: ContentState = ContentState.pending
    extended: bool = False
    extension_waiting: bool = False
    disputed: bool = False
    in_house: bool = False


_S, _C, _BY, _M = NeedState, ClaimState, Standing, NeedMove


def _other_household(facts: NeedFacts) -> Problem | None:
    return OwnHousehold() if facts.own_household else None


def _may_publish(facts: NeedFacts) -> Problem | None:
    return ContentRefused() if facts.content is ContentState.risky else _other_household(facts)


def _may_claim(facts: NeedFacts) -> Problem | None:
    if facts.mine is not None:
        return AlreadyClaimed()
    if facts.own_household:
        return OwnHousehold()
    if facts.lacking:
        return NotQualified("还差：" + "、".join(facts.lacking), lacking=list(facts.lacking))
    return None


def _before_contact(facts: NeedFacts) -> Problem | None:
    return None if facts.mine is _C.claimed else AlreadyContacted()


def _after_contact(facts: NeedFacts) -> Problem | None:
    return None if facts.mine is _C.contacted else ContactFirst()


def _may_release(facts: NeedFacts) -> Problem | None:
    return ReleaseAsked() if facts.asked_release or facts.mine is _C.done else None


def _release_waits(facts: NeedFacts) -> Problem | None:
    if facts.asked_release:
        return OwnWork()
    return None if facts.release_waiting else NothingAsked()


def _may_transfer(facts: NeedFacts) -> Problem | None:
    spent = facts.transfers >= TRANSFERS_ALLOWED or facts.transfer_waiting or facts.mine is _C.done
    return TransferredEnough() if spent else _may_release(facts)


def _may_extend(facts: NeedFacts) -> Problem | None:
    return ExtendedEnough() if facts.extended or facts.extension_waiting else None


def _extension_waits(facts: NeedFacts) -> Problem | None:
    return None if facts.extension_waiting else NothingAsked()


def _not_own_work(facts: NeedFacts) -> Problem | None:
    return OwnWork() if facts.viewer_worked else None


def _undisputed(facts: NeedFacts) -> Problem | None:
    return AlreadyDisputed() if facts.disputed else None


def _disputed(facts: NeedFacts) -> Problem | None:
    if facts.viewer_worked:
        return OwnWork()
    return _other_household(facts) if facts.disputed else NotDisputed()


def _nobody_holds(facts: NeedFacts) -> Problem | None:
    return SharedTask() if facts.others or facts.mine else None


def _somebody_holds(facts: NeedFacts) -> Problem | None:
    return None if facts.others or facts.mine else NobodyYet()


def _all(facts: NeedFacts, mine: ClaimState | None) -> NeedState:
    """Where a need with all seats taken stands: where the slowest of its claims does."""
    held = [*facts.others, *([mine] if mine else [])]
    if _C.claimed in held:
        return _S.claimed
    return _S.contacted if _C.contacted in held else _S.done


def _last_seat(facts: NeedFacts) -> NeedState:
    return _S.claimed if facts.free <= 1 else _S.published


def _once(step: ClaimState) -> Callable[[NeedFacts], NeedState | None]:
    """The viewer's claim gets to `step`: the need follows when the others are as far."""
    return lambda facts: _all(facts, step)


def _let_go_at_once(facts: NeedFacts) -> NeedState | None:
    return _S.published if facts.mine is _C.claimed else None


def _nothing(_: NeedFacts) -> None:
    return None


_FULL = (_S.claimed, _S.contacted)
_FILLING = (_S.published, _S.offered)
"""A need with several seats, some taken: their claimants go on, the need itself stays where it is."""
_CLAIMANT = frozenset({_BY.claimant})


def _steps(
    name: NeedMove,
    title: str,
    guard: Callable[[NeedFacts], Problem | None],
    by: frozenset[Standing] = _CLAIMANT,
    note: str = "",
) -> list[Move[NeedState, Standing, NeedFacts]]:
    """A step around a claim that leaves the need where it is."""
    return [Move(name, title, (s,), s, by, guard, note) for s in (*_FULL, *_FILLING)]


def _filling(
    name: NeedMove,
    title: str,
    guard: Callable[[NeedFacts], Problem | None],
    by: frozenset[Standing] = _CLAIMANT,
) -> list[Move[NeedState, Standing, NeedFacts]]:
    return [Move(name, title, (s,), s, by, guard, "联合认领，名额未满") for s in _FILLING]


_AUTHOR, _SCREENER = frozenset({_BY.author}), frozenset({_BY.screener})
_DISPATCHER, _SYSTEM = frozenset({_BY.dispatcher}), frozenset({_BY.system})

NEEDS: Lifecycle[NeedState, Standing, NeedFacts] = Lifecycle(
    "need",
    "需求",
    _S.submitted,
    [
        Move(_M.submit, "修改后再提交", (_S.returned,), _S.submitted, _AUTHOR),
        Move(_M.return_, "退回修改", (_S.submitted,), _S.returned, _SCREENER, _other_household,
             "写明原因；审核人不能是提出人本户的人"),
        Move(_M.decline, "不予采纳", (_S.submitted,), _S.declined, _SCREENER, _other_household, "写明原因"),
        Move(_M.publish, "审核通过并公开", (_S.submitted,), _S.published, _SCREENER, _may_publish,
             "2 个工作日未审核则升级提醒，绝不自动公开；公开起 7 天内完成"),
        Move(_M.merge, "合并相同需求", (_S.submitted,), _S.merged, _SCREENER, _other_household, "只合并一层，同一社区同一种类"),
        Move(_M.claim, "认领", (_S.published,), _S.claimed, frozenset({_BY.member}), _may_claim,
             "一个名额只有一人认领成功；同时进行的不超过 3 件；不能认领本户的", _last_seat),
        Move(_M.offer, "派单", (_S.published,), _S.offered, frozenset({_BY.dispatcher, _BY.system}),
             note="一项需求同时只有一个派单；12 小时（紧急 1 小时）内答复"),
        Move(_M.recall, "收回派单", (_S.offered,), _S.published, _DISPATCHER),
        Move(_M.accept, "接受派单", (_S.offered,), _S.claimed, frozenset({_BY.offeree}), _may_claim, leads=_last_seat),
        Move(_M.pass_, "婉拒派单", (_S.offered,), _S.published, frozenset({_BY.offeree})),
        Move(_M.expire, "派单逾期未答复", (_S.offered,), _S.published, _SYSTEM, note="视为中性的婉拒，转下一位"),
        Move(_M.contact, "联系对方", (_S.claimed,), _S.contacted, _CLAIMANT, _before_contact,
             "此后才看得到联系方式，每次查看留痕", _once(_C.contacted)),
        *_filling(_M.contact, "联系对方", _before_contact),
        Move(_M.release, "退单", _FULL, _S.published, _CLAIMANT, _may_release,
             "写明原因；联系之后须由派单员确认；90 天内 3 次退单或超时，30 天内只能认领 1 件", _let_go_at_once),
        *_filling(_M.release, "退单", _may_release),
        Move(_M.let_go, "同意退单", _FULL, _S.published, _DISPATCHER, _release_waits),
        *_filling(_M.let_go, "同意退单", _release_waits, _DISPATCHER),
        *_steps(_M.hold_to, "不同意退单", _release_waits, _DISPATCHER, "写明原因"),
        Move(_M.time_out, "逾期未联系，释放", (_S.claimed,), _S.published, _SYSTEM,
             note="48 小时未联系提醒，72 小时释放；需求的等待时间不重新计算"),
        *_filling(_M.time_out, "逾期未联系，释放", _nothing, _SYSTEM),
        *_steps(_M.transfer, "转单", _may_transfer, note="对方接收后一次换人，最多 2 次"),
        *_steps(_M.accept_transfer, "接收转单", _may_claim, frozenset({_BY.receiver})),
        *_steps(_M.refuse_transfer, "不接收转单", _nothing, frozenset({_BY.receiver})),
        *_steps(_M.extend, "申请延期", _may_extend, note="须提出人同意，只有一次"),
        *_steps(_M.agree_extension, "同意延期", _extension_waits, _AUTHOR),
        *_steps(_M.refuse_extension, "不同意延期", _extension_waits, _AUTHOR),
        Move(_M.settle, "按现有人数开始", (_S.published,), _S.claimed, _DISPATCHER, _somebody_holds,
             "联合认领名额未满时", lambda facts: _all(facts, facts.mine)),
        Move(_M.finish, "登记完成", (_S.contacted,), _S.done, _CLAIMANT, _after_contact,
             "文字、照片、分钟数，记在认领上", _once(_C.done)),
        Move(_M.finish, "登记完成", (_S.claimed,), _S.claimed, _CLAIMANT, _after_contact, "联合认领，他人尚未联系"),
        *_filling(_M.finish, "登记完成", _after_contact),
        Move(_M.finish, "登记完成", (_S.in_house,), _S.done, _DISPATCHER, _other_household, "社区兜底完成"),
        Move(_M.confirm, "确认", (_S.done,), _S.confirmed, frozenset({_BY.author, _BY.caller}), _not_own_work,
             "1–5 星；提出人本人，或网格员、社区回访代为确认"),
        Move(_M.lapse, "逾期未确认", (_S.done,), _S.unconfirmed, _SYSTEM, _undisputed,
             "72 小时未确认派回访任务，7 天后按未确认处理，没有好评加分"),
        Move(_M.dispute, "提出异议", (_S.done,), _S.done, _AUTHOR, _undisputed, "由社区决定重做、重新公开或关闭"),
        Move(_M.redo, "由原认领人重做", (_S.done,), _S.contacted, _DISPATCHER, _disputed,
             leads=lambda facts: _S.in_house if facts.in_house else _S.contacted),
        Move(_M.reopen, "重新公开认领", (_S.done,), _S.published, _DISPATCHER, _disputed),
        Move(_M.close, "关闭", (_S.done,), _S.closed, _DISPATCHER, _disputed),
        Move(_M.take_over, "社区兜底", (_S.published,), _S.in_house, frozenset({_BY.system, _BY.dispatcher}), _nobody_holds,
             "公开 7 天无人认领，由社区工作人员负责"),
        Move(_M.withdraw, "撤回", (_S.submitted, _S.returned, *_FILLING, *_FULL, _S.in_house), _S.withdrawn, _AUTHOR,
             note="已登记的服务保留给认领人"),
    ],
)  # fmt: skip
