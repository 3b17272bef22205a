"""Doing it: contact, release, pass on, extend, finish. The need decides the race, its claim follows.

`actor` None is the system acting by the clock, through the same table of moves.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound, WrongMoment
from api.models import Claim, Membership
from api.models.needs import NeedId
from api.models.people import PersonId
from api.rules.need_words import ClaimClock, ClaimState, NeedClock, NeedKind, NeedState
from api.rules.needs import EXTENSION_DAYS
from api.rules.people import MembershipState
from api.services import deadlines
from api.services.access import Viewer
from api.services.content import moderation
from api.services.needs import clocks, counting
from api.services.needs.finding import NeedSubject, claim_goes, find
from api.services.needs.view import CLAIMED_BY, held, my_claim, working
from api.services.uploads.attaching import attach


def _mine(need: NeedSubject, actor: Viewer) -> dict[str, Any]:
    claim = my_claim(need.row, actor)
    assert claim is not None, "the table lets only claimants pass"
    return claim


async def contact(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """联系对方: from now on the contact is shown, and the clock that would release the claim stands still."""
    need = await find(tx, actor, need_id)
    need.require("contact")
    claim = _mine(need, actor)
    await need.move(tx, "contact", text="认领人已与提出人联系", data={"claim_id": claim["id"]})
    await claim_goes(tx, need, claim, ClaimState.contacted, contacted_at=clock.now())
    await deadlines.meet(tx, UUID(claim["id"]), list(ClaimClock))


async def release(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """退单: at once before contact; afterwards the dispatcher is asked."""
    need = await find(tx, actor, need_id)
    need.require("release")
    claim = _mine(need, actor)
    if claim["state"] == ClaimState.claimed:
        await _free(tx, need, claim, "release", ClaimState.released, text="认领人退单", reason=reason)
        return
    await need.move(
        tx,
        "release",
        text="认领人申请退单",
        data={"claim_id": claim["id"]},
        words={"reason": reason},
    )
    await claim_goes(
        tx, need, claim, ClaimState.contacted, release_asked_at=clock.now(), release_reason=reason
    )


async def let_go(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """同意退单: of the claim that has waited longest."""
    need = await find(tx, actor, need_id)
    need.require("let_go")
    claim = next(c for c in held(need.row) if c["asked"])
    await _free(tx, need, claim, "let_go", ClaimState.released, text="社区同意退单", reason=claim["reason"])


async def hold_to(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """不同意退单: the claim goes on."""
    need = await find(tx, actor, need_id)
    need.require("hold_to")
    claim = next(c for c in held(need.row) if c["asked"])
    told = f"社区不同意退单：{reason}"
    await need.move(tx, "hold_to", text="社区不同意退单", told=told, data={"claim_id": claim["id"]})
    await claim_goes(tx, need, claim, ClaimState.contacted, release_asked_at=None, release_reason=None)


async def time_out(tx: AsyncSession, need_id: UUID, claim_id: UUID) -> None:
    """72 hours without contact: released, and the need keeps its age."""
    need = await find(tx, None, need_id)
    claim = next(
        (c for c in held(need.row) if c["id"] == str(claim_id) and c["state"] == ClaimState.claimed), None
    )
    if claim is not None:
        await _free(
            tx, need, claim, "time_out", ClaimState.timed_out, text="72 小时未联系，释放", reason=None
        )


async def _free(
    tx: AsyncSession,
    need: NeedSubject,
    claim: dict[str, Any],
    move: str,
    to: ClaimState,
    *,
    text: str,
    reason: str | None,
) -> None:
    """The seat is free again; age and publication stay."""
    await need.move(
        tx,
        move,
        text=text,
        data={"claim_id": claim["id"]},
        words={"reason": reason} if reason else None,
        free_seats=sorted([*need.row["free_seats"], claim["seat"]]),
        round=need.row["round"] + 1,
    )
    now = clock.now()
    await claim_goes(
        tx, need, claim, to, ended_at=now, release_reason=reason, release_asked_at=None, transfer_to_id=None
    )
    await counting.given_up(tx, UUID(claim["member_id"]))
    await clocks.stop(tx, UUID(claim["id"]))
    await waits_again(tx, need)


async def waits_again(tx: AsyncSession, need: NeedSubject) -> None:
    """Back among the published: its age counts on, so what is older than seven days is taken over at once."""
    if need.state is NeedState.published:
        await clocks.start(tx, need.id, NeedClock.unclaimed, at=need.row["published_at"])


async def transfer(tx: AsyncSession, actor: Viewer, need_id: UUID, person_id: UUID) -> None:
    """转单: propose another member. Raises NotFound for somebody who cannot take it."""
    need = await find(tx, actor, need_id)
    need.require("transfer")
    claim = _mine(need, actor)
    taken = {c["member_id"] for c in held(need.row)}
    member = await tx.execute(
        select(1).where(
            col(Membership.person_id) == person_id,
            col(Membership.place_id) == need.row["community_id"],
            col(Membership.kind) == CLAIMED_BY[NeedKind(need.row["kind"])],
            col(Membership.state) == MembershipState.verified,
        )
    )
    if member.first() is None or str(person_id) in taken:
        raise NotFound("没有可以接收这项需求的这位成员")
    await need.move(
        tx, "transfer", text="认领人申请转单", data={"claim_id": claim["id"], "to": str(person_id)}
    )
    await claim_goes(tx, need, claim, ClaimState(claim["state"]), transfer_to_id=person_id)


def _proposed_to(need: NeedSubject, actor: Viewer) -> dict[str, Any]:
    return next(c for c in held(need.row) if c["transfer_to"] == str(actor.person_id))


async def accept_transfer(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """接收转单: one swap; the seat is never free in between."""
    need = await find(tx, actor, need_id)
    need.require("accept_transfer")
    claim = _proposed_to(need, actor)
    if not working(claim):
        raise WrongMoment(moves=need.moves())
    new = Claim(
        need_id=NeedId(need_id),
        member_id=actor.person_id,
        seat=claim["seat"],
        state=ClaimState(claim["state"]),
        contacted_at=clock.now() if claim["state"] == ClaimState.contacted else None,
    )
    await need.move(
        tx,
        "accept_transfer",
        text="已转单",
        data={"from": claim["id"], "claim_id": str(new.id)},
        transfers=need.row["transfers"] + 1,
    )
    await claim_goes(
        tx,
        need,
        claim,
        ClaimState.transferred,
        ended_at=clock.now(),
        transfer_to_id=None,
        release_asked_at=None,
    )
    # Both counters in one order of ids, so that two swaps in opposite directions do not wait for each other.
    steps = {UUID(claim["member_id"]): counting.give_back, UUID(str(actor.person_id)): counting.take}
    for person in sorted(steps):
        await steps[person](tx, person)
    tx.add(new)
    await clocks.stop(tx, UUID(claim["id"]))
    if new.state is ClaimState.claimed:
        await clocks.start_claim(tx, new.id)


async def refuse_transfer(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """不接收转单."""
    need = await find(tx, actor, need_id)
    need.require("refuse_transfer")
    claim = _proposed_to(need, actor)
    await need.move(tx, "refuse_transfer", text="对方不接收转单", data={"claim_id": claim["id"]})
    await claim_goes(tx, need, claim, ClaimState(claim["state"]), transfer_to_id=None)


async def extend(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """申请延期: asked of the wisher."""
    need = await find(tx, actor, need_id)
    need.require("extend")
    until = clock.local(clock.now()).date() + timedelta(days=EXTENSION_DAYS)
    # The reason is a member's words which no check has passed: not in the text that neighbours read.
    await need.move(
        tx, "extend", text=f"认领人申请延期至 {until}", words={"reason": reason}, extension_to=until
    )


async def agree_extension(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """同意延期: the finish clock begins anew, once."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "agree_extension", text="提出人同意延期", extended=True, extension_to=None)
    await clocks.start(tx, need_id, NeedClock.finish)


async def refuse_extension(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """不同意延期: it may not be asked again."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "refuse_extension", text="提出人不同意延期", extended=True, extension_to=None)


async def settle(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """按现有人数开始: the free seats of a shared task are given up."""
    need = await find(tx, actor, need_id)
    row = need.row
    taken = row["seats"] - len(row["free_seats"])
    await need.move(
        tx, "settle", text=f"按现有 {taken} 人开始", seats=taken if taken else row["seats"], free_seats=[]
    )
    if need.state is NeedState.done:
        await finished(tx, need)


async def finish(
    tx: AsyncSession, actor: Viewer, need_id: UUID, *, text: str, minutes: int, uploads: list[UUID]
) -> None:
    """登记完成: the evidence goes on the claim."""
    need = await find(tx, actor, need_id)
    need.require("finish")
    now = clock.now()
    if need.state is NeedState.in_house:
        claim_id = await _finish_in_house(tx, actor, need, text, minutes, now)
        await _evidence(tx, actor, need, claim_id, text, uploads)
        return
    claim = _mine(need, actor)
    await need.move(tx, "finish", text="认领人登记完成", data={"claim_id": claim["id"]}, done_at=now)
    await claim_goes(
        tx, need, claim, ClaimState.done, text=text, minutes=minutes, done_at=now,
        release_asked_at=None, release_reason=None, transfer_to_id=None,
    )  # fmt: skip
    await counting.give_back(tx, actor.person_id)
    if need.state is NeedState.done:
        await finished(tx, need)
    await _evidence(tx, actor, need, UUID(claim["id"]), text, uploads)


async def _evidence(
    tx: AsyncSession, actor: Viewer, need: NeedSubject, claim_id: UUID, text: str, uploads: list[UUID]
) -> None:
    await tx.flush()
    await attach(tx, actor.person_id, uploads, subject_kind="claim", subject_id=claim_id)
    await moderation.watch(
        tx,
        subject_kind="claim",
        subject_id=claim_id,
        author_id=actor.person_id,
        texts=[text],
        path=need.row["path"],
    )


async def _finish_in_house(
    tx: AsyncSession, actor: Viewer, need: NeedSubject, text: str, minutes: int, now: datetime
) -> UUID:
    seat, *free = need.row["free_seats"]
    claim = Claim(
        need_id=NeedId(need.id),
        member_id=PersonId(actor.person_id),
        seat=seat,
        state=ClaimState.done,
        in_house=True,
        text=text,
        minutes=minutes,
        contacted_at=now,
        done_at=now,
    )
    await need.move(
        tx, "finish", text="社区登记完成", data={"claim_id": str(claim.id)}, done_at=now, free_seats=free
    )
    tx.add(claim)
    await finished(tx, need)
    return claim.id


async def finished(tx: AsyncSession, need: NeedSubject) -> None:
    """Everybody is done: the wisher is asked, then called, then taken for silent."""
    await deadlines.meet(tx, need.id, [NeedClock.finish])
    await clocks.start(tx, need.id, NeedClock.callback, NeedClock.confirming)
