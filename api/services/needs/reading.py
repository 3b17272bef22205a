"""Reading one need: who may see which, and one statement for the view, the standings and what guards look at."""

from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Select, Uuid, and_, bindparam, column, or_, select, true
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import DATE, JSONB
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database, Statement
from api.kit.ids import new_id
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import Claim, Membership, Need, Offer, Person, Place
from api.rules.content import ContentState
from api.rules.need_words import SHOWN, ClaimState, OfferState
from api.rules.people import MembershipState
from api.rules.roles import Permission
from api.services.access import NOW, VIEWER, Viewer, lives_in, params, reaches, roles_here
from api.services.needs.view import Row, my_claim, view
from api.services.people.belonging import PHONE

Community = aliased(Place, name="community")
NEED_ID = bindparam("need_id", type_=Uuid())
TODAY = bindparam("today", type_=DATE())
NAME = "name"
"""The vault's purpose for names of people without an account."""
NOBODY = UUID(int=0)
"""Bound as the viewer when the system looks."""


def today() -> dict[str, Any]:
    """What `one_need` wants beside `params(viewer)`."""
    return {"today": clock.local(clock.now()).date()}


def valid_membership() -> ColumnElement[bool]:
    """Memberships verified and not ended on the bound day."""
    return and_(
        col(Membership.state) == MembershipState.verified,
        or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) >= TODAY),
    )


def member_of(community_id: Any) -> ColumnElement[bool]:
    """The viewer has reported to, or registered with, the community."""
    return (
        select(1)
        .select_from(Membership)
        .where(
            col(Membership.person_id) == VIEWER,
            col(Membership.place_id) == community_id,
            valid_membership(),
        )
        .exists()
    )


def open_to_neighbours() -> ColumnElement[bool]:
    """Screened, passed, and for the residents and members of its community."""
    return and_(
        col(Need.state).in_(SHOWN),
        col(Need.content) == ContentState.passed,
        or_(lives_in(col(Need.community_id)), member_of(col(Need.community_id))),
    )


def readable_needs() -> ColumnElement[bool]:
    """One's own and recorded ones, all in reach of a role; once passed what one claimed or was offered, neighbours'."""
    claimed = select(1).where(
        col(Claim.need_id) == col(Need.id),
        or_(col(Claim.member_id) == VIEWER, col(Claim.transfer_to_id) == VIEWER),
    )
    offered = select(1).where(
        col(Offer.need_id) == col(Need.id),
        col(Offer.member_id) == VIEWER,
        col(Offer.state) == OfferState.open,
    )
    return or_(
        col(Need.author_id) == VIEWER,
        col(Need.recorder_id) == VIEWER,
        reaches(Permission.need_read, col(Need.path)),
        and_(
            col(Need.content) == ContentState.passed,
            or_(claimed.correlate(Need).exists(), offered.correlate(Need).exists()),
        ),
        open_to_neighbours(),
    )


_PIECES = (
    sql("""select
(select jsonb_agg(jsonb_build_object('id', c.id, 'member_id', c.member_id, 'name', p.nickname, 'seat', c.seat,
   'state', c.state, 'claimed_at', c.claimed_at, 'contacted_at', c.contacted_at, 'done_at', c.done_at,
   'minutes', c.minutes, 'text', c.text, 'content', c.content, 'asked', c.release_asked_at is not null,
   'in_house', c.in_house, 'transfer_to', c.transfer_to_id, 'reason', c.release_reason) order by c.seat, c.id)
 from claims c join people p on p.id = c.member_id
 where c.need_id = needs.id and c.state in ('claimed', 'contacted', 'done', 'confirmed', 'unconfirmed')) as claims,
(select jsonb_build_object('id', o.id, 'member_id', o.member_id, 'name', p.nickname, 'reasons', o.reasons,
   'expires_at', o.expires_at)
 from offers o join people p on p.id = o.member_id where o.need_id = needs.id and o.state = 'open') as offer,
(select jsonb_build_object('kinds', coalesce(array_agg(m.kind), '{}'), 'insured_until', max(m.insured_until),
   'birth_year', max(m.birth_year), 'qualifications',
   case when cardinality(needs.qualifications) > 0 then (
     select array_agg(q.name) from qualifications q join memberships m2 on m2.id = q.membership_id
     where m2.person_id = :viewer and m2.place_id = needs.community_id and m2.state = 'verified'
       and (m2.ends_on is null or m2.ends_on >= :today) and (q.expires_on is null or q.expires_on >= :today)) end)
 from memberships m where m.person_id = :viewer and m.place_id = needs.community_id and m.state = 'verified'
   and (m.ends_on is null or m.ends_on >= :today)) as member,
(needs.author_id is not distinct from :viewer or needs.household = :viewer or exists (
   select 1 from residencies r where r.person_id = :viewer and r.state = 'verified'
   and r.home_id in (needs.household, needs.home_id)) or exists (
   select 1 from residencies mine join residencies theirs on theirs.home_id = mine.home_id
   where mine.person_id = :viewer and theirs.person_id = needs.author_id
   and mine.state = 'verified' and theirs.state = 'verified')) as own_household,
(select jsonb_object_agg(d.kind, jsonb_build_object('due_at', d.due_at, 'met_at', d.met_at, 'overdue',
   coalesce(coalesce(d.met_at, :now) > d.due_at, false), 'provisional', d.provisional))
 from (select distinct on (kind) * from deadlines where subject_id = needs.id and cancelled_at is null
       order by kind, cycle desc) d) as clocks""")
    .bindparams(VIEWER, TODAY, NOW)
    .columns(
        column("claims", JSONB),
        column("offer", JSONB),
        column("member", JSONB),
        column("own_household", Boolean),
        column("clocks", JSONB),
    )
    .lateral("pieces")
)
"""What hangs on a need, and what the viewer is to it, beside its row."""
_TABLE = Need.__table__  # type: ignore[attr-defined]
HIDDEN = ("behalf_name_sealed", "behalf_phone_sealed", "last_seat")


def one_need(*, readable: bool = True) -> Select[Any]:
    """The whole view of one need for one viewer: bind `need_id`, `viewer`, `now`, `today`."""
    return (
        select(
            *(c for c in _TABLE.columns if c.name not in HIDDEN),
            col(Place.name).label("place_name"),
            col(Community.name).label("community_name"),
            col(Person.nickname).label("author_name"),
            roles_here(col(Need.path)).scalar_subquery().label("roles"),
            *_PIECES.c,
        )
        .select_from(Need)
        .join(Place, col(Place.id) == col(Need.place_id))
        .join(Community, col(Community.id) == col(Need.community_id))
        .join(_PIECES, true())
        .outerjoin(Person, col(Person.id) == col(Need.author_id))
        .where(col(Need.id) == NEED_ID, readable_needs() if readable else true())
    )


READ_ONE = one_need()
READ_AS_SYSTEM = one_need(readable=False)
_READ_ONE = Statement(READ_ONE)
_CONTACT = Statement(
    sql("""
with shown as (
  select n.id, n.behalf_name_sealed, coalesce(p.phone_sealed, n.behalf_phone_sealed) as phone, p.nickname,
         b.name as building, h.room
  from needs n join claims c on c.need_id = n.id and c.member_id = :viewer and c.state in ('contacted', 'done')
  left join people p on p.id = n.author_id
  left join homes h on h.id = n.home_id left join places b on b.id = h.building_id
  where n.id = :need_id),
told as (
  insert into events (id, subject_kind, subject_id, move, actor_kind, actor_id, actor_title, data, at)
  select :event, 'need', id, 'view_contact', 'person', :viewer, '认领人', '{}', :now from shown)
select * from shown""").bindparams(VIEWER, NEED_ID, bindparam("event", type_=Uuid()), NOW)
)
"""The wisher's contact, for a live claimant after `contact`; the look at it is an event in the same statement."""


async def read(db: Database, vault: Vault, viewer: Viewer, need_id: UUID) -> dict[str, Any]:
    """One need as this viewer sees it, with the moves open to them. Raises NotFound."""
    row = await db.fetch_one(_READ_ONE, need_id=need_id, **params(viewer), **today())
    if row is None:
        raise NotFound("没有这项需求，或不在您的查看范围内")
    found = view(row, viewer)
    found["contact"] = await _contact(db, vault, viewer, row)
    return found


async def _contact(db: Database, vault: Vault, viewer: Viewer, row: Row) -> dict[str, Any] | None:
    mine = my_claim(row, viewer)
    if mine is None or mine["in_house"] or mine["state"] not in (ClaimState.contacted, ClaimState.done):
        return None
    shown = await db.fetch_one(
        _CONTACT, viewer=viewer.person_id, need_id=row["id"], event=new_id(), now=clock.now()
    )
    if shown is None:
        return None
    name = vault.open(NAME, shown["behalf_name_sealed"]) if shown["behalf_name_sealed"] else shown["nickname"]
    return {
        "name": name,
        "phone": vault.open(PHONE, shown["phone"]) if shown["phone"] else None,
        "home": f"{shown['building']} {shown['room']}" if shown["room"] else None,
    }
