"""Handling a case: each move as one use-case that finds, decides, changes and tells.

`actor` None is the system acting by the clock, through the same table of moves.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import Problem
from api.models import Case, CaseMessage, CaseRating, CaseReach, Place, Unit
from api.models.cases import Audience, CaseId, MessageKind
from api.models.people import PersonId
from api.rules.cases import (
    DISPUTED_BELOW,
    OUTCOME_TITLES,
    RESIDENT_CLOCKS,
    CaseClock,
    CaseState,
    NoUnit,
    Outcome,
    Visibility,
)
from api.rules.clocks import Limit
from api.rules.content import ContentState
from api.rules.limits import LIMITS, STEPS, CaseClass, CaseLimits, Step
from api.rules.places import PREFIX_LENGTHS
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.cases.finding import CaseSubject, find

RULE = "secretary-desk/1"
"""Routing rule and version: home or place → community → the desk of its secretary."""


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


def _limits(case: CaseSubject) -> CaseLimits:
    return LIMITS[CaseClass(case.row["category"])]


async def _start(tx: AsyncSession, case: CaseSubject, kind: CaseClock, limit: Limit) -> None:
    calendar = await calendars.current(tx)
    deadlines.start(tx, "case", case.id, kind.value, limit, calendar, cycle=case.row["cycle"])


async def _restart(tx: AsyncSession, case: CaseSubject, kind: CaseClock, limit: Limit) -> None:
    """A step taken more than once in a cycle (asking twice, checking again) has one row: its latest run."""
    await deadlines.replace(
        tx, "case", case.id, kind.value, limit, await calendars.current(tx), case.row["cycle"]
    )


def _say(tx: AsyncSession, case: CaseSubject, kind: MessageKind, text: str) -> None:
    tx.add(
        CaseMessage(
            case_id=CaseId(case.id),
            kind=kind,
            author_id=PersonId(case.actor_id) if case.actor_id else None,
            author_title=case.actor_title,
            text=text,
        )
    )


async def dispatch(
    tx: AsyncSession, actor: Viewer | None, case_id: UUID, unit_id: UUID | None = None
) -> None:
    """派单: to the desk the rule names, or to the unit a dispatcher chose. Starts the unit's clock."""
    case = await find(tx, actor, case_id)
    case.require("dispatch")
    chosen = unit_id or case.row["route_unit_id"]
    unit = (await tx.execute(select(Unit).where(col(Unit.id) == chosen))).scalar_one_or_none()
    if unit is None or not unit.active or unit.place_id not in await _places_around(tx, case_id):
        raise NoUnit(moves=case.moves())
    await case.move(
        tx,
        "dispatch",
        text=f"已派至{unit.name}",
        data={"unit_id": str(unit.id), "rule": "manual" if unit_id else RULE},
        unit_id=unit.id,
        routing_rule="manual" if unit_id else RULE,
        dispatched_at=clock.now(),
    )
    await deadlines.meet(tx, case_id, [CaseClock.screening])
    limit = _limits(case).sign
    if limit is not None:
        await _start(tx, case, CaseClock.sign, limit)


async def _places_around(tx: AsyncSession, case_id: UUID) -> set[UUID]:
    """The places whose units may own the case: its own and those above."""
    found = await tx.execute(
        select(col(CaseReach.place_id)).where(
            col(CaseReach.case_id) == case_id, col(CaseReach.audience) == Audience.staff.value
        )
    )
    return set(found.scalars())


async def sign(tx: AsyncSession, actor: Viewer, case_id: UUID) -> None:
    """签收: the signer becomes the handler. It is not yet a word to the resident."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "sign", text="已签收", handler_id=actor.person_id)
    await deadlines.meet(tx, case_id, [CaseClock.sign])


async def ask(tx: AsyncSession, actor: Viewer, case_id: UUID, question: str) -> None:
    """请反映人补充: the resident's clocks stand still until the answer, at most three working days."""
    case = await find(tx, actor, case_id)
    now = clock.now()
    await case.move(
        tx,
        "ask",
        text="请反映人补充情况",
        asks=case.row["asks"] + 1,
        first_contact_at=case.row["first_contact_at"] or now,
    )
    _say(tx, case, MessageKind.question, question)
    await deadlines.meet(tx, case_id, [CaseClock.contact])
    await deadlines.pause(tx, case_id, RESIDENT_CLOCKS)
    await _restart(tx, case, CaseClock.asking, STEPS[Step.asking])


async def answer(tx: AsyncSession, actor: Viewer, case_id: UUID, text: str) -> None:
    """补充说明: the clocks go on from here."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "answer", text="反映人已补充")
    _say(tx, case, MessageKind.answer, text)
    await deadlines.meet(tx, case_id, [CaseClock.asking])
    await deadlines.resume(tx, case_id, RESIDENT_CLOCKS)


async def expire(tx: AsyncSession, case_id: UUID) -> None:
    """The system goes on: no answer came, or no rating. Silence is unrated, never satisfied."""
    case = await find(tx, None, case_id)
    waiting = case.state is CaseState.waiting_resident
    closing: dict[str, Any] = {} if waiting else {"closed_at": clock.now()}
    await case.move(
        tx, "expire", text="反映人逾期未补充，继续办理" if waiting else "逾期未评价，结案", **closing
    )
    if waiting:
        await deadlines.resume(tx, case_id, RESIDENT_CLOCKS)


async def finish(
    tx: AsyncSession, actor: Viewer, case_id: UUID, *, outcome: Outcome, reply: str, publish: bool = False
) -> None:
    """办结: with a public reply; `publish` lets neighbours see what the reporter agreed to show."""
    case = await find(tx, actor, case_id)
    now = clock.now()
    checked = case.row["content"] == ContentState.passed and case.row["passed_at"] is None
    shown = publish and checked and case.row["visibility"] != Visibility.private
    columns: dict[str, Any] = {"passed_at": now} if shown else {}
    await case.move(
        tx,
        "finish",
        text=f"已处置：{OUTCOME_TITLES[outcome]}",
        outcome=outcome,
        handled_at=now,
        **columns,
    )
    _say(tx, case, MessageKind.reply, reply)
    await deadlines.meet(tx, case_id, [CaseClock.finish])
    await _restart(tx, case, CaseClock.checking, STEPS[Step.checking])
    if shown:
        await _open_to_residents(tx, case)


async def _open_to_residents(tx: AsyncSession, case: CaseSubject) -> None:
    """From its community and the places inside it where it happened; a public one also from the town above."""
    path: str = (await tx.execute(select(col(Case.path)).where(col(Case.id) == case.id))).scalar_one()
    paths = {path[: PREFIX_LENGTHS[-1]], path}
    if case.row["visibility"] == Visibility.public:
        paths.add(path[: PREFIX_LENGTHS[-2]])
    places = await tx.execute(select(col(Place.id)).where(col(Place.path).in_(paths)))
    tx.add_all(
        CaseReach(place_id=place_id, audience=Audience.residents, case_id=CaseId(case.id))
        for place_id in places.scalars()
    )


async def pass_check(tx: AsyncSession, actor: Viewer | None, case_id: UUID, note: str | None = None) -> None:
    """核查通过, by somebody else than the handler; asks the reporter for a rating."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "pass_check", text="核查通过，请反映人评价" if actor else "已自动核查，请反映人评价")
    if note:
        _say(tx, case, MessageKind.note, note)
    await deadlines.meet(tx, case_id, [CaseClock.checking])
    await _restart(tx, case, CaseClock.rating, STEPS[Step.rating])


async def fail_check(tx: AsyncSession, actor: Viewer, case_id: UUID, reason: str) -> None:
    """核查退回: back to the handler; the time it was held counts again."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "fail_check", text="核查未通过，继续办理", handled_at=None, outcome=None)
    _say(tx, case, MessageKind.note, reason)
    await deadlines.cancel(tx, case_id, [CaseClock.checking])
    await deadlines.reopen(tx, case_id, [CaseClock.finish], case.row["cycle"])


async def rate(tx: AsyncSession, actor: Viewer, case_id: UUID, stars: Stars) -> None:
    """评价，三星及以上: the case is closed."""
    if stars.overall < DISPUTED_BELOW:
        raise StarsMismatch
    case = await find(tx, actor, case_id)
    await case.move(tx, "rate", text=f"反映人评价 {stars.overall} 星", closed_at=clock.now())
    _mark(tx, case, actor, stars)
    await deadlines.meet(tx, case_id, [CaseClock.rating])


async def dispute(tx: AsyncSession, actor: Viewer, case_id: UUID, stars: Stars) -> None:
    """不认可: a new cycle with clocks of its own; the marks stay."""
    if stars.overall >= DISPUTED_BELOW:
        raise StarsMismatch
    case = await find(tx, actor, case_id)
    cycle = case.row["cycle"] + 1
    await case.move(
        tx,
        "dispute",
        text="反映人不认可，重新办理",
        data={"cycle": cycle},
        cycle=cycle,
        handled_at=None,
        outcome=None,
    )
    _mark(tx, case, actor, stars)
    await deadlines.meet(tx, case_id, [CaseClock.rating])
    limit = _limits(case).finish
    if limit is not None:
        calendar = await calendars.current(tx)
        deadlines.start(tx, "case", case_id, CaseClock.finish, limit, calendar, cycle=cycle)


def _mark(tx: AsyncSession, case: CaseSubject, actor: Viewer, stars: Stars) -> None:
    tx.add(
        CaseRating(
            case_id=CaseId(case.id),
            cycle=case.row["cycle"],
            reporter_id=actor.person_id,
            overall=stars.overall,
            result=stars.result,
            attitude=stars.attitude,
            speed=stars.speed,
            text=stars.text,
        )
    )


async def withdraw(tx: AsyncSession, actor: Viewer, case_id: UUID, reason: str | None = None) -> None:
    """撤回 by the reporter; all clocks end."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "withdraw", text="反映人撤回", data={"reason": reason} if reason else None)
    await deadlines.cancel(tx, case_id)


def note_event(
    tx: AsyncSession, case_id: UUID, move: str, text: str, data: dict[str, Any] | None = None
) -> None:
    """Something the system notes on a case that changes no state."""
    record(
        tx,
        subject_kind="case",
        subject_id=case_id,
        move=move,
        actor_id=None,
        actor_title="系统",
        text=text,
        data=data,
    )
