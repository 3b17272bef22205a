"""What follows from a disclosure's events and clocks: those who owe it hear of it, and overdue ones climb."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.models import Deadline, Disclosure
from api.models.people import PersonId
from api.rules.clocks import Limit
from api.rules.disclosures import CLIMB_AFTER, DISTRICT_AFTER, OWED, DisclosureClock, DisclosureState
from api.rules.limits import LADDER_PERCENTS
from api.rules.roles import LEADS, Permission, Role, roles_with
from api.services import calendars, deadlines, notices
from api.services.disclosures.planning import SUBJECT

DEPUTY, COMMUNITY, TOWN, DISTRICT = 1, 2, 3, 4
"""Rungs of the ladder."""


class Audience(StrEnum):
    """通知对象：公开责任人、监督委员会、此刻该办的人，社区副职、社区负责人、街道、区级"""

    writers = "writers"
    reviewers = "reviewers"
    owing = "owing"
    """Whose step it is: the supervisors' while they have a draft to look at, else the writers'."""
    deputies = "deputies"
    leads = "leads"
    town = "town"
    district = "district"


_A = Audience
WORDS: dict[str, tuple[Audience, str]] = {
    "plan": (_A.writers, "有公开事项待起草"),
    "draft": (_A.reviewers, "公开内容待审核"),
    "review": (_A.writers, "审核通过，请公开"),
    "return": (_A.writers, "公开内容退回修改"),
    "question": (_A.writers, "居民对公开事项提出疑问"),
    "remind": (_A.owing, "公开期限已过半"),
}
"""Moves that are not here tell nobody: what is published is there for everybody to read."""
CLIMBED: dict[int, tuple[Audience, str]] = {
    DEPUTY: (_A.deputies, "公开事项即将超期"),
    COMMUNITY: (_A.leads, "公开事项超期"),
    TOWN: (_A.town, "公开事项超期"),
    DISTRICT: (_A.district, "公开事项超期"),
}
"""Whom each rung adds; whose step it is hears of every one."""

_BROKEN: dict[DisclosureClock, tuple[int, str, tuple[DisclosureClock, Limit] | None]] = {
    DisclosureClock.due: (COMMUNITY, "超期未公开", (DisclosureClock.climb, CLIMB_AFTER)),
    DisclosureClock.climb: (TOWN, "超期未公开，已报街道", (DisclosureClock.to_district, DISTRICT_AFTER)),
    DisclosureClock.to_district: (DISTRICT, "超期未公开，已报区级", None),
}
"""To which rung a broken clock leads, in which words, and the clock that begins there."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell those whom the event concerns, each once."""
    if event.move in ("climb", "overdue"):
        added, title = CLIMBED[event.data["level"]]
        told = [(added, title), (Audience.owing, title)]
    elif event.move in WORDS:
        told = [WORDS[event.move]]
    else:
        return
    found = await tx.execute(select(Disclosure).where(col(Disclosure.id) == event.subject_id))
    disclosure = found.scalar_one()
    for audience, title in told:
        people = [p for p in await _people(tx, disclosure, audience) if p != event.actor_id]
        text = f"“{disclosure.title}”：{event.text or title}。"
        await notices.tell(tx, event, people, kind=f"disclosure.{event.move}", title=title, text=text)


async def _people(tx: AsyncSession, disclosure: Disclosure, audience: Audience) -> list[PersonId]:
    at = disclosure.place_id
    match audience:
        case Audience.writers:
            return await notices.holders(tx, roles_with(Permission.disclosure_write), at)
        case Audience.reviewers:
            here = await notices.holders(tx, [Role.oversight_member], at)
            return here or await _above(tx, disclosure, roles_with(Permission.disclosure_review))
        case Audience.owing:
            if disclosure.state not in OWED:  # shown meanwhile
                return []
            drafted = disclosure.state is DisclosureState.drafted
            return await _people(tx, disclosure, Audience.reviewers if drafted else Audience.writers)
        case Audience.deputies:
            return await notices.holders(tx, [Role.deputy], at) or await notices.holders(tx, LEADS, at)
        case Audience.leads:
            return await notices.holders(tx, LEADS, at)
        case Audience.town:
            return await _above(tx, disclosure, [Role.town_supervisor])
        case Audience.district:
            return await _above(tx, disclosure, [Role.operator])


async def _above(tx: AsyncSession, disclosure: Disclosure, roles: Iterable[Role]) -> list[PersonId]:
    return await notices.holders_over(tx, disclosure.path, roles)


async def warned(tx: AsyncSession, deadline: Deadline) -> None:
    """A part of the time is used: at half of it whose step it is is reminded, at 80% the deputy is added."""
    percent = await deadlines.reached(tx, deadline)
    if percent == LADDER_PERCENTS[0]:
        _note(tx, deadline, "remind", None, {"percent": percent})
    elif await _climbed(tx, deadline, DEPUTY):
        _note(tx, deadline, "climb", f"公开期限已用去 {percent}%", {"level": DEPUTY, "percent": percent})


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Still not shown: the community's leads have it, two working days later the town, five more the district.

    Time is never reset.
    """
    level, words, then = _BROKEN[DisclosureClock(deadline.kind)]
    if not await _climbed(tx, deadline, level):
        return
    if then is not None:
        deadlines.start(tx, SUBJECT, deadline.subject_id, *then, await calendars.current(tx))
    _note(tx, deadline, "overdue", words, {"level": level})


async def _climbed(tx: AsyncSession, deadline: Deadline, level: int) -> bool:
    """Up to `level` at least, while it is owed."""
    late = await tx.execute(
        update(Disclosure)
        .where(col(Disclosure.id) == deadline.subject_id, col(Disclosure.state).in_(OWED))
        .values(level=func.greatest(col(Disclosure.level), level), updated_at=clock.now())
        .returning(col(Disclosure.id))
    )
    return late.first() is not None


def _note(tx: AsyncSession, deadline: Deadline, move: str, words: str | None, data: dict[str, Any]) -> None:
    record(
        tx,
        subject_kind=SUBJECT,
        subject_id=deadline.subject_id,
        move=move,
        actor_id=None,
        actor_title="系统",
        text=words,
        data=data,
    )
