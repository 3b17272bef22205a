"""代录 and 主动发现: what staff hand in for somebody who called or was visited, or found on their round.

The number is kept as phones of people are, sealed and with its blind index; by the index the person's own login
claims the case later (api/services/cases/claiming.py).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.db import Database
from api.kit.problems import NotAllowed, NotFound
from api.kit.secrets import Vault
from api.models import Case
from api.rules.cases import CaseKind, Channel, Standing
from api.rules.roles import Permission, Role, capacity
from api.services.access import Viewer, require
from api.services.cases import handling
from api.services.cases.finding import find
from api.services.people.belonging import PHONE
from api.services.places import bounds

NAME = "name"
"""The vault's purpose for the names of those for whom something was entered."""
_HOW = {Channel.recorded: "当面代录", Channel.phone: "来电代录", Channel.found: "主动发现"}


class NoContact(NotFound):
    code, title = "no_contact", "这件诉求没有代录的联系方式"


@dataclass(frozen=True, slots=True)
class EnteredFor:
    """For whom staff enter it, and how the person agreed."""

    name: str
    phone: str
    consent: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees, GCJ-02."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Entry:
    """How it was entered: in which capacity, by which way, and the columns only such a case has."""

    roles: frozenset[Role]
    channel: Channel
    columns: dict[str, Any]

    @property
    def told(self) -> dict[str, str]:
        return {"actor": capacity(self.roles), "told": _HOW[self.channel]}


async def entry(
    db: Database,
    vault: Vault,
    viewer: Viewer,
    kind: CaseKind,
    path: str,
    *,
    behalf: EnteredFor | None,
    position: Position | None,
    self_handled: bool,
) -> Entry | None:
    """What is to be known of a case that staff enter; None for one's own. Raises NotAllowed, PositionElsewhere."""
    if kind is not CaseKind.grid and behalf is None:
        return None
    async with db.reading() as tx:
        roles = await require(tx, viewer, Permission.case_record, path)
        if position is not None:
            await bounds.check(tx, path, position.latitude, position.longitude)
    return Entry(
        roles,
        behalf.channel if behalf is not None else Channel.found,
        {
            "alias": f"{behalf.name[0]}**" if behalf is not None else capacity(roles),
            "behalf_name": vault.seal(NAME, behalf.name) if behalf is not None else None,
            "behalf_phone": vault.seal(PHONE, behalf.phone) if behalf is not None else None,
            "behalf_index": vault.index(PHONE, behalf.phone) if behalf is not None else None,
            "consent": behalf.consent if behalf is not None else None,
            "latitude": position.latitude if position is not None else None,
            "longitude": position.longitude if position is not None else None,
            "self_handled": self_handled,
        },
    )


async def contact(
    tx: AsyncSession, vault: Vault, viewer: Viewer, case_id: UUID, reason: str
) -> dict[str, str]:
    """Whom to call about an entered case, and an event that says who looked and why.

    Raises NotFound, NotAllowed for who has nothing to do with it, NoContact.
    """
    case = await find(tx, viewer, case_id)
    recorder = case.row["recorder_id"] == viewer.person_id and bool(case.row["roles"])
    if not recorder and not {Standing.unit_member, Standing.dispatcher} & case.standings:
        raise NotAllowed("只有承办单位、派单员和代录人可以查看联系方式", moves=case.moves())
    sealed = await tx.execute(
        select(col(Case.behalf_name_sealed), col(Case.behalf_phone_sealed)).where(col(Case.id) == case_id)
    )
    name, phone = sealed.one()
    if name is None or phone is None:
        raise NoContact
    handling.note(tx, case, "view_contact", None, {}, words={"reason": reason})
    return {"name": vault.open(NAME, name), "phone": vault.open(PHONE, phone)}
