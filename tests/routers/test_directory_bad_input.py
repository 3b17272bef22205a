"""What no honest client sends to the people and places around the case: refused in our own words, nothing written."""

from typing import Any

from tests.town import Town

NOBODY = "01938f2a-6f00-7000-8000-0123456789ab"

QUESTIONS = (
    "/people?q=%00",
    "/people?q=" + "长" * 41,
    "/people?place=here",
    "/people?limit=0",
    "/people?limit=101",
    "/people?after=zzz",
    "/people/1",
    "/grants?role=king",
    "/grants?live=maybe",
    "/events?since=0001-01-01T00:00:00%2B23:59",
    "/events?until=9999-12-31T23:59:59-12:00",
    "/events?since=2026-01-05T09:00:00",
    "/events?move=%00",
    "/events?actor=nobody",
    "/places?q=%00&level=city",
    "/places?level=planet",
    "/residencies?state=gone",
    "/memberships?kind=king",
    "/secretaries",
    "/contacts?place=",
    "/units?kind=castle",
    "/queue?after=%F0%9F%8F%A0",
)


async def test_a_question_that_makes_no_sense_is_a_422(town: Town) -> None:
    for path in QUESTIONS:
        answer = await town.operator.get(path)
        assert answer.status_code == 422, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/grants", {"role": "auditor", "place_id": NOBODY}),
    ("/grants", {"person_id": NOBODY, "phone": "13900001234", "role": "auditor", "place_id": NOBODY}),
    ("/grants", {"phone": "1234", "role": "auditor", "place_id": NOBODY}),
    (
        "/grants",
        {
            "person_id": NOBODY,
            "role": "auditor",
            "place_id": NOBODY,
            "until": "9999-12-31T23:59:59-12:00",
        },
    ),
    ("/homes", {"building_id": NOBODY, "room": "\u0000"}),
    ("/homes", {"building_id": NOBODY, "room": "301", "area_m2": "NaN"}),
    ("/homes", {"building_id": NOBODY, "room": "301", "area_m2": "1e400"}),
    ("/estates", {"place_id": NOBODY, "name": "新苑", "building_ids": [NOBODY] * 201}),
    ("/units", {"kind": "grid_team", "place_id": NOBODY, "name": " "}),
    (f"/people/{NOBODY}/unmask", {"reason": " x "}),
    (f"/people/{NOBODY}/moves/erase", {"reason": "核实情况"}),
    ("/notices/read", {"ids": [NOBODY] * 101}),
)


async def test_a_body_that_makes_no_sense_is_a_422(town: Town) -> None:
    for path, body in BODIES:
        answer = await town.operator.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), (path, answer.text)
        assert answer.json()["errors"]
