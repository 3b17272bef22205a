"""What residencies and memberships have in common: who decides on them, and how somebody is shown to the decider."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.problems import Problem
from api.kit.secrets import Vault
from api.models.people import PersonId
from api.rules.people import BelongingMove, BelongingStanding, masked_phone
from api.rules.roles import Permission, Role, permissions_of
from api.services.access import Viewer
from api.services.moves import Subject

PHONE = "phone"
"""The vault's purpose for numbers and their blind index."""

SELF_TITLE = "本人"


class AlreadyRegistered(Problem):
    status, code, title = 409, "already_registered", "已经登记过，无须重复登记"


def standings(
    person_id: PersonId, roles: list[str] | None, viewer: Viewer, needs: Permission
) -> frozenset[BelongingStanding]:
    """The person, or a verifier: nobody verifies himself."""
    if person_id == viewer.person_id:
        return frozenset({BelongingStanding.self})
    if needs in permissions_of(frozenset(Role(r) for r in roles or ())):
        return frozenset({BelongingStanding.verifier})
    return frozenset()


async def decide(
    tx: AsyncSession, subject: Subject[Any, BelongingStanding, None], move: BelongingMove, reason: str | None
) -> None:
    """核实通过、核实不通过、结束: the reason of a refusal stays on the row, so that the person can read it."""
    columns: dict[str, Any] = {}
    if move is not BelongingMove.end:
        columns = {"decided_by": subject.actor_id, "reason": reason}
    title = subject.life.titles()[move]
    await subject.move(tx, move, text=title, told=f"{title}：{reason}" if reason else None, **columns)


def brief(vault: Vault, person_id: PersonId, nickname: str, phone: bytes | None) -> dict[str, Any]:
    """Somebody as staff see them."""
    return {"id": person_id, "nickname": nickname, "phone": masked(vault, phone)}


def masked(vault: Vault, sealed: bytes | None) -> str | None:
    """The number with its middle hidden; None for nobody's."""
    return masked_phone(vault.open(PHONE, sealed)) if sealed is not None else None
