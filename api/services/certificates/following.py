"""Who is told what after an event of a certificate."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.models import Certificate
from api.rules.roles import Permission, roles_with
from api.services import notices

PRINTED = "print"
"""The event that says the paper is there."""
_WORDS = {
    PRINTED: ("服务证明已出具", "编号 {number}，可以下载；任何人扫码即可查验。"),
    "refuse": ("服务证明未出具", "社区没有出具您申请的服务证明，原因见证明详情。"),
    "revoke": ("服务证明已撤销", "编号 {number} 的服务证明已撤销，原因见证明详情。"),
}


async def follow(tx: AsyncSession, event: Event) -> None:
    """Who issues hears of what is asked, the person of what came of it."""
    if event.move != "ask" and event.move not in _WORDS:
        return
    found = await tx.execute(
        select(col(Certificate.number), col(Certificate.person_id), col(Certificate.community_id)).where(
            col(Certificate.id) == event.subject_id
        )
    )
    number, person_id, community_id = found.one()
    kind = f"certificate.{event.move}"
    if event.move == "ask":
        people = await notices.holders(tx, roles_with(Permission.certificate_issue), community_id)
        title, words = "服务证明待出具", "有志愿者申请服务记录证明，请核对证件后出具。"
        await notices.tell(
            tx, event, [p for p in people if p != person_id], kind=kind, title=title, text=words
        )
        return
    title, words = _WORDS[event.move]
    await notices.tell(tx, event, [person_id], kind=kind, title=title, text=words.format(number=number))
