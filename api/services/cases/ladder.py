"""升级: the ladder L0 to L4. It adds people and never resets time, and the resident sees every rung.

L0 the handler is reminded · L1 the unit's lead and the community's deputy · L2 the community: an owner and a new
plan · L3 the town: 督办 with its own clock · L4 the district or 12345.
"""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotAllowed, Problem, WrongMoment
from api.models import Case, CaseRequest, CaseUrge
from api.models.cases import MessageKind
from api.models.people import PersonId
from api.rules.case_requests import RequestKind, RequestState
from api.rules.cases import OVER, CaseClock, CaseState, Standing
from api.rules.content import ContentState
from api.rules.limits import STEPS
from api.services import deadlines
from api.services.access import Viewer, stand
from api.services.cases import handling, talking
from api.services.cases.finding import find, hold
from api.services.notices import holders_over

RUNGS = ("承办人", "承办单位负责人", "社区", "街道督办", "区级")
RETURNS_OF_THE_COMMUNITY, TRANSFERS_OF_THE_TOWN, CYCLES_OF_THE_TOWN = 2, 3, 3
"""So many 退单 bring a case to the community, so many transfers or cycles to the town."""


class UrgedToday(Problem):
    status, code, title = 409, "urged_today", "今天已经催过一次"


class NotAnOwner(Problem):
    status, code, title = 422, "not_an_owner", "责任人须是在此处任职的工作人员"


async def climb(tx: AsyncSession, case_id: UUID, rung: int, why: str) -> None:
    """Up to `rung` at least. What the rung owes begins once a cycle, even for a case that stands there already;
    where the case is over, who is added hears of it and owes nothing."""
    raised = await tx.execute(
        update(Case)
        .where(col(Case.id) == case_id, col(Case.level) < rung)
        .values(level=rung, updated_at=clock.now())
        .returning(col(Case.cycle))
    )
    row = raised.first()
    if row is not None:
        handling.note_event(
            tx, case_id, "climb", f"升级至{RUNGS[rung]}：{why}", data={"level": rung, "why": why}
        )
    held = await tx.execute(
        select(col(Case.level), col(Case.cycle), col(Case.state))
        .where(col(Case.id) == case_id)
        .with_for_update(key_share=True)
    )
    level, cycle, state = held.one()
    if state in OVER:
        return
    if rung == 2:
        await _owe(tx, case_id, CaseClock.planning, cycle)
        if level == 2:
            await _owe(tx, case_id, CaseClock.to_town, cycle)
    if rung == 3:
        await deadlines.cancel(tx, case_id, [CaseClock.to_town])
        if level == 3:
            await _owe(tx, case_id, CaseClock.supervising, cycle)
        await _supervise(tx, case_id, cycle, why)


async def _owe(tx: AsyncSession, case_id: UUID, kind: CaseClock, cycle: int) -> None:
    await deadlines.start_once(tx, "case", case_id, kind, STEPS[kind], cycle)


async def _supervise(tx: AsyncSession, case_id: UUID, cycle: int, why: str) -> None:
    """督办 that the ladder itself opens; where somebody has asked for it, that request is decided by him."""
    found = await tx.execute(
        select(col(CaseRequest.id)).where(
            col(CaseRequest.case_id) == case_id,
            col(CaseRequest.cycle) == cycle,
            col(CaseRequest.kind) == RequestKind.supervise,
            col(CaseRequest.state).in_([RequestState.pending, RequestState.approved]),
        )
    )
    if found.first() is None:
        await tx.execute(
            insert(CaseRequest).values(
                case_id=case_id,
                cycle=cycle,
                kind=RequestKind.supervise,
                state=RequestState.approved,
                reason=why,
                content=ContentState.passed,
                asker_title="系统",
                decider_title="系统",
                decided_at=clock.now(),
            )
        )


async def plan(tx: AsyncSession, actor: Viewer, case_id: UUID, *, owner_id: UUID | None, text: str) -> None:
    """定责任人与方案: who answers for it and what is done now; the owner is somebody who serves here."""
    case = await find(tx, actor, case_id)
    case.require("plan")
    owner = PersonId(owner_id) if owner_id is not None else actor.person_id
    path = (await tx.execute(select(col(Case.path)).where(col(Case.id) == case_id))).scalar_one()
    if owner not in await holders_over(tx, path):
        raise NotAnOwner
    told = "已确定责任人和新的办理方案"
    await case.move(tx, "plan", text=told, owner_id=owner, plan=text, plan_passed_at=None)
    await talking.watch(tx, case, "case_plan", case_id, text)
    await deadlines.meet(tx, case_id, [CaseClock.planning])


async def report_up(tx: AsyncSession, actor: Viewer, case_id: UUID, *, system: str, number: str) -> None:
    """上报: the district's or 12345's number is kept beside ours; the case goes on here."""
    case = await find(tx, actor, case_id)
    await case.move(
        tx,
        "report_up",
        text="已上报",
        told=f"已上报{system}，编号 {number}",
        outside_system=system,
        outside_number=number,
    )


async def mark_hazard(tx: AsyncSession, actor: Viewer, case_id: UUID, reason: str) -> None:
    """标为安全隐患: it goes on as a grid case when its reporter withdraws."""
    case = await find(tx, actor, case_id)
    await case.move(tx, "mark_hazard", text="已标为安全隐患", hazard=True)
    handling.say(tx, case, MessageKind.note, reason)


async def urge(tx: AsyncSession, actor: Viewer, case_id: UUID) -> None:
    """催单 by the reporter, one a day, while somebody works on the case. Raises UrgedToday, WrongMoment."""
    case = await find(tx, actor, case_id)
    await stand(tx, actor)
    if Standing.reporter not in case.standings:
        raise NotAllowed("只有反映人可以催单", moves=case.moves())
    if case.state in OVER | {CaseState.awaiting_rating}:
        raise WrongMoment("诉求已处置，不能再催", state=case.state.value, moves=case.moves())
    await hold(tx, case)
    now = clock.now()
    urged = await tx.execute(
        insert(CaseUrge)
        .values(case_id=case_id, day=clock.local(now).date(), person_id=actor.person_id, created_at=now)
        .on_conflict_do_nothing()
        .returning(col(CaseUrge.day))
    )
    if urged.first() is None:
        raise UrgedToday(moves=case.moves())
    record(
        tx,
        subject_kind="case",
        subject_id=case_id,
        move="urge",
        actor_id=actor.person_id,
        actor_title=case.actor_title,
        text="反映人催单",
    )
    await climb(tx, case_id, 1, "反映人催单")
