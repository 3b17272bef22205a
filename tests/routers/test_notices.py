"""The inbox, and the consents that subscription messages are paid with."""

from collections.abc import Awaitable, Callable

from tests.town import Town

Pump = Callable[[], Awaitable[None]]


async def test_notices_are_read_one_by_one_then_all(town: Town, pump: Pump) -> None:
    for n in range(3):
        await town.submit(title=f"第 {n} 件")
    await pump()
    who = town.here.resident
    assert (await who.get("/me")).json()["unread"] == 3
    first = (await who.get("/notices?limit=2")).json()
    rest = (await who.get(f"/notices?limit=2&after={first['next']}")).json()
    assert [n["title"] for n in first["items"] + rest["items"]] == ["诉求已派单"] * 3
    assert [n["subject_kind"] for n in first["items"]] == ["case"] * 2

    one = await who.post("/notices/read", {"ids": [first["items"][0]["id"]]})
    assert one.json() == {"read": 1}
    assert len((await who.get("/notices?unread=true")).json()["items"]) == 2
    assert (await who.post("/notices/read")).json() == {"read": 2}
    assert (await who.post("/notices/read")).json() == {"read": 0}
    assert (await who.get("/me")).json()["unread"] == 0


async def test_somebody_elses_notices_are_neither_seen_nor_marked(town: Town, pump: Pump) -> None:
    await town.submit()
    await pump()
    [mine] = (await town.here.resident.get("/notices")).json()["items"]
    assert (await town.stranger.get("/notices")).json()["items"] == []
    assert (await town.stranger.post("/notices/read", {"ids": [mine["id"]]})).json() == {"read": 0}
    assert (await town.here.resident.get("/notices?unread=true")).json()["items"] == [mine]


async def test_each_acceptance_pays_for_one_message_and_a_retry_for_none(town: Town) -> None:
    who, body = town.here.resident, {"template": "case_progress", "result": "accept"}
    assert (await who.post("/subscriptions", body, key="tap-1")).json()["credits"] == 1
    assert (await who.post("/subscriptions", body, key="tap-1")).json()["credits"] == 1
    assert (await who.post("/subscriptions", body, key="tap-2")).json()["credits"] == 2
    for result in ("reject", "ban"):
        answer = await who.post("/subscriptions", {**body, "result": result})
        assert answer.json() == {"template": "case_progress", "credits": 2}
    fresh = await town.stranger.post("/subscriptions", {**body, "result": "reject"})
    assert fresh.json()["credits"] == 0
    unknown = await who.post("/subscriptions", {**body, "template": "lottery"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "malformed")
