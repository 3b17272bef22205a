"""The limit: the hot paths written by hand on Starlette + asyncpg + Redis, over the product's own tables.

Same session look-up, same rows read and written, a real COMMIT; no validation, no permission, no problem details.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from uuid import UUID, uuid4

import asyncpg
import orjson
import redis.asyncio as redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TTL = 30 * 86_400
_LINE = """select c.id, c.number, c.kind, c.category, c.title, left(c.text, 80), c.state, c.cycle, c.level, c.visibility,
  c.place_id, p.name, r.nickname, c.version, c.created_at, c.updated_at
 from {} s join cases c on c.id = s.id join people r on r.id = c.reporter_id join places p on p.id = c.place_id
 order by c.id desc"""
_SEEN = "select case_id as id from case_reach where place_id = $1 and audience = 's' and case_id < $2 order by case_id desc"
LIST = _LINE.format(f"({_SEEN} limit 20)")
LIVE = _LINE.format("""(select c.id from places t, lateral (select id from cases
  where state = '{}' and path >= t.path and path < left(t.path, -1) || '0' and id < $2 offset 0) c
  where t.id = $1 order by c.id desc limit 20)""")
COMMON = _LINE.format(
    f"""(select s.id from ({_SEEN} limit 2000) s join case_words w on w.case_id = s.id where w.words @> $3
  order by s.id desc limit 20)"""
)
RARE = _LINE.format("""(select w.case_id as id from case_words w join case_reach s on s.case_id = w.case_id
  where w.words @> $3 and s.place_id = $1 and s.audience = 's' and s.case_id < $2 order by w.case_id desc limit 20)""")
TASKS = """select c.id, c.number, c.kind, c.category, c.title, c.state, c.cycle, c.level, c.version, c.created_at,
  d.due_at, d.kind, c.place_id, p.name, c.unit_id, u.name
 from cases c join places p on p.id = c.place_id join units u on u.id = c.unit_id cross join lateral (
  select due_at, kind from deadlines where subject_id = c.id and cycle = c.cycle
   and kind in ('sign', 'contact', 'finish') and met_at is null and due_at is not null order by due_at limit 1) d
 where c.unit_id = $1 and c.state in ('dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled')
 order by d.due_at, c.id limit 20"""
ONE = """select c.id, c.number, c.kind, c.category, c.title, c.text, c.state, c.cycle, c.level, c.visibility, c.place_id,
  p.name, r.nickname, u.id, u.name, c.version, c.created_at, c.updated_at,
  (select jsonb_object_agg(d.kind, d.due_at) from deadlines d where d.subject_id = c.id)
 from cases c join people r on r.id = c.reporter_id join places p on p.id = c.place_id left join units u on u.id = c.unit_id
 where c.id = $1"""
SUBMIT = """with c as (
  insert into cases (id, number, kind, category, title, text, visibility, channel, state, cycle, level, place_id, path,
                     community_id, reporter_id, created_at, updated_at)
  select $1::uuid, $1::uuid::text, 'secretary', $2, $3, $4, 'private', 'miniprogram', 'submitted', 1, 0, p.id, p.path, p.id, $5,
         now(), now() from places p where p.id = $6 returning id),
e as (insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, data, at)
  select $7, 'case', id, 'submit', 'submitted', 'person', $5, '居民', '{}', now() from c),
d as (insert into deadlines (id, subject_kind, subject_id, kind, cycle, limits, allowed, calendar_version, started_at,
                             due_at, pauses, segments)
  select gen_random_uuid(), 'case', id, k, 1, '[]', 126000, 1, now(), now() + interval '7 days', '[]', '[]'
  from c, unnest(array['screening', 'contact', 'finish']) k),
k as (insert into idempotency_keys (person_id, key, fingerprint, created_at) values ($5, $8, '\\x00', now()))
select id from c"""

CLAIM = """with n as (
  update needs set state = 'claimed', free_seats = '{}', version = version + 1, updated_at = now()
  where id = $1 and state = 'published' returning id),
m as (insert into claimants (person_id, live) select $2::uuid, 1 from n on conflict (person_id) do update
  set live = claimants.live + 1 where claimants.live < 3 returning person_id),
c as (insert into claims (id, need_id, member_id, seat, state, content, claimed_at)
  select $3::uuid, n.id, m.person_id, 1, 'claimed', 'pending', now() from n left join m on true returning id),
e as (insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, data, at)
  select $4::uuid, 'need', n.id, 'claim', 'claimed', 'person', $2::uuid, '认领人', '{}', now() from n, c),
d as (insert into deadlines (id, subject_kind, subject_id, kind, cycle, limits, allowed, calendar_version, started_at,
                             due_at, pauses, segments)
  select gen_random_uuid(), 'claim', id, k, 1, '[]', 259200, 1, now(), now() + interval '3 days', '[]', '[]'
  from c, unnest(array['contact_warning', 'contact_release']) k),
k as (insert into idempotency_keys (person_id, key, fingerprint, created_at) select $2::uuid, $5, '\\x00', now() from c)
select id from c"""

SIGN_UP = """with a as (
  update activities set last_ticket = last_ticket + 1, last_seated = free > 0, updated_at = now(),
    waiting = waiting + (free = 0)::int, free = free - (free > 0)::int
  where id = $1 and state = 'published' and (free > 0 or waiting < queue)
  returning id, last_ticket, last_seated, starts_at, ends_at),
p as (insert into attendants (person_id) select $2::uuid from a
  on conflict (person_id) do update set suspended_until = null returning person_id),
s as (insert into seats (id, activity_id, person_id, ticket, state, during, created_at, updated_at)
  select $3::uuid, a.id, p.person_id, a.last_ticket, case when a.last_seated then 'confirmed' else 'waitlisted' end,
         tstzrange(a.starts_at, a.ends_at), now(), now() from a, p returning id, state),
e as (insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, data, at)
  select $4::uuid, 'seat', s.id, 'sign_up', s.state, 'person', $2::uuid, '本人', '{}', now() from s),
k as (insert into idempotency_keys (person_id, key, fingerprint, created_at) select $2::uuid, $5, '\\x00', now() from s)
select id from s"""

ELIGIBLE = """select c.elector_id from casters c join polls p on p.id = c.poll_id
 where c.poll_id = $1 and c.person_id = $2 and p.state = 'open' and now() < p.closes_at"""
BALLOT = """with m as (insert into marks (poll_id, elector_id, turn) values ($1, $2::uuid, 1)
  on conflict (poll_id, elector_id) do update set turn = marks.turn + 1 returning turn)
insert into ballots (poll_id, slot, turn, own, choices, salt, leaf, once, cast_at)
select $1, uuid_send($2::uuid), turn, true, $3, '\\x00', '\\x00', $4, now() from m
on conflict (poll_id, once) where once is not null do nothing returning turn"""
VOTED = """insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, data, at)
  values ($1, 'poll', $2, 'cast', 'open', 'person', $3, '选民', '{}', now())"""
POLLS = """select id, title, text, state, place_id, basis, secret, allow_change, options, rule, rule_hash, opens_at,
  closes_at, opened_at, closed_at, roll_size, roll_area, roll_hash, version, created_at, updated_at
 from polls where path >= $1 and path < $2 and id < $3 order by id desc limit 20"""
RESULT = "select state, counted_at, outcome, options, turnout from polls where id = $1"


BY_HAND = {"common": COMMON, "rare": RARE}
"""Whoever writes a search by hand for a word he knows takes the way that is right for it."""


def reply(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content, default=str), status, media_type="application/json")


async def session(request: Request) -> UUID | None:
    token = request.headers.get("authorization", "")[7:]
    raw = await request.app.state.redis.getex("session:" + sha256(token.encode()).hexdigest(), ex=TTL)
    return None if raw is None else UUID(hex=orjson.loads(raw)["p"])


def _line(r: asyncpg.Record) -> dict[str, object]:
    return {
        "id": r[0], "number": r[1], "kind": r[2], "category": r[3], "title": r[4], "excerpt": r[5], "state": r[6],
        "cycle": r[7], "level": r[8], "visibility": r[9], "place": {"id": r[10], "name": r[11]},
        "reporter": {"name": r[12]}, "version": r[13], "created_at": r[14], "updated_at": r[15],
    }  # fmt: skip


async def check(request: Request) -> Response:
    who = await session(request)
    return reply({"person_id": who}) if who else reply({}, 401)


async def listing(request: Request) -> Response:
    if await session(request) is None:
        return reply({}, 401)
    asked = request.query_params
    place, after = UUID(asked["from"]), UUID(asked["before"])
    if "hand" in asked:
        rows = await request.app.state.pg.fetch(BY_HAND[asked["hand"]], place, after, [asked["q"]])
    else:
        state = asked.get("state")
        rows = await request.app.state.pg.fetch(LIVE.format(state) if state else LIST, place, after)
    return reply({"items": [_line(r) for r in rows]})


def _task(r: asyncpg.Record) -> dict[str, object]:
    return {
        "id": r[0], "number": r[1], "kind": r[2], "category": r[3], "title": r[4], "state": r[5], "cycle": r[6],
        "level": r[7], "version": r[8], "created_at": r[9], "next_due_at": r[10], "next_clock": r[11],
        "place": {"id": r[12], "name": r[13]}, "unit": {"id": r[14], "name": r[15]},
    }  # fmt: skip


async def tasks(request: Request) -> Response:
    if await session(request) is None:
        return reply({}, 401)
    rows = await request.app.state.pg.fetch(TASKS, UUID(request.query_params["unit"]))
    return reply({"items": [_task(r) for r in rows]})


async def one(request: Request) -> Response:
    if await session(request) is None:
        return reply({}, 401)
    r = await request.app.state.pg.fetchrow(ONE, UUID(request.path_params["case"]))
    if r is None:
        return reply({}, 404)
    found = {
        "id": r[0], "number": r[1], "kind": r[2], "category": r[3], "title": r[4], "text": r[5], "state": r[6],
        "cycle": r[7], "level": r[8], "visibility": r[9], "place": {"id": r[10], "name": r[11]},
        "reporter": {"name": r[12]}, "unit": {"id": r[13], "name": r[14]}, "version": r[15], "created_at": r[16],
        "updated_at": r[17], "due": orjson.loads(r[18]),
    }  # fmt: skip
    return reply(found)


async def submit(request: Request) -> Response:
    who = await session(request)
    if who is None:
        return reply({}, 401)
    body = orjson.loads(await request.body())
    case = await request.app.state.pg.fetchval(
        SUBMIT, uuid4(), body["category"], body["title"], body["text"], who, UUID(body["place_id"]), uuid4(),
        request.headers["idempotency-key"],
    )  # fmt: skip
    return reply({"id": case}, 201)


async def claim(request: Request) -> Response:
    who = await session(request)
    if who is None:
        return reply({}, 401)
    try:
        won = await request.app.state.pg.fetchval(
            CLAIM,
            UUID(request.path_params["wish"]),
            who,
            uuid4(),
            uuid4(),
            request.headers["idempotency-key"],
        )
    except asyncpg.NotNullViolationError:
        return reply({}, 409)
    return reply({"id": won}) if won else reply({}, 409)


async def sign_up(request: Request) -> Response:
    who = await session(request)
    if who is None:
        return reply({}, 401)
    seat = await request.app.state.pg.fetchval(
        SIGN_UP,
        UUID(request.path_params["activity"]),
        who,
        uuid4(),
        uuid4(),
        request.headers["idempotency-key"],
    )
    return reply({"id": seat}, 201) if seat else reply({}, 409)


async def cast(request: Request) -> Response:
    """Five statements: begin, eligible, ballot, event, commit."""
    who = await session(request)
    if who is None:
        return reply({}, 401)
    poll, choices = UUID(request.path_params["poll"]), orjson.loads(await request.body())["choices"]
    once = sha256(who.bytes + request.headers["idempotency-key"].encode()).digest()
    async with request.app.state.pg.acquire() as connection, connection.transaction():
        elector = await connection.fetchval(ELIGIBLE, poll, who)
        if elector is None:
            return reply({}, 403)
        turn = await connection.fetchval(BALLOT, poll, elector, orjson.dumps(choices).decode(), once)
        if turn is None:
            return reply({}, 409)
        await connection.execute(VOTED, uuid4(), poll, who)
    return reply({"poll": poll, "turn": turn, "choices": choices}, 201)


async def polls(request: Request) -> Response:
    if await session(request) is None:
        return reply({}, 401)
    asked = request.query_params
    rows = await request.app.state.pg.fetch(POLLS, asked["path"], asked["path_end"], UUID(asked["before"]))
    return reply({"items": [_poll(r) for r in rows]})


def _poll(r: asyncpg.Record) -> dict[str, object]:
    return {**r, "options": orjson.Fragment(r["options"]), "rule": orjson.Fragment(r["rule"])}


async def result(request: Request) -> Response:
    if await session(request) is None:
        return reply({}, 401)
    r = await request.app.state.pg.fetchrow(RESULT, UUID(request.path_params["poll"]))
    if r is None:
        return reply({}, 404)
    return reply({
        "state": r[0], "counted_at": r[1], "outcome": orjson.loads(r[2]), "options": orjson.loads(r[3]),
        "turnout": orjson.loads(r[4]),
    })  # fmt: skip


async def _keep(_: asyncpg.Connection) -> None:
    """No session state is left behind."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.redis = redis.Redis.from_url(os.environ["REDIS_URL"], max_connections=1024)
    app.state.pg = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8, reset=_keep)
    yield
    app.state.pg.terminate()
    await app.state.redis.aclose()


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/v1/sessions/current", check),
        Route("/v1/cases", listing),
        Route("/v1/me/tasks", tasks),
        Route("/v1/cases", submit, methods=["POST"]),
        Route("/v1/cases/{case}", one),
        Route("/v1/polls", polls),
        Route("/v1/polls/{poll}/ballots", cast, methods=["POST"]),
        Route("/v1/polls/{poll}/result", result),
        Route("/v1/wishes/{wish}/moves/claim", claim, methods=["POST"]),
        Route("/v1/activities/{activity}/seats", sign_up, methods=["POST"]),
    ],
)
