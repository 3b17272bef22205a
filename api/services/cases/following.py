"""What follows from a case's events: routing by rule, and who is told what."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event
from api.models import Case, CaseRequest, Unit
from api.rules.case_guards import NoUnit
from api.rules.case_requests import REQUEST_RULES, REQUEST_STATE_TITLES, REQUEST_TITLES, RequestKind
from api.rules.cases import STATE_TITLES, CaseState, Standing
from api.rules.roles import HEADS, LEADS, Permission, Role, roles_with
from api.services import notices, sending, units
from api.services.cases import (
    assigning,
    claiming,
    continuing,
    handling,
    joining,
    recurring,
    requests,
    searching,
)
from api.services.notices import holders, holders_over


class Audience(StrEnum):
    """通知对象：反映人、代录人、承办人、承办单位、单位负责人、社区负责人、街道、区级"""

    reporter = "reporter"
    proxy = "proxy"
    """While nobody has claimed what was entered: who entered it, or where he is gone, the community."""
    handler = "handler"
    unit = "unit"
    working = "working"
    """The handler, or while nobody has signed, the unit."""
    heads = "heads"
    """The unit's lead and the community's deputy."""
    leads = "leads"
    town = "town"
    district = "district"


@dataclass(frozen=True, slots=True)
class Word:
    """One kind of notice after one kind of event; `{title}` and `{number}` are the case's, `{told}` the event's."""

    to: Audience
    title: str
    text: str
    message: bool = False
    """Also as a subscription message, where the person agreed to one."""


WORDS: dict[str, tuple[Word, ...]] = {
    "dispatch": (
        Word(Audience.reporter, "诉求已派单", "您的诉求“{title}”{told}。"),
        Word(Audience.unit, "新的诉求待签收", "“{title}”（{number}）待签收。"),
    ),
    "assign": (Word(Audience.handler, "派给您一件诉求", "“{title}”（{number}）由您承办，请尽快签收联系。"),),
    "sign": (Word(Audience.reporter, "诉求已签收", "您的诉求“{title}”已由工作人员签收。"),),
    "ask": (
        Word(Audience.reporter, "请补充情况", "工作人员就“{title}”向您询问，请尽快补充。", message=True),
        Word(Audience.proxy, "请代为补充", "“{title}”（{number}）需要补充情况，请核实后代为补充。"),
    ),
    "answer": (Word(Audience.handler, "情况已补充", "“{title}”（{number}）：{told}。"),),
    "reply": (Word(Audience.reporter, "收到答复", "您的诉求“{title}”有新的答复。", message=True),),
    "finish": (
        Word(Audience.reporter, "诉求已处置", "您的诉求“{title}”{told}，正在核查。"),
        Word(Audience.leads, "待核查", "“{title}”（{number}）已处置，请核查。"),
    ),
    "pass_check": (
        Word(Audience.reporter, "请您评价", "您的诉求“{title}”已核查，请评价办理结果。", message=True),
    ),
    "fail_check": (Word(Audience.handler, "核查退回", "“{title}”（{number}）核查未通过，请继续办理。"),),
    "rate": (Word(Audience.handler, "收到评价", "“{title}”（{number}）：{told}。"),),
    "dispute": (
        Word(Audience.handler, "反映人不认可", "“{title}”（{number}）需要重新办理。"),
        Word(Audience.leads, "反映人不认可", "“{title}”（{number}）进入下一轮办理。"),
    ),
    "withdraw": (Word(Audience.unit, "诉求已撤回", "“{title}”（{number}）已由反映人撤回。"),),
    "transfer": (
        Word(Audience.reporter, "诉求已转办", "您的诉求“{title}”{told}。"),
        Word(Audience.unit, "新的诉求待签收", "“{title}”（{number}）转办而来，待签收。"),
    ),
    "return": (Word(Audience.leads, "退单待重新派单", "“{title}”（{number}）已退单，请重新派单。"),),
    "reject": (
        Word(
            Audience.reporter,
            "诉求不予受理",
            "您的诉求“{title}”{told}5 个工作日内可以申诉一次。",
            message=True,
        ),
    ),
    "readmit": (
        Word(Audience.reporter, "诉求恢复受理", "您的诉求“{title}”{told}。"),
        Word(Audience.leads, "恢复受理待派单", "“{title}”（{number}）申诉成立，请派单。"),
    ),
    "refer": (Word(Audience.reporter, "诉求已转外部", "您的诉求“{title}”{told}。"),),
    "suspend": (Word(Audience.reporter, "诉求已挂账", "您的诉求“{title}”{told}。", message=True),),
    "resume": (
        Word(Audience.reporter, "诉求恢复办理", "您的诉求“{title}”{told}。"),
        Word(Audience.handler, "挂账结束", "“{title}”（{number}）{told}。"),
    ),
    "extend": (Word(Audience.reporter, "办结期限已延长", "您的诉求“{title}”{told}。", message=True),),
    "reopen": (
        Word(Audience.handler, "重新办理", "“{title}”（{number}）{told}。"),
        Word(Audience.leads, "重新办理", "“{title}”（{number}）进入下一轮办理。"),
        Word(Audience.reporter, "诉求重新办理", "您的诉求“{title}”{told}。"),
    ),
    "confirm": (Word(Audience.reporter, "重新办理已确认", "您的诉求“{title}”{told}。"),),
    "plan": (
        Word(Audience.reporter, "新的办理方案", "您的诉求“{title}”{told}。"),
        Word(Audience.handler, "新的办理方案", "“{title}”（{number}）{told}。"),
    ),
    "report_up": (Word(Audience.reporter, "诉求已上报", "您的诉求“{title}”{told}。"),),
    "mark_hazard": (Word(Audience.leads, "安全隐患", "“{title}”（{number}）{told}。"),),
    "claim": (
        Word(
            Audience.reporter, "代您登记的诉求", "工作人员代您登记的诉求“{title}”（{number}）已归到您名下。"
        ),
    ),
    "urge": (Word(Audience.handler, "反映人催单", "“{title}”（{number}）的反映人催单，请尽快办理。"),),
    "remind": (Word(Audience.working, "期限已过半", "“{title}”（{number}）的期限已用去一半。"),),
    "expire": (
        Word(Audience.handler, "期限已过", "“{title}”（{number}）：{told}。"),
        Word(Audience.reporter, "期限已过", "您的诉求“{title}”：{told}。"),
    ),
    "unrouted": (Word(Audience.leads, "诉求无法自动派单", "“{title}”（{number}）没有承办单位，请派单。"),),
    "overdue": (
        Word(Audience.leads, "诉求超时", "“{title}”（{number}）{told}，请督促办理。"),
        Word(Audience.handler, "诉求超时", "“{title}”（{number}）{told}。"),
    ),
}
"""Moves that are not here tell nobody."""

CLIMBED: dict[int, tuple[Word, ...]] = {
    1: (Word(Audience.heads, "诉求升级", "“{title}”（{number}）{told}，请督促办理。"),),
    2: (
        Word(
            Audience.leads,
            "诉求升级至社区",
            "“{title}”（{number}）{told}。请在 4 个工作小时内确定责任人和新方案。",
        ),
    ),
    3: (Word(Audience.town, "诉求升级至街道", "“{title}”（{number}）{told}，请督办。"),),
    4: (Word(Audience.district, "诉求升级至区级", "“{title}”（{number}）{told}，请协调上级或转 12345。"),),
}
"""Whom each rung of the ladder adds; the reporter hears of every one."""
_CLIMBED_REPORTER = Word(Audience.reporter, "诉求已升级", "您的诉求“{title}”{told}。")

TEMPLATE = "case_progress"
"""The subscription template: thing1 matter, phrase2 state, time3 moment, thing4 what to do."""

ROUTED = frozenset({"submit", "unmerge", "object"})
"""After which the rule sends a submitted case to a unit; what a unit gave back waits for a dispatcher."""


async def follow(tx: AsyncSession, event: Event) -> None:
    """Route what was just submitted; tell those whom the event concerns."""
    case = (await tx.execute(select(Case).where(col(Case.id) == event.subject_id))).scalar_one()
    if event.move == "submit":
        await recurring.lift(tx, case)
        await searching.index(tx, case)
        await claiming.claim(tx, case_id=case.id)
        await tx.refresh(case)
    if event.move in ROUTED and case.state is CaseState.submitted and not case.self_handled:
        await _route(tx, case)
    if event.move == "dispatch" and case.state is CaseState.dispatched and case.handler_id is None:
        await assigning.rotate(tx, case.id, UUID(event.data["unit_id"]))
    words = WORDS.get(event.move, ())
    if event.move == "climb":
        words = (*CLIMBED[event.data["level"]], _CLIMBED_REPORTER)
    elif event.move == "request":
        words = _asked(event)
    for word in words:
        await _tell(tx, event, case, word)
    if event.move == "assist":
        await _tell_assisting(tx, event, case)
    if event.move == "withdraw" and case.hazard:
        await continuing.go_on_as_grid(tx, case)
    if event.to_state is not None:
        await requests.lapse(tx, case)
    await joining.follow(tx, event, case)


async def _tell_assisting(tx: AsyncSession, event: Event, case: Case) -> None:
    """The members of the units that were asked."""
    asked = await tx.execute(
        select(Unit).where(col(Unit.id).in_([UUID(unit) for unit in event.data["units"]]))
    )
    for unit in asked.scalars().all():
        await notices.tell(
            tx,
            event,
            list(await units.members(tx, unit)),
            kind="case.assist.unit",
            title="请协同办理",
            text=f"“{case.title}”（{case.number}）请{unit.name}协同办理，请查看任务。",
        )


async def follow_request(tx: AsyncSession, event: Event) -> None:
    """Who asked hears what was decided, or that it lapsed."""
    request = (
        await tx.execute(select(CaseRequest).where(col(CaseRequest.id) == event.subject_id))
    ).scalar_one()
    case = (await tx.execute(select(Case).where(col(Case.id) == request.case_id))).scalar_one()
    title = f"{REQUEST_TITLES[request.kind]}申请{REQUEST_STATE_TITLES[request.state]}"
    await notices.tell(
        tx,
        event,
        [request.asker_id] if request.asker_id else [],
        kind=f"case_request.{event.move}",
        title=title,
        text=f"“{case.title}”（{case.number}）：{title}。",
    )


def _asked(event: Event) -> tuple[Word, ...]:
    """Those who can decide on what was asked for."""
    kind = RequestKind(event.data["kind"])
    to = Audience.town if REQUEST_RULES[kind].decided_by is Standing.overseer else Audience.leads
    title = f"{REQUEST_TITLES[kind]}申请待审批"
    return (Word(to, title, "“{title}”（{number}）：" + title + "。"),)


async def _route(tx: AsyncSession, case: Case) -> None:
    """By the rule, as the system, through the same table of moves; a case without a desk waits for a dispatcher."""
    try:
        await handling.dispatch(tx, None, case.id)
    except NoUnit:
        handling.note_event(tx, case.id, "unrouted", "没有承办单位，等待人工派单")


async def _tell(tx: AsyncSession, event: Event, case: Case, word: Word) -> None:
    if event.move == "reply" and not event.data.get("by_staff"):
        word = Word(Audience.handler, "反映人补充", "“{title}”（{number}）的反映人补充了情况。")
    people = await _people(tx, case, word.to)
    told = await notices.tell(
        tx,
        event,
        [p for p in people if p != event.actor_id],
        kind=f"case.{event.move}.{word.to}",
        title=word.title,
        text=word.text.format(title=case.title, number=case.number, told=event.text or ""),
    )
    if word.message:
        for notice in told:
            await sending.queue_message(
                tx,
                notice,
                template=TEMPLATE,
                page=f"pages/case/detail?id={case.id}",
                fields={
                    "thing1": case.title,
                    "phrase2": STATE_TITLES[CaseState(event.to_state or case.state)],
                    "time3": clock.local(event.at).strftime("%Y-%m-%d %H:%M"),
                    "thing4": word.title,
                },
            )


async def _people(tx: AsyncSession, case: Case, to: Audience) -> list[UUID]:
    match to:
        case Audience.reporter:
            return [case.reporter_id] if case.reporter_id else []
        case Audience.proxy:
            return await _speaking_for(tx, case)
        case Audience.handler:  # who no longer serves the unit has no business with its cases
            return [p for p in await _serving(tx, case) if p == case.handler_id]
        case Audience.unit:
            return await _serving(tx, case)
        case Audience.working:
            return await _people(tx, case, Audience.handler if case.handler_id else Audience.unit)
        case Audience.heads:
            return await _heads(tx, case)
        case Audience.leads:
            return list(await holders(tx, LEADS, case.community_id))
        case Audience.town:
            return list(await holders_over(tx, case.path, [Role.town_supervisor]))
        case Audience.district:
            return list(await holders_over(tx, case.path, [Role.operator]))


async def _speaking_for(tx: AsyncSession, case: Case) -> list[UUID]:
    if case.reporter_id is not None:
        return []
    recording = await holders_over(tx, case.path, roles_with(Permission.case_record))
    if case.recorder_id in recording:
        return [case.recorder_id]
    return list(await holders(tx, LEADS, case.community_id))


async def _heads(tx: AsyncSession, case: Case) -> list[UUID]:
    """Who leads the unit, and the community's deputy, or its secretary where there is none."""
    unit = (await tx.execute(select(Unit).where(col(Unit.id) == case.unit_id))).scalar_one_or_none()
    heads: list[UUID] = list(await units.members(tx, unit, HEADS)) if unit else []
    deputies = await holders(tx, [Role.deputy], case.community_id)
    return [*heads, *(deputies or await holders(tx, [Role.secretary], case.community_id))]


async def _serving(tx: AsyncSession, case: Case) -> list[UUID]:
    """The members of the unit that has the case."""
    unit = (await tx.execute(select(Unit).where(col(Unit.id) == case.unit_id))).scalar_one_or_none()
    return list(await units.members(tx, unit)) if unit else []
