"""Several people, one matter: offered before submitting, supported, merged, objected to, rated by each."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from api.kit import clock
from tests import neighbours
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]
LIFT = {"title": "2号电梯停运", "text": "一号楼2号电梯从早上起停在七楼不动，老人出不了门。"}


async def _similar(who: Actor, place: Any, **more: str) -> list[dict[str, Any]]:
    asked = {"category": "help", "place_id": str(place), **LIFT, **more}
    answer = await who.get("/cases/similar", params=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def _handled(town: Town, case: str) -> None:
    worker = town.here.worker
    await worker.move(case, "sign")
    await worker.post(f"/cases/{case}/messages", {"kind": "reply", "text": "维保已到场。"})
    done = await worker.move(case, "finish", outcome="solved", reply="已修复。", publish=True)
    assert done.status_code == 200, done.text


async def _pair(town: Town, **changes: Any) -> tuple[str, str]:
    """A case of the worker two and one of the resident, both submitted."""
    parent = await town.submit(town.here.second_worker, **{"visibility": "private", **changes})
    child = await town.submit(**LIFT)
    return parent["id"], child["id"]


async def _titles(who: Actor) -> list[str]:
    return [n["text"] for n in (await who.get("/notices?limit=50")).json()["items"]]


async def test_a_like_case_is_offered_with_reasons_and_an_unlike_one_is_not(town: Town, pump: Pump) -> None:
    here = town.here
    old = await town.submit(place_id=str(here.building), **LIFT)
    await town.submit(place_id=str(here.building), title="楼道灯不亮", text="三楼的灯坏了。")
    clock.move(timedelta(hours=5))
    [offer] = await _similar(here.worker, here.building, asset="2号电梯")
    assert offer["id"] == old["id"]
    assert offer["reasons"] == [
        "同一楼栋", "提到同一设施：2号电梯", "同一类别", "文字有 100% 相同", "5 小时前提交",
    ]  # fmt: skip
    assert offer["score"] == 30 + 20 + 10 + 60
    clock.move(timedelta(hours=68))
    assert await _similar(here.worker, here.building) == []


async def test_only_what_one_may_read_is_offered(town: Town) -> None:
    await town.submit(place_id=str(town.here.building), **LIFT)
    assert len(await _similar(town.here.second_worker, town.here.building)) == 1
    for other in (town.stranger, town.there.resident, town.there.worker, town.here.resident):
        assert await _similar(other, town.here.building) == []


async def test_one_supports_once_and_may_take_it_back(town: Town) -> None:
    case = await town.submit(**LIFT)
    path = f"/cases/{case['id']}/supports"
    worker = town.here.worker
    answers = await asyncio.gather(*(worker.post(path) for _ in range(12)))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 11}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"already_supported"}
    assert (await town.here.secretary.post(path)).json() == {
        "case_id": case["id"], "supports": 2, "supported": True,
    }  # fmt: skip
    assert (await worker.call("DELETE", path)).json()["supports"] == 1
    assert (await worker.call("DELETE", path)).json()["supports"] == 1
    own = await town.here.resident.post(path)
    assert (own.status_code, own.json()["code"]) == (403, "own_case")
    assert (await town.stranger.post(path)).status_code == 404
    await town.here.resident.move(case["id"], "withdraw")
    late = await worker.post(path)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_moment")


async def test_supporters_hear_of_each_public_step_and_rate_for_themselves(town: Town, pump: Pump) -> None:
    case = (await town.submit(**LIFT, visibility="public"))["id"]
    fan = await neighbours.somebody(town, "同楼的")
    await neighbours.lives(town, fan, town.here.home)
    colleague = town.here.second_worker
    assert (await colleague.post(f"/cases/{case}/supports")).status_code == 201
    await pump()
    assert (await fan.post(f"/cases/{case}/supports")).status_code == 201
    await pump()
    early = await fan.post(f"/cases/{case}/ratings", {"overall": 4})
    assert (early.status_code, early.json()["code"]) == (409, "wrong_moment")
    await _handled(town, case)
    await town.here.secretary.move(case, "pass_check")
    await pump()
    assert "已派至" in "\n".join(await _titles(colleague))
    told = "\n".join(await _titles(fan))
    for step in ("已签收", "新的公开答复", "已处置", "请评价"):
        assert f"您附和的诉求“{LIFT['title']}”" in told
        assert step in told
    low = await fan.post(f"/cases/{case}/ratings", {"overall": 1})
    assert (low.status_code, low.json()["state"], low.json()["rating"]) == (200, "awaiting_rating", None)
    rated = await town.here.resident.post(f"/cases/{case}/ratings", {"overall": 5})
    assert (rated.json()["state"], rated.json()["rating"]) == ("closed", 5)
    again = await fan.post(f"/cases/{case}/ratings", {"overall": 5})
    assert (again.status_code, again.json()["code"]) == (409, "already_rated")
    own = await colleague.post(f"/cases/{case}/ratings", {"overall": 5})
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed"), "his own unit's work"


async def test_a_merged_reporter_is_told_and_rates_the_common_case(town: Town, pump: Pump) -> None:
    parent, child = await _pair(town)
    await pump()
    merged = await town.here.worker.move(child, "merge", parent_id=parent)
    assert merged.status_code == 200, merged.text
    assert (merged.json()["state"], merged.json()["merged_into"]) == ("merged", parent)
    await pump()
    assert any("已并案办理。如有异议" in t for t in await _titles(town.here.resident))
    await _handled(town, parent)
    await town.here.secretary.move(parent, "pass_check")
    await pump()
    assert any(f"您并案的诉求“{LIFT['title']}”：已核查" in t for t in await _titles(town.here.resident))
    rated = await town.here.resident.post(f"/cases/{child}/ratings", {"overall": 2})
    assert (rated.status_code, rated.json()["state"]) == (200, "merged")
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(text("select case_id::text, overall from case_ratings"))
        assert found.all() == [(parent, 2)]


async def test_who_reported_both_rates_once_and_the_last_word_counts(town: Town, pump: Pump) -> None:
    """Of the merged one first, as one who joined; then as the reporter of the common case, which ends it."""
    parent, child = [(await town.submit(**LIFT))["id"] for _ in range(2)]
    await pump()
    assert (await town.here.worker.move(child, "merge", parent_id=parent)).status_code == 200
    await _handled(town, parent)
    await town.here.secretary.move(parent, "pass_check")
    joined = await town.here.resident.post(f"/cases/{child}/ratings", {"overall": 3})
    assert joined.status_code == 200, joined.text
    rated = await town.here.resident.post(f"/cases/{parent}/ratings", {"overall": 5})
    assert (rated.status_code, rated.json()["state"]) == (200, "closed"), rated.text
    again = await town.here.resident.post(f"/cases/{child}/ratings", {"overall": 1})
    assert (again.status_code, again.json()["code"]) == (409, "already_rated")
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(text("select case_id::text, overall from case_ratings"))
        assert found.all() == [(parent, 5)]


async def test_an_objection_brings_the_case_back_as_if_never_merged(town: Town, pump: Pump) -> None:
    parent, child = await _pair(town)
    await pump()
    due = (await town.here.resident.get(f"/cases/{child}")).json()["due"]["finish"]["due_at"]
    await town.here.worker.move(child, "merge", parent_id=parent)
    assert (await town.here.resident.get(f"/cases/{child}")).json()["due"]["finish"] is None
    clock.move(timedelta(days=2, hours=23))
    back = await town.here.resident.move(child, "object", reason="不是同一部电梯")
    assert back.status_code == 200, back.text
    assert (back.json()["state"], back.json()["merged_into"]) == ("submitted", None)
    assert back.json()["due"]["finish"]["due_at"] == due
    await pump()
    assert (await town.here.resident.get(f"/cases/{child}")).json()["state"] == "dispatched"


async def test_what_was_owed_before_a_merge_is_owed_after_it(town: Town, pump: Pump) -> None:
    """In its second cycle the community has to confirm, and somebody else to call back: a merge forgets neither."""
    parent, child = await _pair(town)
    await pump()
    await _handled(town, child)
    await town.here.secretary.move(child, "pass_check")
    low = await town.here.resident.post(f"/cases/{child}/ratings", {"overall": 1})
    assert low.status_code == 200, low.text

    async def owed() -> dict[str, Any]:
        async with town.app.state.db.reading() as tx:
            found = await tx.execute(
                text(
                    "select kind, due_at from deadlines where subject_id = :child and cycle = 2 and met_at is null"
                    " and cancelled_at is null and kind in ('contact', 'finish', 'confirming', 'calling_back')"
                ),
                {"child": child},
            )
            return {row.kind: row.due_at for row in found}

    before = await owed()
    assert before.keys() == {"contact", "finish", "confirming", "calling_back"}
    merged = await town.here.worker.move(child, "merge", parent_id=parent)
    assert merged.status_code == 200, merged.text
    assert await owed() == {}
    assert (await town.here.resident.move(child, "object", reason="不是同一件")).status_code == 200
    assert await owed() == before


async def test_a_request_nobody_decided_before_the_merge_starts_no_clock_after_it(
    town: Town, pump: Pump
) -> None:
    """Its time may be over before the worker has seen the merge, and let it lapse."""
    parent, child = await _pair(town)
    await pump()
    await town.here.worker.move(child, "sign")
    asked = {"kind": "extend", "days": 2, "reason": "等材料"}
    assert (await town.here.worker.post(f"/cases/{child}/requests", asked)).status_code == 201
    assert (await town.here.worker.move(child, "merge", parent_id=parent)).status_code == 200
    clock.move(timedelta(days=5))
    await pump()
    merged = (await town.here.resident.get(f"/cases/{child}")).json()
    assert (merged["state"], merged["level"]) == ("merged", 0)
    async with town.app.state.db.reading() as tx:
        running = await tx.execute(
            text(
                "select kind from deadlines where subject_id = :child and met_at is null and cancelled_at is null"
            ),
            {"child": child},
        )
        assert running.all() == []


async def test_after_three_days_only_staff_undo_a_merge(town: Town, pump: Pump) -> None:
    parent, child = await _pair(town)
    await town.here.worker.move(child, "merge", parent_id=parent)
    clock.move(timedelta(days=3))
    late = await town.here.resident.move(child, "object", reason="不是同一件")
    assert (late.status_code, late.json()["code"]) == (409, "too_late_to_object")
    assert (await town.here.worker.move(child, "unmerge")).json()["state"] == "submitted"


async def test_what_must_not_be_merged_is_refused(town: Town, pump: Pump) -> None:
    parent, child = await _pair(town, visibility="community")
    worker = town.here.worker
    wide = await worker.move(child, "merge", parent_id=parent)
    assert (wide.status_code, wide.json()["code"]) == (409, "not_mergeable")
    assert "公开范围" in wide.json()["detail"]
    itself = await worker.move(child, "merge", parent_id=child)
    assert "自身" in itself.json()["detail"]
    elsewhere = await town.submit(town.there.resident, place_id=str(town.there.place))
    far = await town.supervisor.move(child, "merge", parent_id=elsewhere["id"])
    assert "同一社区" in far.json()["detail"]
    assert (await worker.move(child, "merge", parent_id=elsewhere["id"])).status_code == 404
    third = (await town.submit(**LIFT))["id"]
    assert (await worker.move(parent, "merge", parent_id=child)).status_code == 200
    deep = await worker.move(third, "merge", parent_id=parent)
    assert "自身已并入" in deep.json()["detail"]
    root = await worker.move(child, "merge", parent_id=third)
    assert "已有诉求并入" in root.json()["detail"]
    assert (await town.here.resident.move(child, "merge", parent_id=third)).status_code == 403


async def test_a_parent_withdrawn_frees_its_children(town: Town, pump: Pump) -> None:
    parent, child = await _pair(town)
    await town.here.worker.move(child, "merge", parent_id=parent)
    await town.here.second_worker.move(parent, "withdraw")
    await pump()
    freed = (await town.here.resident.get(f"/cases/{child}")).json()
    assert (freed["state"], freed["merged_into"]) == ("dispatched", None)


async def test_of_two_merges_into_each_other_at_once_one_is_made(town: Town) -> None:
    worker, secretary = town.here.worker, town.here.secretary
    for _ in range(15):
        a, b = [(await town.submit(**LIFT))["id"] for _ in range(2)]
        answers = await asyncio.gather(
            worker.move(a, "merge", parent_id=b), secretary.move(b, "merge", parent_id=a)
        )
        assert sorted(x.status_code for x in answers) == [200, 409], [x.text for x in answers]


async def test_a_chain_of_merges_at_once_stays_one_deep(town: Town) -> None:
    """A into B, B into C, C into A, all at the same moment."""
    hands = [town.here.worker, town.here.second_worker, town.here.secretary]
    for _ in range(15):
        ids = [(await town.submit(**LIFT))["id"] for _ in range(3)]
        await asyncio.gather(*(hands[n].move(ids[n], "merge", parent_id=ids[(n + 1) % 3]) for n in range(3)))
        await _is_a_forest_of_depth_one(town)


async def test_whatever_is_merged_and_unmerged_the_forest_is_one_deep(town: Town) -> None:
    ids = [(await town.submit(**LIFT))["id"] for _ in range(5)]
    hands = [town.here.worker, town.here.second_worker, town.here.secretary, town.here.resident]
    rng = random.Random(20260722)
    seen: Counter[int] = Counter()
    for _ in range(60):
        steps = []
        for _ in range(3):
            who, case = rng.choice(hands), rng.choice(ids)
            if rng.random() < 0.6:
                steps.append(who.move(case, "merge", parent_id=rng.choice(ids)))
            elif who is town.here.resident:
                steps.append(who.move(case, "object", reason="不是同一件"))
            else:
                steps.append(who.move(case, "unmerge"))
        seen.update(answer.status_code for answer in await asyncio.gather(*steps))
        await _is_a_forest_of_depth_one(town)
    assert set(seen) == {200, 403, 409}
    assert min(seen[200], seen[409]) > 15


async def _is_a_forest_of_depth_one(town: Town) -> None:
    async with town.app.state.db.reading() as tx:
        deep = await tx.execute(
            text(
                "select c.id from cases c join cases p on p.id = c.merged_into_id "
                "where p.merged_into_id is not null or p.id = c.id"
            )
        )
        assert deep.all() == []


async def test_the_words_of_a_rating_are_for_its_author_and_for_staff_until_they_have_passed(
    town: Town, pump: Pump
) -> None:
    case = (await town.submit(visibility="public"))["id"]
    await pump()
    neighbour, author = town.there.resident, town.here.resident
    assert (await neighbour.post(f"/cases/{case}/supports")).status_code == 201
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update cases set state = 'awaiting_rating' where id = :id"), {"id": case})
    path = f"/cases/{case}/ratings"
    for who, said in ((author, {"overall": 5, "text": "很快"}), (neighbour, {"overall": 3, "text": "还行"})):
        assert (await who.post(path, said)).status_code == 200
    assert (await town.stranger.get(f"/cases/{case}")).status_code == 200

    async def words(who: Actor) -> list[str | None]:
        items = (await who.get(path)).json()["items"]
        assert [(item["overall"], item["joined"]) for item in items] == [(5, False), (3, True)]
        return [item["text"] for item in items]

    readers = (author, neighbour, town.stranger, town.here.worker)
    before = [["很快", None], [None, "还行"], [None, None], ["很快", "还行"]]
    assert [await words(who) for who in readers] == before
    await pump()
    assert [await words(who) for who in readers] == [["很快", "还行"]] * 4
