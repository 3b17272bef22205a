"""Cases under random hands and a running clock: whatever anybody does, in whatever order, the laws hold (R14).

Hypothesis walks over the real HTTP API in a thread; each step runs in the test's own event loop.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from api.kit import clock
from api.rules.cases import CaseCategory, CaseKind, CaseMove
from api.rules.property import CATEGORIES_OF
from api.rules.statistics import period_of
from tests.moments import MONDAY
from tests.services.case_laws import Laws
from tests.services.statistics_by_events import counts
from tests.town import Actor, Town

WALKS, STEPS = int(os.environ.get("LINLI_TEST_WALKS", "12")), 40
"""A few in every run; LINLI_TEST_WALKS=260 takes ten thousand steps, in about ten minutes. Each walk begins on a
Monday, five weeks before the known calendar ends."""
EXPECTED = frozenset({200, 201, 403, 404, 409, 422})
AT_ONCE = 3
BODIES: dict[str, dict[str, Any]] = {
    "ask": {"question": "是哪一层？"},
    "answer": {"text": "三层"},
    "finish": {"outcome": "solved", "reply": "已更换灯具。", "publish": True},
    "fail_check": {"reason": "照片不清楚"},
    "rate": {"stars": {"overall": 5}},
    "dispute": {"stars": {"overall": 1, "attitude": 2}},
    "withdraw": {"reason": "已自行解决"},
    "transfer": {"unit_id": "{desk}", "reason": "由另一位同事办理"},
    "refer": {"system": "12345", "number": "T-1"},
    "report_up": {"system": "12345", "number": "T-2"},
    "reopen": {"reason": "又坏了"},
    "confirm": {"text": "明天再上门。"},
    "call_back": {"text": "已听取意见。"},
    "plan": {"text": "周四前更换整条线路。"},
    "mark_hazard": {"reason": "电线裸露"},
    "object": {"reason": "不是同一件事"},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "return": {},
    "extend": {"days": 2},
    "suspend": {"days": 5, "suspend_reason": "season"},
    "assist": {"units": [{"unit_id": "{desk}", "text": "张贴通知"}]},
    "supervise": {},
    "reject": {"reject_reason": "in_court"},
    "appeal": {},
}
ASIDE = {
    "withdraw",
    "refer",
    "transfer",
    "mark_hazard",
    "plan",
    "report_up",
    "confirm",
    "call_back",
    "assign",
}
"""Not among what somebody goes on with, or no walk would go far; anybody may do them all the same."""
ELSEWHERE = frozenset({"merge"})
"""Needs another case: it has a rule of its own."""
T = TypeVar("T")


@dataclass
class Stage:
    """The town, for steps that come from another thread."""

    town: Town
    pump: Callable[[], Awaitable[None]]
    loop: asyncio.AbstractEventLoop
    laws: Laws = field(default_factory=Laws)
    answers: Counter[int] = field(default_factory=Counter)
    steps: int = 0

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, self.loop).result(60)

    @property
    def actors(self) -> list[Actor]:
        here, there = self.town.here, self.town.there
        return [
            here.resident, here.worker, here.second_worker, here.secretary,
            self.town.supervisor, there.resident, there.worker, self.town.auditor, self.town.stranger,
        ]  # fmt: skip

    async def told(self, asking: Awaitable[httpx.Response]) -> httpx.Response:
        """The answer: one of those that the contract knows, and a conflict with what is open instead."""
        answer = await asking
        self.answers[answer.status_code] += 1
        assert answer.status_code in EXPECTED, answer.text
        if answer.status_code == 409:
            assert isinstance(answer.json()["moves"], list), answer.text
        return answer


def _filled(value: Any, desk: str) -> Any:
    """`{desk}` anywhere in a body is the desk of the case's community."""
    if isinstance(value, dict):
        return {name: _filled(part, desk) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, desk) for part in value]
    return desk if value == "{desk}" else value


LETTERS = st.sampled_from(CATEGORIES_OF[CaseKind.secretary])
actors, cases, choices = st.integers(0, 8), st.integers(0, AT_ONCE - 1), st.integers(0, 7)


class Walk(RuleBasedStateMachine):
    """No rule draws by what it finds in the database, so that a failure can be replayed and made smaller."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[str] = []
        self.desks: dict[str, str] = {}
        self.reporters: dict[str, Actor] = {}

    @initialize(category=LETTERS, lead=st.integers(0, 5), twin=st.booleans())
    def begin(self, category: CaseCategory, lead: int, twin: bool) -> None:
        """A case, and as many usual steps with it: random hands alone seldom come as far as its end. Where it has a
        twin, a neighbour tells the same matter."""
        clock.set_to(MONDAY)
        self.submit("resident", category, "community")
        if twin:
            self.submit("colleague", category, "community")
        self._pump()
        for _ in range(lead):
            self.somebody_goes_on(1, 0, 0)

    @rule(
        by=st.sampled_from(["resident", "colleague", "neighbour"]),
        category=LETTERS,
        visibility=st.sampled_from(["public", "community", "private"]),
    )
    def submit(self, by: str, category: CaseCategory, visibility: str) -> None:
        """By the resident, by somebody of the desk with a matter of his own, or in the other community."""
        if len(self._live()) >= AT_ONCE:
            return
        town = self.stage.town
        where = town.there if by == "neighbour" else town.here
        reporter = town.here.second_worker if by == "colleague" else where.resident
        body = {"category": category, "title": "楼道灯", "text": "坏了", "visibility": visibility}
        answer = self.stage.do(
            self.stage.told(reporter.post("/cases", {**body, "place_id": str(where.place)}))
        )
        assert answer.status_code == 201
        self.cases.append(answer.json()["id"])
        self.desks[self.cases[-1]] = str(where.desk)
        self.reporters[self.cases[-1]] = reporter

    @rule(who=actors, case=cases, which=choices)
    def somebody_goes_on(self, who: int, case: int, which: int) -> None:
        """Whatever is offered can be done; here by the first, from `who` on, who is offered any way on."""
        case_id = self._case(case)
        for actor in (*self.stage.actors[who:], *self.stage.actors[:who]):
            if "ask" in self._offered(actor, case_id):  # the handler: who finishes has called first
                said = {"kind": "contact", "text": "已电话联系。"}
                self.stage.do(self.stage.told(actor.post(f"/cases/{case_id}/messages", said)))
            ways = [move for move in self._offered(actor, case_id) if move not in ASIDE]
            if ways:
                move = ways[which % len(ways)]
                answer = self._move(actor, case_id, move)
                assert answer.status_code == 200, (move, answer.text)
                return

    @rule(who=actors, case=cases, move=st.sampled_from(CaseMove), empty=st.booleans())
    def do_anything(self, who: int, case: int, move: CaseMove, empty: bool) -> None:
        """What is not offered cannot be done."""
        actor, case_id = self._actor(who), self._case(case)
        offered = self._offered(actor, case_id)
        answer = self._move(actor, case_id, move, {} if empty else None)
        if move not in offered or (empty and move in BODIES and move != "withdraw"):
            assert answer.status_code != 200, (move, offered)
        else:
            assert answer.status_code == 200, (move, answer.text)

    @rule(who=actors, case=cases, kind=st.sampled_from(["reply", "contact", "note"]))
    def say(self, who: int, case: int, kind: str) -> None:
        body = {"kind": kind, "text": "电工明早上门。"}
        told = self.stage.told(self._actor(who).post(f"/cases/{self._case(case)}/messages", body))
        self.stage.do(told)

    @rule(who=actors, case=cases, kind=st.sampled_from(sorted(REQUESTS)))
    def ask_for(self, who: int, case: int, kind: str) -> None:
        """Of the first, from `who` on, who may; a request is taken or refused, and the case goes on."""
        case_id = self._case(case)
        body = _filled({"kind": kind, "reason": "确有必要", **REQUESTS[kind]}, self._where(case_id))
        for actor in (*self.stage.actors[who:], *self.stage.actors[:who]):
            answer = self.stage.do(self.stage.told(actor.post(f"/cases/{case_id}/requests", body)))
            if answer.status_code == 201:
                return

    @rule(who=actors, case=cases, which=choices, approve=st.booleans())
    def decide_what_is_offered(self, who: int, case: int, which: int, approve: bool) -> None:
        """Whoever is offered a decision can make it, but for an approval that comes too late."""
        case_id = self._case(case)
        for actor in (*self.stage.actors[who:], *self.stage.actors[:who]):
            seen = self._seen(actor, case_id)
            open_to = [r for r in seen.get("requests", ()) if r["moves"]]
            if open_to:
                request = open_to[which % len(open_to)]
                move = "approve" if approve else "refuse"
                path = f"/cases/{case_id}/requests/{request['id']}/moves/{move}"
                answer = self.stage.do(self.stage.told(actor.post(path, {"text": "已阅"})))
                assert answer.status_code in ({200, 409} if approve else {200}), answer.text
                return

    @rule(who=actors, case=cases, waive=st.booleans())
    def work_on_tasks(self, who: int, case: int, waive: bool) -> None:
        actor, case_id = self._actor(who), self._case(case)
        for request in self._seen(actor, case_id).get("requests", ()):
            for task in request["tasks"]:
                path = f"/cases/{case_id}/tasks/{task['id']}/moves/{'waive' if waive else 'finish'}"
                self.stage.do(self.stage.told(actor.post(path, {"text": "已完成"})))

    @rule(who=actors, case=cases, into=cases)
    def put_together_or_part(self, who: int, case: int, into: int) -> None:
        """By the first, from `who` on, who is offered it; where something speaks against merging, nothing happens."""
        child, parent = self._case(case), self._case(into)
        for actor in (*self.stage.actors[who:], *self.stage.actors[:who]):
            offered = self._seen(actor, child).get("moves", ())
            if "merge" in offered:
                answer = self._move(actor, child, "merge", {"parent_id": parent})
                assert answer.status_code in (200, 404, 409), answer.text
                return
            for move in [way for way in ("object", "unmerge") if way in offered]:
                assert self._move(actor, child, move).status_code == 200
                return

    @rule(case=cases, stars=st.sampled_from([1, 4]))
    def rate_as_one_of_several(self, case: int, stars: int) -> None:
        """The reporter of what was merged has a say about what became of it; other marks are moves."""
        case_id = self._case(case)
        reporter = self.reporters[case_id]
        if self._seen(reporter, case_id)["state"] == "merged":
            rated = reporter.post(f"/cases/{case_id}/ratings", {"overall": stars})
            assert self.stage.do(self.stage.told(rated)).status_code in (200, 403, 409)

    @rule(who=actors, case=cases)
    def urge(self, who: int, case: int) -> None:
        self.stage.do(self.stage.told(self._actor(who).post(f"/cases/{self._case(case)}/urges")))

    @rule(case=cases, who=st.tuples(actors, actors), moves=st.tuples(choices, choices))
    def two_at_once(self, case: int, who: tuple[int, int], moves: tuple[int, int]) -> None:
        """Each does what was offered to him; at least one of them gets through."""
        case_id = self._case(case)
        pairs = [(self._actor(w), m) for w, m in zip(who, moves, strict=True)]
        wanted = [
            (actor, offered[m % len(offered)])
            for actor, m in pairs
            if (offered := self._offered(actor, case_id))
        ]

        async def both() -> list[httpx.Response]:
            desk = self._where(case_id)
            asked = (
                actor.move(case_id, move, **_filled(BODIES.get(move, {}), desk)) for actor, move in wanted
            )
            return await asyncio.gather(*(self.stage.told(one) for one in asked))

        statuses = [answer.status_code for answer in self.stage.do(both())]
        assert not wanted or 200 in statuses

    @rule(hours=st.sampled_from([0.2, 1, 4, 9, 24, 30, 75, 200]))
    def time_passes(self, hours: float) -> None:
        clock.move(timedelta(hours=hours))
        self._pump()

    @rule()
    def the_worker_catches_up(self) -> None:
        self._pump()

    @invariant()
    def the_laws_hold(self) -> None:
        self.stage.steps += 1

        db = self.stage.town.app.state.db
        self.stage.do(self.stage.laws.hold(db, [UUID(case) for case in self.cases]))

    def _actor(self, who: int) -> Actor:
        return self.stage.actors[who]

    def _live(self) -> list[str]:
        return [case for case in self.cases if UUID(case) not in self.stage.laws.over]

    def _case(self, case: int) -> str:
        """One of those that still go on, if there is any."""
        found = self._live() or self.cases
        return found[case % len(found)]

    def _seen(self, actor: Actor, case_id: str) -> dict[str, Any]:
        answer = self.stage.do(self.stage.told(actor.get(f"/cases/{case_id}")))
        return dict(answer.json()) if answer.status_code == 200 else {}

    def _offered(self, actor: Actor, case_id: str) -> list[str]:
        return [move for move in self._seen(actor, case_id).get("moves", ()) if move not in ELSEWHERE]

    def _where(self, case_id: str) -> str:
        """The desk of the community the case was handed in to."""
        return self.desks[case_id]

    def _move(
        self, actor: Actor, case_id: str, move: str, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        body = _filled(BODIES.get(move, {}), self._where(case_id)) if body is None else body
        return self.stage.do(self.stage.told(actor.move(case_id, move, **body)))

    def _pump(self) -> None:
        async def pump() -> None:
            await self.stage.pump()

        self.stage.do(pump())


@pytest.mark.timeout(180 + 10 * WALKS)
async def test_the_laws_survive_random_hands(town: Town, pump: Callable[[], Awaitable[None]]) -> None:
    Walk.stage = Stage(town, pump, asyncio.get_running_loop())
    walking = settings(
        max_examples=WALKS,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize="LINLI_TEST_WALKS" not in os.environ,  # the same few in every run, others when asked
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Walk, settings=walking)
    async with town.app.state.db.reading() as tx:
        made = set((await tx.execute(text("select move from events where to_state is not null"))).scalars())
    await _the_statistics_can_be_told_from_the_events(town)
    assert Walk.stage.steps >= 20 * WALKS
    assert made >= {"dispatch", "sign", "finish", "merge", "unmerge"}, "it did not walk far"
    assert set(Walk.stage.answers) >= {200, 201, 403, 404, 409, 422}


async def _the_statistics_can_be_told_from_the_events(town: Town) -> None:
    """Of all that was walked, in each year: what is published is what the history says."""
    clock.set_to(datetime(2028, 1, 1, tzinfo=UTC))
    seen = 0
    for year in ("2026", "2027"):
        asked = {"place": str(town.place), "period": year}
        groups = (await town.stranger.get("/statistics", params=asked)).json()["groups"]
        shown = groups[0]["counts"] if groups else {}
        told = await counts(town.app.state.db, *period_of(year), clock.now())
        assert {name: n for name, n in shown.items() if n} == {name: n for name, n in told.items() if n}, year
        seen += told["cohort"]
    assert seen >= WALKS, "hardly anything was counted"
