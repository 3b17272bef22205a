"""Who is told what after an event of an activity or a seat; and what the worker goes on with."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.models import Activity, AddedHours, Seat, ServiceRecord, Team
from api.rules.activity_words import PRESENT, WAITING, SeatState
from api.rules.roles import Permission, roles_with
from api.services import notices
from api.services.activities import settling
from api.services.notices import Word


class Audience(StrEnum):
    """通知对象：组织者、社区工作人员、已报名的人、已报名和候补的人、本人"""

    organiser = "organiser"
    staff = "staff"
    coming = "coming"
    everybody = "everybody"
    person = "person"


_A = Audience
Words = dict[str, tuple[Word[Audience], ...]]
"""By move; `{title}` is the activity's, `{when}` its beginning, `{told}` the event's public text. Moves that are not
there tell nobody."""
OF_ACTIVITY: Words = {
    "draw_up": (Word(_A.staff, "新的活动草稿", "“{title}”等待审核和发布。"),),
    "publish": (Word(_A.organiser, "活动已发布", "“{title}”已发布，{when}开始。"),),
    "remind": (Word(_A.coming, "活动提醒", "您报名的“{title}”{when}开始。现在取消算临期取消。"),),
    "cancel": (Word(_A.everybody, "活动取消", "“{title}”已取消，原因见活动详情。"),),
    "end": (Word(_A.organiser, "时长公示", "“{title}”的服务时长开始公示，3 天后计入。"),),
}
OF_SEAT: Words = {
    "offer": (Word(_A.person, "轮到您了", "“{title}”{told}；逾期转给下一位。"),),
    "expire": (Word(_A.person, "候补名额已过期", "“{title}”{told}。"),),
    "remove": (Word(_A.person, "已被移出活动", "“{title}”：组织者将您移出，原因见名额详情。"),),
    "excuse": (Word(_A.person, "已核销", "“{title}”不再计入您的未到场和临期取消。"),),
    "miss": (Word(_A.person, "没有候补上", "“{title}”已开始，这次没有轮到您。"),),
    "no_show": (Word(_A.person, "未到场", "“{title}”没有您的签到。情有可原请联系组织者核销。"),),
    "settle": (Word(_A.person, "服务时长公示", "“{title}”{told}。"),),
    "credit": (Word(_A.person, "服务时长已计入", "“{title}”{told}。"),),
}
OF_ADDING: Words = {
    "propose": (Word(_A.staff, "补录待复核", "“{title}”有一条补录等待第二人复核。"),),
    "confirm": (Word(_A.person, "服务时长已补录", "“{title}”补录的时长已计入。"),),
}
OF_RECORD: Words = {
    "counter": (Word(_A.person, "服务时长已冲正", "“{title}”的一条服务时长已冲正，原因见服务记录。"),),
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Of an activity: tell, and go on with its seats."""
    await _tell(tx, event, event.subject_id, OF_ACTIVITY, None)
    await settling.follow(tx, event)


async def follow_seat(tx: AsyncSession, event: Event) -> None:
    """Of a seat: tell its person."""
    if event.move in OF_SEAT:
        seat = (await tx.execute(select(Seat).where(col(Seat.id) == event.subject_id))).scalar_one()
        await _tell(tx, event, seat.activity_id, OF_SEAT, seat.person_id)


async def follow_adding(tx: AsyncSession, event: Event) -> None:
    """Of added hours: the second person is asked, the person hears of the outcome."""
    if event.move in OF_ADDING:
        found = await tx.execute(select(AddedHours).where(col(AddedHours.id) == event.subject_id))
        added = found.scalar_one()
        await _tell(tx, event, added.activity_id, OF_ADDING, added.person_id)


async def follow_record(tx: AsyncSession, event: Event) -> None:
    """Of a counter-entry: who lost minutes hears of it."""
    if event.move in OF_RECORD:
        found = await tx.execute(select(ServiceRecord).where(col(ServiceRecord.id) == event.subject_id))
        entry = found.scalar_one()
        await _tell(tx, event, entry.activity_id, OF_RECORD, entry.person_id)


async def _tell(tx: AsyncSession, event: Event, activity_id: UUID, words: Words, person: UUID | None) -> None:
    if event.move not in words:
        return
    found = await tx.execute(select(Activity).where(col(Activity.id) == activity_id))
    activity = found.scalar_one()
    await notices.tell_each(
        tx,
        event,
        words[event.move],
        lambda to: _people(tx, activity, to, person),
        named=lambda _: f"{event.subject_kind}.{event.move}",
        title=activity.title,
        when=clock.local(activity.starts_at).strftime("%m月%d日 %H:%M"),
        told=event.text or "",
    )


async def _people(tx: AsyncSession, activity: Activity, to: Audience, person: UUID | None) -> list[UUID]:
    match to:
        case Audience.person:
            return [person] if person is not None else []
        case Audience.staff:
            able = roles_with(Permission.activity_write)
            return list(await notices.holders(tx, able, activity.community_id))
        case Audience.organiser:
            leader = await tx.execute(select(col(Team.leader_id)).where(col(Team.id) == activity.team_id))
            return [p for p in (activity.author_id, leader.scalar_one_or_none()) if p is not None]
        case Audience.coming:
            return await _holding(tx, activity, (SeatState.confirmed,))
        case Audience.everybody:
            return await _holding(tx, activity, (*PRESENT, *WAITING, SeatState.called_off))


async def _holding(tx: AsyncSession, activity: Activity, states: tuple[SeatState, ...]) -> list[UUID]:
    found = await tx.execute(
        select(col(Seat.person_id)).where(col(Seat.activity_id) == activity.id, col(Seat.state).in_(states))
    )
    return list(found.scalars())
