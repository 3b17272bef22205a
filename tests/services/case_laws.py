"""What is true of every case at every moment, read from the tables alone."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from api.kit.db import Database, Statement
from api.rules.calendar_seed import SEED_2024_2026
from api.rules.cases import ACTIVE, ASKS_ALLOWED, CASES, DISPUTED_BELOW, RESIDENT_CLOCKS, CaseState
from api.rules.clocks import Clock, Limit
from api.rules.deadlines import DeadlineJson, from_json

EDGES = {(source.value, target.value, move.name) for source, target, move in CASES.edges()}
OVER = {CaseState.closed, CaseState.withdrawn}


def _about(table: str, column: str) -> Statement:
    rows = text(f"select *, {column} as about from {table} where {column} = any(:ids) order by id")
    return Statement(rows.bindparams(bindparam("ids", type_=ARRAY(Uuid))))


_ALL = [
    _about("cases", "id"),
    _about("events", "subject_id"),
    _about("deadlines", "subject_id"),
    _about("case_ratings", "case_id"),
]


@dataclass
class Laws:
    """Holds what cases were like before, for the laws that speak of change."""

    levels: dict[UUID, int] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    over: set[UUID] = field(default_factory=set)
    ended: dict[UUID, Any] = field(default_factory=dict)
    """Clocks of earlier cycles as they were left."""

    async def hold(self, db: Database, ids: list[UUID]) -> None:
        """Raises AssertionError for a case that breaks a law."""
        found: list[dict[UUID, list[Any]]] = []
        for statement in _ALL:
            rows: dict[UUID, list[Any]] = defaultdict(list)
            for row in await db.fetch(statement, ids=ids):
                rows[row["about"]].append(row)
            found.append(rows)
        cases, events, deadlines, ratings = found
        assert set(cases) == set(ids)
        for case_id, [case] in cases.items():
            self._owned(case)
            made = self._chained(case, events[case_id])
            self._timed(case, deadlines[case_id])
            self._rated(case, made, ratings[case_id])
            self._only_grows(case)
            if case["state"] in OVER:
                self.over.add(case_id)

    def _owned(self, case: Any) -> None:
        state = CaseState(case["state"])
        assert (case["unit_id"] is not None) >= (state in ACTIVE)
        assert (case["handler_id"] is not None) >= (state in ACTIVE - {CaseState.dispatched})
        assert state is not CaseState.submitted or case["unit_id"] is None
        assert (case["closed_at"] is not None) == (state is CaseState.closed)

    def _chained(self, case: Any, events: list[Any]) -> Counter[str]:
        steps = [event for event in events if event["to_state"] is not None]
        assert (steps[0]["move"], steps[0]["from_state"], steps[0]["to_state"]) == (
            "submit",
            None,
            "submitted",
        )
        for before, after in pairwise(steps):
            assert after["from_state"] == before["to_state"]
            assert (after["from_state"], after["to_state"], after["move"]) in EDGES
            assert after["at"] >= before["at"]
        assert steps[-1]["to_state"] == case["state"]
        made = Counter(step["move"] for step in steps)
        assert case["asks"] == made["ask"] <= ASKS_ALLOWED
        assert case["cycle"] == made["dispute"] + 1
        assert case["version"] > len(steps) - 1
        return made

    def _timed(self, case: Any, clocks: list[Any]) -> None:
        assert len({(row["kind"], row["cycle"]) for row in clocks}) == len(clocks)
        for row in clocks:
            stored = from_json(
                _json(row)
            )  # raises when due time, segments and allowed time contradict each other
            counted = sum((end - start for start, end in stored.segments), start=stored.allowed * 0)
            assert (counted == stored.allowed) == (stored.due_at is not None)
            assert stored.allowed == sum(
                (Limit(amount, Clock(kind)).counted(SEED_2024_2026) for amount, kind in row["limits"]),
                start=stored.allowed * 0,
            )
            running = row["met_at"] is None and row["cancelled_at"] is None
            paused = bool(row["pauses"]) and row["pauses"][-1][1] is None
            assert not (row["met_at"] and row["cancelled_at"])
            if running and (paused or stored.due_at is None):
                assert case["state"] == CaseState.waiting_resident
                assert row["kind"] in RESIDENT_CLOCKS
            if running and row["fired_at"] is None:
                assert case["state"] not in OVER
            if row["cycle"] < case["cycle"]:
                assert not running or row["fired_at"] is not None
                left = (row["met_at"], row["cancelled_at"], row["fired_at"], row["due_at"], row["segments"])
                assert self.ended.setdefault(row["id"], left) == left

    def _rated(self, case: Any, made: Counter[str], ratings: list[Any]) -> None:
        assert len({(row["cycle"], row["reporter_id"]) for row in ratings}) == len(ratings)
        assert {row["reporter_id"] for row in ratings} <= {case["reporter_id"]}
        assert len(ratings) == made["dispute"] + made["rate"]
        for row in ratings:
            closing = made["rate"] and row["cycle"] == case["cycle"]
            assert (row["overall"] >= DISPUTED_BELOW) == bool(closing)

    def _only_grows(self, case: Any) -> None:
        assert case["level"] >= self.levels.get(case["id"], 0)
        assert case["version"] >= self.versions.get(case["id"], 1)
        self.levels[case["id"]], self.versions[case["id"]] = case["level"], case["version"]


def _json(row: Any) -> DeadlineJson:
    return {
        "start": _moment(row["started_at"]),
        "limits": [(amount, clock) for amount, clock in row["limits"]],
        "allowed": row["allowed"],
        "due_at": _moment(row["due_at"]) if row["due_at"] is not None else None,
        "segments": [(start, end) for start, end in row["segments"]],
        "calendar_version": row["calendar_version"],
        "provisional": row["provisional"],
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
