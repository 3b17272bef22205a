"""The counts of a period told from the history alone: what a case was handed in as, its events, and the calendar.

No table of clocks, ratings or exclusions is read, and no state: whoever has the events can check what is published.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.kit.db import Database
from api.rules.calendar_seed import SEED_2024_2026
from api.rules.clocks import Limit, working_days
from api.rules.deadlines import Pause, compute
from api.rules.limits import LIMITS, CaseClass

GONE = frozenset({"merged", "withdrawn", "rejected", "referred"})
DONE = frozenset({"handled", "awaiting_rating", "closed"})


@dataclass
class Told:
    """A case as its events tell it."""

    category: str
    start: datetime | None = None
    state: str = ""
    cycle: int = 1
    pauses: list[Pause] = field(default_factory=list)
    extensions: list[Limit] = field(default_factory=list)
    contact: datetime | None = None
    finished: datetime | None = None
    outcome: str | None = None
    stars: dict[UUID, int] = field(default_factory=dict)
    excluded: bool = False

    def hear(self, move: str, to: str | None, at: datetime, actor: UUID | None, data: dict[str, Any]) -> None:
        """Take one event in."""
        left, self.state = self.state, to or self.state
        match move:
            case "submit":
                self.start = at
            case "ask" | "suspend" if self.cycle == 1:
                self.pauses.append((at, None))
            case "answer" | "resume" | "expire" if (
                left in ("waiting_resident", "suspended") and self.cycle == 1
            ):
                self.pauses[-1] = (self.pauses[-1][0], at)
            case "extend" if self.cycle == 1:
                self.extensions.append(working_days(data["days"]))
            case "finish":
                self.outcome = data["outcome"]
                self.finished = at if self.cycle == 1 else self.finished
            case "fail_check":
                self.outcome = None
                self.finished = None if self.cycle == 1 else self.finished
            case "exclude_confirm":
                self.excluded = True
        if move in ("dispute", "reopen"):
            self.cycle, self.outcome = self.cycle + 1, None
        if move in ("rate", "dispute", "rate_joined"):
            assert actor is not None
            self.stars[actor] = data["overall"]
        if self.contact is None and (move == "ask" or (move in ("reply", "contact") and data["by_staff"])):
            self.contact = at

    def due(self, limit: Limit, extensions: Iterable[Limit] = ()) -> datetime | None:
        assert self.start is not None
        return compute(self.start, limit, SEED_2024_2026, self.pauses, extensions=list(extensions)).due_at


async def counts(db: Database, since: datetime, until: datetime, now: datetime) -> Counter[str]:
    """The counts of all cases due in the period, by the names of `api.rules.statistics.Counts`."""
    async with db.reading() as tx:
        handed_in = {
            row.id: Told(row.category) for row in await tx.execute(text("select id, category from cases"))
        }
        events = await tx.execute(
            text(
                "select subject_id, move, to_state, at, actor_id, data from events where subject_kind = 'case' order by id"
            )
        )
        for row in events:
            handed_in[row.subject_id].hear(row.move, row.to_state, row.at, row.actor_id, row.data)
    found: Counter[str] = Counter()
    for told in handed_in.values():
        limits = LIMITS[CaseClass(told.category)]
        assert limits.finish is not None
        due = told.due(limits.finish, told.extensions)
        if due is not None and since <= due < until and due <= now:
            _count(found, told, due, told.due(limits.contact) if limits.contact else None)
    return found


def _count(found: Counter[str], told: Told, due: datetime, contact_due: datetime | None) -> None:
    if told.excluded:
        found["excluded"] += 1
        return
    if told.state in GONE:
        found[told.state] += 1
        return
    found["cohort"] += 1
    if contact_due is not None:
        found["contact_due"] += 1
        found["contacted_in_time"] += told.contact is not None and told.contact <= contact_due
    if told.state in DONE and told.outcome is not None:
        found[told.outcome] += 1
        found["answered"] += 1
    found["finished_in_time"] += told.finished is not None and told.finished <= due
    found["rated"] += len(told.stars)
    found["satisfied"] += sum(stars >= 3 for stars in told.stars.values())
    found["pleased"] += sum(stars >= 4 for stars in told.stars.values())
