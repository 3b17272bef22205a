"""派单: the community proposes a need to one member; one open offer a need, with an expiry."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import WrongMoment
from api.models import Claim, Offer
from api.models.needs import NeedId
from api.models.people import PersonId
from api.rules.need_words import NeedState, OfferState, Urgency
from api.rules.needs import NotQualified, OwnHousehold
from api.services import deadlines
from api.services.access import Viewer
from api.services.needs import clocks, counting
from api.services.needs.finding import NeedSubject, find
from api.services.needs.reading import READ_AS_SYSTEM, today
from api.services.needs.view import held, lacking
from api.services.needs.working import waits_again


async def offer(
    tx: AsyncSession,
    actor: Viewer | None,
    need_id: UUID,
    member_id: UUID,
    *,
    reasons: list[str],
    batch_id: UUID | None = None,
) -> UUID:
    """派单: `actor` None is the dispatch batch. Raises OwnHousehold, NotQualified for a member who could not claim."""
    need = await find(tx, actor, need_id)
    need.require("offer")
    await _check(tx, need, member_id)
    made = Offer(
        need_id=NeedId(need_id),
        member_id=PersonId(member_id),
        reasons=reasons,
        batch_id=batch_id,
        made_by=PersonId(need.actor_id) if need.actor_id is not None else None,
        expires_at=clock.now(),
    )
    made.expires_at = await clocks.start_offer(tx, made.id, Urgency(need.row["urgency"]))
    await need.move(
        tx, "offer", text="社区派单", data={"offer_id": str(made.id), "member_id": str(member_id)}
    )
    tx.add(made)
    await tx.flush()
    return made.id


async def _check(tx: AsyncSession, need: NeedSubject, member_id: UUID) -> None:
    """As the member would see it: the same filters as for a claim."""
    seen = await tx.execute(
        READ_AS_SYSTEM, {"need_id": need.id, "viewer": member_id, "now": clock.now(), **today()}
    )
    row = seen.mappings().one()
    if row["own_household"] or any(c["member_id"] == str(member_id) for c in held(row)):
        raise OwnHousehold("不能派给本户的人或已认领的人", moves=need.moves())
    missing = lacking(row)
    if missing:
        raise NotQualified(f"这位成员还差：{'、'.join(missing)}", lacking=list(missing), moves=need.moves())


async def accept(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """接受派单: the offered seat becomes a claim; the member's limit holds all the same. Raises LiveLimit."""
    need = await find(tx, actor, need_id)
    need.require("accept")
    seat, *free = need.row["free_seats"]
    new = Claim(need_id=NeedId(need_id), member_id=actor.person_id, seat=seat)
    await need.move(
        tx,
        "accept",
        text="接受派单",
        data={"offer_id": need.row["offer"]["id"], "claim_id": str(new.id)},
        free_seats=free,
    )
    await _answered(tx, need, OfferState.accepted)
    await counting.take(tx, actor.person_id)
    tx.add(new)
    await clocks.start_claim(tx, new.id)


async def pass_on(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """婉拒: neutral, and the need goes to the next."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "pass", text="婉拒派单")
    await _answered(tx, need, OfferState.passed)
    await waits_again(tx, need)


async def recall(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """收回派单."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "recall", text="社区收回派单")
    await _answered(tx, need, OfferState.recalled)
    await waits_again(tx, need)


async def expire(tx: AsyncSession, need_id: UUID, offer_id: UUID) -> None:
    """No answer in time: a neutral decline, once."""
    need = await find(tx, None, need_id)
    offered = need.row["offer"]
    if need.state is NeedState.offered and offered is not None and offered["id"] == str(offer_id):
        await need.move(tx, "expire", text="派单逾期未答复", data={"offer_id": str(offer_id)})
        await _answered(tx, need, OfferState.expired)
        await waits_again(tx, need)


async def _answered(tx: AsyncSession, need: NeedSubject, to: OfferState) -> None:
    offer_id = UUID(need.row["offer"]["id"])
    changed = await tx.execute(
        update(Offer)
        .where(col(Offer.id) == offer_id, col(Offer.state) == OfferState.open)
        .values(state=to, answered_at=clock.now())
        .returning(col(Offer.id))
    )
    if changed.first() is None:
        raise WrongMoment(moves=await need.look_again())
    await deadlines.meet(tx, offer_id, ["answer"])
