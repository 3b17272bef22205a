"""Whether a member could take one more, at the moment of offering."""

from uuid import UUID

from sqlalchemy import DateTime, Integer, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.problems import Problem
from api.rules.needs import LIMITED_TO, LIVE_LIMIT

_ROOM = text("""
select 1 from people p left join claimants k on k.person_id = p.id
where p.id = :member and p.state = 'active' and coalesce(k.live, 0) + (
    select count(*) from offers o where o.member_id = p.id and o.state = 'open')
  < case when k.limited_until > :now then :limited_to else :live_limit end""").bindparams(
    bindparam("member", type_=Uuid()),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("limited_to", LIMITED_TO, type_=Integer()),
    bindparam("live_limit", LIVE_LIMIT, type_=Integer()),
)


class NoRoom(Problem):
    status, code, title = 409, "no_room", "这位成员手上的单已满"


async def has_room(tx: AsyncSession, member_id: UUID) -> None:
    """Raises NoRoom for who could not accept now: his limit itself is kept by accepting."""
    found = await tx.execute(_ROOM, {"member": member_id, "now": clock.now()})
    if found.first() is None:
        raise NoRoom
