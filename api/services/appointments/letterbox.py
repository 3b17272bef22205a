"""书记信箱统计: counts and times of the letters to a secretary's places, by month; nothing of any one letter."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.clock import CHINA
from api.services.places import directory

MONTHS = 12
FEWEST = 5
"""Below so many answers a median tells about single persons, and is not shown."""

_COUNTS = text("""
with letters as (
  select c.id, c.created_at, c.state,
         (select min(m.created_at) from case_messages m
          where m.case_id = c.id and m.kind = 'reply' and m.author_id is distinct from c.reporter_id) as answered_at
  from case_reach r join cases c on c.id = r.case_id
  where r.place_id = :place and r.audience = 's' and c.kind = 'secretary'
    and c.created_at >= :since and c.state not in ('withdrawn', 'merged', 'rejected', 'referred'))
select to_char(created_at at time zone 'Asia/Shanghai', 'YYYY-MM') as month,
       count(*) as received,
       count(answered_at) as answered,
       count(*) filter (where state = 'closed') as closed,
       percentile_cont(0.5) within group (order by extract(epoch from answered_at - created_at)) as median
from letters group by 1 order by 1 desc
""").bindparams(bindparam("place", type_=Uuid()), bindparam("since", type_=DateTime(timezone=True)))


async def statistics(tx: AsyncSession, secretary_id: UUID) -> dict[str, Any]:
    """By place where he holds a post and by local month of submission, the last twelve. Raises NotFound.

    Answered: somebody replied to the resident in words. The median is in seconds of plain time.
    """
    official = await directory.secretary(tx, secretary_id)
    since = _since()
    places = {post["place"]["id"]: post["place"]["name"] for post in official["posts"]}
    items = []
    for place_id, name in places.items():
        found = await tx.execute(_COUNTS, {"place": place_id, "since": since})
        items.append(
            {
                "place": {"id": place_id, "name": name},
                "months": [
                    {
                        **{f: getattr(row, f) for f in ("month", "received", "answered", "closed")},
                        "median_answer_seconds": round(row.median) if row.answered >= FEWEST else None,
                    }
                    for row in found
                ],
            }
        )
    return {"id": official["id"], "name": official["name"], "places": items}


def _since() -> datetime:
    """Midnight of the first of the month eleven months ago."""
    first = clock.now().astimezone(CHINA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(MONTHS - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    return first
