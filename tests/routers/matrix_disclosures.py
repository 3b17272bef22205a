"""The lines of disclosures, and one in each state for the matrix to ask about: what is shown is everybody's."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Disclosure, Place
from api.models.people import PersonId
from api.rules.disclosures import DisclosureKind, DisclosurePace, DisclosureState
from api.rules.roles import Permission
from api.services import calendars, deadlines
from api.services.disclosures.planning import AT_ONCE, SUBJECT, DisclosureClock
from tests.routers.matrix import NOBODY, TABLE, Line, Who, holds
from tests.routers.matrix_topics import LIVES
from tests.town import Community

READ, WRITE = holds(Permission.disclosure_read), holds(Permission.disclosure_write)
REVIEW = holds(Permission.disclosure_review)
_WORDS = {"text": "收入 12,000 元。"}


def _move(name: str, state: str, may: Who, **body: str) -> Line:
    subject = {"disclosure_id": f"disclosure_{state}", "move": name}
    return Line(see=READ, may=may, body=body, subject=subject)


_SHOWN = {"disclosure_id": "disclosure_published"}
_OWED = {"disclosure_id": "disclosure_planned"}

TABLE |= {
    "POST /disclosures": Line(
        may=WRITE, ok=201, body={"place_id": "{place}", "kind": "finance", "title": "救灾款发放"}
    ),
    "GET /disclosures": [
        Line(see=READ, listed="disclosure_planned"),
        Line(query="?place={place}", listed="disclosure_published"),
    ],
    "GET /disclosures/{disclosure_id}": [Line(see=READ, subject=_OWED), Line(subject=_SHOWN)],
    "GET /disclosures/{disclosure_id}/events": [Line(see=READ, subject=_OWED), Line(subject=_SHOWN)],
    "GET /disclosures/{disclosure_id}/questions": [Line(see=READ, subject=_OWED), Line(subject=_SHOWN)],
    "POST /disclosures/{disclosure_id}/questions": Line(
        may=LIVES, ok=201, body={"text": "用在哪里？"}, subject=_SHOWN
    ),
    "POST /disclosures/{disclosure_id}/moves/{move}": [
        _move("draft", "planned", WRITE, **_WORDS),
        _move("review", "drafted", REVIEW, opinion="相符"),
        _move("return", "drafted", REVIEW, reason="不清"),
        _move("publish", "reviewed", WRITE),
        Line(may=WRITE, body={}, subject={**_SHOWN, "move": "archive"}),
        Line(may=NOBODY, body={}, subject={**_SHOWN, "move": "question"}),
    ],
}


async def fill(tx: AsyncSession, at: Community, names: dict[str, str]) -> None:
    """A disclosure here in each state, drafted by the worker and reviewed by another."""
    path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one()
    calendar = await calendars.current(tx)
    for state in DisclosureState:
        made = Disclosure(
            place_id=at.place,
            path=path,
            kind=DisclosureKind.affairs,
            pace=DisclosurePace.at_once,
            title="招标结果",
            body=_WORDS["text"],
            state=state,
            drafted_by=PersonId(at.worker.id),
            reviewed_by=PersonId(at.second_worker.id),
        )
        tx.add(made)
        deadlines.start(tx, SUBJECT, made.id, DisclosureClock.due, AT_ONCE, calendar)
        names[f"disclosure_{state.value}"] = str(made.id)
