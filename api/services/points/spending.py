"""积分兑换: the catalogue, and one piece of it for points: stock and balance by conditional statements."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound, Problem
from api.models import Place, PointsAccount, PointsEntry, Redemption, Reward
from api.models.places import PlaceId
from api.models.points import RewardId
from api.rules.places import Level
from api.rules.points import REDEMPTIONS, EntryKind, RedemptionMove, RedemptionStanding, RedemptionState
from api.rules.roles import Permission, Role, capacity, permissions_of
from api.services.access import Viewer, placed_under, require, roles_at
from api.services.moves import Subject
from api.services.people.accounts import active
from api.services.places.finding import find_place
from api.services.points.earning import write

RedemptionSubject = Subject[RedemptionState, RedemptionStanding, None]


class SoldOut(Problem):
    status, code, title = 409, "sold_out", "已兑换完，或已下架"


class PointsShort(Problem):
    status, code, title = 409, "points_short", "积分不足"


async def offer_reward(
    tx: AsyncSession, viewer: Viewer, *, place_id: UUID, title: str, text: str | None, cost: int, stock: int
) -> dict[str, Any]:
    """A new piece of the catalogue. Raises NotFound, WrongLevel, NotAllowed."""
    place = await find_place(tx, place_id, Level.village)
    roles = await require(tx, viewer, Permission.reward_write, place.path)
    made = Reward(
        place_id=PlaceId(place.id), title=title, text=text, cost=cost, stock=stock, made_by=viewer.person_id
    )
    tx.add(made)
    await tx.flush()
    record(
        tx,
        subject_kind="reward",
        subject_id=made.id,
        move="offer_reward",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=f"上架兑换品：{title}",
    )
    return reward_view(made, place.name)


def reward_view(reward: Reward, place: str) -> dict[str, Any]:
    fields = ("id", "title", "text", "cost", "stock", "active", "created_at")
    return {**{f: getattr(reward, f) for f in fields}, "place": {"id": reward.place_id, "name": place}}


async def rewards(tx: AsyncSession, place_id: UUID, *, limit: int, after: str | None) -> dict[str, Any]:
    """What may be had in a place, newest first: open to everybody. Raises NotFound."""
    place = await find_place(tx, place_id)
    found = await tx.execute(
        select(Reward, col(Place.name))
        .join(Place, col(Place.id) == col(Reward.place_id))
        .where(
            placed_under(col(Reward.place_id), [place.path]),
            col(Reward.active),
            col(Reward.id) < read_cursor(after),
        )
        .order_by(col(Reward.id).desc())
        .limit(limit + 1)
    )
    return page([reward_view(reward, name) for reward, name in found], limit)


async def redeem(tx: AsyncSession, viewer: Viewer, reward_id: UUID) -> UUID:
    """One piece: stock, then balance, then the ledger; whichever refuses undoes all. Raises SoldOut, PointsShort."""
    await active(tx, viewer)
    reward = await _take(tx, reward_id)
    # Locks the account where it can pay; the ledger's writer takes the points off.
    able = await tx.execute(
        select(col(PointsAccount.person_id))
        .where(col(PointsAccount.person_id) == viewer.person_id, col(PointsAccount.balance) >= reward.cost)
        .with_for_update()
    )
    if able.first() is None:
        raise PointsShort(f"兑换需要 {reward.cost} 分", cost=reward.cost)
    made = Redemption(reward_id=RewardId(reward_id), person_id=viewer.person_id, cost=reward.cost)
    tx.add(made)
    await write(tx, _entry(made, EntryKind.redeem, -reward.cost, reward.title))
    record(
        tx,
        subject_kind="redemption",
        subject_id=made.id,
        move="redeem",
        to_state=made.state,
        actor_id=viewer.person_id,
        actor_title="本人",
        text=f"兑换：{reward.title}",
    )
    return made.id


async def _take(tx: AsyncSession, reward_id: UUID) -> Any:
    """One piece off the stock: what it is. Raises NotFound, SoldOut."""
    taken = await tx.execute(
        update(Reward)
        .where(col(Reward.id) == reward_id, col(Reward.stock) > 0, col(Reward.active))
        .values(stock=col(Reward.stock) - 1, updated_at=clock.now())
        .returning(col(Reward.cost), col(Reward.title))
    )
    reward = taken.one_or_none()
    if reward is None:
        known = await tx.execute(select(1).where(col(Reward.id) == reward_id))
        raise SoldOut if known.first() is not None else NotFound("没有这件兑换品")
    return reward


def _entry(it: Redemption, kind: EntryKind, amount: int, reason: str) -> PointsEntry:
    return PointsEntry(
        person_id=it.person_id,
        kind=kind,
        amount=amount,
        source_kind="redemption",
        source_id=it.id,
        day=clock.local(clock.now()).date(),
        reason=reason,
    )


async def find(tx: AsyncSession, viewer: Viewer, redemption_id: UUID) -> RedemptionSubject:
    """One's own, or one of a place where the viewer hands rewards over. Raises NotFound."""
    found = await tx.execute(
        select(Redemption, col(Reward.title), col(Place.path))
        .join(Reward, col(Reward.id) == col(Redemption.reward_id))
        .join(Place, col(Place.id) == col(Reward.place_id))
        .where(col(Redemption.id) == redemption_id)
        .execution_options(populate_existing=True)
    )
    row = found.one_or_none()
    roles: frozenset[Role] = await roles_at(tx, viewer, row.path) if row is not None else frozenset()
    mine = row is not None and row.Redemption.person_id == viewer.person_id
    gives = Permission.reward_write in permissions_of(roles) and not mine
    if row is None or not (mine or gives):
        raise NotFound("没有这次兑换，或不在您的查看范围内")

    async def look_again() -> list[str]:
        return (await find(tx, viewer, redemption_id)).moves()

    return RedemptionSubject(
        REDEMPTIONS,
        Redemption,
        redemption_id,
        row.Redemption.state,
        row.Redemption.version,
        frozenset({RedemptionStanding.owner} if mine else {RedemptionStanding.giver}),
        None,
        viewer.person_id,
        "本人" if mine else capacity(roles),
        look_again,
        row,
    )


async def move(tx: AsyncSession, viewer: Viewer, redemption_id: UUID, name: RedemptionMove) -> None:
    """Hand over, or cancel: the points come back by a counter-entry, the piece to the stock."""
    it = await find(tx, viewer, redemption_id)
    await it.move(tx, name, text=REDEMPTIONS.titles()[name])
    if name is RedemptionMove.cancel:
        redemption: Redemption = it.row.Redemption
        await tx.execute(
            update(Reward)
            .where(col(Reward.id) == redemption.reward_id)
            .values(stock=col(Reward.stock) + 1, updated_at=clock.now())
        )
        await write(tx, _entry(redemption, EntryKind.refund, redemption.cost, it.row.title))


async def read(tx: AsyncSession, viewer: Viewer, redemption_id: UUID) -> dict[str, Any]:
    """As the viewer sees it. Raises NotFound."""
    await tx.flush()
    it = await find(tx, viewer, redemption_id)
    redemption: Redemption = it.row.Redemption
    fields = ("id", "cost", "state", "version", "created_at", "updated_at")
    return {
        **{f: getattr(redemption, f) for f in fields},
        "reward": {"id": redemption.reward_id, "name": it.row.title},
        "moves": it.moves(),
    }
