"""Two hundred members race for one wish after another: the product's claim against the same work by hand."""

from collections.abc import Iterator
from itertools import count
from uuid import uuid4

from sqlalchemy import text

from api.kit.db import Database
from bench.facing import facing
from bench.harness import RACED, Ask, Ratio, compare
from bench.seed import RESIDENTS, token

PATH = "claim a wish, 200 racers, one winner"
MUST, GOAL = 3.0, 2.0
RACERS = 200
_RUN = uuid4().hex.encode()[:12]

_STATEMENTS = (
    """insert into memberships (id, person_id, kind, place_id, skills, state, created_at, updated_at)
       select gen_random_uuid(), pe.id, 'party', p.id, '{}', 'verified', now(), now()
       from people pe, (select id from places where level = 'village' order by path limit 1) p
       on conflict do nothing""",
    """insert into needs (id, kind, category, title, text, urgency, skills, qualifications, content, state, seats,
         free_seats, round, place_id, path, community_id, household, place_in_household, author_id, published_at,
         created_at, updated_at)
       select gen_random_uuid(), 'wish', 'goods', '老花镜', '三百度的老花镜', 'normal', '{}', '{}', 'pass', 'published', 1,
         '{1}', 1, p.id, p.path, p.id, gen_random_uuid(), 1, a.id, now(), now(), now()
       from (select id, path from places where level = 'village' order by path limit 1) p,
         (select id from people order by id desc limit 1) a, generate_series(1, 400)""",
)


def _asks(wishes: list[str]) -> Iterator[Ask]:
    """Each wish for two hundred askers, who differ from wish to wish, so that few get to their limit."""
    for k in count():
        wish = wishes[k // RACERS % len(wishes)]
        headers = (
            (b"authorization", f"Bearer {token(1 + k * 7 % RESIDENTS)}".encode()),
            (b"idempotency-key", _RUN + b"-c%d" % k),
        )
        yield Ask("POST", f"/v1/wishes/{wish}/moves/claim", body=b"{}", headers=headers)


async def run(database_url: str, redis_url: str, *, rounds: int = 25) -> Ratio:
    """Measure on a seeded database."""
    async with facing(database_url, redis_url, pool_size=16) as (limit, product):
        db: Database = product.state.db
        async with db.transaction() as tx:
            for statement in _STATEMENTS:
                await tx.execute(text(statement))
            rows = await tx.execute(text("select id from needs where state = 'published' order by id"))
            wishes = [str(row[0]) for row in rows]
        return await compare(
            limit, product, _asks(wishes), rounds=rounds, operations=RACERS, concurrent=RACERS, good=RACED
        )
