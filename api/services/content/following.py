"""What follows from a verdict: the author of what was refused is told, and why."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.models import ContentCheck
from api.rules.content import CheckMove
from api.services import notices
from api.services.content.subjects import TITLES


async def follow(tx: AsyncSession, event: Event) -> None:
    """Tell the author, unless nobody is known."""
    if event.move not in (CheckMove.block, CheckMove.refuse):
        return
    found = await tx.execute(
        select(col(ContentCheck.author_id)).where(col(ContentCheck.id) == event.subject_id)
    )
    author = found.scalar_one()
    if author is None:
        return
    what = TITLES.get(event.data["subject_kind"], "内容")
    await notices.tell(
        tx,
        event,
        [author],
        kind=f"content.{event.move}",
        title=f"{what}未通过审核",
        text=f"您的{what}没有公开：{event.text}。修改后可以重新提交；如有异议，请联系社区。",
    )
