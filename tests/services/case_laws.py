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
from api.rules.case_guards import ASKS_ALLOWED, DISPUTED_BELOW
from api.rules.cases import ACTIVE, CASES, OVER, PAUSED_CLOCKS, CaseClock, CaseState, Visibility
from api.rules.clocks import Clock, Limit
from api.rules.deadlines import DeadlineJson, from_json
from api.rules.joining import wider

EDGES = {(source.value, target.value, move.name) for source, target, move in CASES.edges()}


def _about(table: str, column: str) -> Statement:
    rows = text(f"select *, {column} as about from {table} where {column} = any(:ids) order by id")
    return Statement(rows.bindparams(bindparam("ids", type_=ARRAY(Uuid))))


_ALL = [
    _about("cases", "id"),
    _about("events", "subject_id"),
    _about("deadlines", "subject_id"),
    _about("case_ratings", "case_id"),
    _about("case_requests", "case_id"),
    _about("case_tasks", "case_id"),
]


@dataclass
class Laws:
    """Holds what cases were like before, for the laws that speak of change."""

    levels: dict[UUID, int] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    over: set[UUID] = field(default_factory=set)
    """Those with which nothing is left to do; what was merged can still be parted, and is rated."""
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
        cases, events, deadlines, ratings, requests, tasks = found
        assert set(cases) == set(ids)
        for case_id, [case] in cases.items():
            self._owned(case)
            made = self._chained(case, events[case_id])
            extensions = self._asked(case, requests[case_id], tasks[case_id], deadlines[case_id])
            self._timed(case, deadlines[case_id], extensions)
            self._joined(case, cases)
            self._rated(case, made, events[case_id], ratings[case_id], _who_joined(case, cases, events))
            self._only_grows(case)
            if case["state"] in OVER - {CaseState.merged}:
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
        assert case["cycle"] == made["dispute"] + made["reopen"] + 1
        assert case["transfers"] == made["transfer"]
        assert case["returns"] == made["return"]
        assert case["hazard"] == bool(made["mark_hazard"]) or case["continues_id"] is not None
        assert case["transfers"] < 3 or case["level"] >= 3
        assert case["returns"] < 2 or case["level"] >= 2
        assert case["cycle"] < 3 or case["level"] >= 3
        assert not made["dispute"] or case["level"] >= 2
        climbed = [event["data"]["level"] for event in events if event["move"] == "climb"]
        assert climbed == sorted(set(climbed)), "each rung is told once, upwards"
        assert case["level"] == max(climbed, default=0)
        assert case["version"] > len(steps) - 1
        return made

    def _asked(self, case: Any, requests: list[Any], tasks: list[Any], clocks: list[Any]) -> list[Any]:
        """The laws of requests; returns the approved extensions."""
        pending = Counter(row["kind"] for row in requests if row["state"] == "pending")
        assert all(count == 1 for count in pending.values())
        for row in requests:
            decided = row["state"] in ("approved", "refused")
            assert decided == (row["decided_at"] is not None)
            if row["asker_id"] is not None and decided:
                assert row["decider_id"] not in (None, row["asker_id"], case["reporter_id"])
            assert row["cycle"] <= case["cycle"]
        approved = [row for row in requests if row["state"] == "approved"]
        made = Counter(row["kind"] for row in approved)
        assert made["return"] == case["returns"]
        assert (
            sum(row["days"] for row in approved if row["kind"] == "suspend") == case["suspended_days"] <= 90
        )
        assert case["state"] != CaseState.suspended or made["suspend"]
        assert case["state"] != CaseState.rejected or made["reject"] == made["appeal"] + 1
        assert len([row for row in requests if row["kind"] == "appeal"]) <= 1
        assert case["tasks_open"] == len([task for task in tasks if task["state"] == "open"])
        assert {task["request_id"] for task in tasks} <= {
            row["id"] for row in approved if row["kind"] == "assist"
        }
        extensions = [row for row in approved if row["kind"] == "extend"]
        levels = [row["level"] for row in extensions]
        assert len(set(levels)) == len(levels), "each level grants once"
        for row in extensions:
            assert row["days"] <= {"community": 5, "town": 10}[row["level"]]
            for clock in clocks:
                if clock["kind"] == CaseClock.finish and clock["cycle"] == row["cycle"]:
                    assert clock["fired_at"] is None or clock["fired_at"] >= row["decided_at"]
        return extensions

    def _timed(self, case: Any, clocks: list[Any], extensions: list[Any]) -> None:
        assert len({(row["kind"], row["cycle"]) for row in clocks}) == len(clocks)
        for row in clocks:
            stored = from_json(
                _json(row)
            )  # raises when due time, segments and allowed time contradict each other
            granted = Counter(request["days"] for request in extensions if request["cycle"] == row["cycle"])
            if row["kind"] in (CaseClock.finish, CaseClock.unit):
                # The unit's clock begins anew with each unit, without what was granted to another.
                extended = Counter(amount for amount, _ in row["limits"][1:])
                assert extended <= granted, "an extension nobody approved"
                assert row["kind"] == CaseClock.unit or extended == granted, "an extension lost"
            else:
                assert len(row["limits"]) == 1
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
                assert case["state"] in (CaseState.waiting_resident, CaseState.suspended)
                assert row["kind"] in PAUSED_CLOCKS
            if running and row["fired_at"] is None and row["kind"] != CaseClock.calling_back:
                assert case["state"] not in OVER
            assert row["warn_at"] is None or (row["rungs"] and row["due_at"] is not None)
            assert row["warn_at"] is None or row["warn_at"] <= row["due_at"]
            if row["cycle"] < case["cycle"]:
                assert not running or row["fired_at"] is not None
                left = (row["met_at"], row["cancelled_at"], row["fired_at"], row["due_at"], row["segments"])
                assert self.ended.setdefault(row["id"], left) == left

    def _joined(self, case: Any, cases: dict[UUID, list[Any]]) -> None:
        """并单: a forest of depth 1, within a community, shown to no more people than its reporter chose."""
        merged = case["state"] == CaseState.merged
        assert merged == (case["merged_into_id"] is not None) == (case["merged_at"] is not None)
        if merged:
            [parent] = cases[case["merged_into_id"]]
            assert parent["merged_into_id"] is None
            assert parent["community_id"] == case["community_id"]
            assert not wider(Visibility(parent["visibility"]), Visibility(case["visibility"]))

    def _rated(
        self, case: Any, made: Counter[str], events: list[Any], ratings: list[Any], joined: set[UUID]
    ) -> None:
        """One mark a person and cycle, as the events tell it: of the reporter, and of those who joined."""
        marks: dict[tuple[int, UUID], int] = {}
        disputed: set[int] = set()
        for event in events:
            if event["move"] not in ("rate", "dispute", "rate_joined"):
                continue
            cycle = event["data"]["cycle"] - (event["move"] == "dispute")
            marks[cycle, event["actor_id"]] = event["data"]["overall"]
            assert event["actor_id"] in (joined if event["move"] == "rate_joined" else {case["reporter_id"]})
            if event["move"] != "rate_joined":
                assert (event["data"]["overall"] < DISPUTED_BELOW) == (event["move"] == "dispute")
                disputed |= {cycle} if event["move"] == "dispute" else set()
        assert len(disputed) == made["dispute"]
        found = [((row["cycle"], row["reporter_id"]), row["overall"]) for row in ratings]
        assert sorted(found) == sorted(marks.items())

    def _only_grows(self, case: Any) -> None:
        assert case["level"] >= self.levels.get(case["id"], 0)
        assert case["version"] >= self.versions.get(case["id"], 1)
        self.levels[case["id"]], self.versions[case["id"]] = case["level"], case["version"]


def _who_joined(case: Any, cases: dict[UUID, list[Any]], events: dict[UUID, list[Any]]) -> set[UUID]:
    """The reporters of all that was ever merged into it."""
    return {
        other["reporter_id"]
        for other_id, [other] in cases.items()
        for event in events[other_id]
        if event["move"] == "merge" and event["data"]["parent_id"] == str(case["id"])
    }


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
