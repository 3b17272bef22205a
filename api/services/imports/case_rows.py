"""What an old case is in our tables: the case, its answer, its history, its clocks, and from where it is seen.

Its history happened elsewhere: the events are written for the timeline, and taken off the queue at once, so that
nobody is told today of an answer given years ago.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from api.kit import clock
from api.kit.events import ActorKind, Delivery, Event
from api.kit.ids import new_id
from api.models import Case, CaseMessage, CaseReach, CaseWords, Deadline
from api.models.cases import Audience, MessageKind
from api.rules.calendar import WorkingCalendar
from api.rules.cases import CASES, RESIDENT_CLOCKS, CaseClock, CaseKind, CaseState, Channel, Visibility
from api.rules.grams import grams
from api.rules.limits import LIMITS, CaseClass
from api.services import deadlines
from api.services.imports.bulk import copy_rows
from api.services.imports.case_records import OldCase

ANSWERED_BY = "历史答复"
"""Who answered and in which office is not known of an old record."""
_MOMENT = timedelta(microseconds=1)
_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Community:
    """Whose cases they are, and the places from which its cases are seen: itself and all above."""

    id: UUID
    code: str
    path: str
    reach: list[UUID]


def number_of(community: Community, number: str) -> str:
    """The receipt number of an old case, unique in the country: IMP-<community>-<its old number>."""
    return f"IMP-{community.code}-{number}"


async def write_cases(
    tx: AsyncSession,
    community: Community,
    records: Sequence[OldCase],
    calendar: WorkingCalendar,
    run_id: UUID,
) -> None:
    """Insert the records. The caller has made sure that their numbers are new."""
    for start in range(0, len(records), _ROWS):
        some = records[start : start + _ROWS]
        rows = await asyncio.to_thread(_Rows, community, some, calendar, run_id)
        for table, values in rows.by_table():
            await copy_rows(tx, table, values)
        await tx.execute(_HUSH, {"events": [event["id"] for event in rows.events]})


class _Rows:
    """The columns of a batch of cases, table by table."""

    def __init__(
        self, community: Community, records: Sequence[OldCase], calendar: WorkingCalendar, run_id: UUID
    ) -> None:
        self.cases: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.clocks: list[dict[str, Any]] = []
        self.seen: list[dict[str, Any]] = []
        self.words: list[dict[str, Any]] = []
        for record in records:
            self._add(community, record, calendar, run_id)

    def by_table(self) -> Iterator[tuple[type[SQLModel], list[dict[str, Any]]]]:
        """In the order their references need."""
        yield Case, self.cases
        yield CaseMessage, self.messages
        yield CaseReach, self.seen
        yield CaseWords, self.words
        yield Deadline, self.clocks
        yield Event, self.events

    def _add(self, community: Community, record: OldCase, calendar: WorkingCalendar, run_id: UUID) -> None:
        case_id, answered = new_id(record.submitted_at), record.answered_at
        closed = answered is not None
        number = number_of(community, record.number)
        self.words.append({"case_id": case_id, "words": grams(number, record.subject, record.text)})
        self.cases.append(
            {
                "id": case_id,
                "number": number,
                "kind": CaseKind.secretary,
                "category": record.category,
                "title": record.subject,
                "text": record.text,
                "visibility": Visibility.private,
                "channel": Channel.imported,
                "state": CaseState.closed if closed else CaseState.submitted,
                "cycle": 1,
                "level": 0,
                "place_id": community.id,
                "path": community.path,
                "community_id": community.id,
                "reporter_alias": record.user,
                "first_contact_at": answered,
                "handled_at": answered,
                "closed_at": answered,
                "created_at": record.submitted_at,
                "updated_at": answered or record.submitted_at,
            }
        )
        self.seen += [
            {"place_id": place, "audience": Audience.staff, "case_id": case_id} for place in community.reach
        ]
        self.clocks += _clocks(record, case_id, calendar)
        told = {"import": str(run_id), "line": record.line}
        self.events.append(
            _event(case_id, record.submitted_at, "submit", None, CaseState.submitted, "居民", "已提交", told)
        )
        if answered is not None:
            # An answer in the same minute still comes after the question.
            at = max(answered, record.submitted_at + _MOMENT)
            self.messages.append(
                {
                    "id": new_id(at),
                    "case_id": case_id,
                    "kind": MessageKind.reply,
                    "author_title": ANSWERED_BY,
                    "text": record.answer,
                    "created_at": answered,
                }
            )
            finished = _event(
                case_id,
                answered,
                "finish",
                CaseState.submitted,
                CaseState.closed,
                ANSWERED_BY,
                "已答复结案",
                told,
            )
            self.events.append(finished | {"id": new_id(at)})


def _event(
    case_id: UUID,
    at: datetime,
    move: str,
    before: CaseState | None,
    after: CaseState,
    title: str,
    text: str,
    data: dict[str, Any],
) -> dict[str, Any]:
    return {
        "id": new_id(at),
        "subject_kind": CASES.subject,
        "subject_id": case_id,
        "move": move,
        "from_state": before.value if before else None,
        "to_state": after.value,
        "actor_kind": ActorKind.system,
        "actor_title": title,
        "text": text,
        "data": data,
        "at": at,
    }


def _clocks(record: OldCase, case_id: UUID, calendar: WorkingCalendar) -> Iterator[dict[str, Any]]:
    """The resident's clocks from the true submission, met by the true answer.

    Without an answer they are live, but one that broke before it came here has fired: it is late, and no news.
    """
    limits = LIMITS[CaseClass(record.category.value)]
    for kind in RESIDENT_CLOCKS:
        limit = limits.contact if kind is CaseClock.contact else limits.finish
        if limit is None:
            continue
        row = deadlines.row_of(CASES.subject, case_id, kind.value, limit, calendar, record.submitted_at, 1)
        due = datetime.fromisoformat(row["due_at"])
        broken = record.answered_at is None and due < clock.now()
        yield row | {"due_at": due, "met_at": record.answered_at, "fired_at": due if broken else None}


_HUSH = delete(Delivery).where(col(Delivery.event_id) == func.any(bindparam("events", type_=ARRAY(Uuid))))
