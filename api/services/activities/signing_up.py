"""报名: one statement to look, one to take a seat or a place in the queue. Of two hundred at once, as many win as
there are seats, and the queue has the order in which they came.

The second statement takes from the activity's own counters, then passes through the person's row (where a suspended
person is missing and the statement fails as a whole), then writes seat, event, key and answer. The seat's exclusion
constraint refuses who is elsewhere at that time (docs/adr/0017).
"""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from api.kit import clock, idempotency
from api.kit.db import Database, Lent, Statement
from api.kit.ids import new_id
from api.kit.problems import NotFound, WrongMoment
from api.rules.activities import (
    ActivityFull,
    ActivityOver,
    AlreadySignedUp,
    DoubleBooked,
    NotEligible,
    SignUpSuspended,
)
from api.rules.activity_words import ActivityState, SeatState
from api.rules.content import ContentState
from api.services.access import Viewer
from api.services.activities.reading import NO_ACTIVITY, bound, one_activity
from api.services.activities.view import Row, lacking, seat_view
from api.services.answers import Answer
from api.services.taking import earlier, with_account_and_key

_TRIES = 3
"""A twin with the same key, or the same person twice: the second look knows."""


_LOOK = Statement(with_account_and_key(one_activity()))
"""The activity as the viewer sees it, the account, and the key's past."""
_TAKE = Statement(
    sql("""
with took as (
  update activities set last_ticket = last_ticket + 1, last_seated = free > 0, updated_at = :now,
    waiting = waiting + case when free > 0 then 0 else 1 end, free = free - case when free > 0 then 1 else 0 end
  where id = :activity and state = 'published' and content = 'pass' and starts_at > :now
    and (free > 0 or waiting < queue)
  returning id, last_ticket, last_seated, waiting, starts_at, ends_at),
stood as (
  insert into attendants (person_id) select :person from took
  on conflict (person_id) do update set suspended_until = null
    where attendants.suspended_until is null or attendants.suspended_until <= :now
  returning person_id),
seated as (
  insert into seats (id, activity_id, person_id, ticket, state, during, created_at, updated_at)
  select :seat, took.id, stood.person_id, took.last_ticket,
    case when took.last_seated then 'confirmed' else 'waitlisted' end, tstzrange(took.starts_at, took.ends_at),
    :now, :now
  from took left join stood on true returning id, state, ticket),
answered as (
  select seated.id, seated.state, convert_to((cast(:body as jsonb) || jsonb_build_object(
    'state', seated.state, 'ticket', seated.ticket,
    'position', case when not took.last_seated then took.waiting end))::text, 'UTF8') as body from seated, took),
told as (
  insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, text, data, at)
  select :event, 'seat', answered.id, 'sign_up', answered.state, 'person', :person, '本人', '报名', '{}', :now
  from answered),
fresh as (
  insert into idempotency_keys (person_id, key, fingerprint, created_at)
  select :person, :key, :fingerprint, :now from answered),
kept as (
  insert into idempotency_answers (person_id, key, status, body)
  select :person, :key, 201, answered.body from answered)
select body from answered
""").bindparams(
        *(bindparam(name, type_=Uuid()) for name in ("activity", "person", "seat", "event")),
        bindparam("key", type_=Text()),
        bindparam("now", type_=DateTime(timezone=True)),
        bindparam("fingerprint", type_=LargeBinary()),
        bindparam("body", type_=JSONB()),
    )
)


async def sign_up(db: Database, viewer: Viewer, activity_id: UUID, pending: idempotency.Pending) -> Answer:
    """Take a seat, or a place in the queue; two round trips, one for who comes too late.

    Raises NotFound, NotAllowed, NotEligible, AlreadySignedUp, ActivityOver, ActivityFull, DoubleBooked,
    SignUpSuspended, WrongMoment, KeyReused.
    """
    async with db.lending() as connection:
        for _ in range(_TRIES):
            row = await connection.fetch_one(_LOOK, activity_id=activity_id, key=pending.key, **bound(viewer))
            if row is None:
                raise NotFound(NO_ACTIVITY)
            known = earlier(row, pending)
            if known is not None:
                return known
            _check(row)
            answer = await _take(connection, viewer, row, pending)
            if answer is not None:
                return answer
    raise WrongMoment("报名的人太多，请稍后再试")


def _check(row: Row) -> None:
    """What the second statement would refuse as well, with the reason for a person."""
    if row["mine"] is not None:
        raise AlreadySignedUp(seat_id=row["mine"]["id"])
    if row["content"] != ContentState.passed or row["state"] == ActivityState.draft:
        raise WrongMoment("活动还没有发布", state=row["state"], moves=[])
    if row["state"] != ActivityState.published or row["starts_at"] <= clock.now():
        raise ActivityOver(state=row["state"])
    missing = lacking(row)
    if missing:
        raise NotEligible("还差：" + "、".join(missing), lacking=list(missing))
    if row["free"] == 0 and row["waiting"] >= row["queue"]:
        raise ActivityFull


async def _take(connection: Lent, viewer: Viewer, row: Row, pending: idempotency.Pending) -> Answer | None:
    """The one statement; None where somebody was faster."""
    seat_id, now = new_id(), clock.now()
    try:
        taken = await connection.fetch_one(
            _TAKE,
            activity=row["id"],
            person=viewer.person_id,
            seat=seat_id,
            event=new_id(),
            now=now,
            key=pending.key,
            fingerprint=pending.fingerprint,
            body=_prepared(row, viewer, seat_id, now),
        )
    except asyncpg.NotNullViolationError:
        raise SignUpSuspended from None
    except asyncpg.ExclusionViolationError:
        raise DoubleBooked from None
    except asyncpg.UniqueViolationError:
        return None
    return Answer(201, bytes(taken["body"])) if taken is not None else None


def _prepared(row: Row, viewer: Viewer, seat_id: UUID, now: Any) -> dict[str, Any]:
    """The seat as it is once the statement has gone through; state, ticket and position are the statement's."""
    seat = {
        "id": seat_id, "state": SeatState.confirmed, "ticket": 0, "position": None, "offered_until": None,
        "minutes_automatic": 0, "minutes_added": 0, "version": 1, "created_at": now, "updated_at": now,
        "reason": None, "reason_passed_at": None,
        "activity_id": row["id"], "activity_state": row["state"], "pairs_today": 0,
        "person_id": viewer.person_id, "person_name": row["my_name"], "author_id": row["author_id"],
        "leads": row["leads"], "roles": row["roles"],
    }  # fmt: skip
    seat |= {name: row[name] for name in ("title", "spot", "content", "starts_at", "ends_at")}
    return seat_view(seat, viewer)
