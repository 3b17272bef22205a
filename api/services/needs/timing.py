"""What happens when a clock of a need, a claim or an offer runs out: each once, in the transaction that fires it."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import Claim, Deadline, Need, Offer
from api.rules.need_words import ClaimClock, ClaimState, NeedClock, NeedState
from api.services.needs import confirming, offering, working
from api.services.needs.finding import find
from api.services.needs.view import held


async def need_ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Act as the system on a broken clock of a need."""
    state = (
        await tx.execute(select(col(Need.state)).where(col(Need.id) == deadline.subject_id))
    ).scalar_one()
    match NeedClock(deadline.kind), state:
        case NeedClock.screening, NeedState.submitted:
            await _escalate(tx, deadline)
        case NeedClock.unclaimed, NeedState.published:
            await _take_over(tx, deadline)
        case NeedClock.finish, NeedState.claimed | NeedState.contacted | NeedState.in_house:
            _tell(tx, deadline, "overdue", "公开 7 天仍未完成")
        case NeedClock.callback, NeedState.done:
            _tell(tx, deadline, "call_back", "72 小时未确认，请回访")
        case NeedClock.confirming, NeedState.done:
            await confirming.lapse(tx, deadline.subject_id)


async def _escalate(tx: AsyncSession, deadline: Deadline) -> None:
    """Nobody screened it: leads and town are told. It is never published by itself."""
    await tx.execute(
        update(Need)
        .where(col(Need.id) == deadline.subject_id, col(Need.state) == NeedState.submitted)
        .values(escalated=True, updated_at=clock.now())
    )
    _tell(tx, deadline, "escalate", "2 个工作日未审核")


async def _take_over(tx: AsyncSession, deadline: Deadline) -> None:
    """兜底, unless some of several seats are taken: then the dispatcher decides whether those are enough."""
    need = await find(tx, None, deadline.subject_id)
    if held(need.row):
        _tell(tx, deadline, "short_handed", "公开 7 天仍有空缺，请按现有人数开始或继续招募")
        return
    await need.move(tx, "take_over", text="7 天无人认领，社区兜底")


async def claim_ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """48 hours: warn. 72 hours: release."""
    claim = (await tx.execute(select(Claim).where(col(Claim.id) == deadline.subject_id))).scalar_one()
    if claim.state is not ClaimState.claimed:
        return
    if deadline.kind == ClaimClock.release:
        await working.time_out(tx, claim.need_id, claim.id)
        return
    await tx.execute(update(Claim).where(col(Claim.id) == claim.id).values(warned_at=clock.now()))
    record(
        tx,
        subject_kind="need",
        subject_id=claim.need_id,
        move="warn",
        actor_id=None,
        actor_title="系统",
        text="认领 48 小时未联系",
        data={"claim_id": str(claim.id), "member_id": str(claim.member_id)},
    )


async def offer_ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """No answer is a neutral decline."""
    offer = (await tx.execute(select(Offer).where(col(Offer.id) == deadline.subject_id))).scalar_one()
    await offering.expire(tx, offer.need_id, offer.id)


def _tell(tx: AsyncSession, deadline: Deadline, move: str, text: str) -> None:
    record(
        tx,
        subject_kind="need",
        subject_id=deadline.subject_id,
        move=move,
        actor_id=None,
        actor_title="系统",
        text=text,
        data={"clock": deadline.kind},
    )
