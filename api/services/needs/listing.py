"""Lists of needs: newest first, or nearest first; by place, state, skills, and what is one's own."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.db import Database, Statement
from api.kit.paging import FIRST, BadCursor, page, read_cursor
from api.kit.problems import NotFound
from api.models import Claim, Deadline, Grant, Membership, Need, Offer, Place, Residency
from api.rules.content import ContentState
from api.rules.need_words import ClaimClock, ClaimState, NeedKind, NeedState, OfferState, Urgency
from api.rules.people import ResidencyState
from api.rules.places import ancestor_paths
from api.rules.roles import Permission, roles_with
from api.services.access import VIEWER, Viewer, live, params
from api.services.needs.reading import TODAY, readable_needs, today, valid_membership

MINE = "mine"
"""Instead of names of skills: those of the viewer's own memberships."""
_LINE = (
    "id", "kind", "category", "title", "urgency", "skills", "state", "seats", "due_on", "published_at",
    "version", "created_at", "updated_at",
)  # fmt: skip


def _line() -> list[Any]:
    table = Need.__table__  # type: ignore[attr-defined]
    return [
        *(table.c[name] for name in _LINE),
        func.left(col(Need.text), 80).label("excerpt"),
        func.cardinality(col(Need.free_seats)).label("free_seats"),
        col(Place.id).label("place_id"),
        col(Place.name).label("place_name"),
    ]


def _item(row: Any, distance: int | None = None) -> dict[str, Any]:
    return {
        **{name: row[name] for name in (*_LINE, "excerpt", "free_seats")},
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "distance": distance,
    }


def _around_viewer() -> ColumnElement[bool]:
    """Where the viewer lives, has reported to, or works with a role that reads."""
    communities = (
        select(col(Residency.community_id))
        .where(col(Residency.person_id) == VIEWER, col(Residency.state) == ResidencyState.verified)
        .union(
            select(col(Membership.place_id)).where(col(Membership.person_id) == VIEWER, valid_membership())
        )
    )
    works = (
        select(1)
        .select_from(Grant)
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(
            col(Grant.person_id) == VIEWER,
            col(Grant.role).in_(roles_with(Permission.need_read)),
            live(),
            col(Need.path) >= col(Place.path),
            col(Need.path) < col(Place.path_end),
        )
        .correlate(Need)
        .exists()
    )
    return or_(col(Need.community_id).in_(communities), works)


def _distance() -> ColumnElement[int]:
    """Steps up from the bound place to what it has in common with the need's."""
    above = func.unnest(bindparam("ancestors", type_=ARRAY(Text))).column_valued("above")
    shared = select(func.count()).where(func.starts_with(col(Need.path), above)).scalar_subquery()
    return cast(func.cardinality(bindparam("ancestors", type_=ARRAY(Text))) - shared, Integer)


_URGENCY = case((col(Need.urgency) == Urgency.urgent, 0), (col(Need.urgency) == Urgency.soon, 1), else_=2)
_OWN_SKILLS = sql(
    """(select coalesce(array_agg(skill), '{}') from memberships m, unnest(m.skills) skill
        where m.person_id = :viewer and m.state = 'verified' and (m.ends_on is null or m.ends_on >= :today))"""
).bindparams(VIEWER, TODAY)


@cache
def _statement(limit: int, source: str, near: bool, filters: frozenset[str]) -> Statement:
    """Prebuilt for each shape of question. LIMIT is literal: a bound one doubles the work."""
    kind = cast(bindparam("kind", type_=Text()), Text)
    wanted: list[ColumnElement[bool]] = [cast(col(Need.kind), Text) == kind]
    match source:
        case "author":
            wanted.append(or_(col(Need.author_id) == VIEWER, col(Need.recorder_id) == VIEWER))
        case "claimant":
            wanted += [
                col(Need.id).in_(select(col(Claim.need_id)).where(col(Claim.member_id) == VIEWER)),
                readable_needs(),
            ]
        case "place":
            wanted += [
                col(Need.path) >= bindparam("top", type_=Text()),
                col(Need.path) < bindparam("end", type_=Text()),
                readable_needs(),
            ]
        case _:
            wanted += [_around_viewer(), readable_needs()]
    if "state" in filters:
        wanted.append(cast(col(Need.state), Text) == cast(bindparam("state", type_=Text()), Text))
    if "skills" in filters:
        wanted.append(col(Need.skills).op("&&")(bindparam("skills", type_=ARRAY(Text))))
    if "own_skills" in filters:
        wanted.append(col(Need.skills).op("&&")(_OWN_SKILLS))
    more: Any = literal_column(str(limit + 1))
    after = bindparam("after", type_=Uuid())
    rank = (_distance() * 3 + _URGENCY if near else literal_column("0")).label("rank")
    rows = select(*_line(), rank).join(Place, col(Place.id) == col(Need.place_id)).where(*wanted)
    if not near:
        return Statement(rows.where(col(Need.id) < after).order_by(col(Need.id).desc()).limit(more))
    inner = rows.subquery("inner")
    past = bindparam("past", type_=Integer())
    return Statement(
        select(inner)
        .where(or_(inner.c.rank > past, (inner.c.rank == past) & (inner.c.id < after)))
        .order_by(inner.c.rank, inner.c.id.desc())
        .limit(more)
    )


async def listing(
    db: Database,
    viewer: Viewer,
    kind: NeedKind,
    *,
    limit: int,
    after: str | None,
    state: NeedState | None = None,
    place_id: UUID | None = None,
    skills: str | None = None,
    near: UUID | None = None,
    mine: str | None = None,
) -> dict[str, Any]:
    """A page: own, of a place, or of everywhere the viewer lives and serves. With `near` the nearest first, among
    them the most urgent. Raises NotFound for no such place, BadCursor."""
    values: dict[str, Any] = {"kind": kind.value, **params(viewer), **today()}
    filters = set()
    if state is not None:
        values["state"] = state.value
        filters.add("state")
    if skills == MINE:
        filters.add("own_skills")
    elif skills:
        values["skills"] = [word.strip() for word in skills.split(",") if word.strip()]
        filters.add("skills")
    if place_id is not None:
        values["top"] = await _path(db, place_id)
        values["end"] = f"{values['top'][:-1]}0"
    if near is None:
        values["after"] = read_cursor(after)
    else:
        values["ancestors"] = ancestor_paths(await _path(db, near))
        values["past"], values["after"] = _read_ranked(after)
    source = mine or ("place" if place_id is not None else "reach")
    rows = await db.fetch(_statement(limit, source, near is not None, frozenset(filters)), **values)
    found = page([_item(row, row["rank"] // 3 if near is not None else None) for row in rows], limit)
    if near is not None and found["next"] is not None:
        last = rows[limit - 1]
        found["next"] = _write_ranked(last["rank"], last["id"])
    return found


def _write_ranked(rank: int, last: UUID) -> str:
    return urlsafe_b64encode(rank.to_bytes(2) + last.bytes).rstrip(b"=").decode()


def _read_ranked(cursor: str | None) -> tuple[int, UUID]:
    """Where a nearest-first list goes on. Raises BadCursor."""
    if cursor is None:
        return -1, FIRST
    try:
        raw = urlsafe_b64decode(cursor.encode() + b"==")
        rank, last = int.from_bytes(raw[:2]), UUID(bytes=raw[2:])
    except (ValueError, binascii.Error):
        raise BadCursor from None
    if _write_ranked(rank, last) != cursor:
        raise BadCursor
    return rank, last


_PATH = Statement(select(col(Place.path)).where(col(Place.id) == bindparam("place", type_=Uuid())))


async def _path(db: Database, place_id: UUID) -> str:
    row = await db.fetch_one(_PATH, place=place_id)
    if row is None:
        raise NotFound("没有这个地域")
    return str(row["path"])


async def my_claims(tx: AsyncSession, viewer: Viewer, *, limit: int, after: str | None) -> dict[str, Any]:
    """What one has claimed, newest first, with the time by which to call."""
    by = (
        select(func.max(col(Deadline.due_at)))
        .where(
            col(Deadline.subject_id) == col(Claim.id),
            col(Deadline.kind) == ClaimClock.release.value,
            col(Deadline.met_at).is_(None),
            col(Deadline.cancelled_at).is_(None),
        )
        .scalar_subquery()
    )
    found = await tx.execute(
        select(*_line(), Claim, by.label("contact_by"))
        .select_from(Claim)
        .join(Need, col(Need.id) == col(Claim.need_id))
        .join(Place, col(Place.id) == col(Need.place_id))
        .where(
            col(Claim.member_id) == viewer.person_id,
            col(Claim.id) < read_cursor(after),
            col(Need.content) == ContentState.passed,
        )
        .order_by(col(Claim.id).desc())
        .limit(limit + 1)
    )
    return page([_my_claim(row) for row in found.mappings()], limit)


def _my_claim(row: Any) -> dict[str, Any]:
    claim: Claim = row["Claim"]
    return {
        **{f: getattr(claim, f) for f in ("id", "state", "minutes", "claimed_at")},
        "need": _item(row),
        "contact_by": row["contact_by"] if claim.state is ClaimState.claimed else None,
    }


async def my_offers(tx: AsyncSession, viewer: Viewer, *, limit: int, after: str | None) -> dict[str, Any]:
    """What one is offered and has not answered, newest first."""
    found = await tx.execute(
        select(*_line(), Offer)
        .select_from(Offer)
        .join(Need, col(Need.id) == col(Offer.need_id))
        .join(Place, col(Place.id) == col(Need.place_id))
        .where(
            col(Offer.member_id) == viewer.person_id,
            col(Offer.state) == OfferState.open,
            col(Offer.id) < read_cursor(after),
            col(Need.content) == ContentState.passed,
        )
        .order_by(col(Offer.id).desc())
        .limit(limit + 1)
    )
    return page(
        [
            {
                "id": r["Offer"].id,
                "need": _item(r),
                "reasons": r["Offer"].reasons,
                "expires_at": r["Offer"].expires_at,
            }
            for r in found.mappings()
        ],
        limit,
    )
