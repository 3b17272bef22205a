"""A need as one viewer sees it: what they are to it, what guards look at, and the wire shape."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from api.kit import clock
from api.rules.content import ContentState
from api.rules.need_words import HOLDING, WORKING, ClaimState, NeedKind, NeedState, Standing
from api.rules.needs import NEEDS, NeedFacts
from api.rules.people import MembershipKind
from api.rules.roles import Permission, Role, permissions_of
from api.services.access import Viewer

Row = Mapping[str, Any]
"""A row of the one-need statement, from either driver."""
CLAIMED_BY: dict[NeedKind, MembershipKind] = {
    NeedKind.wish: MembershipKind.party,
    NeedKind.help: MembershipKind.volunteer,
}
"""Whose membership lets them claim what."""
_MEMBER_WORDS = {MembershipKind.party: "已核实的党员报到", MembershipKind.volunteer: "已核实的志愿者登记"}
_SHOWN_CLOCKS = ("screening", "unclaimed", "finish", "confirming")
ANONYMOUS = "一位居民"


def held(row: Row) -> list[dict[str, Any]]:
    """The claims that hold a seat, in the order in which their members' rows are locked."""
    return sorted(
        (c for c in row["claims"] or () if c["state"] in HOLDING), key=lambda c: str(c["member_id"])
    )


def my_claim(row: Row, viewer: Viewer | None) -> dict[str, Any] | None:
    """The viewer's claim that holds a seat."""
    if viewer is None:
        return None
    mine = str(viewer.person_id)
    return next((c for c in held(row) if c["member_id"] == mine), None)


def standings(row: Row, viewer: Viewer) -> frozenset[Standing]:
    """What the viewer is to the need."""
    me, found = viewer.person_id, set()
    author = row["author_id"] == me or (row["author_id"] is None and row["recorder_id"] == me)
    if author:
        found.add(Standing.author)
    if CLAIMED_BY[NeedKind(row["kind"])] in row["member"]["kinds"]:
        found.add(Standing.member)
    if my_claim(row, viewer) is not None:
        found.add(Standing.claimant)
    if row["offer"] is not None and row["offer"]["member_id"] == str(me):
        found.add(Standing.offeree)
    if any(c["transfer_to"] == str(me) for c in held(row)):
        found.add(Standing.receiver)
    permissions = permissions_of(frozenset(Role(r) for r in row["roles"] or ()))
    for permission, standing in _BY_PERMISSION:
        if permission in permissions and not (author and row["author_id"] == me):
            found.add(standing)
    return frozenset(found)


_BY_PERMISSION = (
    (Permission.need_screen, Standing.screener),
    (Permission.need_dispatch, Standing.dispatcher),
    (Permission.need_callback, Standing.caller),
)


def lacking(row: Row) -> tuple[str, ...]:
    """What the viewer would still need to claim it, in words."""
    member, found = row["member"], []
    wanted = CLAIMED_BY[NeedKind(row["kind"])]
    if wanted not in member["kinds"]:
        found.append(_MEMBER_WORDS[wanted])
    has = set(member["qualifications"] or ())
    found += [f"有效的“{name}”资质" for name in row["qualifications"] if name not in has]
    today = clock.local(clock.now()).date()
    if row["min_age"] is not None:
        born = member["birth_year"]
        # By the year alone, so nobody is taken for older than he is: the birthday may lie ahead.
        if born is None or today.year - born - 1 < row["min_age"]:
            found.append(f"年满 {row['min_age']} 周岁")
    if row["insured"] and (
        member["insured_until"] is None or date.fromisoformat(member["insured_until"]) < today
    ):
        found.append("有效的志愿者保险")
    return tuple(found)


def facts(row: Row, viewer: Viewer | None) -> NeedFacts:
    mine = my_claim(row, viewer)
    holding = held(row)
    me = str(viewer.person_id) if viewer is not None else None
    return NeedFacts(
        free=len(row["free_seats"]),
        mine=ClaimState(mine["state"]) if mine else None,
        others=tuple(ClaimState(c["state"]) for c in holding if c is not mine),
        asked_release=mine is not None and mine["asked"],
        release_waiting=any(c["asked"] for c in holding),
        transfers=row["transfers"],
        transfer_waiting=any(c["transfer_to"] for c in holding),
        own_household=bool(row["own_household"]) and viewer is not None,
        viewer_worked=any(c["member_id"] == me for c in row["claims"] or ()),
        lacking=lacking(row) if viewer is not None else (),
        content=ContentState(row["content"]),
        extended=row["extended"],
        extension_waiting=row["extension_to"] is not None,
        disputed=row["disputed"],
        in_house=any(c["in_house"] for c in holding),
    )


def open_moves(row: Row, viewer: Viewer) -> list[str]:
    return list(
        dict.fromkeys(NEEDS.open(NeedState(row["state"]), standings(row, viewer), facts(row, viewer)))
    )


def view(row: Row, viewer: Viewer) -> dict[str, Any]:
    """The wire shape of one need."""
    clocks = row["clocks"] or {}
    inside = (
        bool(row["roles"]) or row["author_id"] == viewer.person_id or row["recorder_id"] == viewer.person_id
    )
    claims = [_claim(c, viewer, inside) for c in row["claims"] or ()]
    mine = next((c for c in claims if c["member"]["mine"]), None)
    offer = row["offer"]
    shown = offer is not None and (inside or offer["member_id"] == str(viewer.person_id))
    return {
        **{name: row[name] for name in _PLAIN},
        "free_seats": len(row["free_seats"]),
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "community": {"id": row["community_id"], "name": row["community_name"]},
        "home_id": row["home_id"] if inside else None,
        "author": author(row, viewer, inside),
        "recorded": row["recorder_id"] is not None,
        "claim": mine or (claims[0] if claims else None),
        "claims": claims,
        "offer": _offer(offer, viewer) if shown else None,
        "rating_text": row["rating_text"] if inside or row["rating_passed_at"] is not None else None,
        "contact": None,
        "due": {name: _clock(clocks.get(name)) for name in _SHOWN_CLOCKS},
        "merged_into": row["merged_into_id"],
        "lacking": list(lacking(row)),
        "own_household": row["own_household"],
        "moves": open_moves(row, viewer),
    }


_PLAIN = (
    "id", "kind", "category", "title", "text", "urgency", "skills", "qualifications", "min_age", "insured", "risks",
    "due_on", "content", "state", "seats", "disputed", "extended", "extension_to", "rating",
    "confirmed_by_call", "published_at", "done_at", "closed_at", "version", "created_at", "updated_at",
)  # fmt: skip


def author(row: Row, viewer: Viewer, inside: bool) -> dict[str, Any]:
    """Who wishes: by name to staff and to the person; to everybody else a resident."""
    mine = row["author_id"] is not None and row["author_id"] == viewer.person_id
    return {"name": (row["author_name"] or ANONYMOUS) if inside else ANONYMOUS, "mine": mine}


def _claim(claim: dict[str, Any], viewer: Viewer, inside: bool) -> dict[str, Any]:
    mine = claim["member_id"] == str(viewer.person_id)
    told = inside or mine
    shown = told or claim["content"] == ContentState.passed
    return {
        "id": claim["id"],
        "state": claim["state"],
        "member": {"name": claim["name"], "mine": mine},
        "seat": claim["seat"],
        "in_house": claim["in_house"],
        "release_asked": claim["asked"] if told else False,
        "release_reason": claim["reason"] if told else None,
        "text": claim["text"] if shown else None,
        "minutes": claim["minutes"],
        **{name: _moment(claim[name]) for name in ("claimed_at", "contacted_at", "done_at")},
    }


def _offer(offer: dict[str, Any], viewer: Viewer) -> dict[str, Any]:
    return {
        "id": offer["id"],
        "member": {"name": offer["name"], "mine": offer["member_id"] == str(viewer.person_id)},
        "reasons": offer["reasons"],
        "expires_at": _moment(offer["expires_at"]),
    }


def _clock(clock_: dict[str, Any] | None) -> dict[str, Any] | None:
    if clock_ is None:
        return None
    return {**clock_, "due_at": _moment(clock_["due_at"]), "met_at": _moment(clock_["met_at"])}


def _moment(value: str | None) -> datetime | None:
    """PostgreSQL writes moments inside jsonb with an offset and without their last zeros, we write all alike."""
    return datetime.fromisoformat(value) if value is not None else None


def working(claim: dict[str, Any]) -> bool:
    return claim["state"] in WORKING
