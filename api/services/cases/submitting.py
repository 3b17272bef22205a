"""Submitting a case: one statement to find where it belongs, one to write everything, nothing in between to race.

The second statement inserts key, number, case, reach, deadlines, event and the idempotent answer together: a
receipt number is never burnt, and a key can never have two effects (its primary key is the guard).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, LargeBinary, Text, Uuid, bindparam, text

from api.kit import clock, idempotency
from api.kit.db import Database, Statement
from api.kit.ids import new_id
from api.kit.problems import NotAllowed, NotFound, Problem
from api.kit.wire import dumps
from api.models.people import PersonId
from api.rules.case_guards import CaseFacts
from api.rules.cases import (
    CASES,
    RESIDENT_CLOCKS,
    CaseCategory,
    CaseClock,
    CaseKind,
    CaseState,
    Channel,
    Standing,
    Visibility,
)
from api.rules.content import ContentState
from api.rules.limits import STEPS, CaseClass, CaseLimits
from api.rules.people import PersonState
from api.rules.places import Level
from api.rules.property import ADVICE
from api.services import calendars, deadlines
from api.services.access import Viewer, params
from api.services.cases.placing import NEARER, WHERE
from api.services.places import settings
from api.services.uploads.attaching import UploadNotUsable

PLACEHOLDER = "00000000-0000-7000-8000-6e756d626572"
"""Stands in the prepared answer where the statement puts the receipt number it has just drawn."""


class PlaceTooWide(Problem):
    status, code, title = 422, "place_too_wide", "请选择到村（社区）或更小的范围"


class HouseholdIsPrivate(Problem):
    status, code, title = 422, "household_is_private", "涉及具体住户的诉求只能不公开"


@dataclass(frozen=True, slots=True)
class NewCase:
    """What a resident hands in; exactly one of place and home."""

    kind: CaseKind
    category: CaseCategory
    title: str
    text: str
    place_id: UUID | None
    home_id: UUID | None
    visibility: Visibility
    anonymous: bool
    uploads: tuple[UUID, ...] = ()
    estate: UUID | None = None
    asset: UUID | None = None
    merchant: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: now, and again for the same key."""

    status: int
    body: bytes
    replayed: bool = False


_WRITE = Statement(
    text("""
with mine as (
  select id from uploads where id = any(cast(:uploads as uuid[])) and owner_id = :person and state = 'stored'
    and content <> 'risky' and subject_id is null for update),
fresh as (
  insert into idempotency_keys (person_id, key, fingerprint, created_at)
  select :person, :key, :fingerprint, :now
  where (select count(*) from mine) = cardinality(cast(:uploads as uuid[]))
  on conflict do nothing returning key),
serial as (
  insert into case_numbers (community_id, day, last) select :community, :day, 1 from fresh
  on conflict (community_id, day) do update set last = case_numbers.last + 1 returning last),
number as (select :prefix || lpad(last::text, greatest(4, length(last::text)), '0') as number from serial),
written as (
  insert into cases (id, number, kind, category, title, text, visibility, anonymous, channel, content, state, cycle, level,
                     place_id, path, community_id, home_id, estate_id, asset_id, merchant_id, reporter_id,
                     setting_id, created_at, updated_at)
  select :id, number, :kind, :category, :title, :text, :visibility, :anonymous, :channel, 'pending', 'submitted', 1, 0,
         :place, :path, :community, :home, :estate, :asset, :merchant, :person, :setting, :now, :now
  from number returning id),
seen as (
  insert into case_reach (place_id, audience, case_id)
  select place_id, 's', written.id from written, unnest(cast(:reach as uuid[])) place_id),
clocks as (
  insert into deadlines (id, subject_kind, subject_id, kind, cycle, limits, allowed, calendar_version,
                         service_hours, provisional, started_at, due_at, rungs, warn_at, pauses, segments)
  select d.id, 'case', written.id, d.kind, 1, d.limits, d.allowed, d.calendar_version,
         d.service_hours, d.provisional, d.started_at, d.due_at, d.rungs, d.warn_at, d.pauses, d.segments
  from written, jsonb_to_recordset(cast(:clocks as jsonb)) d(
    id uuid, kind text, limits jsonb, allowed int, calendar_version int, service_hours text, provisional boolean,
    started_at timestamptz, due_at timestamptz, rungs boolean, warn_at timestamptz, pauses jsonb, segments jsonb)),
tied as (
  update uploads u set subject_kind = 'case', subject_id = written.id, purpose = 'evidence', attached_at = :now
  from written, mine where u.id = mine.id),
watched as (
  insert into content_checks (id, subject_kind, subject_id, what, scene, author_id, openid, path, texts, state,
                              next_at, created_at, updated_at)
  select :check, 'case', written.id, 'text', 'forum', :person,
         (select openid from wechat_identities where person_id = :person order by created_at desc limit 1),
         :path, array[:title, :text], 'pending', :now, :now, :now from written),
told as (
  insert into events (id, subject_kind, subject_id, move, to_state, actor_kind, actor_id, actor_title, text, data, at)
  select :event, 'case', written.id, 'submit', 'submitted', 'person', :person, '居民', '已提交', '{}', :now from written),
answer as (
  select convert_to(:head || number || :tail, 'UTF8') as body from number),
kept as (
  insert into idempotency_answers (person_id, key, status, body)
  select :person, :key, 201, body from answer)
select body from answer
""").bindparams(
        *(
            bindparam(name, type_=Uuid())
            for name in (
                "person",
                "community",
                "id",
                "place",
                "home",
                "estate",
                "asset",
                "merchant",
                "setting",
                "event",
                "check",
            )
        ),
        *(
            bindparam(name, type_=Text())
            for name in (
                "key",
                "prefix",
                "kind",
                "category",
                "title",
                "text",
                "visibility",
                "channel",
                "path",
                "head",
                "tail",
            )
        ),
        bindparam("now", type_=DateTime(timezone=True)),
        bindparam("day", type_=Date()),
        bindparam("anonymous", type_=Boolean()),
        bindparam("fingerprint", type_=LargeBinary()),
    )
)


async def submit(db: Database, viewer: Viewer, new: NewCase, pending: idempotency.Pending) -> Answer:
    """Hand in a case; two round trips.

    Raises NotFound, NotAllowed, PlaceTooWide, HouseholdIsPrivate, UploadNotUsable, KeyReused.
    """
    where = await _look(db, viewer, new, pending)
    if where is None or where["person_state"] != PersonState.active:
        raise NotAllowed("该账号已停用")
    replay = _replay(pending, where["fingerprint"], where["status"], where["body"])
    if replay is not None:
        return replay
    _check(new, where)
    calendar = calendars.cached(where["calendar"])
    if calendar is None:
        async with db.reading() as tx:
            calendar = await calendars.current(tx)
    setting_id = where["setting_id"]
    if not settings.known(setting_id):
        async with db.reading() as tx:
            await settings.terms(tx, setting_id)

    now, case_id = clock.now(), new_id()
    limits = settings.limits_known(CaseClass(new.category.value), setting_id)
    clocks = _clocks(limits, case_id, calendars.serving(calendar, near(where, "service_hours")), now)
    head, tail = _prepared_answer(new, case_id, where, clocks, now)
    day = clock.local(now).date()
    row = await db.fetch_one(
        _WRITE,
        person=viewer.person_id,
        key=pending.key,
        fingerprint=pending.fingerprint,
        now=now,
        community=where["community_id"],
        day=day,
        prefix=f"{where['community_code']}-{day:%Y%m%d}-",
        id=case_id,
        kind=new.kind.value,
        category=new.category.value,
        title=new.title,
        text=new.text,
        visibility=new.visibility.value,
        anonymous=new.anonymous,
        channel=Channel.miniprogram.value,
        place=where["id"],
        path=where["path"],
        home=new.home_id,
        estate=near(where, "estate_id"),
        asset=new.asset,
        merchant=new.merchant,
        setting=setting_id,
        reach=where["reach"],
        clocks=clocks,
        event=new_id(),
        check=new_id(),
        uploads=list(dict.fromkeys(new.uploads)),
        head=head,
        tail=tail,
    )
    if row is not None:
        return Answer(201, bytes(row["body"]))
    # A twin with the same key was faster and its answer is there; or a picture was used up meanwhile.
    where = await _look(db, viewer, new, pending)
    replay = where and _replay(pending, where["fingerprint"], where["status"], where["body"])
    if replay:
        return replay
    if where is not None and where["fingerprint"] is None:  # nobody wrote: the pictures were not to be had
        raise UploadNotUsable
    raise idempotency.StillRunning(retry_after=1)


async def _look(db: Database, viewer: Viewer, new: NewCase, pending: idempotency.Pending) -> Any:
    """The row of what has to be known; the secretary's mail needs less of it."""
    statement = WHERE if new.kind is CaseKind.secretary else NEARER
    named = {"estate_id": new.estate, "asset_id": new.asset, "merchant_id": new.merchant}
    return await db.fetch_one(
        statement,
        **params(viewer),
        place_id=new.place_id,
        home_id=new.home_id,
        key=pending.key,
        **named,
    )


def near(where: Any, name: str) -> Any:
    """A column that only the longer statement has."""
    return where.get(name)


def _replay(
    pending: idempotency.Pending, stored: bytes | None, status: int | None, body: bytes | None
) -> Answer | None:
    try:
        idempotency.replay(pending, stored, status, body)
    except idempotency.Replayed as known:
        return Answer(known.status, known.body, replayed=True)
    return None


def _check(new: NewCase, where: Any) -> None:
    if where["id"] is None:
        raise NotFound("没有这个地域或房屋，或已停用")
    if where["community_id"] is None or where["level"] not in (Level.village, Level.grid, Level.building):
        raise PlaceTooWide
    if new.home_id is not None:
        if not where["lives_there"]:
            raise NotFound("没有这套房屋，或您未登记居住在此")
        if new.visibility is not Visibility.private:
            raise HouseholdIsPrivate
    if new.asset is not None and (
        where["asset_id"] is None or where["asset_estate_id"] != where["estate_id"]
    ):
        raise NotFound("没有这项设施，或不在这个小区")
    if new.estate is not None and where["estate_id"] != new.estate:
        raise NotFound("没有这个小区，或不在这个社区")
    if new.merchant is not None and where["merchant_id"] is None:
        raise NotFound("没有这个商家，或不在这个社区")


def _clocks(limits: CaseLimits, case_id: UUID, calendar: Any, now: datetime) -> list[dict[str, Any]]:
    """The resident's clocks and the dispatcher's, from submission."""
    wanted = (
        (CaseClock.screening, STEPS[CaseClock.screening]),
        (CaseClock.contact, limits.contact),
        (CaseClock.finish, limits.finish),
    )
    return [
        deadlines.row_of("case", case_id, kind.value, limit, calendar, now, 1, rungs=kind in RESIDENT_CLOCKS)
        for kind, limit in wanted
        if limit is not None
    ]


def _prepared_answer(
    new: NewCase, case_id: UUID, where: Any, clocks: list[dict[str, Any]], now: datetime
) -> tuple[str, str]:
    """The wire shape around the number that is not drawn yet."""
    due = {c["kind"]: _due(c) for c in clocks}
    facts = CaseFacts(cycle=1, asks=0, first_contact_at=None, viewer_handled=False)
    content = {
        "id": case_id,
        "number": PLACEHOLDER,
        "kind": new.kind,
        "category": new.category,
        "title": new.title,
        "text": new.text,
        "state": CaseState.submitted,
        "cycle": 1,
        "level": 0,
        "visibility": new.visibility,
        "anonymous": new.anonymous,
        "content": ContentState.pending,
        "channel": Channel.miniprogram,
        "place": {"id": where["id"], "name": where["name"]},
        "community": {"id": where["community_id"], "name": where["community_name"]},
        "home_id": new.home_id,
        "room": where["room"],
        "estate": _named(where, "estate"),
        "asset": _named(where, "asset"),
        "advice": ADVICE.get(new.category),
        "unit": None,
        "reporter": {"name": where["nickname"], "mine": True},
        "outcome": None,
        "due": {"sign": None, "contact": due.get("contact"), "finish": due.get("finish")},
        "requests": [],
        "hazard": False,
        "plan": None,
        "outside": None,
        "reject_reason": None,
        "merged_into": None,
        "rating": None,
        "first_contact_at": None,
        "handled_at": None,
        "closed_at": None,
        "moves": CASES.open(CaseState.submitted, frozenset({Standing.reporter}), facts),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    head, _, tail = dumps(content).decode().partition(PLACEHOLDER)
    return head, tail


def _named(where: Any, what: str) -> dict[str, Any] | None:
    found = near(where, f"{what}_id")
    return None if found is None else {"id": found, "name": where[f"{what}_name"]}


def _due(columns: dict[str, Any]) -> dict[str, Any]:
    return {
        "due_at": columns["due_at"],
        "met_at": None,
        "overdue": False,
        "provisional": columns["provisional"],
    }


def pending_of(viewer: Viewer, key: str | None, method: str, path: str, body: bytes) -> idempotency.Pending:
    """The caller's key, or a fresh one nobody can repeat for a caller who sent none."""
    name = idempotency.check_key(key) if key is not None else new_id().hex
    return idempotency.Pending(PersonId(viewer.person_id), name, idempotency.fingerprint(method, path, body))
