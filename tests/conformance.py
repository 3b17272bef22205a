"""Every 2xx JSON answer a test receives is what the documentation says: no more fields, no fewer, no other kinds.

Hot routes send bytes that no response model has seen, so nothing but this keeps them from drifting.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from copy import deepcopy
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from jsonschema import Draft202012Validator, FormatChecker

from api.main import catalogue

DOCS = Path(__file__).resolve().parents[1] / "docs"
PREFIXES = ("/v1/", "/admin/v1/")
_formats = FormatChecker(formats=())


@_formats.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


@_formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_formats.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


class Documented:
    """The answers of both documents, found by method and path."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._validators: dict[tuple[str, str, int], Draft202012Validator] = {}
        self._paths: list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]] = []
        for found in documents:
            components = closed(deepcopy(found["components"]))
            for path, operations in found["paths"].items():
                self._paths.append((_pattern(path), path, operations, components))
        self._paths.sort(key=lambda entry: entry[1].count("{"))  # /sessions/current before /sessions/{which}

    def faults(self, method: str, path: str, status: int, content: Any) -> list[str]:
        """What of `content` is not as documented; empty for undocumented pages outside the API."""
        for pattern, template, operations, components in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                responses = operations[method.lower()]["responses"]
                if str(status) not in responses:
                    return [f"{method} {template}: status {status} is not documented"]
                validator = self._validator((method, template, status), responses[str(status)], components)
                return [
                    f"{method} {template}: {'/'.join(map(str, e.absolute_path))}: {e.message}"
                    for e in validator.iter_errors(content)
                ]
        return [f"{method} {path} is not documented"] if path.startswith(PREFIXES) else []

    def _validator(
        self, key: tuple[str, str, int], response: dict[str, Any], components: dict[str, Any]
    ) -> Draft202012Validator:
        if key not in self._validators:
            schema = closed(
                deepcopy(response.get("content", {}).get("application/json", {}).get("schema", {}))
            )
            self._validators[key] = Draft202012Validator(
                {**schema, "components": components}, format_checker=_formats
            )
        return self._validators[key]


def closed(schema: Any) -> Any:
    """The schema with every object that names its members closed to others."""
    for part in _objects(schema):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
    return schema


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(
        "".join("[^/]+" if p.startswith("{") else re.escape(p) for p in re.split(r"(\{\w+\})", path))
    )


told = cache(catalogue)
"""Every route of the product; the same in every test, and slow to make."""


@cache
def specification(admin: bool) -> dict[str, Any]:
    """One of the two documents, as it lies in docs/; tests/test_openapi.py sees to it that the program makes the same."""
    found: dict[str, Any] = json.loads(
        (DOCS / ("admin-openapi.json" if admin else "openapi.json")).read_text("utf-8")
    )
    return found


@cache
def documented() -> Documented:
    """What both documents say."""
    return Documented([deepcopy(specification(admin)) for admin in (False, True)])


def conforms() -> Callable[[httpx.Response], Awaitable[None]]:
    """A response hook for a client. Raises AssertionError for an answer that is not as documented."""

    async def check(response: httpx.Response) -> None:
        kind = response.headers.get("content-type", "")
        if response.is_success and kind.startswith("application/json"):
            await response.aread()
            request = response.request
            faults = documented().faults(
                request.method, request.url.path, response.status_code, response.json()
            )
            assert not faults, faults

    return check
