"""What follows from a disclosure's events and clocks: those who owe it hear of it, and overdue ones climb."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.models import Deadline, Disclosure
from api.models.people import PersonId
from api.rules.disclosures import CLIMB_AFTER, OWED, DisclosureClock
from api.rules.roles import LEADS, Permission, Role, roles_with
from api.services import calendars, deadlines, notices
from api.services.disclosures.planning import SUBJECT

COMMUNITY, TOWN = 2, 3
"""Rungs of the ladder."""


class Audience(StrEnum):
    """通知对象：公开责任人、监督委员会、社区负责人或街道"""

    writers = "writers"
    reviewers = "reviewers"
    leads = "leads"


_A = Audience
WORDS: dict[str, tuple[Audience, str]] = {
    "plan": (_A.writers, "有公开事项待起草"),
    "draft": (_A.reviewers, "公开内容待审核"),
    "review": (_A.writers, "审核通过，请公开"),
    "return": (_A.writers, "公开内容退回修改"),
    "question": (_A.writers, "居民对公开事项提出疑问"),
    "overdue": (_A.leads, "公开事项超期"),
}
"""Moves that are not here tell nobody: what is published is there for everybody to read."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell those whom the event concerns."""
    if event.move not in WORDS:
        return
    audience, title = WORDS[event.move]
    found = await tx.execute(select(Disclosure).where(col(Disclosure.id) == event.subject_id))
    disclosure = found.scalar_one()
    people = [p for p in await _people(tx, event, disclosure, audience) if p != event.actor_id]
    text = f"“{disclosure.title}”：{event.text or title}。"
    await notices.tell(tx, event, people, kind=f"disclosure.{event.move}", title=title, text=text)


async def _people(
    tx: AsyncSession, event: Event, disclosure: Disclosure, audience: Audience
) -> list[PersonId]:
    at, town = disclosure.place_id, event.data.get("level", 0) >= TOWN
    match audience:
        case Audience.reviewers:
            here = await notices.holders(tx, [Role.oversight_member], at)
            return here or await _above(tx, disclosure, roles_with(Permission.disclosure_review))
        case Audience.leads if town:
            return await _above(tx, disclosure, [Role.town_supervisor])
        case Audience.leads:
            return await notices.holders(tx, LEADS, at)
    return await notices.holders(tx, roles_with(Permission.disclosure_write), at)


async def _above(tx: AsyncSession, disclosure: Disclosure, roles: Iterable[Role]) -> list[PersonId]:
    return await notices.holders_over(tx, disclosure.path, roles)


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Still not shown: the community's leads have it, and two working days later the town. Time is never reset."""
    level = TOWN if deadline.kind == DisclosureClock.climb else COMMUNITY
    late = await tx.execute(
        update(Disclosure)
        .where(col(Disclosure.id) == deadline.subject_id, col(Disclosure.state).in_(OWED))
        .values(level=func.greatest(col(Disclosure.level), level), updated_at=clock.now())
        .returning(col(Disclosure.id))
    )
    if late.first() is None:
        return
    if level == COMMUNITY:
        calendar = await calendars.current(tx)
        deadlines.start(tx, SUBJECT, deadline.subject_id, DisclosureClock.climb, CLIMB_AFTER, calendar)
    record(
        tx,
        subject_kind=SUBJECT,
        subject_id=deadline.subject_id,
        move="overdue",
        actor_id=None,
        actor_title="系统",
        text="超期未公开" if level == COMMUNITY else "超期未公开，已报街道",
        data={"level": level},
    )
