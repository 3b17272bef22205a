"""Lists of cases: filtered by what they are and by their clocks, page by page."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from api.kit import clock
from tests.moments import MONDAY
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


async def _titles(who: Actor, query: str) -> list[str]:
    answer = await who.get(f"/cases?{query}")
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_filters_say_what_they_mean(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    await town.submit(title="咨询一件", category="consult")
    await town.submit(title="投诉一件", category="complain")
    await pump()
    clock.move(timedelta(days=3))  # the consultation had one working day, the complaint has ten
    worker = town.here.worker
    assert await _titles(worker, "") == ["投诉一件", "咨询一件"]
    assert await _titles(worker, "category=consult") == ["咨询一件"]
    assert await _titles(worker, "overdue=true") == ["咨询一件"]
    assert await _titles(worker, "overdue=false") == ["投诉一件"]
    assert await _titles(worker, "kind=secretary&state=dispatched&overdue=true") == ["咨询一件"]
    assert await _titles(worker, "kind=property") == []
    assert await _titles(town.here.resident, "mine=true&category=complain") == ["投诉一件"]
    assert await _titles(town.supervisor, f"place={town.here.place}&category=consult") == ["咨询一件"]


async def test_pages_follow_each_other_without_gap_or_twin(town: Town) -> None:
    for n in range(7):
        await town.submit(title=f"第 {n} 件")
    seen: list[str] = []
    after = ""
    while True:
        page = (await town.here.worker.get(f"/cases?limit=3{after}")).json()
        seen += [item["title"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [f"第 {n} 件" for n in reversed(range(7))]


async def test_nobody_handles_what_he_reported_himself(town: Town, pump: Pump) -> None:
    case = await town.submit(town.here.worker, title="社工自己的事")
    await pump()
    own = await town.here.worker.move(case["id"], "sign")
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed")
    assert (await town.here.second_worker.move(case["id"], "sign")).status_code == 200


async def test_silence_is_told_to_the_reporter(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await town.submit(title="无人评价")
    await pump()
    await town.here.worker.move(case["id"], "sign")
    await town.here.worker.post(f"/cases/{case['id']}/messages", {"kind": "reply", "text": "在办"})
    await town.here.worker.move(case["id"], "finish", outcome="solved", reply="办好了")
    await town.here.secretary.move(case["id"], "pass_check")
    clock.move(timedelta(days=8))
    await pump()
    told = [n["text"] for n in (await town.here.resident.get("/notices")).json()["items"]]
    assert any("逾期未评价" in text for text in told)
