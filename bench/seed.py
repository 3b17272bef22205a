"""A county to measure on: 20 towns, 200 communities, 200,000 cases, 5,000 residents, 200 workers, 20 supervisors.

One case in ten is alive; `COMMON` stands in every case, `SOME` in one of forty, `RARE` in one of five hundred.
"""

from typing import Any

import asyncpg
import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.secrets import token_hash
from api.rules.grams import grams

CASES, RESIDENTS, COMMUNITIES, TOWNS = 200_000, 5_000, 200, 20
COMMON, SOME, RARE = "楼道", "电梯", "白蚁"

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
       from generate_series(1, 5221) i""",
    """insert into grants (id, person_id, role, place_id, since, created_at)
       select uuidv7(), (lpad(to_hex(5000 + n::int), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
              'community_worker', id, now() - interval '1 year', now() from community""",
    """insert into grants (id, person_id, role, place_id, since, created_at)
       select uuidv7(), (lpad(to_hex(5200 + row_number() over (order by path)::int), 8, '0')
                         || '-0000-7000-8000-000000000000')::uuid,
              'town_supervisor', id, now() - interval '1 year', now() from places where level = 'town'""",
    """insert into grants (id, person_id, role, place_id, since, created_at)
       select uuidv7(), (lpad(to_hex(5221), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
              'operator', id, now() - interval '1 year', now() from places where level = 'county'""",
    """create temp table made on commit drop as
       select i, uuidv7(make_interval(secs => -2.0 * (200001 - i))) as id,
              now() - make_interval(secs => 2.0 * (200001 - i)) as at,
              case i / 200 % 100 when 0 then 'dispatched' when 8 then 'suspended' when 9 then 'waiting_resident'
                   when 10 then 'rejected' when 11 then 'withdrawn'
                   else case when i / 200 % 100 < 8 then 'in_progress' else 'closed' end end as state,
              abs(hashint4(i)::bigint) as luck,
              c.id as community_id, c.path, c.code, c.unit_id, c.town_id,
              (lpad(to_hex(1 + i * 7919::bigint % 5000), 8, '0') || '-0000-7000-8000-000000000000')::uuid as reporter_id
       from generate_series(1, 200000) i join community c on c.n = 1 + i % 200""",
    """insert into cases (id, number, kind, category, title, text, visibility, channel, state, cycle, level, place_id,
                          path, community_id, reporter_id, unit_id, reject_reason, first_contact_at, dispatched_at,
                          handled_at, closed_at, created_at, updated_at)
       select id, code || '-' || i, 'secretary', 'help', '第 ' || i || ' 件诉求',
              repeat('楼道灯不亮，请尽快修理。', 12) || case when luck % 40 = 0 then '电梯有异响。' else '' end
              || case when luck % 500 = 1 then '门框里有白蚁。' else '' end,
              'private', 'miniprogram', state, 1, 0, community_id, path, community_id, reporter_id, unit_id,
              case when state = 'rejected' then 'other_area' end, at, at, at, at, at, at
       from made""",
    """insert into case_reach (place_id, audience, case_id)
       select p.id, 's', m.id from made m
       join places p on p.path in (left(m.path, 3), left(m.path, 6), left(m.path, 9), left(m.path, 13), m.path)""",
    """insert into deadlines (id, subject_kind, subject_id, kind, cycle, limits, allowed, calendar_version, started_at,
                              due_at, pauses, segments, met_at)
       select uuidv7(), 'case', id, k, 1, '[[5, "working_days"]]', 126000, 1, at,
              at + make_interval(hours => 48 + (luck % 120)::int), '[]',
              '[["2026-11-23T01:00:00Z", "2026-11-23T04:00:00Z"], ["2026-11-23T06:00:00Z", "2026-11-23T10:00:00Z"]]',
              case when state in ('closed', 'rejected', 'withdrawn') or k <> 'finish' then at end
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
    raw: Any = (await (await tx.connection()).get_raw_connection()).driver_connection
    for statement in _STATEMENTS:
        await raw.execute(statement)
    # A handful of texts: worked out once each.
    cases = await raw.fetch("select id, number, title, text from cases")
    known = {body: grams(body) for body in {row["text"] for row in cases}}
    words = ((row["id"], [*known[row["text"]], *grams(row["number"], row["title"])]) for row in cases)
    await raw.copy_records_to_table("case_words", records=words, columns=("case_id", "words"))


def person(n: int) -> str:
    """The id of the n-th person: residents first, then one worker a community, one supervisor a town, an operator."""
    return f"{n:08x}-0000-7000-8000-000000000000"


def token(n: int) -> str:
    return f"a_bench{n:037d}"


async def log_everybody_in(redis: Redis) -> None:
    """A session for each person, as services/sessions.py keeps it."""
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(1, RESIDENTS + COMMUNITIES + TOWNS + 2):
            value = {
                "p": person(n).replace("-", ""),
                "i": f"{n:016d}",
                "e": None,
                "d": int(clock.wall()) // 86_400,
            }
            pipe.set(f"session:{token_hash(token(n))}", orjson.dumps(value), ex=30 * 86_400)
        await pipe.execute()
