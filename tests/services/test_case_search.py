"""Finding by words: whoever may read a case finds it, nobody else does."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from api.rules.roles import Role
from api.services.cases import listing, searching
from tests.town import Actor, Town, grant

Pump = Callable[[], Awaitable[None]]


async def _found(who: Actor, q: str, **more: str) -> list[str]:
    answer = await who.get("/cases", params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_a_case_is_found_by_two_characters_of_title_text_or_by_its_number(
    town: Town, pump: Pump
) -> None:
    case = await town.submit(title="电梯异响", text="每次到七楼都有很大的声音。")
    await town.submit(title="路灯不亮", text="东门外的路灯。")
    await pump()
    worker = town.here.worker
    assert await _found(worker, "电梯") == ["电梯异响"]
    assert await _found(worker, "七楼") == ["电梯异响"]
    assert await _found(worker, case["number"]) == ["电梯异响"]
    assert await _found(worker, case["number"].rsplit("-", 1)[1]) == ["电梯异响"]
    assert await _found(worker, "电梯 七楼") == ["电梯异响"]
    assert await _found(worker, "电灯") == []
    assert await _found(worker, "路灯", state="closed") == []
    assert await _found(worker, "路灯", state="dispatched") == ["路灯不亮"]
    assert await _found(town.here.resident, "电梯", mine="true") == ["电梯异响"]
    assert await _found(town.supervisor, "电梯", place=str(town.here.place)) == ["电梯异响"]
    assert await _found(town.supervisor, "电梯", place=str(town.there.place)) == []


async def test_one_character_is_too_short_to_look_for(town: Town) -> None:
    answer = await town.here.worker.get("/cases", params={"q": "灯"})
    assert (answer.status_code, answer.json()["code"]) == (422, "search_too_short")


async def test_the_neighbouring_community_finds_nothing_of_ours(town: Town, pump: Pump) -> None:
    await town.submit(title="电梯异响", text="不公开的内容")
    await pump()
    for stranger in (town.there.worker, town.there.resident, town.stranger):
        assert await _found(stranger, "电梯") == []
        assert await _found(stranger, "电梯", place=str(town.here.place)) == []


async def test_a_neighbour_finds_a_case_only_once_it_is_shown(town: Town, pump: Pump) -> None:
    await town.submit(town.here.worker, title="电梯异响", visibility="community")
    assert await _found(town.here.resident, "电梯") == []
    await pump()
    assert await _found(town.here.resident, "电梯") == ["电梯异响"]
    assert await _found(town.there.resident, "电梯", place=str(town.here.place)) == []


@pytest.mark.parametrize("walk", [1, 3, 2_000])
async def test_pages_are_whole_however_far_is_looked_before_the_index_is_asked(
    town: Town, pump: Pump, monkeypatch: pytest.MonkeyPatch, walk: int
) -> None:
    """With a short walk all but the newest come from the index; two places are seen from at once."""
    monkeypatch.setattr(searching, "WALK", walk)
    monkeypatch.setattr(listing, "_list_statement", listing._list_statement.__wrapped__)
    for n in range(12):
        where = town.here if n % 3 else town.there
        await town.submit(
            where.resident, place_id=str(where.place), title=f"第{n:02}件{'电梯' if n % 2 else '路灯'}"
        )
    await pump()
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update grants set place_id = :there where person_id = :p").bindparams(
                there=town.there.place, p=town.here.second_worker.id
            )
        )
    await grant(town, town.here.second_worker, Role.community_worker)
    for who in (town.here.second_worker, town.supervisor):
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            answer = await who.get("/cases", params={"q": "电梯", "limit": "2", **after})
            page = answer.json()
            seen += [item["title"] for item in page["items"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert seen == [f"第{n:02}件电梯" for n in range(11, 0, -2)]


@pytest.mark.parametrize("walk", [1, 2_000])
async def test_what_neighbours_have_newer_hides_nothing_of_ours(
    town: Town, pump: Pump, monkeypatch: pytest.MonkeyPatch, walk: int
) -> None:
    """The page is filled from what the viewer sees, not from what there is and then thinned out."""
    monkeypatch.setattr(searching, "WALK", walk)
    monkeypatch.setattr(listing, "_list_statement", listing._list_statement.__wrapped__)
    for n in range(3):
        await town.submit(title=f"我们的第{n}部电梯")
    for n in range(6):
        await town.submit(town.there.resident, place_id=str(town.there.place), title=f"邻社区电梯{n}")
    await pump()
    assert await _found(town.here.worker, "电梯", limit="2") == ["我们的第2部电梯", "我们的第1部电梯"]
    assert len(await _found(town.here.worker, "电梯", limit="5")) == 3


async def test_cases_from_before_the_index_are_found_after_the_job(town: Town, pump: Pump) -> None:
    await town.submit(title="电梯异响")
    await pump()
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("delete from case_words"))
    assert await _found(town.here.worker, "电梯") == []
    async with town.app.state.db.transaction() as tx:
        await searching.index_missing(tx)
    assert await _found(town.here.worker, "电梯") == ["电梯异响"]
