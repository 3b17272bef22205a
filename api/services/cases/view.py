"""A case as one viewer sees it: what they are to it, which moves are open, which names are shown."""

from collections.abc import Mapping
from typing import Any

from api.kit import clock
from api.rules.case_guards import QUALITY_DAYS, REOPEN_DAYS, CaseFacts, days_after
from api.rules.case_requests import RequestKind
from api.rules.cases import CASES, CaseState, Channel, Standing, is_low_risk
from api.rules.joining import objection_open
from api.rules.places import UnitKind
from api.rules.property import ADVICE
from api.rules.roles import HEADS, SERVES, Permission, Role, permissions_of
from api.services.access import Viewer
from api.services.cases.asked import is_asked_to_assist, open_to_all, readable, shape

ANONYMOUS = "匿名居民"
_SHOWN_CLOCKS = ("sign", "contact", "finish")

Row = Mapping[str, Any]
"""A row of the one-case statement, from either driver."""


def standings(row: Row, viewer: Viewer) -> frozenset[Standing]:
    """What the viewer is to the case."""
    found = set()
    mine = row["reporter_id"] == viewer.person_id and row["reporter_id"] is not None
    if mine:
        found.add(Standing.reporter)
    if not mine and (serving := _serving(row)):  # nobody handles what he reported himself
        found.add(Standing.unit_member)
        if serving & HEADS[UnitKind(row["unit_kind"])]:
            found.add(Standing.unit_lead)
        if row["handler_id"] == viewer.person_id:
            found.add(Standing.handler)
    permissions = permissions_of(roles(row))
    if _found_by(row, viewer) and Permission.case_record in permissions:
        found.add(Standing.finder)
    if Permission.case_dispatch in permissions:
        found.add(Standing.dispatcher)
    if _speaks_for_the_person(row, viewer, permissions):
        found.add(Standing.proxy)
    if Permission.case_verify in permissions and not mine:
        found.add(Standing.verifier)
    own_work = Standing.unit_member in found or row["handler_id"] == viewer.person_id
    if Permission.case_callback in permissions and not mine and not own_work:
        found.add(Standing.caller)
    if Permission.case_decide in permissions and not mine:
        found.add(Standing.overseer)
    return frozenset(found)


def _found_by(row: Row, viewer: Viewer) -> bool:
    """主动发现 by the viewer."""
    return bool(row["channel"] == Channel.found and row["recorder_id"] == viewer.person_id)


def _speaks_for_the_person(row: Row, viewer: Viewer, permissions: frozenset[Permission]) -> bool:
    """Who cannot be asked himself is reached by who entered it, or by a dispatcher; what the handler asks, another
    answers, unless he is the one who knows the person."""
    if row["reporter_id"] is not None:
        return False
    if row["recorder_id"] == viewer.person_id:
        return Permission.case_record in permissions
    return Permission.case_dispatch in permissions and row["handler_id"] != viewer.person_id


def _serving(row: Row) -> frozenset[Role]:
    """The viewer's roles that make a member of the unit which has the case."""
    if row["unit_kind"] is None:
        return frozenset()
    return SERVES[UnitKind(row["unit_kind"])] & {Role(r) for r in row["unit_roles"] or ()}


def roles(row: Row) -> frozenset[Role]:
    """By which the viewer reaches the case: over its place, or at its unit."""
    return frozenset(Role(r) for r in row["roles"] or ()) | _serving(row)


def facts(row: Row, viewer: Viewer | None, who: frozenset[Standing]) -> CaseFacts:
    """What the guards look at, for a viewer who is `who` to the case; None is the system."""
    return CaseFacts(
        cycle=row["cycle"],
        asks=row["asks"],
        first_contact_at=row["first_contact_at"],
        viewer_handled=viewer is not None and row["handler_id"] == viewer.person_id,
        contacted_cycle=row["contacted_cycle"],
        tasks_open=row["tasks_open"],
        transfers=row["transfers"],
        dispatches=Standing.dispatcher in who,
        level=row["level"],
        hazard=row["hazard"],
        confirm_owed=row["confirm_owed"],
        callback_owed=row["callback_owed"],
        may_reopen=_may_reopen(row, viewer),
        by_system=viewer is None,
        low_risk=is_low_risk(row["category"], row["cycle"], row["id"]),
        found=row["channel"] == Channel.found,
        self_handled=row["self_handled"],
        objection_open=objection_open(row["merged_at"], clock.now()),
    )


def _may_reopen(row: Row, viewer: Viewer | None) -> bool:
    if row["closed_at"] is None or viewer is None:
        return False
    mine = row["reporter_id"] == viewer.person_id
    return clock.now() < days_after(row["closed_at"], REOPEN_DAYS if mine else QUALITY_DAYS)


def view(row: Row, viewer: Viewer) -> dict[str, Any]:
    """The wire shape of one case."""
    clocks = row["clocks"] or {}
    who = standings(row, viewer)
    inside = row["reporter_id"] == viewer.person_id or bool(roles(row))
    return {
        "id": row["id"],
        "number": row["number"],
        "kind": row["kind"],
        "category": row["category"],
        "title": row["title"],
        "text": row["text"],
        "state": row["state"],
        "cycle": row["cycle"],
        "level": row["level"],
        "visibility": row["visibility"],
        "anonymous": row["anonymous"],
        "content": row["content"],
        "channel": row["channel"],
        "recorded": row["recorder_id"] is not None,
        "consent": row["consent"] if inside else None,
        "position": _position(row),
        "self_handled": row["self_handled"],
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "community": {"id": row["community_id"], "name": row["community_name"]},
        "home_id": row["home_id"] if inside or row["assists"] else None,
        "room": row["room"] if inside or row["assists"] else None,
        "estate": named(row, "estate"),
        "asset": named(row, "asset"),
        "advice": ADVICE.get(row["category"]),
        "unit": {"id": row["unit_id"], "name": row["unit_name"]} if row["unit_id"] is not None else None,
        "reporter": reporter(row, viewer),
        "outcome": row["outcome"],
        "due": {name: _clock(clocks.get(name)) for name in _SHOWN_CLOCKS},
        "requests": _requests(row, viewer, who),
        "hazard": row["hazard"],
        "plan": row["plan"] if roles(row) or row["plan_passed_at"] is not None else None,
        "outside": (
            {"system": row["outside_system"], "number": row["outside_number"]}
            if row["outside_system"]
            else None
        ),
        "reject_reason": row["reject_reason"],
        "merged_into": row["merged_into_id"],
        "rating": row["stars"],
        "first_contact_at": row["first_contact_at"],
        "handled_at": row["handled_at"],
        "closed_at": row["closed_at"],
        "moves": CASES.open(CaseState(row["state"]), who, facts(row, viewer, who)),
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _position(row: Row) -> dict[str, float] | None:
    if row["latitude"] is None:
        return None
    return {"latitude": row["latitude"], "longitude": row["longitude"]}


def _requests(row: Row, viewer: Viewer, who: frozenset[Standing]) -> list[dict[str, Any]]:
    """Those this viewer may know of."""
    staff = bool(roles(row))
    assists = frozenset(str(task_id) for task_id in row["assists"] or ())
    found = [
        shape(request, who, staff, viewer.person_id, assists)
        for request in row["requests"] or ()
        if readable(RequestKind(request["kind"]), who, staff)
        or open_to_all(request)
        or is_asked_to_assist(request, assists)
    ]
    for request in found:
        for name in ("asked_at", "decided_at"):
            if request[name] is not None:
                request[name] = request[name].replace("+00:00", "Z")
    return found


def named(row: Row, what: str) -> dict[str, Any] | None:
    """`<what>_id` and `<what>_name` of the row as the wire has it."""
    return None if row[f"{what}_id"] is None else {"id": row[f"{what}_id"], "name": row[f"{what}_name"]}


def _clock(clock: dict[str, Any] | None) -> dict[str, Any] | None:
    """PostgreSQL writes moments inside jsonb with an offset, everything else here writes Z."""
    if clock is not None:
        for name in ("due_at", "met_at"):
            if clock[name] is not None:
                clock[name] = clock[name].replace("+00:00", "Z")
    return clock


def item(row: Row, viewer: Viewer) -> dict[str, Any]:
    """The wire shape of one line of a list."""
    due, met = row["finish_due_at"], row["finish_met_at"]
    return {
        "id": row["id"],
        "number": row["number"],
        "kind": row["kind"],
        "category": row["category"],
        "title": row["title"],
        "excerpt": row["excerpt"],
        "state": row["state"],
        "cycle": row["cycle"],
        "level": row["level"],
        "visibility": row["visibility"],
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "reporter": reporter(row, viewer),
        "finish_due_at": due,
        "overdue": due is not None and (met or clock.now()) > due,
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def reporter(row: Row, viewer: Viewer) -> dict[str, Any]:
    """Who reported it: the alias in front for everybody but the person."""
    mine = row["reporter_id"] is not None and row["reporter_id"] == viewer.person_id
    if row["anonymous"] and not mine:
        return {"name": row["reporter_alias"] or ANONYMOUS, "mine": False}
    return {"name": row["reporter_name"] or row["reporter_alias"] or ANONYMOUS, "mine": mine}
