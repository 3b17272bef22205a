"""网格事件: found on the round with photos and a position, settled on the spot or reported to the unit, checked."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from api.kit import clock
from tests.estates import made, own_estate
from tests.services.test_entering import grid_worker
from tests.services.test_uploads import jpeg, send
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
HERE = {"latitude": 32.0455, "longitude": 118.7969}
BOX = {"south": 32.03, "west": 118.78, "north": 32.06, "east": 118.81}
EVENT = {
    "kind": "grid",
    "category": "ordinary_repair",
    "title": "井盖破损",
    "text": "路口的雨水井盖裂成两半。",
}


async def _picture(who: Actor) -> str:
    return str((await made(send(who, jpeg())))["id"])


async def _found(town: Town, who: Actor, **changes: Any) -> dict[str, Any]:
    uploads = [await _picture(who)]
    return await town.submit(who, **{**EVENT, "position": HERE, "uploads": uploads, **changes})


async def _team(town: Town, place: Any = None) -> str:
    body = {"kind": "grid_team", "place_id": str(place or town.here.place), "name": "网格一队"}
    return str((await made(town.operator.post("/units", body)))["id"])


async def test_a_grid_worker_settles_what_he_found_and_another_checks_it(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    walker, team = await grid_worker(town, wechat_simulator), await _team(town)
    case = await _found(town, walker, self_handled=True, visibility="community")
    assert case == (await walker.get(f"/cases/{case['id']}")).json()
    assert (case["channel"], case["position"], case["reporter"]["name"]) == ("found", HERE, "网格员")
    assert case["due"]["contact"] is None
    await pump()
    seen = (await walker.get(f"/cases/{case['id']}")).json()
    assert (seen["state"], seen["moves"]) == ("submitted", ["dispatch", "settle"])
    done = {"outcome": "solved", "reply": "已更换井盖。"}
    bare = await walker.move(case["id"], "settle", **done, after=[])
    assert (bare.status_code, bare.json()["code"]) == (422, "photos_missing")
    assert (await town.here.worker.move(case["id"], "settle", **done, after=[])).status_code == 403
    settled = await walker.move(case["id"], "settle", **done, after=[await _picture(walker)])
    assert settled.status_code == 200, settled.text
    assert (settled.json()["state"], settled.json()["unit"]["id"]) == ("handled", team)
    assert (await walker.move(case["id"], "pass_check")).status_code == 403
    closed = (await town.here.secretary.move(case["id"], "pass_check")).json()
    assert (closed["state"], closed["closed_at"] is None) == ("closed", False)
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update uploads set content = 'pass'"))
    shown = (await town.here.resident.get(f"/cases/{case['id']}/uploads")).json()
    assert sorted(p["purpose"] for p in shown) == ["after", "evidence"]
    async with town.app.state.db.reading() as tx:
        running = await tx.execute(
            text(
                "select kind from deadlines where subject_id = :id and met_at is null and cancelled_at is null"
            ),
            case,
        )
        assert running.all() == []
    due = clock.local(datetime.fromisoformat(case["due"]["finish"]["due_at"]))
    clock.set_to(due + timedelta(minutes=1))
    [all_] = (await town.stranger.get(f"/statistics?place={town.here.place}&period={due:%Y-%m}")).json()[
        "groups"
    ]
    assert (all_["counts"]["cohort"], all_["counts"]["solved"], all_["counts"]["found"]) == (0, 0, 1)


async def test_what_is_reported_goes_to_the_unit_and_needs_nobody_to_be_called(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    own = await own_estate(town, wechat_simulator)
    walker = await grid_worker(town, wechat_simulator)
    case = await _found(town, walker, place_id=str(town.here.building))
    await pump()
    worker = own.staff[0]
    seen = (await worker.get(f"/cases/{case['id']}")).json()
    assert (seen["state"], seen["unit"]["id"]) == ("dispatched", own.unit)
    settled = await walker.move(
        case["id"], "settle", outcome="solved", reply="好了", after=[await _picture(walker)]
    )
    assert settled.status_code == 409
    await worker.move(case["id"], "sign")
    photos = {"before": [await _picture(worker)], "after": [await _picture(worker)]}
    done = await worker.move(case["id"], "finish", outcome="solved", reply="已换。", **photos)
    assert done.json()["state"] == "handled", done.text


async def test_who_cannot_settle_it_reports_it_by_rule_and_names_no_unit(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    walker, team = await grid_worker(town, wechat_simulator), await _team(town)
    case = await _found(town, walker, self_handled=True)
    await pump()
    chosen = await walker.move(case["id"], "dispatch", unit_id=team)
    assert chosen.status_code == 403
    sent = (await walker.move(case["id"], "dispatch")).json()
    assert (sent["state"], sent["unit"]["id"]) == ("dispatched", str(town.here.desk))
    assert sent["self_handled"] is False


async def test_a_position_must_lie_in_the_place(town: Town, wechat_simulator: Simulator) -> None:
    walker = await grid_worker(town, wechat_simulator)
    drawn = await town.operator.call("PUT", f"/places/{town.here.place}/bounds", json=BOX)
    assert drawn.status_code == 200, drawn.text
    assert (await walker.get(f"/places/{town.here.place}")).json()["bounds"] == BOX
    assert (await _found(town, walker, place_id=str(town.here.building)))["position"] == HERE
    body = {**EVENT, "place_id": str(town.here.building), "uploads": [await _picture(walker)]}
    for where in ({"latitude": 32.07, "longitude": 118.7969}, {"latitude": 32.0455, "longitude": 118.82}):
        away = await walker.post("/cases", {**body, "position": where})
        assert (away.status_code, away.json()["code"]) == (422, "position_elsewhere")
    for wrong in ({**BOX, "north": 32.0}, {**BOX, "east": 200}):
        assert (
            await town.operator.call("PUT", f"/places/{town.here.place}/bounds", json=wrong)
        ).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [{"position": None}, {"uploads": []}, {"position": {"latitude": 91, "longitude": 118}},
     {"on_behalf_of": {"name": "王", "phone": "13955550018", "consent": "同意"}}, {"category": "consult"}],
)  # fmt: skip
async def test_an_event_comes_with_photos_and_a_position(town: Town, wrong: dict[str, Any]) -> None:
    uploads = ["01938f2a-6f00-7000-8000-0123456789ab"]
    body = {**EVENT, "place_id": str(town.here.place), "position": HERE, "uploads": uploads, **wrong}
    assert (await town.here.worker.post("/cases", body)).status_code == 422


async def test_only_staff_of_the_place_find_events_there(town: Town) -> None:
    for nobody in (town.here.resident, town.there.worker):
        body = {
            **EVENT,
            "place_id": str(town.here.place),
            "position": HERE,
            "uploads": [await _picture(nobody)],
        }
        assert (await nobody.post("/cases", body)).status_code == 403


async def test_a_hazard_whose_reporter_withdrew_goes_to_the_team_of_its_grid(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    team = await _team(town)
    case = await town.submit(title="电线裸露")
    await pump()
    assert (await town.here.worker.move(case["id"], "mark_hazard", reason="电线裸露")).status_code == 200
    await town.here.resident.move(case["id"], "withdraw", reason="搬走了")
    await pump()
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(
            text("select unit_id, routing_rule from cases where continues_id = :id"), case
        )
        unit, rule = found.one()
    assert (str(unit), rule) == (team, "grid-team/1")
