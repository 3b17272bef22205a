"""Checking and rating a case, and what low marks set going: confirmation, call-back, another cycle."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.ids import new_id
from api.kit.problems import Problem
from api.models import CaseRating
from api.models.cases import MessageKind
from api.rules.case_guards import DISPUTED_BELOW
from api.rules.cases import RESIDENT_CLOCKS, CaseClock, Standing
from api.rules.content import ContentState
from api.rules.limits import STEPS
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.cases import ladder, talking
from api.services.cases.finding import CaseSubject, find
from api.services.cases.finishing import FINISHED_WITH
from api.services.cases.handling import limits_of, restart_clock, say


class StarsMismatch(Problem):
    status, code, title = 422, "stars_mismatch", "评价与所选操作不符"
    advice = "三星及以上用 rate，一、二星用 dispute；或直接提交评价，由系统选择。"


@dataclass(frozen=True, slots=True)
class Stars:
    """评价: overall, and what else the person cared to say."""

    overall: int
    result: int | None = None
    attitude: int | None = None
    speed: int | None = None
    text: str | None = None

    @property
    def is_low(self) -> bool:
        """低分: in any of what was rated."""
        rated = (self.overall, self.result, self.attitude, self.speed)
        return any(stars is not None and stars < DISPUTED_BELOW for stars in rated)

    @property
    def content(self) -> ContentState:
        """Of the words: where there are none, nothing waits."""
        return ContentState.pending if self.text else ContentState.passed


_SAID = ("overall", "result", "attitude", "speed", "text", "content")


async def pass_check(tx: AsyncSession, actor: Viewer | None, case_id: UUID, note: str | None = None) -> None:
    """核查通过, by somebody else than the handler; asks the reporter for a rating."""
    case = await find(tx, actor, case_id)
    text = "核查通过" if actor else "已自动核查"
    ends: dict[str, Any] = {"closed_at": clock.now()} if case.facts.found else {}
    if not case.facts.found:
        text += "，请反映人评价"
    await case.move(tx, "pass_check", text=text, confirm_owed=False, **ends)
    if note:
        say(tx, case, MessageKind.note, note)
    await deadlines.meet(tx, case_id, [CaseClock.checking, CaseClock.confirming])
    if not case.facts.found:
        await restart_clock(tx, case, CaseClock.rating, STEPS[CaseClock.rating])


async def fail_check(tx: AsyncSession, actor: Viewer, case_id: UUID, reason: str) -> None:
    """核查退回: back to the handler; the time it was held counts again."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "fail_check", text="核查未通过，继续办理", handled_at=None, outcome=None)
    say(tx, case, MessageKind.note, reason)
    await deadlines.cancel(tx, case_id, [CaseClock.checking])
    await deadlines.reopen(tx, case_id, FINISHED_WITH, case.row["cycle"])


async def rate(tx: AsyncSession, actor: Viewer, case_id: UUID, stars: Stars) -> None:
    """评价，三星及以上: the case is closed."""
    if stars.overall < DISPUTED_BELOW:
        raise StarsMismatch
    case = await find(tx, actor, case_id)
    low = stars.is_low
    await case.move(
        tx,
        "rate",
        text=f"反映人评价 {stars.overall} 星",
        data={"cycle": case.row["cycle"], "overall": stars.overall},
        closed_at=clock.now(),
        callback_owed=low or case.row["callback_owed"],
    )
    await _mark(tx, case, actor, stars)
    await deadlines.meet(tx, case_id, [CaseClock.rating])
    if low:
        kind = CaseClock.calling_back
        await deadlines.start_once(tx, "case", case_id, kind, STEPS[kind], case.row["cycle"])


async def dispute(tx: AsyncSession, actor: Viewer, case_id: UUID, stars: Stars) -> None:
    """不认可: a new cycle with clocks of its own; the marks stay, the community confirms, another unit calls back."""
    if stars.overall >= DISPUTED_BELOW:
        raise StarsMismatch
    case = await find(tx, actor, case_id)
    await case.move(
        tx,
        "dispute",
        text="反映人不认可，重新办理",
        data={"cycle": case.row["cycle"] + 1, "overall": stars.overall},
        confirm_owed=True,
        callback_owed=True,
        **_next_cycle(case),
    )
    await _mark(tx, case, actor, stars)
    await deadlines.meet(tx, case_id, [CaseClock.rating])
    await _begin_cycle(tx, case, CaseClock.confirming, CaseClock.calling_back)
    await _climb_with_cycle(tx, case, 2, "反映人不认可")


async def reopen(tx: AsyncSession, actor: Viewer, case_id: UUID, reason: str) -> None:
    """重新办理, by the reporter or by the quality check: a new cycle with clocks of its own."""
    case = await find(tx, actor, case_id)
    own = Standing.reporter in case.standings
    await case.move(
        tx,
        "reopen",
        text="反映人要求重新办理" if own else "质量检查要求重新办理",
        data={"cycle": case.row["cycle"] + 1},
        closed_at=None,
        **_next_cycle(case),
    )
    await talking.put_in(tx, case, MessageKind.answer if own else MessageKind.note, reason)
    await _begin_cycle(tx, case, *([CaseClock.calling_back] if case.row["callback_owed"] else []))
    await _climb_with_cycle(tx, case, 0, "")


async def confirm(tx: AsyncSession, actor: Viewer, case_id: UUID, text: str) -> None:
    """确认重办: the community says what is done about the dispute, by somebody else than the handler."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "confirm", text="社区已确认重新办理", confirm_owed=False)
    say(tx, case, MessageKind.reply, text)
    await deadlines.meet(tx, case_id, [CaseClock.confirming])


async def call_back(tx: AsyncSession, actor: Viewer, case_id: UUID, text: str) -> None:
    """回访 after low marks, by somebody of another unit than the handler's; what was heard is noted for staff."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "call_back", text="已回访反映人", callback_owed=False)
    say(tx, case, MessageKind.note, text)
    await deadlines.meet(tx, case_id, [CaseClock.calling_back])


def _next_cycle(case: CaseSubject) -> dict[str, Any]:
    return {"cycle": case.row["cycle"] + 1, "handled_at": None, "outcome": None}


async def _begin_cycle(tx: AsyncSession, case: CaseSubject, *steps: CaseClock) -> None:
    """What is owed again: contact, finish, the unit's own time and `steps`, from this moment."""
    await deadlines.cancel(tx, case.id)
    limits, calendar = await limits_of(tx, case), await calendars.current(tx)
    for kind, limit in (
        (CaseClock.contact, limits.contact),
        (CaseClock.finish, limits.finish),
        (CaseClock.unit, limits.finish),
        *((step, STEPS[step]) for step in steps),
    ):
        if limit is not None:
            deadlines.start(
                tx,
                "case",
                case.id,
                kind,
                limit,
                calendar,
                cycle=case.row["cycle"] + 1,
                rungs=kind in RESIDENT_CLOCKS,
            )


async def _climb_with_cycle(tx: AsyncSession, case: CaseSubject, rung: int, why: str) -> None:
    """A third cycle is the town's."""
    cycle = case.row["cycle"] + 1
    if cycle >= ladder.CYCLES_OF_THE_TOWN:
        rung, why = 3, f"第 {cycle} 轮办理"
    if rung:
        await ladder.climb(tx, case.id, rung, why)


async def _mark(tx: AsyncSession, case: CaseSubject, actor: Viewer, stars: Stars) -> None:
    """One a person and cycle: who has rated already as one of those who joined it now says it as its reporter.

    Under a new id, so that the check of his former words says nothing about these.
    """
    about = {"case_id": case.id, "cycle": case.row["cycle"], "reporter_id": actor.person_id}
    said = {name: getattr(stars, name) for name in _SAID} | {"id": new_id(), "created_at": clock.now()}
    marked = insert(CaseRating).values(**about, **said)
    await tx.execute(marked.on_conflict_do_update(index_elements=list(about), set_=said))
    await talking.watch(tx, case, "case_rating", said["id"], stars.text)
