"""Thirty cases worked by hand from the definition, and who may leave one out."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from api.kit import clock
from api.kit.ids import new_id
from api.models import Case, CaseExclusion, CaseRating, Deadline
from api.models.cases import CaseId
from api.models.people import PersonId
from api.rules.cases import CaseCategory, CaseKind, CaseState, Outcome
from api.rules.statistics import ExclusionReason, period_of, wilson
from tests.town import Town

LATER = datetime(2026, 12, 5, 9, tzinfo=clock.CHINA)
DUE = datetime(2026, 11, 16, 18, tzinfo=clock.CHINA)

# (how many, state, outcome, contacted in time, finished: in time / late / not, stars by cycle)
KINDS: list[tuple[int, str, str | None, bool, str, list[int]]] = [
    (8, "closed", "solved", True, "in time", [5]),  # 1–8
    (3, "closed", "solved", True, "late", [3]),  # 9–11
    (1, "closed", "solved", False, "in time", [2, 4]),  # 12: not content at first, content at last
    (2, "closed", "partly", True, "in time", [4]),  # 13, 14
    (1, "closed", "partly", False, "late", [1]),  # 15
    (1, "closed", "explained", True, "in time", []),  # 16: silence
    (1, "closed", "impossible", True, "in time", [2]),  # 17
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


async def _thirty(town: Town) -> list[UUID]:
    ids: list[UUID] = []
    async with town.app.state.db.transaction() as tx:
        path = (
            await tx.execute(text("select path from places where id = :p"), {"p": town.here.place})
        ).scalar_one()
        for count, state, outcome, contacted, finished, stars in KINDS:
            for _ in range(count):
                n = len(ids) + 1
                due = {
                    29: DUE.replace(month=10, day=31, hour=23, minute=59),
                    30: DUE.replace(month=12, day=1, hour=0),
                }
                at = due.get(n, DUE)
                case = Case(
                    number=f"案-{n}",
                    kind=CaseKind.secretary,
                    category=CaseCategory.help if n % 2 else CaseCategory.consult,
                    title=f"第 {n} 件",
                    text="内容",
                    state=CaseState(state),
                    cycle=2 if n in (12, 24) else 1,
                    place_id=town.here.place,
                    path=path,
                    community_id=town.here.place,
                    reporter_id=PersonId(town.here.resident.id),
                    unit_id=town.here.desk,
                    outcome=Outcome(outcome) if outcome else None,
                    merged_into_id=CaseId(ids[0]) if state == "merged" else None,
                    first_contact_at=at - timedelta(days=4 if contacted else 2)
                    if n not in (22, 23)
                    else None,
                )
                tx.add(case)
                await tx.flush()
                ids.append(case.id)
                met = {"in time": at, "late": at + timedelta(minutes=1), "not": None}[finished]
                for kind, when, done in (("contact", at - timedelta(days=3), None), ("finish", at, met)):
                    tx.add(_deadline(case.id, kind, when, done))
                for cycle, overall in enumerate(stars, 1):
                    tx.add(_rating(case.id, cycle, town.here.resident.id, overall))
        tx.add(_rating(CaseId(ids[0]), 1, town.here.second_worker.id, 2))
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


def _deadline(case: UUID, kind: str, due: datetime, met: datetime | None) -> Deadline:
    return Deadline(
        id=new_id(), subject_kind="case", subject_id=case, kind=kind, cycle=1, limits=[], allowed=0,
        calendar_version=1, started_at=due - timedelta(days=7), due_at=due, met_at=met,
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
    assert group["counts"] == {
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
