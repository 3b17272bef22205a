"""Handling a case: each move as one use-case that finds, decides, changes and tells.

`actor` None is the system acting by the clock, through the same table of moves.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import Malformed, NotAllowed
from api.models import CaseMessage, CaseReach, Unit
from api.models.cases import Audience, CaseId, MessageKind
from api.models.people import PersonId
from api.rules.case_guards import NoUnit
from api.rules.cases import (
    PAUSED_CLOCKS,
    RESIDENT_CLOCKS,
    CaseClock,
    CaseState,
    Channel,
    Standing,
)
from api.rules.clocks import Limit
from api.rules.content import ContentState
from api.rules.limits import STEPS, CaseClass, CaseLimits
from api.rules.property import Rule
from api.services import calendars, deadlines
from api.services.access import Viewer
from api.services.cases import talking
from api.services.cases.finding import CaseSubject, find
from api.services.cases.routing import Route, route, service_hours, unit_of
from api.services.places import settings

_REACHED = {Channel.recorded: "已当面核实", Channel.phone: "已电话核实"}
_CHANNEL = {"loc": ["body", "channel"], "msg": "代为补充须填，本人补充不填", "type": "value_error"}


async def limits_of(tx: AsyncSession, case: CaseSubject) -> CaseLimits:
    """What was promised when the case was opened, whatever its place promises now."""
    return await settings.limits(tx, CaseClass(case.row["category"]), case.row["setting_id"])


async def start_clock(tx: AsyncSession, case: CaseSubject, kind: CaseClock, limit: Limit) -> None:
    calendar = await calendars.current(tx)
    deadlines.start(
        tx,
        "case",
        case.id,
        kind.value,
        limit,
        calendar,
        cycle=case.row["cycle"],
        rungs=kind in RESIDENT_CLOCKS,
    )


async def restart_clock(
    tx: AsyncSession, case: CaseSubject, kind: CaseClock, limit: Limit, hours: str | None = None
) -> None:
    """A step taken more than once in a cycle (asking twice, checking again) has one row: its latest run.

    `hours` are the service hours of the unit that is to keep it.
    """
    calendar = calendars.serving(await calendars.current(tx), hours)
    await deadlines.replace(tx, "case", case.id, kind.value, limit, calendar, case.row["cycle"])


def say(tx: AsyncSession, case: CaseSubject, kind: MessageKind, text: str) -> None:
    """A word of staff, which needs no check."""
    tx.add(
        CaseMessage(
            case_id=CaseId(case.id),
            kind=kind,
            author_id=PersonId(case.actor_id) if case.actor_id else None,
            author_title=case.actor_title,
            text=text,
            content=ContentState.passed,
        )
    )


async def dispatch(
    tx: AsyncSession, actor: Viewer | None, case_id: UUID, unit_id: UUID | None = None
) -> None:
    """派单: to the unit the rule names, or the one a dispatcher chose. Starts the unit's clock in its own hours."""
    case = await find(tx, actor, case_id)
    case.require("dispatch")
    if unit_id is not None and Standing.dispatcher not in case.standings:
        raise NotAllowed("上报按规则派单，不能指定单位", moves=case.moves())
    way = Route(await unit_of(tx, unit_id), Rule.manual) if unit_id else await route(tx, case.row)
    unit = await unit_for(tx, case, way.unit.id if way.unit is not None else None)
    await case.move(
        tx,
        "dispatch",
        text=f"已派至{unit.name}" + (f"（{way.reason}）" if way.reason else ""),
        data={"unit_id": str(unit.id), "rule": way.rule, "reason": way.reason},
        unit_id=unit.id,
        self_handled=False,
        routing_rule=way.rule.value,
        dispatched_at=clock.now(),
    )
    await deadlines.meet(tx, case_id, [CaseClock.screening])
    await arrived(tx, case, unit)


async def arrived(tx: AsyncSession, case: CaseSubject, unit: Unit) -> None:
    """At a unit: its own clock and the one for signing begin, anew for each unit that gets the case."""
    limits, hours = await limits_of(tx, case), await service_hours(tx, unit)
    for kind, limit in ((CaseClock.sign, limits.sign), (CaseClock.unit, limits.finish)):
        if limit is not None:
            await restart_clock(tx, case, kind, limit, hours)


async def unit_for(tx: AsyncSession, case: CaseSubject, unit_id: UUID | None) -> Unit:
    """The unit, if it may own the case. Raises NoUnit."""
    unit = (await tx.execute(select(Unit).where(col(Unit.id) == unit_id))).scalar_one_or_none()
    if unit is None or not unit.active or unit.place_id not in await places_around(tx, case.id):
        raise NoUnit(moves=case.moves())
    return unit


async def places_around(tx: AsyncSession, case_id: UUID) -> set[UUID]:
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
    await case.move(tx, "ask", text="请反映人补充情况", asks=case.row["asks"] + 1)
    say(tx, case, MessageKind.question, question)
    if case.row["reporter_id"] is not None:
        await talking.contacted(tx, case_id)
    await deadlines.pause(tx, case_id, PAUSED_CLOCKS)
    await restart_clock(tx, case, CaseClock.asking, STEPS[CaseClock.asking])


async def answer(
    tx: AsyncSession,
    actor: Viewer,
    case_id: UUID,
    text: str,
    upload_ids: Sequence[UUID] = (),
    channel: Channel | None = None,
) -> None:
    """补充说明: the clocks go on from here. Who answers for somebody else says by which `channel` he reached him.

    Raises NotFound, NotAllowed, WrongMoment, Malformed.
    """
    case = await find(tx, actor, case_id)
    case.require("answer")
    if (channel is None) != (Standing.reporter in case.standings):
        raise Malformed("代为补充须填 channel，本人补充不填", errors=[_CHANNEL])
    if channel is None:
        await case.move(tx, "answer", text="反映人已补充")
    else:
        await case.move(tx, "answer", text=f"{_REACHED[channel]}，代为补充", data={"channel": channel.value})
        await talking.contacted(tx, case_id)
    await talking.put_in(tx, case, MessageKind.answer, text, upload_ids)
    await deadlines.meet(tx, case_id, [CaseClock.asking])
    await deadlines.resume(tx, case_id, PAUSED_CLOCKS)


async def expire(tx: AsyncSession, case_id: UUID) -> None:
    """The system goes on: no answer came, or no rating. Silence is unrated, never satisfied."""
    case = await find(tx, None, case_id)
    waiting = case.state is CaseState.waiting_resident
    closing: dict[str, Any] = {} if waiting else {"closed_at": clock.now()}
    await case.move(
        tx, "expire", text="反映人逾期未补充，继续办理" if waiting else "逾期未评价，结案", **closing
    )
    if waiting:
        await deadlines.resume(tx, case_id, PAUSED_CLOCKS)


async def withdraw(tx: AsyncSession, actor: Viewer, case_id: UUID, reason: str | None = None) -> None:
    """撤回 by the reporter; all clocks end."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "withdraw", text="反映人撤回")
    if reason:  # a resident's words: beside the case, since events cannot forget
        await talking.put_in(tx, case, MessageKind.answer, reason)
    await deadlines.cancel(tx, case_id)


def note(
    tx: AsyncSession,
    case: CaseSubject,
    move: str,
    text: str | None,
    data: dict[str, Any],
    *,
    told: str | None = None,
    words: dict[str, Any] | None = None,
) -> None:
    """Something the actor did to a case that changes no state of it."""
    record(
        tx,
        subject_kind="case",
        subject_id=case.id,
        move=move,
        actor_id=case.actor_id,
        actor_title=case.actor_title,
        text=text,
        data=data,
        told=told,
        words=words,
    )


def note_event(
    tx: AsyncSession,
    case_id: UUID,
    move: str,
    text: str | None,
    data: dict[str, Any] | None = None,
    *,
    told: str | None = None,
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
        told=told,
    )
