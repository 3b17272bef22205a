"""The hook on the tests' client finds an answer that is not as documented; otherwise it would be no guard."""

from typing import Any

import pytest

from tests.conformance import Documented, closed
from tests.town import Town

_DOCUMENT: dict[str, Any] = {
    "components": {
        "schemas": {
            "Case": {
                "type": "object",
                "required": ["id", "at"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "at": {"type": "string", "format": "date-time"},
                    "unit": {"anyOf": [{"$ref": "#/components/schemas/Unit"}, {"type": "null"}]},
                    "data": {"type": "object", "additionalProperties": True},
                },
            },
            "Unit": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        }
    },
    "paths": {
        "/v1/cases/{case_id}": {
            "get": {
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Case"}}}
                    }
                }
            }
        },
        "/v1/cases/similar": {
            "get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}}}
        },
    },
}
ID, AT = "01938f2a-6f00-7000-8000-0123456789ab", "2026-01-05T09:00:00Z"


def _faults(content: Any, path: str = "/v1/cases/1", status: int = 200) -> list[str]:
    return Documented([_DOCUMENT]).faults("GET", path, status, content)


def test_what_is_documented_passes() -> None:
    assert _faults({"id": ID, "at": AT}) == []
    assert _faults({"id": ID, "at": AT, "unit": {"name": "书记台"}, "data": {"any": 1}}) == []
    assert _faults([], "/v1/cases/similar") == []
    assert _faults({}, "/healthz") == []


@pytest.mark.parametrize(
    "content",
    [
        {"id": ID},
        {"id": ID, "at": AT, "phone": "13900001234"},
        {"id": ID, "at": AT, "unit": {"name": "书记台", "phone": "13900001234"}},
        {"id": 1, "at": AT},
        {"id": "nobody", "at": AT},
        {"id": ID, "at": "2026-01-05T09:00:00"},
        {"id": ID, "at": "tomorrow"},
        {"id": ID, "at": AT, "unit": {}},
    ],
)
def test_a_field_too_many_too_few_or_of_another_kind_is_found(content: Any) -> None:
    assert _faults(content) != []


def test_an_undocumented_status_or_path_is_found() -> None:
    assert _faults({"id": ID, "at": AT}, status=202) == [
        "GET /v1/cases/{case_id}: status 202 is not documented"
    ]
    assert _faults({}, "/v1/secrets") == ["GET /v1/secrets is not documented"]


def test_only_objects_that_name_their_members_are_closed() -> None:
    assert closed({"type": "object"}) == {"type": "object"}
    assert closed({"type": "object", "properties": {}})["additionalProperties"] is False


async def test_the_shared_client_refuses_an_answer_that_drifted(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await town.submit()
    monkeypatch.setattr(
        "api.services.cases.reading.view", lambda row, viewer: {**case, "phone": "13900001234"}
    )
    with pytest.raises(AssertionError, match="phone"):
        await town.here.resident.get(f"/cases/{case['id']}")
