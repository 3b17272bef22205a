"""The statement that hands in a case: key, number, case, reach, deadlines, event and the idempotent answer together.

A receipt number is never burnt, and a key can never have two effects (its primary key is the guard).
"""

from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    Date,
    DateTime,
    Double,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    text,
)

from api.kit.db import Statement

_TEMPLATE = """
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
                     place_id, path, community_id, home_id, estate_id, asset_id, merchant_id, setting_id, created_at,
                     updated_at, {columns})
  select :id, number, :kind, :category, :title, :text, :visibility, :anonymous, :channel, 'pending', 'submitted', 1, 0,
         :place, :path, :community, :home, :estate, :asset, :merchant, :setting, :now, :now, {values}
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
  select :event, 'case', written.id, 'submit', 'submitted', 'person', :person, {actor}, {told}, '{{}}', :now from written),
answer as (
  select convert_to(:head || number || :tail, 'UTF8') as body from number),
kept as (
  insert into idempotency_answers (person_id, key, status, body)
  select :person, :key, 201, body from answer)
select body from answer
"""
_IDS = (
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
_TEXTS = (
    "key", "prefix", "kind", "category", "title", "text", "visibility", "channel", "path", "head", "tail",
)  # fmt: skip
_ENTERED = {
    "recorder_id": "person",
    "reporter_alias": "alias",
    "behalf_name_sealed": "behalf_name",
    "behalf_phone_sealed": "behalf_phone",
    "behalf_phone_index": "behalf_index",
    "consent": "consent",
    "latitude": "latitude",
    "longitude": "longitude",
    "self_handled": "self_handled",
}
"""What else is written of a case that somebody enters for another: column → parameter."""


def _bound(template: str, *more: BindParameter[Any]) -> Statement:
    return Statement(
        text(template).bindparams(
            *(bindparam(name, type_=Uuid()) for name in _IDS),
            *(bindparam(name, type_=Text()) for name in _TEXTS),
            bindparam("now", type_=DateTime(timezone=True)),
            bindparam("day", type_=Date()),
            bindparam("anonymous", type_=Boolean()),
            bindparam("fingerprint", type_=LargeBinary()),
            *more,
        )
    )


OWN = _bound(_TEMPLATE.format(columns="reporter_id", values=":person", actor="'居民'", told="'已提交'"))
"""By the person whose matter it is."""
ENTERED = _bound(
    _TEMPLATE.format(
        columns=", ".join(_ENTERED),
        values=", ".join(f":{name}" for name in _ENTERED.values()),
        actor=":actor",
        told=":told",
    ),
    *(bindparam(name, type_=Text()) for name in ("alias", "consent", "actor", "told")),
    *(bindparam(name, type_=Double()) for name in ("latitude", "longitude")),
    bindparam("self_handled", type_=Boolean()),
    *(bindparam(name, type_=LargeBinary()) for name in ("behalf_name", "behalf_phone", "behalf_index")),
)
"""By staff: for somebody who called or was visited, or of their own finding. It has no reporter yet."""
