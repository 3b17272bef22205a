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
from api.rules.limits import ExtensionLevel

PUBLIC = frozenset({RequestKind.extend, RequestKind.suspend, RequestKind.supervise, RequestKind.appeal})
"""What the resident's timeline tells already when it is asked for."""


def readable(kind: RequestKind, standings: frozenset[Standing], staff: bool) -> bool:
    """Staff see all requests; the reporter those about promises made to him."""
    return staff or (Standing.reporter in standings and kind in PUBLIC)


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
)


def shape(
    row: dict[str, Any], standings: frozenset[Standing], staff: bool, person_id: UUID
) -> dict[str, Any]:
    """The wire shape of a request of the one-case statement, for one viewer."""
    kind = RequestKind(row["kind"])
    level = ExtensionLevel(row["level"]) if row["level"] else None
    facts = RequestFacts(viewer_asked=row["asker_id"] == str(person_id))
    return {
        **{name: row[name] for name in _SHOWN},
        "proposed_unit_id": row["unit_id"] if staff else None,
        "tasks": (row["tasks"] or []) if staff else [],
        "mine": facts.viewer_asked,
        "moves": REQUESTS.open(RequestState(row["state"]), deciding(kind, level, standings), facts),
    }
