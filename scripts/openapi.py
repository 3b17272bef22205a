"""The two OpenAPI documents as files in docs/, so that a change of the contract is seen in review.

`python -m scripts.openapi` writes them; `--check` says what differs or is not valid OpenAPI 3.1, and ends with 1.
"""

import json
import sys
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing.exceptions import Unresolvable

from api.main import catalogue
from api.openapi import document

DOCS = Path(__file__).resolve().parents[1] / "docs"
FILES = {"openapi.json": False, "admin-openapi.json": True}
"""File → whether it is the administrators' document."""


def documents() -> dict[str, dict[str, Any]]:
    """The documents the program would serve."""
    told = catalogue()
    return {name: document(told, admin=admin) for name, admin in FILES.items()}


def written(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def faults(folder: Path, found: dict[str, dict[str, Any]]) -> list[str]:
    """What is wrong with the files in `folder`, and with the documents themselves, a line each."""
    lines = []
    for name, spec in found.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != written(spec):
            lines.append(f"{path.name} is not what the program serves; run `make docs`")
        lines += [f"{name}: {fault}" for fault in _invalid(spec)]
        if not spec.get("paths"):
            lines.append(f"{name}: no operation in it")
    return lines


def _invalid(spec: dict[str, Any]) -> list[str]:
    try:
        return [error.message.split("\n")[0][:200] for error in OpenAPIV31SpecValidator(spec).iter_errors()]
    except Unresolvable as error:
        return [f"a reference to nowhere: {error.ref}"]


def main() -> int:
    found = documents()
    if "--check" not in sys.argv[1:]:
        for name, spec in found.items():
            (DOCS / name).write_text(written(spec), "utf-8")
    wrong = faults(DOCS, found)
    sizes = "，".join(f"{name} {len(spec['paths'])} paths" for name, spec in found.items())
    sys.stdout.write("\n".join(wrong or [sizes]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
