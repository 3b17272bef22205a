"""After the work: confirm, dispute and what the community decides, silence, withdrawal. Points come from here alone."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Residency
from api.rules.content import CheckScene
from api.rules.need_words import KIND_TITLES, ClaimState, NeedClock, NeedKind, NeedState, Standing
from api.rules.people import ResidencyState
from api.rules.points import EntryKind, for_service, for_stars
from api.services import deadlines
from api.services.access import Viewer
from api.services.content import moderation
from api.services.needs import clocks, counting
from api.services.needs.finding import NeedSubject, claim_goes, find
from api.services.needs.view import held, working
from api.services.points import earning

_AFTER = (NeedClock.callback, NeedClock.confirming)


async def confirm(tx: AsyncSession, actor: Viewer, need_id: UUID, stars: int, text: str | None) -> None:
    """确认: by the wisher, or by somebody of the community who called."""
    need = await find(tx, actor, need_id)
    called = Standing.author not in need.standings or need.row["author_id"] != actor.person_id
    await need.move(
        tx,
        "confirm",
        text=f"回访确认：{stars} 星" if called else f"提出人确认：{stars} 星",
        rating=stars,
        rating_text=text,
        rating_passed_at=None,
        confirmed_by_call=called,
        disputed=False,
        closed_at=clock.now(),
    )
    await moderation.watch(
        tx,
        subject_kind="need_rating",
        subject_id=need_id,
        author_id=actor.person_id,
        texts=[text],
        path=need.row["path"],
        scene=CheckScene.comment,
    )
    await deadlines.meet(tx, need_id, _AFTER)
    for claim in held(need.row):
        await claim_goes(tx, need, claim, ClaimState.confirmed, ended_at=clock.now())
        await _reward(tx, need, claim, stars)


async def lapse(tx: AsyncSession, need_id: UUID) -> None:
    """逾期未确认: the work counts, silence is no praise."""
    need = await find(tx, None, need_id)
    await need.move(tx, "lapse", text="7 天未确认", closed_at=clock.now())
    await clocks.stop(tx, need_id)
    for claim in held(need.row):
        await claim_goes(tx, need, claim, ClaimState.unconfirmed, ended_at=clock.now())
        await _reward(tx, need, claim, None)


async def dispute(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """提出异议: the clock to silence stops until the community has decided."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "dispute", text="提出人提出异议", words={"reason": reason}, disputed=True)
    await deadlines.cancel(tx, need_id, _AFTER)


async def redo(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """重做: by those who did it; what the staff did in house goes back to the staff."""
    need = await find(tx, actor, need_id)
    need.require("redo")
    in_house = need.facts.in_house
    seats: dict[str, Any] = {"free_seats": _all_seats(need)} if in_house else {}
    await need.move(
        tx, "redo", text="社区决定重做", told=f"社区决定重做：{reason}", disputed=False, done_at=None, **seats
    )
    for claim in held(need.row):
        to = ClaimState.ended if in_house else ClaimState.contacted
        await claim_goes(tx, need, claim, to, done_at=None)
        if not in_house:
            await counting.resume(tx, UUID(claim["member_id"]))
    if not in_house:
        await clocks.start(tx, need_id, NeedClock.finish)


async def reopen(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """重新公开: for others to claim; its waiting begins anew, since it was answered once."""
    need = await find(tx, actor, need_id)
    await need.move(
        tx,
        "reopen",
        text="社区决定重新公开",
        told=f"社区决定重新公开：{reason}",
        disputed=False,
        done_at=None,
        free_seats=_all_seats(need),
        round=need.row["round"] + 1,
    )
    await _end_claims(tx, need)
    await clocks.start(tx, need_id, NeedClock.unclaimed, NeedClock.finish)


async def close(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """关闭: without confirmation, hence without points."""
    need = await find(tx, actor, need_id)
    told = f"社区决定关闭：{reason}"
    await need.move(tx, "close", text="社区决定关闭", told=told, closed_at=clock.now())
    await _end_claims(tx, need)
    await clocks.stop(tx, need_id)


async def withdraw(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str | None) -> None:
    """撤回: claims in work end without blame, work already logged keeps its credit."""
    need = await find(tx, actor, need_id)
    need.require("withdraw")
    if need.state is NeedState.offered:
        await deadlines.cancel(tx, UUID(need.row["offer"]["id"]))
    words = {"reason": reason} if reason else None
    await need.move(tx, "withdraw", text="提出人撤回", words=words, closed_at=clock.now())
    await _end_claims(tx, need, credit=True)
    await clocks.stop(tx, need_id)


def _all_seats(need: NeedSubject) -> list[int]:
    return list(range(1, need.row["seats"] + 1))


async def _end_claims(tx: AsyncSession, need: NeedSubject, *, credit: bool = False) -> None:
    for claim in held(need.row):
        done = claim["state"] == ClaimState.done
        await claim_goes(
            tx,
            need,
            claim,
            ClaimState.unconfirmed if done and credit else ClaimState.ended,
            ended_at=clock.now(),
            transfer_to_id=None,
        )
        await clocks.stop(tx, UUID(claim["id"]))
        if working(claim):
            await counting.give_back(tx, UUID(claim["member_id"]))
        if done and credit:
            await _reward(tx, need, claim, None)


async def _reward(tx: AsyncSession, need: NeedSubject, claim: dict[str, Any], stars: int | None) -> None:
    """Points for one claim; staff who helped out in house get their pay, not points."""
    if claim["in_house"]:
        return
    member = UUID(claim["member_id"])
    common: dict[str, Any] = {
        "person_id": member,
        "source_kind": "claim",
        "source_id": UUID(claim["id"]),
        "place_id": need.row["community_id"],
        "households": (await _household(tx, member), need.row["household"]),
        "reason": f"完成{KIND_TITLES[NeedKind(need.row['kind'])]}",
    }
    minutes = claim["minutes"] or 0
    await earning.grant(tx, kind=EntryKind.service, amount=for_service(minutes), minutes=minutes, **common)
    if for_stars(stars):
        await earning.grant(tx, kind=EntryKind.bonus, amount=for_stars(stars), minutes=0, **common)


async def _household(tx: AsyncSession, person_id: UUID) -> UUID:
    """The person's home, the earliest verified; the person where there is none."""
    found = await tx.execute(
        select(col(Residency.home_id))
        .where(col(Residency.person_id) == person_id, col(Residency.state) == ResidencyState.verified)
        .order_by(col(Residency.id))
        .limit(1)
    )
    return found.scalar_one_or_none() or person_id
