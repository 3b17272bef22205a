"""What follows from an appointment's events, and from its clocks."""

from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.models import Appointment, Deadline, Grant, Place
from api.rules.appointments import AppointmentClock, AppointmentMove, AppointmentState
from api.rules.places import ancestor_paths
from api.rules.roles import LEADS, Role
from api.services import notices
from api.services.access import live, of_place
from api.services.appointments import booking, office

_VISITOR = {
    "confirm": ("预约已确认", "您预约的接待（{when}）已确认，请按时到场。"),
    "propose": ("书记另约了时间", "您的预约改到 {when}，请在 1 个工作日内接受，否则取消。"),
    "miss": ("您没有到场", "{when} 的接待您没有到场；如仍需要，请重新预约。"),
    "expire": ("预约已取消", "改约的时间您没有在期限内接受，预约已取消。"),
}
_OFFICE = {
    "request": ("新的预约", "有居民预约 {when} 的接待，请在 1 个工作日内确认或另约。"),
    "accept": ("对方接受了改约", "{when} 的接待对方已接受。"),
    "expire": ("预约已取消", "改约到 {when} 对方没有接受，时段已放开。"),
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell the other side; of an overdue one, the rung above."""
    it = (await tx.execute(select(Appointment).where(col(Appointment.id) == event.subject_id))).scalar_one()
    when = clock.local(it.starts_at).strftime("%m-%d %H:%M")
    sides: list[tuple[tuple[str, str] | None, list[UUID]]] = [
        (_VISITOR.get(event.move), [it.person_id]),
        (_OFFICE.get(event.move), await _office(tx, it)),
    ]
    if event.move == "cancel":
        told = ("预约已取消", "{when} 的接待已取消。" + (f"原因：{it.reason}" if it.reason else ""))
        sides = [(told, [it.person_id, *await _office(tx, it)])]
    if event.move == "overdue":
        above = await _above(tx, it, int(event.data["level"]))
        sides = [(("预约逾期未确认", "居民预约 {when} 的接待，书记逾期未确认，请督促。"), above)]
    for word, people in sides:
        if word is not None:
            await notices.tell(
                tx,
                event,
                [p for p in people if p != event.actor_id],
                kind=f"appointment.{event.move}",
                title=word[0],
                text=word[1].replace("{when}", when),
            )


async def _office(tx: AsyncSession, it: Appointment) -> list[UUID]:
    """The secretary, and who acts for him now."""
    acting = [d["delegate"]["id"] for d in await office.delegations(tx, it.secretary_id)]
    return [it.secretary_id, *acting]


async def _above(tx: AsyncSession, it: Appointment, level: int) -> list[UUID]:
    if level < booking.HIGHEST:
        return list(await notices.holders(tx, LEADS, it.place_id))
    found = await tx.execute(
        select(col(Grant.person_id))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(
            col(Place.path).in_(ancestor_paths(it.path)),
            col(Grant.role) == Role.town_supervisor,
            of_place(),
            live(literal(clock.now())),
        )
        .distinct()
    )
    return list(found.scalars())


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """A proposal nobody accepted lapses; a request nobody answered climbs."""
    found = await tx.execute(select(col(Appointment.state)).where(col(Appointment.id) == deadline.subject_id))
    state = AppointmentState(found.scalar_one())
    match AppointmentClock(deadline.kind), state:
        case AppointmentClock.accepting, AppointmentState.proposed:
            await booking.move(tx, None, deadline.subject_id, AppointmentMove.expire)
        case AppointmentClock.reply, AppointmentState.requested:
            await booking.climb(tx, deadline.subject_id)
