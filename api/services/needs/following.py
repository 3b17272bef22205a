"""Who is told what after a need's event."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.models import Claim, Need, Offer, Place
from api.rules.need_words import KIND_TITLES, ClaimState, OfferState
from api.rules.places import PREFIX_LENGTHS
from api.rules.roles import LEADS, Permission, Role, roles_with
from api.services import notices
from api.services.notices import Word, holders


class Audience(StrEnum):
    """通知对象：提出人、认领人、审核人、负责人、街道、派单员、回访人、被派单人、转单接收人"""

    author = "author"
    claimants = "claimants"
    screeners = "screeners"
    leads = "leads"
    town = "town"
    dispatchers = "dispatchers"
    callers = "callers"
    offeree = "offeree"
    receiver = "receiver"


_A = Audience
WORDS: dict[str, tuple[Word[Audience], ...]] = {
    "submit": (Word(_A.screeners, "待审核", "“{title}”等待审核。"),),
    "return": (Word(_A.author, "请修改后再提交", "您的{kind}“{title}”{told}。"),),
    "decline": (Word(_A.author, "未采纳", "您的{kind}“{title}”{told}。"),),
    "publish": (Word(_A.author, "已公开", "您的{kind}“{title}”已公开，等待认领。"),),
    "merge": (Word(_A.author, "已合并", "您的{kind}“{title}”{told}。"),),
    "claim": (Word(_A.author, "有人认领", "您的{kind}“{title}”已有人认领，会尽快与您联系。"),),
    "accept": (Word(_A.author, "有人认领", "您的{kind}“{title}”已有人认领，会尽快与您联系。"),),
    "offer": (Word(_A.offeree, "社区向您派单", "“{title}”，请在期限内接受或婉拒。"),),
    "pass": (Word(_A.dispatchers, "派单被婉拒", "“{title}”可派给下一位。"),),
    "expire": (Word(_A.dispatchers, "派单逾期", "“{title}”无人答复，可派给下一位。"),),
    "warn": (Word(_A.claimants, "请尽快联系", "您认领的“{title}”已 48 小时未联系，满 72 小时将自动释放。"),),
    "time_out": (Word(_A.dispatchers, "认领已释放", "“{title}”{told}。"),),
    "release": (Word(_A.dispatchers, "退单", "“{title}”{told}。"),),
    "let_go": (Word(_A.dispatchers, "已退单", "“{title}”重新等待认领。"),),
    "hold_to": (Word(_A.claimants, "退单未同意", "“{title}”{told}。"),),
    "transfer": (Word(_A.receiver, "请您接收转单", "“{title}”希望转给您，请接收或婉拒。"),),
    "extend": (Word(_A.author, "请求延期", "您的{kind}“{title}”：{told}。"),),
    "agree_extension": (Word(_A.claimants, "同意延期", "“{title}”{told}。"),),
    "refuse_extension": (Word(_A.claimants, "不同意延期", "“{title}”{told}。"),),
    "finish": (Word(_A.author, "请您确认", "您的{kind}“{title}”已登记完成，请确认并评价。"),),
    "call_back": (Word(_A.callers, "回访任务", "“{title}”{told}。"),),
    "confirm": (Word(_A.claimants, "已确认", "“{title}”{told}。"),),
    "dispute": (Word(_A.dispatchers, "提出人有异议", "“{title}”需要社区决定重做、重新公开或关闭。"),),
    "redo": (Word(_A.claimants, "请重做", "“{title}”{told}。"),),
    "take_over": (Word(_A.dispatchers, "社区兜底", "“{title}”{told}。"),),
    "short_handed": (Word(_A.dispatchers, "仍有空缺", "“{title}”{told}。"),),
    "overdue": (
        Word(_A.claimants, "已超期", "“{title}”{told}。"),
        Word(_A.leads, "已超期", "“{title}”{told}。"),
    ),
    "escalate": (
        Word(_A.leads, "审核超时", "“{title}”{told}。"),
        Word(_A.town, "审核超时", "“{title}”{told}。"),
    ),
    "withdraw": (Word(_A.claimants, "已撤回", "您认领的“{title}”已由提出人撤回。"),),
}
"""By move; `{title}` and `{kind}` are the need's, `{told}` the event's public text. Moves that are not here tell
nobody."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell those whom the event concerns."""
    words = WORDS.get(event.move, ())
    if not words:
        return
    need = (await tx.execute(select(Need).where(col(Need.id) == event.subject_id))).scalar_one()
    await notices.tell_each(
        tx,
        event,
        words,
        lambda to: _people(tx, event, need, to),
        named=lambda to: f"need.{event.move}.{to}",
        title=need.title,
        kind=KIND_TITLES[need.kind],
        told=event.text or "",
    )


async def _people(tx: AsyncSession, event: Event, need: Need, to: Audience) -> list[UUID]:
    match to:
        case Audience.author:
            who = need.author_id or need.recorder_id
            return [who] if who is not None else []
        case Audience.claimants:
            return await _claimants(tx, event, need)
        case Audience.offeree:
            found = await tx.execute(
                select(col(Offer.member_id)).where(
                    col(Offer.need_id) == need.id, col(Offer.state) == OfferState.open
                )
            )
            return list(found.scalars())
        case Audience.receiver:
            return [UUID(event.data["to"])]
        case Audience.leads:
            return list(await holders(tx, LEADS, need.community_id))
        case Audience.town:
            town = await tx.execute(
                select(col(Place.id)).where(col(Place.path) == need.path[: PREFIX_LENGTHS[3]])
            )
            return list(await holders(tx, [Role.town_supervisor], town.scalar_one()))
        case _:
            return list(await holders(tx, roles_with(_MAY[to]), need.community_id))


_MAY: dict[Audience, Permission] = {
    Audience.screeners: Permission.need_screen,
    Audience.dispatchers: Permission.need_dispatch,
    Audience.callers: Permission.need_callback,
}


async def _claimants(tx: AsyncSession, event: Event, need: Need) -> list[UUID]:
    """The one the event names, or all who worked on it."""
    if "claim_id" in event.data:
        named = col(Claim.id) == UUID(event.data["claim_id"])
    else:
        gone = (ClaimState.released, ClaimState.timed_out, ClaimState.transferred)
        named = (col(Claim.need_id) == need.id) & col(Claim.state).not_in(gone)
    return list((await tx.execute(select(col(Claim.member_id)).where(named))).scalars())
