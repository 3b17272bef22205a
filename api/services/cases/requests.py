"""Requests on a case: asked by one person, decided by another; what was asked for happens with the approval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.kit.problems import NotAllowed, NotFound, WrongMoment
from api.models import Case, CaseRequest, Deadline
from api.rules.case_guards import SUSPENDED_IN_ALL
from api.rules.case_requests import (
    REQUEST_RULES,
    REQUEST_TITLES,
    REQUESTS,
    AppealedBefore,
    AskedTooLate,
    ExtendedEnough,
    RejectReason,
    RequestFacts,
    RequestKind,
    RequestMove,
    RequestPending,
    RequestStanding,
    RequestState,
    SuspendedEnough,
    SuspendReason,
)
from api.rules.cases import CaseClock, Standing
from api.rules.clocks import Limit, working_days
from api.rules.deadlines import compute
from api.rules.limits import APPEAL_ASKED, EXTENSION_TITLES, EXTENSIONS, RETURN_ASKED, ExtensionLevel
from api.services import calendars, deadlines
from api.services.access import Viewer, stand
from api.services.cases import handling, holding, ladder, redirecting, tasks
from api.services.cases.asked import PUBLIC, deciding, readable
from api.services.cases.finding import CaseSubject, find, hold
from api.services.cases.talking import watch
from api.services.moves import Subject

RequestSubject = Subject[RequestState, RequestStanding, RequestFacts]


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What is asked for; each kind looks at its own fields."""

    kind: RequestKind
    reason: str
    days: int | None = None
    reject_reason: RejectReason | None = None
    suspend_reason: SuspendReason | None = None
    unit_id: UUID | None = None
    units: Sequence[tuple[UUID, str]] = ()


async def ask(tx: AsyncSession, actor: Viewer, case_id: UUID, new: NewRequest) -> UUID:
    """Hand in a request; the case goes on meanwhile. Raises RequestPending for a second one of its kind."""
    case = await find(tx, actor, case_id)
    await stand(tx, actor)
    rule, title = REQUEST_RULES[new.kind], REQUEST_TITLES[new.kind]
    if not rule.asked_by & case.standings:
        raise NotAllowed(f"您不能申请{title}", moves=case.moves())
    if case.state not in rule.states:
        raise WrongMoment(f"当前状态不能申请{title}", state=case.state.value, moves=case.moves())
    level = await _in_time(tx, case, new)
    for unit_id in (*([new.unit_id] if new.unit_id else []), *(unit_id for unit_id, _ in new.units)):
        await handling.unit_for(tx, case, unit_id)
    await hold(tx, case)
    request_id = new_id()
    asked = await tx.execute(
        insert(CaseRequest)
        .values(
            id=request_id,
            case_id=case_id,
            cycle=case.row["cycle"],
            kind=new.kind,
            reason=new.reason,
            days=new.days,
            level=level,
            reject_reason=new.reject_reason,
            suspend_reason=new.suspend_reason,
            unit_id=new.unit_id,
            units=[[str(unit_id), text] for unit_id, text in new.units],
            asker_id=actor.person_id,
            asker_title=case.actor_title,
        )
        .on_conflict_do_nothing()
        .returning(col(CaseRequest.id))
    )
    if asked.first() is None:
        refusal = AppealedBefore if new.kind is RequestKind.appeal else RequestPending
        raise refusal(moves=case.moves())
    await watch(tx, case, "case_request", request_id, new.reason)
    calendar = await calendars.current(tx)
    deadlines.start(tx, REQUESTS.subject, request_id, CaseClock.deciding, rule.deciding, calendar)
    handling.note(
        tx,
        case,
        "request",
        f"申请{title}" if new.kind in PUBLIC else None,
        {"kind": new.kind.value, "request_id": str(request_id)},
    )
    return request_id


async def _in_time(tx: AsyncSession, case: CaseSubject, new: NewRequest) -> ExtensionLevel | None:
    """Refuse what comes too late or asks for too much; who decides on an extension."""
    now, calendar = clock.now(), await calendars.current(tx)

    def over(since: datetime, limit: Limit) -> bool:
        return compute(since, limit, calendar).is_overdue(now)

    match new.kind:
        case RequestKind.give_back:
            if over(case.row["dispatched_at"], RETURN_ASKED):
                raise AskedTooLate(f"须在到达后 {RETURN_ASKED.text}内申请退单", moves=case.moves())
        case RequestKind.appeal:
            rejected = select(func.max(col(CaseRequest.decided_at))).where(
                col(CaseRequest.case_id) == case.id, col(CaseRequest.kind) == RequestKind.reject
            )
            since = (await tx.execute(rejected)).scalar_one()
            if since is None or over(since, APPEAL_ASKED):
                raise AskedTooLate(f"须在不予受理后 {APPEAL_ASKED.text}内申诉", moves=case.moves())
        case RequestKind.suspend:
            if case.row["suspended_days"] + (new.days or 0) > SUSPENDED_IN_ALL:
                raise SuspendedEnough(f"已挂账 {case.row['suspended_days']} 天", moves=case.moves())
        case RequestKind.extend:
            await _not_yet_due(tx, case)
            return await _level(tx, case, new.days or 0)
    return None


async def _level(tx: AsyncSession, case: CaseSubject, days: int) -> ExtensionLevel:
    """The first who may still grant so many working days. Raises ExtendedEnough."""
    used = await tx.execute(
        select(col(CaseRequest.level)).where(
            col(CaseRequest.case_id) == case.id,
            col(CaseRequest.kind) == RequestKind.extend,
            col(CaseRequest.state) == RequestState.approved,
        )
    )
    granted = set(used.scalars())
    for level, rule in EXTENSIONS.items():
        if level not in granted and days <= rule.most.amount:
            return level
    raise ExtendedEnough(moves=case.moves())


async def _not_yet_due(tx: AsyncSession, case: CaseSubject) -> None:
    """The promise to the resident is not broken yet; its clock is held, so that it cannot break meanwhile."""
    for deadline in await deadlines.held(tx, case.id, [CaseClock.finish]):
        if deadline.fired_at is None and (deadline.due_at is None or clock.now() <= deadline.due_at):
            return
    raise AskedTooLate("办结期限已过，不能再延期", moves=case.moves())


async def decide(
    tx: AsyncSession, actor: Viewer, case_id: UUID, request_id: UUID, move: RequestMove, answer: str | None
) -> None:
    """Approve, and with it make what was asked for happen, or refuse. Raises OwnRequest, WrongMoment."""
    case = await find(tx, actor, case_id)
    request = await _find(tx, case, request_id, actor)
    await request.move(
        tx,
        move.value,
        data={"case_id": str(case_id), "kind": request.row.kind.value},
        decider_id=actor.person_id,
        decider_title=case.actor_title,
        decided_at=clock.now(),
        answer=answer,
    )
    await watch(tx, case, "case_answer", request_id, answer)
    await deadlines.meet(tx, request_id, [CaseClock.deciding])
    if move is RequestMove.approve:
        await _happen(tx, case, request.row)
    elif request.row.kind in PUBLIC:
        handling.note(tx, case, "refuse_request", f"{REQUEST_TITLES[request.row.kind]}申请未获批准", {})


async def _happen(tx: AsyncSession, case: CaseSubject, request: CaseRequest) -> None:
    """By the same table of moves, with the standing that the approval gives."""
    approved = replace(case, standings=frozenset({Standing.approver}))
    if case.state not in REQUEST_RULES[request.kind].states:
        raise WrongMoment("诉求已离开可以批准的状态", state=case.state.value, moves=case.moves())
    match request.kind:
        case RequestKind.give_back:
            await redirecting.give_back(tx, approved)
        case RequestKind.reject:
            assert request.reject_reason is not None
            await redirecting.reject(tx, approved, request.reject_reason)
        case RequestKind.appeal:
            await redirecting.readmit(tx, approved)
        case RequestKind.suspend:
            assert request.suspend_reason is not None
            await holding.suspend(tx, approved, request.suspend_reason, request.days or 0)
        case RequestKind.extend:
            await _extend(tx, case, request)
        case RequestKind.assist:
            await tasks.hand_out(tx, case, request)
        case RequestKind.supervise:
            await ladder.climb(tx, case.id, 3, "街道决定督办")


async def _extend(tx: AsyncSession, case: CaseSubject, request: CaseRequest) -> None:
    """延期: both clocks of the promise, by the same working days."""
    assert request.level is not None
    await hold(tx, case)
    await _not_yet_due(tx, case)
    by = working_days(request.days or 0)
    await deadlines.extend(tx, case.id, [CaseClock.finish, CaseClock.unit], by)
    handling.note(
        tx,
        case,
        "extend",
        f"{EXTENSION_TITLES[request.level]}延期 {by.text}",
        {"request_id": str(request.id), "days": request.days},
    )


async def lapse(tx: AsyncSession, case: Case) -> None:
    """What was asked for in a state that the case has left will not happen."""
    found = await tx.execute(
        select(CaseRequest).where(
            col(CaseRequest.case_id) == case.id, col(CaseRequest.state) == RequestState.pending
        )
    )
    for row in found.scalars():
        if case.state not in REQUEST_RULES[row.kind].states or row.cycle != case.cycle:
            request = _subject(row, frozenset({RequestStanding.system}), None, "系统")
            await request.move(tx, RequestMove.lapse, data={"case_id": str(case.id), "kind": row.kind.value})
            await deadlines.cancel(tx, row.id)


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Nobody decided in time: the community's leads hear of it, then the ladder goes on. What is about to lapse,
    since the case has left the states in which it can happen, is nobody's to decide."""
    row = (
        await tx.execute(select(CaseRequest).where(col(CaseRequest.id) == deadline.subject_id))
    ).scalar_one()
    held = await tx.execute(
        select(col(Case.state)).where(col(Case.id) == row.case_id).with_for_update(key_share=True)
    )
    if held.scalar_one() not in REQUEST_RULES[row.kind].states:
        return
    told = f"{REQUEST_TITLES[row.kind]}申请审批超时"
    handling.note_event(tx, row.case_id, "overdue", told, data={"clock": deadline.kind})
    await ladder.climb(tx, row.case_id, 2, told)


async def _find(tx: AsyncSession, case: CaseSubject, request_id: UUID, actor: Viewer) -> RequestSubject:
    row = (
        await tx.execute(
            select(CaseRequest).where(col(CaseRequest.id) == request_id, col(CaseRequest.case_id) == case.id)
        )
    ).scalar_one_or_none()
    if row is None or not readable(row.kind, case.standings, bool(case.row["roles"])):
        raise NotFound("没有这个申请")
    return _subject(row, deciding(row.kind, row.level, case.standings), actor.person_id, case.actor_title)


def _subject(
    row: CaseRequest, standings: frozenset[RequestStanding], actor_id: UUID | None, title: str
) -> RequestSubject:
    facts = RequestFacts(viewer_asked=actor_id is not None and row.asker_id == actor_id)

    async def look_again() -> list[str]:
        return []

    return RequestSubject(
        REQUESTS,
        CaseRequest,
        row.id,
        row.state,
        row.version,
        standings,
        facts,
        actor_id,
        title,
        look_again,
        row,
    )
