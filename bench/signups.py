"""Two hundred sign up at once for one activity after another: the product's sign-up against the same work by hand."""

from collections.abc import Iterator
from itertools import count
from uuid import uuid4

from sqlalchemy import text

from api.kit.db import Database
from bench.facing import facing
from bench.harness import RACED, Ask, Ratio, compare
from bench.seed import RESIDENTS, token

PATH = "sign up for an activity, 200 callers, 5 seats and 10 places"
MUST, GOAL = 3.0, 2.0
CALLERS = 200
_RUN = uuid4().hex.encode()[:12]

_ACTIVITIES = """insert into activities (id, title, text, spot, content, state, place_id, path, community_id, author_id,
    starts_at, ends_at, open_to, qualifications, seats, free, queue, published_at, created_at, updated_at)
  select gen_random_uuid(), '清洁家园', '清理楼道杂物，注意楼梯湿滑。', '1 幢楼下', 'pass', 'published', p.id, p.path,
    p.id, a.id, now() + make_interval(days => n), now() + make_interval(days => n, hours => 2), 'everybody', '{}',
    5, 5, 10, now(), now(), now()
  from (select id, path from places where level = 'village' order by path limit 1) p,
    (select id from people order by id desc limit 1) a, generate_series(1, 400) n"""
"""A day apart: nobody is kept from one by another."""


def _asks(activities: list[str]) -> Iterator[Ask]:
    """Each activity for two hundred callers, who differ from one to the next."""
    for k in count():
        activity = activities[k // CALLERS % len(activities)]
        headers = (
            (b"authorization", f"Bearer {token(1 + k * 7 % RESIDENTS)}".encode()),
            (b"idempotency-key", _RUN + b"-s%d" % k),
        )
        yield Ask("POST", f"/v1/activities/{activity}/seats", body=b"{}", headers=headers)


async def run(database_url: str, redis_url: str, *, rounds: int = 25) -> Ratio:
    """Measure on a seeded database."""
    async with facing(database_url, redis_url, pool_size=16) as (limit, product):
        db: Database = product.state.db
        async with db.transaction() as tx:
            await tx.execute(text(_ACTIVITIES))
            rows = await tx.execute(text("select id from activities order by starts_at"))
            activities = [str(row[0]) for row in rows]
        return await compare(
            limit,
            product,
            _asks(activities),
            rounds=rounds,
            operations=CALLERS,
            concurrent=CALLERS,
            good=RACED,
        )
