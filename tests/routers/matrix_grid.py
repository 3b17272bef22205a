"""The matrix's lines of what staff enter for others, and of where places lie."""

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Case
from api.models.people import PersonId
from api.rules.roles import Role
from tests.routers.matrix import BECAUSE, CASE, DESK, HANDLING, TABLE, Line, P, Who, holds

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


RECORDER = Who(lambda asker, here: here and asker.role is Role.grid_worker)
_moves = TABLE["POST /cases/{case_id}/moves/{move}"]
assert isinstance(_moves, list)
_moves.append(
    Line(
        see=holds(P.case_read),
        may=RECORDER | Who(lambda a, here: holds(P.case_dispatch)(a, here) and not HANDLING(a, here)),
        body={"text": "三层", "channel": "phone"},
        subject={"case_id": "entered", "move": "answer"},
    )
)


async def fill(
    tx: AsyncSession, vault: Any, names: dict[str, str], handler: PersonId, recorder: PersonId
) -> None:
    """The case in progress was entered by its handler, and claimed by its owner since; another nobody claimed."""
    entered = {
        "behalf_name_sealed": vault.seal("name", CALLER["name"]),
        "behalf_phone_sealed": vault.seal("phone", CALLER["phone"]),
        "behalf_phone_index": vault.index("phone", CALLER["phone"]),
        "consent": CALLER["consent"],
    }
    for name, more in (
        ("in_progress", {"recorder_id": handler}),
        ("entered", {"recorder_id": recorder, "reporter_id": None}),
    ):
        await tx.execute(update(Case).where(col(Case.id) == UUID(names[name])).values(**entered, **more))
