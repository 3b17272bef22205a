"""A place promises terms of its own: the nearest counts, from its day on, and open cases keep what they were told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from api.kit import clock
from api.rules.calendar_seed import SEED_2024_2026
from api.rules.limits import LIMITS, CaseClass
from api.rules.settings import TermsRefused, check
from tests.moments import MONDAY
from tests.services.test_case_requests import finished
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


async def _set(who: Actor, place: UUID, terms: dict[str, dict[str, int]], **more: Any) -> Any:
    body = {"place": str(place), "terms": terms, "note": "居民公约第 8 条", **more}
    return await who.post("/settings", body)


def _due(case: dict[str, Any]) -> str:
    found: str = case["due"]["finish"]["due_at"]
    return found


async def test_the_nearest_place_counts_and_an_open_case_keeps_what_it_was_told(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    before = await town.submit()
    assert _due(before) == "2026-11-30T10:00:00Z"  # five working days
    assert (await _set(town.operator, town.place, {"help": {"finish": 4}})).status_code == 201
    answer = await _set(town.operator, town.here.place, {"help": {"finish": 2, "sign": 60}})
    assert answer.status_code == 201, answer.text
    assert [v["version"] for v in answer.json()["versions"]] == [1]
    promised = next(p for p in answer.json()["promises"] if p["case_class"] == "help")
    assert (promised["sign"], promised["contact"], promised["finish"]) == (
        "1 个工作小时",
        "1 个工作日",
        "2 个工作日",
    )
    here, there = await town.submit(), await town.submit(town.there.resident, place_id=str(town.there.place))
    assert _due(here) == "2026-11-25T10:00:00Z"
    assert _due(there) == "2026-11-27T10:00:00Z"
    shown = await town.here.resident.get(f"/case-categories?kind=secretary&place={town.here.place}")
    assert next(c["finish"] for c in shown.json() if c["category"] == "help") == "2 个工作日"
    # A later version is for later cases: signing, and the next cycle, of this one are as it was told.
    assert (await _set(town.operator, town.here.place, {})).status_code == 201
    await pump()
    clocks = {
        c["kind"]: c for c in (await town.here.worker.get(f"/cases/{here['id']}/clock")).json()["clocks"]
    }
    assert clocks["sign"]["limits"][0]["text"] == "1 个工作小时"
    assert (await town.here.worker.move(here["id"], "sign")).status_code == 200
    assert (await finished(town, here["id"])).status_code == 200
    assert (await town.here.secretary.move(here["id"], "pass_check")).status_code == 200
    again = await town.here.resident.move(here["id"], "dispute", stars={"overall": 1})
    assert (again.json()["cycle"], _due(again.json())) == (2, "2026-11-25T10:00:00Z")
    assert _due(await town.submit()) == "2026-11-30T10:00:00Z"


async def test_a_version_begins_on_its_day_and_never_in_the_past(town: Town) -> None:
    clock.set_to(MONDAY)
    tomorrow = MONDAY + timedelta(days=1)
    planned = await _set(
        town.operator, town.here.place, {"help": {"finish": 2}}, valid_from=tomorrow.isoformat()
    )
    assert (planned.status_code, planned.json()["in_force"]) == (201, None)
    assert _due(await town.submit()) == "2026-11-30T10:00:00Z"
    clock.set_to(tomorrow)
    assert _due(await town.submit()) == "2026-11-26T10:00:00Z"
    late = await _set(town.operator, town.here.place, {}, valid_from=MONDAY.isoformat())
    assert (late.status_code, late.json()["code"]) == (422, "terms_refused")


async def test_only_the_operator_sets_and_the_audit_reads_it(town: Town) -> None:
    assert (await _set(town.supervisor, town.here.place, {"help": {"finish": 2}})).status_code == 403
    body = {"help": {"finish": 2}}
    both = await asyncio.gather(*(_set(town.operator, town.here.place, body) for _ in range(4)))
    codes = sorted(answer.status_code for answer in both)
    made = codes.count(201)
    assert made >= 1
    assert set(codes) <= {201, 409}
    async with town.app.state.db.reading() as tx:
        versions = (
            (await tx.execute(text("select version from place_settings order by version"))).scalars().all()
        )
    assert versions == list(range(1, made + 1))
    found = (await town.auditor.get(f"/events?subject={town.here.place}&move=set_terms")).json()["items"]
    assert len(found) == made
    assert (await town.supervisor.get(f"/settings?place={town.there.place}")).status_code == 200


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"help": {"sign": 60 * 24}}, "首次联系会早于签收"),
        ({"overhaul": {"finish": 1}}, "办结会早于首次联系"),
        ({"urgent_repair": {"contact": 20}}, "首次联系会早于签收"),
        ({"appointment": {"finish": 3}}, "没有办结时限"),
        ({"help": {"finish": 99_999}}, "时限过长"),
    ],
)
def test_steps_that_cannot_be_kept_in_their_order_are_refused(
    terms: dict[str, dict[str, int]], said: str
) -> None:
    with pytest.raises(TermsRefused, match=said):
        check(terms, SEED_2024_2026, datetime(2026, 1, 5, tzinfo=UTC).date())


def test_what_holds_by_default_may_be_set_and_sooner_too() -> None:
    today = datetime(2026, 9, 1, tzinfo=UTC).date()
    check({CaseClass.consult.value: {"sign": 240}}, SEED_2024_2026, today)
    check({CaseClass.help.value: {"finish": 1, "sign": 60}}, SEED_2024_2026, today)
    assert LIMITS[CaseClass.appointment].sign is None
