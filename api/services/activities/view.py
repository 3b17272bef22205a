"""An activity and a seat as one viewer sees them: what they are to it, what guards look at, the wire shape."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from api.kit import clock
from api.rules.activities import (
    ACTIVITIES,
    LATE,
    SEATS,
    ActivityFacts,
    SeatFacts,
    is_open,
    old_enough,
    young_enough,
)
from api.rules.activity_words import (
    ActivityStanding,
    ActivityState,
    OpenTo,
    SeatStanding,
    SeatState,
)
from api.rules.content import ContentState
from api.rules.people import MembershipKind
from api.rules.roles import Permission, Role, permissions_of
from api.services.access import Viewer

Row = Mapping[str, Any]
"""A row of the one-activity or one-seat statement, from either driver."""


UNSAID = "（内容未公开）"
"""Stands for words that have not passed, or do not any more, to those who hold a seat all the same."""


def permitted(row: Row) -> frozenset[Permission]:
    """What the viewer's roles allow where the activity lies."""
    return permissions_of(frozenset(Role(r) for r in row["roles"] or ()))


def organises(row: Row, viewer: Viewer) -> bool:
    """Drew it up, or leads the team that invites."""
    return bool(row["author_id"] == viewer.person_id or row["leads"])


def inside(row: Row, viewer: Viewer) -> bool:
    """May see drafts and who takes part."""
    return organises(row, viewer) or Permission.activity_read in permitted(row)


def standings(row: Row, viewer: Viewer) -> frozenset[ActivityStanding]:
    """What the viewer is to the activity."""
    found = set()
    if organises(row, viewer):
        found.add(ActivityStanding.organiser)
    if Permission.activity_write in permitted(row):
        found.add(ActivityStanding.staff)
    return frozenset(found)


def facts(row: Row) -> ActivityFacts:
    return ActivityFacts(content=ContentState(row["content"]), begun=row["starts_at"] <= clock.now())


def lacking(row: Row) -> tuple[str, ...]:
    """What the viewer would still need to sign up, in words, by what holds on the day of the activity."""
    member, found = row["member"], []
    on = clock.local(row["starts_at"]).date()
    if row["open_to"] == OpenTo.community and not row["belongs"]:
        found.append("本社区已核实的居民或登记成员")
    if row["registered"] and MembershipKind.volunteer not in member["kinds"]:
        found.append("已核实的志愿者登记")
    has = {
        q["name"]
        for q in member["qualifications"] or ()
        if q["until"] is None or date.fromisoformat(q["until"]) >= on
    }
    found += [f"活动当天有效的“{name}”资质" for name in row["qualifications"] if name not in has]
    born = member["birth_year"]
    if row["min_age"] is not None and not old_enough(born, row["min_age"], on):
        found.append(f"年满 {row['min_age']} 周岁")
    if row["max_age"] is not None and not young_enough(born, row["max_age"], on):
        found.append(f"不超过 {row['max_age']} 周岁")
    if row["insured"] and (
        member["insured_until"] is None or date.fromisoformat(member["insured_until"]) < on
    ):
        found.append("活动当天有效的志愿者保险")
    return tuple(found)


_PLAIN = (
    "id", "title", "text", "spot", "content", "state", "series_id", "starts_at", "ends_at", "open_to", "registered",
    "qualifications", "min_age", "max_age", "insured", "radius", "seats", "free", "queue", "waiting",
    "published_at", "version", "created_at", "updated_at",
)  # fmt: skip


def view(row: Row, viewer: Viewer) -> dict[str, Any]:
    """The wire shape of one activity, without its pictures."""
    mine = row["mine"]
    has_position = row["latitude"] is not None
    return {
        **{name: row[name] for name in _PLAIN},
        "reason": row["reason"] if row["reason_passed_at"] is not None or inside(row, viewer) else None,
        "position": {"latitude": row["latitude"], "longitude": row["longitude"]} if has_position else None,
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "community": {"id": row["community_id"], "name": row["community_name"]},
        "team": {"id": row["team_id"], "name": row["team_name"]} if row["team_id"] is not None else None,
        "organiser": organises(row, viewer),
        "seat": _my_seat(mine) if mine is not None else None,
        "lacking": list(lacking(row)),
        "moves": ACTIVITIES.open(ActivityState(row["state"]), standings(row, viewer), facts(row)),
    }


def _my_seat(mine: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": mine["id"],
        "state": mine["state"],
        "position": mine["position"],
        "offered_until": _moment(mine["offered_until"]),
    }


def _moment(value: str | None) -> datetime | None:
    """PostgreSQL writes moments inside jsonb with an offset and without their last zeros, we write all alike."""
    return datetime.fromisoformat(value) if value is not None else None


def seat_standings(row: Row, viewer: Viewer) -> frozenset[SeatStanding]:
    """What the viewer is to a seat."""
    found = set()
    if row["person_id"] == viewer.person_id:
        found.add(SeatStanding.self)
    if organises(row, viewer) or Permission.activity_write in permitted(row):
        found.add(SeatStanding.organiser)
    return frozenset(found)


def seat_facts(row: Row, viewer: Viewer | None) -> SeatFacts:
    now, starts, ends = clock.now(), row["starts_at"], row["ends_at"]
    return SeatFacts(
        begun=starts <= now,
        late=starts - now < LATE,
        open=is_open(starts, ends, now),
        pairs_today=row["pairs_today"],
        own=viewer is not None and row["person_id"] == viewer.person_id,
    )


_SEAT = (
    "id", "state", "ticket", "position", "offered_until", "minutes_automatic", "minutes_added", "version",
    "created_at", "updated_at",
)  # fmt: skip


def seat_moves(row: Row, viewer: Viewer) -> list[str]:
    return SEATS.open(SeatState(row["state"]), seat_standings(row, viewer), seat_facts(row, viewer))


def _may_read_reason(row: Row, viewer: Viewer) -> bool:
    """Once it has passed; before that who wrote it, and staff. Who cancels says why himself, the rest organisers say."""
    if row["reason_passed_at"] is not None or Permission.activity_read in permitted(row):
        return True
    own = row["state"] in (SeatState.cancelled, SeatState.cancelled_late)
    return bool(row["person_id"] == viewer.person_id) if own else organises(row, viewer)


def seat_view(row: Row, viewer: Viewer) -> dict[str, Any]:
    """The wire shape of one seat, for its person and for those who organise."""
    said = row["content"] == ContentState.passed or inside(row, viewer)
    return {
        **{name: row[name] for name in _SEAT},
        "reason": row["reason"] if _may_read_reason(row, viewer) else None,
        "activity": {
            "id": row["activity_id"],
            **{name: row[name] if said else UNSAID for name in ("title", "spot")},
            **{name: row[name] for name in ("starts_at", "ends_at")},
            "state": row["activity_state"],
        },
        "person": {
            "id": row["person_id"],
            "name": row["person_name"],
            "mine": row["person_id"] == viewer.person_id,
        },
        "moves": seat_moves(row, viewer),
    }
