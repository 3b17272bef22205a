"""封存的内容: what is hashed, signed and handed out, byte for byte. docs/bulletin.md describes the same."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from api.kit.merkle import leaf_hash
from api.rules.voting.rule import canonical

ZERO = "0" * 64
"""`previous` of the first head of a log."""
EVENTS = UUID(int=0)
"""The log of events."""


def ballot_content(poll: UUID, elector: str, turn: int, own: bool, choices: Any, salt: str) -> dict[str, Any]:
    """One ballot. `elector`: hex of the elector's id, of a secret poll of the pseudonym; `salt`: hex."""
    return {
        "type": "ballot",
        "poll": str(poll),
        "elector": elector,
        "turn": turn,
        "own": own,
        "choices": choices,
        "salt": salt,
    }


def elector_content(elector: str, number: int, persons: int, area: str) -> dict[str, Any]:
    """One entry of the roll."""
    return {"type": "elector", "elector": elector, "number": number, "persons": persons, "area": area}


def head_content(
    log: UUID, number: int, size: int, total: int, root: str, previous: str, day: str
) -> dict[str, Any]:
    """One signed head of a log."""
    return {
        "type": "head",
        "log": str(log),
        "number": number,
        "size": size,
        "total": total,
        "root": root,
        "previous": previous,
        "day": day,
    }


def salted(salt: str, name: str, value: Any) -> str:
    """What stands in a sealed event for a value it does not tell: hex SHA-256 of the salt and the value's bytes.

    `actor` is an id (its 16 bytes), `text` a string (UTF-8), `data` an object (canonical).
    """
    raw = UUID(value).bytes if name == "actor" else value.encode() if name == "text" else canonical(value)
    return sha256(bytes.fromhex(salt) + raw).hexdigest()


def leaf_of(content: dict[str, Any]) -> bytes:
    return leaf_hash(canonical(content))
