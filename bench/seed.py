"""A county to measure on: 20 towns, 200 communities, 200,000 cases, 5,000 residents and 200 workers."""

import asyncpg
import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.secrets import token_hash

CASES, RESIDENTS, COMMUNITIES = 200_000, 5_000, 200

_STATEMENTS = (
    """insert into places (id, code, level, name, parent_id, path, created_at)
       values (uuidv7(), '320000000000', 'province', '江苏省', null, '32/', now())""",
    """insert into places (id, code, level, name, parent_id, path, created_at)
       select uuidv7(), '320100000000', 'city', '南京市', id, '32/01/', now() from places where path = '32/'""",
    """insert into places (id, code, level, name, parent_id, path, created_at)
       select uuidv7(), '320102000000', 'county', '玄武区', id, '32/01/02/', now() from places where path = '32/01/'""",
    """insert into places (id, code, level, name, parent_id, path, created_at)
       select uuidv7(), '320102' || lpad(t::text, 3, '0') || '000', 'town', '街道' || t, p.id,
              '32/01/02/' || lpad(t::text, 3, '0') || '/', now()
       from places p, generate_series(1, 20) t where p.path = '32/01/02/'""",
    """insert into places (id, code, level, name, parent_id, path, created_at)
       select uuidv7(), left(p.code, 9) || lpad(v::text, 3, '0'), 'village', p.name || '社区' || v, p.id,
              p.path || lpad(v::text, 3, '0') || '/', now()
       from places p, generate_series(1, 10) v where p.level = 'town'""",
    """insert into units (id, kind, place_id, name, created_at)
       select uuidv7(), 'secretary_desk', id, name || '书记台', now() from places where level = 'village'""",
    """create temp table community on commit drop as
       select row_number() over (order by path) as n, p.id, p.path, p.code, u.id as unit_id, p.parent_id as town_id
       from places p join units u on u.place_id = p.id""",
    "create index on community (n)",
    """insert into people (id, state, nickname, created_at, updated_at)
       select (lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000')::uuid, 'active', '居民' || i, now(), now()
       from generate_series(1, 5200) i""",
    """insert into grants (id, person_id, role, place_id, since, created_at)
       select uuidv7(), (lpad(to_hex(5000 + n::int), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
              'community_worker', id, now() - interval '1 year', now() from community""",
    """create temp table made on commit drop as
       select i, uuidv7(make_interval(secs => -2.0 * (200001 - i))) as id,
              now() - make_interval(secs => 2.0 * (200001 - i)) as at,
              c.id as community_id, c.path, c.code, c.unit_id, c.town_id,
              (lpad(to_hex(1 + i * 7919::bigint % 5000), 8, '0') || '-0000-7000-8000-000000000000')::uuid as reporter_id
       from generate_series(1, 200000) i join community c on c.n = 1 + i % 200""",
    """insert into cases (id, number, kind, category, title, text, visibility, channel, state, cycle, level, place_id,
                          path, community_id, reporter_id, unit_id, first_contact_at, dispatched_at, handled_at,
                          closed_at, created_at, updated_at)
       select id, code || '-' || i, 'secretary', 'help', '第 ' || i || ' 件诉求', repeat('楼道灯不亮，请尽快修理。', 12),
              'private', 'miniprogram', case when i % 10 = 0 then 'in_progress' else 'closed' end, 1, 0,
              community_id, path, community_id, reporter_id, unit_id, at, at, at, at, at, at
       from made""",
    """insert into case_reach (place_id, audience, case_id)
       select p.id, 's', m.id from made m
       join places p on p.path in (left(m.path, 3), left(m.path, 6), left(m.path, 9), left(m.path, 13), m.path)""",
    """insert into deadlines (id, subject_kind, subject_id, kind, cycle, limits, allowed, calendar_version, started_at,
                              due_at, pauses, segments, met_at)
       select uuidv7(), 'case', id, k, 1, '[[5, "working_days"]]', 126000, 1, at, at + interval '7 days', '[]',
              '[["2026-11-23T01:00:00Z", "2026-11-23T04:00:00Z"], ["2026-11-23T06:00:00Z", "2026-11-23T10:00:00Z"]]', at
       from made, unnest(array['sign', 'contact', 'finish']) k""",
)


async def seed(db: Database) -> None:
    """Fill an empty, migrated database. About half a minute."""
    async with db.transaction() as tx:
        await _fill(tx)
    connection = await asyncpg.connect(db.url)  # VACUUM wants no transaction
    await connection.execute("vacuum analyze")
    await connection.close()


async def _fill(tx: AsyncSession) -> None:
    await tx.execute(text("set local statement_timeout = 0"))
    raw = await (await tx.connection()).get_raw_connection()
    for statement in _STATEMENTS:
        await raw.driver_connection.execute(statement)  # type: ignore[union-attr]


def person(n: int) -> str:
    """The id of the n-th person: residents first, then one worker a community."""
    return f"{n:08x}-0000-7000-8000-000000000000"


def token(n: int) -> str:
    return f"a_bench{n:037d}"


async def log_everybody_in(redis: Redis) -> None:
    """A session for each person, as services/sessions.py keeps it."""
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(1, RESIDENTS + COMMUNITIES + 1):
            value = {
                "p": person(n).replace("-", ""),
                "i": f"{n:016d}",
                "e": None,
                "d": int(clock.wall()) // 86_400,
            }
            pipe.set(f"session:{token_hash(token(n))}", orjson.dumps(value), ex=30 * 86_400)
        await pipe.execute()
