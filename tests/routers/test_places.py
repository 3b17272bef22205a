"""Finding one's way: the tree of places, and who is responsible where one lives."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from api.kit import clock
from api.kit.db import Database
from api.models import Grant, Official, Unit
from api.models.people import PersonId
from api.rules.places import Level, UnitKind
from api.rules.roles import Role
from tests.town import Actor, Town, _place


async def _walk(who: Actor, path: str) -> list[Any]:
    """All pages of a list."""
    found, after = [], ""
    while True:
        page = (await who.get(f"{path}{after}")).json()
        found += page["items"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


async def test_one_walks_from_the_province_to_ones_door(town: Town) -> None:
    who = town.stranger
    names: list[str] = []
    found = (await who.get("/places")).json()["items"]
    while True:
        names.append(found[0]["name"])
        below = (await who.get(f"/places?parent={found[0]['id']}")).json()["items"]
        if not below:
            break
        found = below
    assert names == ["江苏省", "南京市", "玄武区", "梅园新村街道", "梅园新村社区", "1 幢"]
    building = (await who.get(f"/places/{found[0]['id']}")).json()
    assert [p["name"] for p in building["ancestors"]] == names[:-1]
    assert building["estate"]["name"] == "梅园新村社区小区"
    homes = (await who.get(f"/places/{building['id']}/homes")).json()
    assert [(home["id"], home["room"]) for home in homes["items"]] == [(str(town.here.home), "301")]
    assert set(homes["items"][0]) == {"id", "room", "estate", "company", "assets"}, (
        "nothing of who lives there"
    )


async def test_children_come_by_code_page_by_page(town: Town, db: Database) -> None:
    async with db.transaction() as tx:
        for n in range(3, 9):
            await _place(tx, f"32010200200{n}", Level.village, f"{n} 号社区", town.place)
    listed = await _walk(town.stranger, f"/places?parent={town.place}&limit=3")
    assert [p["code"][-1] for p in listed] == list("12345678")


async def test_a_name_is_found_anywhere_under_the_parent(town: Town) -> None:
    county = f"/places?parent={town.county}"
    assert [p["name"] for p in await _walk(town.stranger, f"{county}&q=社区&limit=1")] == [
        "梅园新村社区",
        "大行宫社区",
    ]
    buildings = await _walk(town.stranger, f"{county}&level=building&limit=1")
    assert [p["code"] for p in buildings] == ["320102002001-b01", "320102002002-b01"]
    assert await _walk(town.stranger, f"{county}&q=%25") == []
    assert await _walk(town.stranger, f"{county}&q=玄武") == []


async def test_without_a_parent_the_search_ends_at_the_county(town: Town) -> None:
    found = await _walk(town.stranger, "/places?q=玄武&limit=5")
    assert [p["name"] for p in found] == ["玄武区"]
    assert [p["name"] for p in await _walk(town.stranger, "/places?level=city&limit=5")] == ["南京市"]
    assert await _walk(town.stranger, "/places?q=社区&limit=5") == []
    answer = await town.stranger.get("/places?level=village")
    assert (answer.status_code, answer.json()["code"]) == (422, "parent_needed")


async def test_only_a_building_has_homes_and_a_false_cursor_is_told(town: Town) -> None:
    wrong = await town.stranger.get(f"/places/{town.here.place}/homes")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_level")
    assert (await town.stranger.get("/places/01938f2a-6f00-7000-8000-0123456789ab")).status_code == 404
    false = await town.stranger.get("/places?after=!!")
    assert (false.status_code, false.json()["code"]) == (422, "bad_cursor")


async def test_estates_are_listed_with_their_buildings(town: Town) -> None:
    both = await _walk(town.stranger, f"/estates?place={town.place}&limit=1")
    assert [(e["name"], e["place"]["name"], [b["name"] for b in e["buildings"]]) for e in both] == [
        ("梅园新村社区小区", "梅园新村社区", ["1 幢"]),
        ("大行宫社区小区", "大行宫社区", ["1 幢"]),
    ]


async def _post(town: Town, db: Database, who: Actor, role: Role, place: Any, **grant: Any) -> None:
    async with db.transaction() as tx:
        tx.add(Grant(person_id=PersonId(who.id), role=role, place_id=place, **grant))


async def test_my_secretaries_come_nearest_first_with_their_desks(town: Town, db: Database) -> None:
    await _post(town, db, town.there.resident, Role.secretary, town.place)
    await _post(town, db, town.here.second_worker, Role.deputy, town.here.place)
    await _post(town, db, town.here.secretary, Role.deputy, town.here.place)
    async with db.transaction() as tx:
        tx.add(
            Official(
                person_id=PersonId(town.here.secretary.id),
                name="周敏",
                title="社区党委书记",
                hours="每周三上午",
                introduction="在社区工作十二年。",
            )
        )
    listed = (await town.stranger.get(f"/secretaries?place={town.here.building}")).json()["items"]
    assert [(s["name"], s["role"], s["place"]["level"]) for s in listed] == [
        ("周敏", "secretary", "village"),
        ("微信居民", "deputy", "village"),
        ("微信居民", "secretary", "town"),
    ]
    assert (listed[0]["title"], listed[0]["hours"]) == ("社区党委书记", "每周三上午")
    assert listed[0]["desk"]["name"] == "梅园新村社区书记台"
    assert (listed[1]["title"], listed[2]["desk"]) == ("社区副主任", None)

    one = (await town.stranger.get(f"/secretaries/{town.here.secretary.id}")).json()
    assert [(p["role"], p["place"]["name"]) for p in one["posts"]] == [("secretary", "梅园新村社区")]


async def test_the_directory_shows_nobody_whose_post_ended_or_whose_account_is_blocked(
    town: Town, db: Database
) -> None:
    ended = clock.now() - timedelta(hours=1)
    await _post(town, db, town.here.worker, Role.secretary, town.here.place, since=ended, until=ended)
    assert (await town.stranger.get(f"/secretaries/{town.here.worker.id}")).status_code == 404
    listed = (await town.stranger.get(f"/secretaries?place={town.here.place}")).json()["items"]
    assert [s["id"] for s in listed] == [str(town.here.secretary.id)]
    blocked = await town.operator.post(
        f"/people/{town.here.secretary.id}/moves/block", {"reason": "调查期间停用"}
    )
    assert blocked.status_code == 200
    assert (await town.stranger.get(f"/secretaries?place={town.here.place}")).json()["items"] == []
    assert (await town.stranger.get(f"/secretaries/{town.here.secretary.id}")).status_code == 404


async def test_neighbours_workers_and_the_citys_leaders_are_not_my_secretaries(
    town: Town, db: Database
) -> None:
    city = (await town.stranger.get("/places?level=city")).json()["items"][0]["id"]
    await _post(town, db, town.there.resident, Role.secretary, UUID(city))
    assert (await town.stranger.get(f"/secretaries?place={town.place}")).json()["items"] == []
    assert (await town.stranger.get(f"/secretaries/{town.here.worker.id}")).status_code == 404


async def test_contacts_are_the_public_numbers_around_a_place(town: Town, db: Database) -> None:
    async with db.transaction() as tx:
        tx.add_all(
            [
                Unit(
                    kind=UnitKind.property_company,
                    place_id=town.here.place,
                    name="梅园物业",
                    phone="025-84400002",
                ),
                Unit(
                    kind=UnitKind.grid_team,
                    place_id=town.here.building,
                    name="第一网格",
                    phone="025-84400003",
                ),
                Unit(kind=UnitKind.errand_desk, place_id=town.here.place, name="旧代办点", active=False),
                Unit(kind=UnitKind.property_company, place_id=town.there.place, name="别处物业"),
            ]
        )
    listed = (await town.stranger.get(f"/contacts?place={town.here.building}")).json()["items"]
    assert [(u["name"], u["phone"]) for u in listed] == [
        ("第一网格", "025-84400003"),
        ("梅园物业", "025-84400002"),
        ("梅园新村社区书记台", None),
    ]


async def test_a_visitor_without_a_session_sees_no_directory(town: Town) -> None:
    for path in ("places", f"secretaries?place={town.here.place}", f"contacts?place={town.here.place}"):
        assert (await town.client.get(f"/v1/{path}")).status_code == 401
