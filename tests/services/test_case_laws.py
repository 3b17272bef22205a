"""The laws of tests/services/case_laws.py notice each way of breaking them."""

import copy
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from api.kit import clock
from api.kit.db import Database, Statement, _speak_json
from api.kit.ids import new_id
from api.rules.deadlines import BrokenSegments
from tests.moments import MONDAY
from tests.services.case_laws import Laws
from tests.town import Town

Pump = Callable[[], Awaitable[None]]


async def _cases(town: Town, pump: Pump) -> list[UUID]:
    """One closed in its second cycle, one handled, one waiting for its resident, one that was neglected; one that
    was extended and has a task, one suspended; one merged into the neglected one."""
    clock.set_to(MONDAY)
    here = town.here
    found = [(await town.submit(title=f"第 {n} 件"))["id"] for n in range(7)]
    closed, handled, waiting, neglected, extended, suspended, merged = found
    await pump()
    assert (await here.worker.move(merged, "merge", parent_id=neglected)).status_code == 200
    for case in (closed, handled, waiting, extended, suspended):
        assert (await here.worker.move(case, "sign")).status_code == 200
        assert (await here.worker.move(case, "ask", question="哪一层？")).status_code == 200
    for case in (extended, suspended):
        assert (await here.resident.move(case, "answer", text="三层")).status_code == 200
    for who, case, decider, request in (
        (here.worker, extended, here.secretary, {"kind": "extend", "days": 3}),
        (
            here.worker,
            extended,
            here.secretary,
            {"kind": "assist", "units": [{"unit_id": str(here.desk), "text": "贴通知"}]},
        ),
        (
            here.secretary,
            suspended,
            town.supervisor,
            {"kind": "suspend", "days": 9, "suspend_reason": "season"},
        ),
    ):
        asked = await who.post(f"/cases/{case}/requests", {"reason": "确有必要", **request})
        assert asked.status_code == 201, asked.text
        pending = next(r["id"] for r in asked.json()["requests"] if r["state"] == "pending")
        path = f"/cases/{case}/requests/{pending}/moves/approve"
        assert (await decider.post(path, {})).status_code == 200
    assert (
        await here.worker.post(f"/cases/{extended}/requests", {"kind": "return", "reason": "不属本单位"})
    ).status_code == 201
    for case in (closed, handled):
        assert (await here.resident.move(case, "answer", text="三层")).status_code == 200
        assert (await here.worker.move(case, "finish", outcome="solved", reply="好了")).status_code == 200
    for stars in (2, 5):
        assert (await here.secretary.move(closed, "pass_check")).status_code == 200
        assert (await here.resident.post(f"/cases/{closed}/ratings", {"overall": stars})).status_code == 200
        if stars == 2:
            said = {"kind": "contact", "text": "电话致歉并约定时间。"}
            assert (await here.worker.post(f"/cases/{closed}/messages", said)).status_code == 201
            assert (
                await here.worker.move(closed, "finish", outcome="solved", reply="又好了")
            ).status_code == 200
    clock.move(timedelta(hours=7))
    await pump()
    assert (await here.worker.get(f"/cases/{neglected}")).json()["level"] == 1
    return [UUID(case) for case in found]


BROKEN = {
    "a state nobody moved to": "update cases set state = 'awaiting_rating' where state = 'handled'",
    "a state that no move leads to": "update cases set state = 'suspended' where state = 'handled'",
    "closed but not in its column": "update cases set closed_at = null",
    "no handler while it is handled": "update cases set handler_id = null",
    "a question more than was asked": "update cases set asks = asks + 1",
    "a cycle nobody disputed into": "update cases set cycle = cycle + 1",
    "a lower level": "update cases set level = level - 1 where level > 0",
    "an older version": "update cases set version = version - 1",
    "a later due time": "update deadlines set due_at = due_at + interval '1 second'",
    "an earlier start": "update deadlines set started_at = started_at + interval '1 second'",
    "more time allowed": "update deadlines set allowed = allowed + 1",
    "another limit": "update deadlines set limits = '[[7, \"working_days\"]]' where kind = 'finish'",
    "a stretch forgotten": "update deadlines set segments = segments - 0",
    "a pause without a reason": "update deadlines set due_at = null where kind = 'sign'",
    "a pause that goes on": "update deadlines set due_at = null, segments = '[]', pauses = '[[\"2026-11-23T02:00:00Z\","
    " null]]', met_at = null where kind = 'contact'",
    "a running clock of a closed case": "update deadlines set met_at = null, fired_at = null",
    "met and cancelled": "update deadlines set cancelled_at = met_at where kind = 'finish' and met_at is not null",
    "an earlier cycle's clock touched": "update deadlines set met_at = met_at + interval '1 day' where cycle = 1",
    "a mark without a rating": "update case_ratings set overall = 3",
    "a rating too few": "delete from case_ratings where overall = 5",
    "somebody else's rating": "update case_ratings set reporter_id = (select id from people where id not in"
    " (select reporter_id from case_ratings) limit 1)",
    "a rating nobody gave": "insert into case_ratings (id, case_id, cycle, reporter_id, overall, created_at) select"
    " gen_random_uuid(), case_id, 3, reporter_id, 2, created_at from case_ratings limit 1",
    "a transfer nobody made": "update cases set transfers = 1",
    "a return nobody approved": "update cases set returns = 1",
    "a hazard nobody marked": "update cases set hazard = true",
    "a rung nobody climbed": "update cases set level = 3",
    "a rung told twice": "insert into events (id, subject_kind, subject_id, move, actor_kind, actor_title, text, data, at)"
    " select gen_random_uuid(), 'case', id, 'climb', 'system', 'x', 'x', '{\"level\": 1}', now() from cases where level > 0",
    "an extension nobody approved": "update case_requests set state = 'refused' where kind = 'extend'",
    "an extension lost": "update deadlines set limits = jsonb_build_array(limits->0) where jsonb_array_length(limits) > 1",
    "an extension of another length": "update case_requests set days = 2 where kind = 'extend'",
    "an extension by the wrong level": "update case_requests set level = 'town', kind = 'extend', days = 10"
    " where kind = 'extend'",
    "an extension after the due time": "update deadlines set fired_at = started_at where kind = 'finish' and"
    " jsonb_array_length(limits) > 1",
    "a decision by the reporter": "update case_requests set decider_id = (select reporter_id from cases limit 1)"
    " where state = 'approved'",
    "a decision without its moment": "update case_requests set decided_at = null where state = 'approved'",
    "a request decided before it was": "update case_requests set decided_at = now() where state = 'pending'",
    "a request of a cycle to come": "update case_requests set cycle = cycle + 1",
    "days of suspension nobody granted": "update cases set suspended_days = 3",
    "suspended without a decision": "update case_requests set state = 'refused' where kind = 'suspend'",
    "a task nobody counts": "update case_tasks set state = 'finished'",
    "a task without an approval": "update case_requests set state = 'refused' where kind = 'assist'",
    "a warning after the due time": "update deadlines set warn_at = due_at + interval '1 hour' where rungs",
    "a warning of a clock without rungs": "update deadlines set warn_at = due_at where not rungs",
    "merged into itself": "update cases set merged_into_id = id where state = 'merged'",
    "merged across communities": "update cases set community_id = (select id from places where level = 'village' and id"
    " <> community_id limit 1) where state = 'merged'",
    "merged into what more people see": "update cases set visibility = 'public' where id in"
    " (select merged_into_id from cases)",
    "merged without a moment": "update cases set merged_at = null where state = 'merged'",
    "a mark by somebody who never joined": "insert into events (id, subject_kind, subject_id, move, actor_kind, actor_id,"
    " actor_title, data, at) select gen_random_uuid(), 'case', id, 'rate_joined', 'person', reporter_id, 'x',"
    " '{\"cycle\": 1, \"overall\": 5}', now() from cases where state = 'handled'",
    "an event out of line": "insert into events (id, subject_kind, subject_id, move, from_state, to_state, actor_kind,"
    " actor_title, data, at) select gen_random_uuid(), 'case', id, 'sign', 'dispatched', 'in_progress', 'system', 'x',"
    " '{}', now() from cases where state = 'handled'",
}  # fmt: skip


class Within(Database):
    """Looks through one connection, and so at what its transaction has not committed."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch(self, statement: Statement, /, **values: Any) -> list[asyncpg.Record]:
        return list(await self.connection.fetch(statement.sql, *statement.arguments(values)))


async def test_each_broken_law_is_noticed(town: Town, pump: Pump, database_url: str) -> None:
    laws, cases = Laws(), await _cases(town, pump)
    await laws.hold(town.app.state.db, cases)
    connection = await asyncpg.connect(database_url)
    await _speak_json(connection)
    unnoticed = []
    for how, change in BROKEN.items():
        broken = connection.transaction()
        await broken.start()
        assert (await connection.execute(change)).split()[-1] != "0", how
        try:
            await copy.deepcopy(laws).hold(Within(connection), cases)
            unnoticed.append(how)
        except (AssertionError, BrokenSegments):
            pass
        await broken.rollback()
    await laws.hold(Within(connection), cases)
    await connection.close()
    assert unnoticed == []


async def test_a_case_that_is_gone_is_noticed(town: Town) -> None:
    with pytest.raises(AssertionError):
        await Laws().hold(town.app.state.db, [new_id()])
