"""The contract in git is the one the program serves, valid, and told in Chinese."""

import asyncio
import copy
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from api import main
from api.openapi import document
from api.routers import imports, notices
from scripts.openapi import DOCS, FILES, documents, faults, written
from tests.conformance import specification

CHINESE = re.compile(r"[\u4e00-\u9fff]")
VERB_NOUN = re.compile(r"[a-z]+(_[a-z]+)+")


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return documents()


def operations(found: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, spec in found.items():
        for path, methods in spec["paths"].items():
            for method, operation in methods.items():
                yield f"{name} {method} {path}", operation


def test_the_files_in_docs_are_what_the_program_serves(found: dict[str, dict[str, Any]]) -> None:
    assert faults(DOCS, found) == []


async def test_the_program_serves_what_it_made_once(client: httpx.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == specification(admin=False)
    assert (await client.get("/openapi.json")).content == answer.content


async def test_while_the_documents_are_made_others_are_answered(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def make() -> dict[bool, bytes]:
        assert answered.wait(20), "nobody was answered meanwhile"
        return {False: b"{}", True: b"{}"}

    monkeypatch.setattr(main, "_made", make)
    asked = asyncio.create_task(client.get("/openapi.json"))
    await asyncio.sleep(0.05)
    assert (await client.get("/healthz")).status_code == 200
    answered.set()
    assert (await asked).status_code == 200


def test_a_changed_missing_or_invalid_document_is_found(tmp_path: Path) -> None:
    told = FastAPI()
    told.include_router(notices.app_router, prefix="/v1")
    told.include_router(imports.router, prefix="/admin/v1")
    found = {name: document(told, admin=admin) for name, admin in FILES.items()}
    for name, spec in found.items():
        (tmp_path / name).write_text(written(spec), "utf-8")
    assert faults(tmp_path, found) == []
    changed = copy.deepcopy(found)
    changed["openapi.json"]["info"]["title"] = "别的"
    assert len(faults(tmp_path, changed)) == 1
    del changed["openapi.json"]["info"]["title"]
    assert any("is a required property" in fault for fault in faults(tmp_path, changed))
    changed = copy.deepcopy(found)
    del changed["openapi.json"]["components"]["schemas"]["Problem"]
    assert any("reference to nowhere" in fault for fault in faults(tmp_path, changed))
    changed["openapi.json"] = found["openapi.json"] | {"paths": {}}
    assert any("no operation" in fault for fault in faults(tmp_path, changed))
    (tmp_path / "openapi.json").unlink()
    assert len(faults(tmp_path, found)) == 1


def test_administrators_and_residents_see_only_their_own_paths(found: dict[str, dict[str, Any]]) -> None:
    for name, admin in FILES.items():
        assert {path.startswith("/admin/v1/") for path in found[name]["paths"]} == {admin}
        assert admin or {path.split("/")[1] for path in found[name]["paths"]} <= {"v1", "wechat"}


def test_every_operation_is_named_and_told_in_chinese(found: dict[str, dict[str, Any]]) -> None:
    for where, operation in operations(found):
        assert VERB_NOUN.fullmatch(operation["operationId"]), where
        for text in (operation["summary"], operation["description"], *operation["tags"]):
            assert CHINESE.search(text), where


def test_every_operation_says_how_it_fails_in_our_own_shape(found: dict[str, dict[str, Any]]) -> None:
    for where, operation in operations(found):
        failing = {s: r for s, r in operation["responses"].items() if not s.startswith("2")}
        assert "503" in failing, where
        assert "security" not in operation or "401" in failing, where
        for status, response in failing.items():
            assert list(response["content"]) == ["application/problem+json"], (where, status)


def test_no_two_operations_share_a_name(found: dict[str, dict[str, Any]]) -> None:
    for name, spec in found.items():
        names = [operation["operationId"] for _, operation in operations({name: spec})]
        assert len(names) == len(set(names))


def test_no_body_is_left_without_an_example(found: dict[str, dict[str, Any]]) -> None:
    for name, spec in found.items():
        schemas = spec["components"]["schemas"]
        for where, operation in operations({name: spec}):
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                schema = content["schema"]
                shape = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
                examples = shape.get("examples") or content.get("examples")
                assert examples or kind in FORMS, where
                for example in shape.get("examples", ()):
                    validator = Draft202012Validator({**shape, "components": spec["components"]})
                    assert [e.message for e in validator.iter_errors(example)] == [], where


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""No JSON that an example could show."""


def test_every_parameter_is_described_in_chinese(found: dict[str, dict[str, Any]]) -> None:
    for where, operation in operations(found):
        for parameter in operation.get("parameters", ()):
            assert CHINESE.search(parameter.get("description", "")), (where, parameter["name"])


def test_whoever_needs_a_session_is_told_so(found: dict[str, dict[str, Any]]) -> None:
    open_to_all = {
        operation["operationId"] for _, operation in operations(found) if "security" not in operation
    }
    # A picture's address is signed, and a certificate's number cannot be guessed: whoever holds it may look.
    # Heads of sealed logs are for whoever keeps them.
    assert open_to_all == {
        "start_session",
        "admin_start_console_session",
        "get_upload_content",
        "check_certificate",
        "list_seals",
        "admin_list_seals",
    }
