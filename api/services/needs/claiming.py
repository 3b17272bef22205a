"""认领: one statement to look, one to claim. Of two hundred at once, as many win as there are seats.

The second statement takes the need in the state and version the guards saw, then the member's live counter, then
writes claim, clocks, event, key and answer. Where the counter refuses, the claim has no member and the statement
fails as a whole: nothing has happened (docs/adr/0012).
"""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, Integer, LargeBinary, Text, Uuid, bindparam, select
from sqlalchemy import text as sql
from sqlmodel import col

from api.kit import clock, idempotency
from api.kit.db import Database, Lent, Statement
from api.kit.ids import new_id
from api.kit.problems import NotFound, WrongMoment
from api.kit.wire import dumps
from api.models import CalendarVersion
from api.rules.need_words import ClaimState, NeedMove, NeedState
from api.rules.needs import CLAIM_CLOCKS, LIMITED_TO, LIVE_LIMIT, NEEDS, LiveLimit
from api.services import calendars, deadlines
from api.services.access import Viewer, params
from api.services.answers import Answer
from api.services.needs.reading import one_need, today
from api.services.needs.view import Row, facts, open_moves, standings, view
from api.services.taking import earlier, with_account_and_key

_TRIES = 30
"""A shared task loses a race for its version each time another seat is taken; there are at most twenty."""


_LOOK = Statement(
    with_account_and_key(
        one_need().add_columns(
            select(col(CalendarVersion.version))
            .order_by(col(CalendarVersion.version).desc())
            .limit(1)
            .scalar_subquery()
            .label("calendar")
        )
    )
)
"""The need as the viewer sees it, the account, the calendar's version, and the key's past."""
_CLAIM = Statement(
    sql("""
with took as (
  update needs set free_seats = free_seats[2:], last_seat = free_seats[1], version = version + 1, updated_at = :now,
    state = case when cardinality(free_seats) > 1 then 'published' else 'claimed' end
  where id = :need and state = 'published' and version = :version
  returning id, last_seat, state),
counted as (
  insert into claimants (person_id, live) select :person, 1 from took
  on conflict (person_id) do update set live = claimants.live + 1
    where claimants.live < case when claimants.limited_until > :now then :limited_to else :live_limit end
  returning person_id),
claimed as (
  insert into claims (id, need_id, member_id, seat, state, content, claimed_at)
  select :claim, took.id, counted.person_id, took.last_seat, 'claimed', 'pending', :now
  from took left join counted on true returning id),
clocks as (
  insert into deadlines (id, subject_kind, subject_id, kind, cycle, limits, allowed, calendar_version, provisional,
                         started_at, due_at, pauses, segments)
  select d.id, 'claim', claimed.id, d.kind, 1, d.limits, d.allowed, d.calendar_version, d.provisional,
         d.started_at, d.due_at, d.pauses, d.segments
  from claimed, jsonb_to_recordset(cast(:clocks as jsonb)) d(
    id uuid, kind text, limits jsonb, allowed int, calendar_version int, provisional boolean,
    started_at timestamptz, due_at timestamptz, pauses jsonb, segments jsonb)),
told as (
  insert into events (id, subject_kind, subject_id, move, from_state, to_state, actor_kind, actor_id, actor_title,
                      text, data, at)
  select :event, 'need', took.id, 'claim', 'published', took.state, 'person', :person, '认领人', '已认领',
         jsonb_build_object('claim_id', claimed.id), :now from took, claimed),
fresh as (
  insert into idempotency_keys (person_id, key, fingerprint, created_at)
  select :person, :key, :fingerprint, :now from claimed),
kept as (
  insert into idempotency_answers (person_id, key, status, body) select :person, :key, 200, :body from claimed)
select id from claimed
""").bindparams(
        *(bindparam(name, type_=Uuid()) for name in ("need", "person", "claim", "event")),
        bindparam("key", type_=Text()),
        bindparam("version", type_=Integer()),
        bindparam("now", type_=DateTime(timezone=True)),
        bindparam("fingerprint", type_=LargeBinary()),
        bindparam("body", type_=LargeBinary()),
        bindparam("limited_to", LIMITED_TO, type_=Integer()),
        bindparam("live_limit", LIVE_LIMIT, type_=Integer()),
    )
)


async def claim(db: Database, viewer: Viewer, need_id: UUID, pending: idempotency.Pending) -> Answer:
    """Claim a seat; two round trips for who wins, one for who comes too late.

    Raises NotFound, NotAllowed, OwnHousehold, NotQualified, AlreadyClaimed, WrongMoment, LiveLimit, KeyReused.
    """
    async with db.lending() as connection:
        for _ in range(_TRIES):
            row = await connection.fetch_one(
                _LOOK, need_id=need_id, key=pending.key, **params(viewer), **today()
            )
            if row is None:
                raise NotFound("没有这项需求，或不在您的查看范围内")
            known = earlier(row, pending)
            if known is not None:
                return known
            NEEDS.decide(NeedMove.claim, NeedState(row["state"]), standings(row, viewer), facts(row, viewer))
            answer = await _take(db, connection, viewer, row, pending)
            if answer is not None:
                return answer
    raise WrongMoment("认领的人太多，请稍后再试")


async def _take(
    db: Database, connection: Lent, viewer: Viewer, row: Row, pending: idempotency.Pending
) -> Answer | None:
    """The one statement; None where somebody was faster."""
    calendar = calendars.cached(row["calendar"])
    if calendar is None:
        async with db.reading() as tx:
            calendar = await calendars.current(tx)
    now, claim_id = clock.now(), new_id()
    body = _prepared_answer(row, viewer, claim_id, now)
    try:
        taken = await connection.fetch_one(
            _CLAIM,
            need=row["id"],
            version=row["version"],
            person=viewer.person_id,
            claim=claim_id,
            event=new_id(),
            clocks=[
                deadlines.row_of("claim", claim_id, kind.value, limit, calendar, now, 1)
                for kind, limit in CLAIM_CLOCKS.items()
            ],
            now=now,
            key=pending.key,
            fingerprint=pending.fingerprint,
            body=body,
        )
    except asyncpg.NotNullViolationError:
        raise LiveLimit(moves=open_moves(row, viewer)) from None
    except asyncpg.UniqueViolationError:  # a twin with the same key, or the same person on another seat
        return None
    return Answer(200, body) if taken is not None else None


def _prepared_answer(row: Row, viewer: Viewer, claim_id: UUID, now: Any) -> bytes:
    """The need as it is once the statement has gone through: its version decides that it is."""
    seat, *free = row["free_seats"]
    mine = {
        "id": str(claim_id), "member_id": str(viewer.person_id), "name": row["my_name"], "seat": seat,
        "state": ClaimState.claimed.value, "claimed_at": now.isoformat(), "contacted_at": None, "done_at": None,
        "minutes": None, "text": None, "content": "pending", "asked": False, "in_house": False,
        "transfer_to": None, "reason": None,
    }  # fmt: skip
    after = {
        **row,
        "free_seats": free,
        "state": (NeedState.published if free else NeedState.claimed).value,
        "claims": [*(row["claims"] or ()), mine],
        "version": row["version"] + 1,
        "updated_at": now,
    }
    return dumps(view(after, viewer))
