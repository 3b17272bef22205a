"""What follows from events about people: who was verified, refused, given or relieved of a role is told so."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.models import Membership, Residency
from api.rules.notices import Template
from api.rules.people import BELONGING_TITLES
from api.services import notices, sending

TITLES: dict[tuple[str, str], str] = {
    ("residency", "verify"): "居住登记已核实",
    ("residency", "refuse"): "居住登记未通过",
    ("residency", "end"): "居住登记已结束",
    ("membership", "verify"): "报到登记已核实",
    ("membership", "refuse"): "报到登记未通过",
    ("membership", "end"): "报到登记已结束",
    ("grant", "grant"): "您有了新的角色",
    ("grant", "end"): "您的角色已收回",
}
"""By kind of subject and move; moves that are not here tell nobody."""

MATTERS: dict[str, str] = {"residency": "居住登记", "membership": "报到登记"}
"""What also goes out as a subscription message, where the person agreed to one."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell the person the event is about, unless it was the person's own doing."""
    title = TITLES.get((event.subject_kind, event.move))
    if title is None:
        return
    person_id = await _whom(tx, event)
    if person_id == event.actor_id:
        return
    told = await notices.tell(
        tx,
        event,
        [person_id],
        kind=f"{event.subject_kind}.{event.move}",
        title=title,
        text=f"{event.text}。",
    )
    if event.subject_kind not in MATTERS:
        return
    for notice in told:
        await sending.queue_message(
            tx,
            notice,
            template=Template.registration_result,
            page="pages/me/index",
            fields={
                "thing1": MATTERS[event.subject_kind],
                "phrase2": BELONGING_TITLES[event.to_state or ""],
                "time3": clock.local(event.at).strftime("%Y-%m-%d %H:%M"),
                "thing4": title,
            },
        )


async def _whom(tx: AsyncSession, event: Event) -> UUID:
    if event.subject_kind == "grant":
        return UUID(event.data["person_id"])
    table = Residency if event.subject_kind == "residency" else Membership
    found = await tx.execute(select(col(table.person_id)).where(col(table.id) == event.subject_id))
    return found.scalar_one()
