"""The matrix's lines of what staff enter for others, and of where places lie."""

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Case
from api.models.people import PersonId
from tests.routers.matrix import BECAUSE, CASE, DESK, TABLE, Line, P, holds

CALLER = {"name": "王秀英", "phone": "13955550018", "consent": "电话中同意"}
own = TABLE["POST /cases"]
assert isinstance(own, Line)
assert own.body is not None
TABLE |= {
    "POST /cases": [own, Line(may=holds(P.case_record), ok=201, body={**own.body, "on_behalf_of": CALLER})],
    "POST /cases/{case_id}/contact": Line(
        see=CASE, may=DESK | holds(P.case_dispatch), body=BECAUSE, subject={"case_id": "in_progress"}
    ),
    "PUT /places/{place_id}/bounds": Line(
        may=holds(P.place_write),
        body={"south": 32.0, "west": 118.7, "north": 32.1, "east": 118.9},
        subject={"place_id": "place"},
    ),
}


async def fill(tx: AsyncSession, vault: Any, names: dict[str, str], handler: PersonId) -> None:
    """The case in progress was entered by its handler, and claimed by its owner since."""
    await tx.execute(
        update(Case)
        .where(col(Case.id) == UUID(names["in_progress"]))
        .values(
            recorder_id=handler,
            behalf_name_sealed=vault.seal("name", CALLER["name"]),
            behalf_phone_sealed=vault.seal("phone", CALLER["phone"]),
            behalf_phone_index=vault.index("phone", CALLER["phone"]),
            consent=CALLER["consent"],
        )
    )
