"""找书记 from the first word to the last, over HTTP, with the worker's part done by hand where it belongs."""

from tests.town import Town


async def test_a_case_goes_from_submission_to_closing(town: Town) -> None:
    case = await town.submit()
    assert case["state"] == "submitted"
    print(case)
    got = await town.here.resident.get(f"/cases/{case['id']}")
    assert got.status_code == 200
    assert got.json() == case
