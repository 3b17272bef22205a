"""Requests on a case as one viewer sees them: which are for his eyes, what he is to them."""

from typing import Any
from uuid import UUID

from api.rules.case_requests import (
    REQUEST_RULES,
    REQUESTS,
    RequestFacts,
    RequestKind,
    RequestStanding,
    RequestState,
)
from api.rules.cases import Standing
from api.rules.content import ContentState
from api.rules.limits import ExtensionLevel

PUBLIC = frozenset({RequestKind.extend, RequestKind.suspend, RequestKind.supervise, RequestKind.appeal})
"""What the resident's timeline tells already when it is asked for."""


def readable(kind: RequestKind, standings: frozenset[Standing], staff: bool) -> bool:
    """Staff see all requests; the reporter those about promises made to him."""
    return staff or (Standing.reporter in standings and kind in PUBLIC)


def is_asked_to_assist(row: dict[str, Any], assists: frozenset[str]) -> bool:
    """One of the request's tasks is among `assists`."""
    return any(task["id"] in assists for task in row["tasks"] or ())


def open_to_all(row: dict[str, Any]) -> bool:
    """挂账: why a case stands still is told to everybody who sees it."""
    return bool(row["kind"] == RequestKind.suspend and row["state"] == RequestState.approved)


def deciding(
    kind: RequestKind, level: ExtensionLevel | None, standings: frozenset[Standing]
) -> frozenset[RequestStanding]:
    """What somebody with `standings` toward the case is to a request; nobody decides about his own case."""
    needed = Standing.overseer if level is ExtensionLevel.town else REQUEST_RULES[kind].decided_by
    if needed in standings and Standing.reporter not in standings:
        return frozenset({RequestStanding.decider})
    return frozenset()


_SHOWN = (
    "id",
    "kind",
    "state",
    "cycle",
    "reason",
    "days",
    "level",
    "reject_reason",
    "suspend_reason",
    "asker",
    "decider",
    "answer",
    "asked_at",
    "decided_at",
    "content",
)


def shape(
    row: dict[str, Any],
    standings: frozenset[Standing],
    staff: bool,
    person_id: UUID,
    assists: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """The wire shape of a request of the one-case statement, for one viewer: words that have not passed are
    for their author and for staff in reach."""
    kind = RequestKind(row["kind"])
    level = ExtensionLevel(row["level"]) if row["level"] else None
    facts = RequestFacts(viewer_asked=row["asker_id"] == str(person_id))
    told = staff or facts.viewer_asked
    return {
        **{name: row[name] for name in _SHOWN},
        "reason": row["reason"] if told or row["content"] == ContentState.passed else None,
        "answer": row["answer"] if staff or row["answer_passed_at"] is not None else None,
        "proposed_unit_id": row["unit_id"] if staff else None,
        "tasks": [task for task in row["tasks"] or () if staff or task["id"] in assists],
        "mine": facts.viewer_asked,
        "moves": REQUESTS.open(RequestState(row["state"]), deciding(kind, level, standings), facts),
    }
