"""Thirty cases worked by hand from the definition, and who may leave one out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from api.kit import clock
from api.kit.events import ActorKind, Event
from api.kit.ids import new_id
from api.models import Case, CaseExclusion, CaseRating, Deadline
from api.models.cases import CaseId
from api.models.people import PersonId
from api.rules.cases import CaseCategory, CaseKind, CaseState, Outcome
from api.rules.statistics import ExclusionReason, period_of, wilson
from tests.services.statistics_by_events import counts
from tests.town import Town

LATER = datetime(2026, 12, 5, 9, tzinfo=clock.CHINA)
DUE = datetime(2026, 11, 16, 18, tzinfo=clock.CHINA)
"""A Monday."""

# (how many, state, outcome, contacted in time, finished: in time / late / not, stars by cycle)
KINDS: list[tuple[int, str, str | None, bool, str, list[int]]] = [
    (8, "closed", "solved", True, "in time", [5]),  # 1–8
    (3, "closed", "solved", True, "late", [3]),  # 9–11
    (1, "closed", "solved", False, "in time", [2, 4]),  # 12: not content at first, content at last
    (2, "closed", "partly", True, "in time", [4]),  # 13, 14
    (1, "closed", "partly", False, "late", [1]),  # 15: done anew, then silence
    (1, "closed", "explained", True, "in time", []),  # 16: silence
    (1, "closed", "impossible", True, "in time", [2]),  # 17: done anew, then silence
    (1, "awaiting_rating", "solved", True, "in time", []),  # 18
    (1, "handled", "partly", True, "late", []),  # 19
    (2, "in_progress", None, True, "not", []),  # 20, 21: late and open
    (1, "in_progress", None, False, "not", []),  # 22: late, open, nobody ever called
    (1, "dispatched", None, False, "not", []),  # 23: not even signed
    (1, "in_progress", None, True, "in time", [1]),  # 24: done in time, disputed, done anew
    (1, "closed", "solved", True, "in time", []),  # 25: excluded by two persons
    (1, "closed", "solved", True, "in time", [5]),  # 26: exclusion proposed by one
    (1, "merged", None, True, "not", []),  # 27: into 1, whose rating by this reporter is 2
    (1, "withdrawn", None, True, "not", []),  # 28
    (1, "closed", "solved", True, "in time", [5]),  # 29: due on the last of October
    (1, "closed", "solved", True, "in time", [5]),  # 30: due at the first moment of December
]
NEVER_CALLED = (22, 23)
NOVEMBER = {
    "cohort": 25,  # 1–24 and 26
    "contact_due": 25,
    "contacted_in_time": 21,  # all but 12, 15, 22, 23
    "solved": 14,  # 1–12, 18, 26
    "partly": 4,  # 13, 14, 15, 19
    "explained": 1,
    "impossible": 1,
    "answered": 20,
    "finished_in_time": 16,  # 1–8, 12, 13, 14, 16, 17, 18, 24, 26
    "rated": 19,  # 1–15, 17, 24, 26, and the reporter of 27 on 1
    "satisfied": 15,  # 1–14 and 26
    "pleased": 12,  # 1–8, 12, 13, 14, 26
    "excluded": 1,
    "merged": 1,
    "withdrawn": 1,
    "rejected": 0,
    "referred": 0,
    "found": 0,
}
"""Worked by hand from the table above and docs/lifecycles.md."""


@dataclass(frozen=True)
class Told:
    """One of the thirty: its line above, and when it was handed in and due, worked by hand from the limits."""

    number: int
    state: str
    outcome: str | None
    in_time: bool
    finished: str
    stars: list[int]
    category: CaseCategory
    handed_in: datetime
    contact_due: datetime
    due: datetime

    @property
    def contacted(self) -> datetime | None:
        """At the last moment, or a minute after it."""
        late = timedelta(minutes=not self.in_time)
        return None if self.number in NEVER_CALLED else self.contact_due + late

    @property
    def met(self) -> datetime | None:
        late = timedelta(minutes=self.finished == "late")
        return None if self.finished == "not" else self.due + late

    @property
    def cycle(self) -> int:
        return 1 + sum(stars < 3 for stars in self.stars)


def _promised(n: int) -> tuple[CaseCategory, datetime, datetime, datetime]:
    """Category, handed in, to be contacted by, to be finished by."""
    if n == 29:  # 30 minutes and two hours, to the minute
        last = datetime(2026, 10, 31, 21, 59, tzinfo=clock.CHINA)
        return CaseCategory.danger, last, last + timedelta(minutes=30), last + timedelta(hours=2)
    if n == 30:  # 24 hours, and the end of the seventh day
        monday = datetime(2026, 11, 23, 10, tzinfo=clock.CHINA)
        return (
            CaseCategory.property_complaint,
            monday,
            monday + timedelta(days=1),
            datetime(2026, 12, 1, tzinfo=clock.CHINA),
        )
    if n % 3 == 1:  # on a Friday; the end of the next working day for both
        return CaseCategory.consult, datetime(2026, 11, 13, 10, tzinfo=clock.CHINA), DUE, DUE
    monday = datetime(2026, 11, 9, 10, tzinfo=clock.CHINA)
    return CaseCategory.help, monday, datetime(2026, 11, 10, 18, tzinfo=clock.CHINA), DUE


THIRTY = [
    Told(n, *line, *_promised(n))
    for n, line in enumerate((line for count, *line in KINDS for _ in range(count)), 1)
]


def _history(told: Told) -> Iterator[tuple[datetime, str, str | None, dict[str, Any]]]:
    """(moment, move, state after it, data) of one of the thirty, in their order; who rates is its reporter."""
    yield told.handed_in, "submit", "submitted", {}
    yield told.handed_in, "dispatch", "dispatched", {}
    if told.number in (25, 26):
        yield told.handed_in, "exclude_propose", None, {"reason": "force_majeure"}
    if told.number == 25:
        yield told.handed_in, "exclude_confirm", None, {"reason": "force_majeure"}
    if told.state == "dispatched":
        return
    yield told.handed_in, "sign", "in_progress", {}
    if told.contacted is not None:
        yield told.contacted, "reply", None, {"by_staff": True}
    if told.state in ("merged", "withdrawn"):
        yield DUE, {"merged": "merge", "withdrawn": "withdraw"}[told.state], told.state, {}
    if told.met is None:
        return
    for cycle in range(1, told.cycle + 1):
        if cycle == told.cycle and told.state == "in_progress":
            return
        at = told.met + timedelta(days=cycle - 1)
        yield at, "finish", "handled", {"outcome": told.outcome or "solved"}
        if told.state == "handled":
            return
        yield at, "pass_check", "awaiting_rating", {}
        if told.state == "awaiting_rating":
            return
        overall = told.stars[cycle - 1] if cycle <= len(told.stars) else None
        if overall is None:
            yield at, "expire", "closed", {}
        elif overall < 3:
            yield at, "dispute", "in_progress", {"cycle": cycle + 1, "overall": overall}
        else:
            yield at, "rate", "closed", {"cycle": cycle, "overall": overall}


async def _thirty(town: Town) -> list[UUID]:
    """The thirty as they stand in the tables, each with its history."""
    ids: list[UUID] = []
    resident, neighbour = PersonId(town.here.resident.id), PersonId(town.here.second_worker.id)
    async with town.app.state.db.transaction() as tx:
        path = (
            await tx.execute(text("select path from places where id = :p"), {"p": town.here.place})
        ).scalar_one()
        for told in THIRTY:
            n = told.number
            case = Case(
                number=f"案-{n}",
                kind=CaseKind.secretary if n < 29 else CaseKind.property,
                category=told.category,
                title=f"第 {n} 件",
                text="内容",
                state=CaseState(told.state),
                cycle=told.cycle,
                place_id=town.here.place,
                path=path,
                community_id=town.here.place,
                reporter_id=neighbour if told.state == "merged" else resident,
                unit_id=town.here.desk,
                outcome=Outcome(told.outcome) if told.outcome else None,
                merged_into_id=CaseId(ids[0]) if told.state == "merged" else None,
                first_contact_at=told.contacted,
            )
            tx.add(case)
            await tx.flush()
            ids.append(case.id)
            for kind, due, met in (("contact", told.contact_due, None), ("finish", told.due, told.met)):
                tx.add(_deadline(case.id, kind, told.handed_in, due, met))
            for cycle, overall in enumerate(told.stars, 1):
                tx.add(_rating(case.id, cycle, resident, overall))
            for step, (at, move, state, data) in enumerate(_history(told)):
                tx.add(_event(case.id, at, step, move, state, resident, data))
        tx.add(_rating(CaseId(ids[0]), 1, neighbour, 2))
        at = DUE + timedelta(days=2)
        tx.add(_event(CaseId(ids[0]), at, 0, "rate_joined", None, neighbour, {"cycle": 1, "overall": 2}))
        for n, confirmed in ((25, True), (26, False)):
            tx.add(
                CaseExclusion(
                    case_id=CaseId(ids[n - 1]),
                    reason=ExclusionReason.force_majeure,
                    proposed_by=PersonId(town.here.worker.id),
                    confirmed_by=PersonId(town.here.secretary.id) if confirmed else None,
                    confirmed_at=DUE if confirmed else None,
                )
            )
    assert len(ids) == 30
    return ids


def _deadline(case: UUID, kind: str, start: datetime, due: datetime, met: datetime | None) -> Deadline:
    return Deadline(
        id=new_id(), subject_kind="case", subject_id=case, kind=kind, cycle=1, limits=[], allowed=0,
        calendar_version=1, started_at=start, due_at=due, met_at=met,
    )  # fmt: skip


def _event(
    case: CaseId, at: datetime, step: int, move: str, state: str | None, who: UUID, data: dict[str, Any]
) -> Event:
    """Events are read in the order of their ids: of one moment, in that of their steps."""
    return Event(
        id=new_id(at + timedelta(microseconds=step)), subject_kind="case", subject_id=case, move=move,
        to_state=state, actor_kind=ActorKind.person, actor_id=who, actor_title="居民", data=data, at=at,
    )  # fmt: skip


def _rating(case: Any, cycle: int, who: UUID, overall: int) -> CaseRating:
    return CaseRating(case_id=case, cycle=cycle, reporter_id=PersonId(who), overall=overall)


async def _statistics(town: Town, period: str = "2026-11", by: str = "total", **more: str) -> Any:
    asked = {"place": str(town.place), "period": period, "by": by, **more}
    answer = await town.stranger.get("/statistics", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_thirty_cases_are_counted_as_the_definition_says(town: Town) -> None:
    await _thirty(town)
    clock.set_to(LATER)
    found = await _statistics(town)
    [group] = found["groups"]
    assert group["counts"] == NOVEMBER
    rates = group["rates"]
    assert rates["response"]["value"] == pytest.approx(21 / 25)
    assert (rates["response"]["low"], rates["response"]["high"]) == pytest.approx(
        (0.65346, 0.93597), abs=2e-5
    )
    assert rates["resolution"]["value"] == pytest.approx((14 + 4 / 2) / 20)
    assert (rates["floor"], rates["coverage"]) == pytest.approx((14 / 25, 20 / 25))
    assert rates["satisfaction"]["value"] == pytest.approx(15 / 19)
    assert rates["strict"]["value"] == pytest.approx(12 / 19)
    assert [rates[r]["ordered"] for r in ("response", "resolution", "satisfaction")] == [True, True, False]
    assert rates["composite"] == pytest.approx(20 * 21 / 25 + 30 * 16 / 20 + 50 * 15 / 19)
    assert found["exclusions"] == [{"reason": "force_majeure", "title": "不可抗力", "count": 1}]


async def test_the_same_thirty_are_counted_from_their_history_alone(town: Town) -> None:
    """By somebody who has the events and the calendar, and neither clocks nor states nor marks."""
    await _thirty(town)
    clock.set_to(LATER)
    for period, cohort in (("2026-10", 1), ("2026-11", 25), ("2026-12", 1), ("2026-Q4", 27)):
        told = await counts(town.app.state.db, *period_of(period), clock.now())
        [group] = (await _statistics(town, period))["groups"]
        assert {name: told[name] for name in group["counts"]} == group["counts"], period
        assert told["cohort"] == cohort
    told = await counts(town.app.state.db, *period_of("2026-11"), clock.now())
    assert {name: told[name] for name in NOVEMBER} == NOVEMBER


async def test_groups_add_up_to_the_total(town: Town) -> None:
    await _thirty(town)
    clock.set_to(LATER)
    [total] = (await _statistics(town))["groups"]
    for by, names in (
        ("unit", {"梅园新村社区书记台"}),
        ("place", {"梅园新村社区"}),
        ("category", {"咨询", "求助"}),
    ):
        groups = (await _statistics(town, by=by))["groups"]
        assert {g["name"] for g in groups} == names
        for name, count in total["counts"].items():
            assert sum(g["counts"][name] for g in groups) == count, (by, name)


async def test_a_period_ends_where_the_next_begins_and_what_is_not_due_yet_waits(town: Town) -> None:
    await _thirty(town)
    clock.set_to(LATER)
    sizes = {p: (await _statistics(town, p))["groups"][0]["counts"]["cohort"] for p in ("2026-10", "2026-12")}
    assert sizes == {"2026-10": 1, "2026-12": 1}
    assert (await _statistics(town, "2026-Q4"))["groups"][0]["counts"]["cohort"] == 27
    assert (await _statistics(town, "2026"))["groups"][0]["counts"]["cohort"] == 27
    clock.set_to(DUE - timedelta(seconds=1))
    assert [g["counts"]["cohort"] for g in (await _statistics(town))["groups"]] in ([], [0])
    elsewhere = await _statistics(town, place=str(town.there.place))
    assert [g["counts"]["cohort"] for g in elsewhere["groups"]] in ([], [0])


async def test_one_proposes_another_confirms_and_nobody_after_a_rating(town: Town) -> None:
    ids = await _thirty(town)
    clock.set_to(LATER)
    open_case, rated = str(ids[19]), str(ids[0])
    supervisor, operator = town.supervisor, town.operator
    body = {"case_id": open_case, "reason": "beyond_duty"}
    assert (await supervisor.post("/statistics/exclusions", body)).status_code == 201
    twice = await operator.post("/statistics/exclusions", body)
    assert (twice.status_code, twice.json()["code"]) == (409, "exclusion_refused")
    own = await supervisor.post(f"/statistics/exclusions/{open_case}/confirm")
    assert (own.status_code, own.json()["code"]) == (409, "exclusion_refused")
    assert (await _statistics(town))["groups"][0]["counts"]["cohort"] == 25
    assert (await operator.post(f"/statistics/exclusions/{open_case}/confirm")).json()["confirmed"] is True
    counts = (await _statistics(town))["groups"][0]["counts"]
    assert (counts["cohort"], counts["excluded"]) == (24, 2)
    late = await supervisor.post("/statistics/exclusions", {"case_id": rated, "reason": "malicious"})
    assert (late.status_code, late.json()["code"]) == (409, "exclusion_refused")
    late = await operator.post(f"/statistics/exclusions/{ids[25]}/confirm")
    assert (late.status_code, late.json()["code"]) == (409, "exclusion_refused")
    assert (await town.auditor.post("/statistics/exclusions", body)).status_code == 403


@pytest.mark.parametrize("word", ["2026-13", "2026-Q5", "26", "２０２６", "2026-1", "1999"])
def test_what_is_no_period_is_refused(word: str) -> None:
    with pytest.raises(Exception, match="不是年、季度或月"):
        period_of(word)


def test_the_interval_of_wilson_against_published_values() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 857–872, table I, method 3."""
    for successes, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)
