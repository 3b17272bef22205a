"""Those beside the reporter: supporters (我也遇到) and reporters of merged cases. Each is told, each rates for himself."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import SmallInteger, Text, Uuid, cast, delete, exists, func, literal, or_, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.kit.ids import new_id
from api.kit.problems import NotAllowed, WrongMoment
from api.models import Case, CaseRating, CaseSupport
from api.rules.cases import CaseState, Standing
from api.rules.joining import GONE, PARENTS, RATING, AlreadyRated, AlreadySupported, OwnCase
from api.services import notices
from api.services.access import Viewer
from api.services.cases import merging, talking
from api.services.cases.finding import find
from api.services.cases.rating import Stars

STEPS: dict[str, tuple[str, str]] = {
    "dispatch": ("诉求已派单", "{told}"),
    "sign": ("诉求已签收", "工作人员已签收"),
    "ask": ("正在核实情况", "工作人员正在向反映人核实"),
    "reply": ("收到答复", "有新的公开答复"),
    "finish": ("诉求已处置", "{told}，正在核查"),
    "fail_check": ("继续办理", "核查未通过，继续办理"),
    "pass_check": ("请您评价", "已核查，请评价办理结果"),
    "rate": ("诉求已结案", "已结案，您仍可评价"),
    "dispute": ("重新办理", "进入下一轮办理"),
    "withdraw": ("诉求已撤回", "已由反映人撤回"),
}
"""Public steps of a case, as those hear of them who joined it."""
_RATING = (
    "id", "case_id", "cycle", "reporter_id", "overall", "result", "attitude", "speed", "text", "content", "created_at",
)  # fmt: skip


_OWN_WORK = (col(Case.handler_id), col(Case.recorder_id))
"""Whose own work it is does not rate it."""


async def support(tx: AsyncSession, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """我也遇到. Raises NotFound, OwnCase, AlreadySupported, WrongMoment. The unique index decides between twins."""
    case = await find(tx, viewer, case_id)
    if Standing.reporter in case.standings:
        raise OwnCase(moves=case.moves())
    held = (
        select(literal(new_id(), Uuid), col(Case.id), literal(viewer.person_id, Uuid), literal(clock.now()))
        .where(col(Case.id) == case_id, col(Case.state).in_(PARENTS))
        .with_for_update(key_share=True)
    )
    added = await tx.execute(
        insert(CaseSupport)
        .from_select(["id", "case_id", "person_id", "created_at"], held)
        .on_conflict_do_nothing(index_elements=["case_id", "person_id"])
        .returning(col(CaseSupport.id))
    )
    if added.first() is None:
        if (await _supports(tx, viewer, case_id))["supported"]:
            raise AlreadySupported(moves=case.moves())
        raise WrongMoment("这件诉求已不在办理中", moves=case.moves(), merged_into=case.row["merged_into_id"])
    _record(tx, viewer, case_id, "support")
    return await _supports(tx, viewer, case_id)


async def take_back(tx: AsyncSession, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """Take the support back; nothing happens where there was none. Raises NotFound."""
    await find(tx, viewer, case_id)
    gone = await tx.execute(
        delete(CaseSupport)
        .where(col(CaseSupport.case_id) == case_id, col(CaseSupport.person_id) == viewer.person_id)
        .returning(col(CaseSupport.id))
    )
    if gone.first() is not None:
        _record(tx, viewer, case_id, "unsupport")
    return await _supports(tx, viewer, case_id)


def _record(tx: AsyncSession, viewer: Viewer, case_id: UUID, move: str) -> None:
    """Not on the public timeline: that a neighbour was here is nobody's business."""
    record(
        tx,
        subject_kind="case",
        subject_id=case_id,
        move=move,
        actor_id=viewer.person_id,
        actor_title="居民",
    )


async def _supports(tx: AsyncSession, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    mine = func.coalesce(func.bool_or(col(CaseSupport.person_id) == viewer.person_id), False)
    found = await tx.execute(
        select(func.count(), mine).select_from(CaseSupport).where(col(CaseSupport.case_id) == case_id)
    )
    count, supported = found.one()
    return {"case_id": case_id, "supports": count, "supported": supported}


async def rate(tx: AsyncSession, viewer: Viewer, case_id: UUID, stars: Stars) -> bool:
    """Rate as one who joined: a supporter, or the reporter of a case merged into the one that was handled.

    False for somebody who did not join: the reporter's own rating is a move. Raises NotFound, NotAllowed for who
    handled or entered it or serves in the unit, AlreadyRated, WrongMoment before the check and after the week.
    """
    case = await find(tx, viewer, case_id)
    parent_id = case.row["merged_into_id"]
    if Standing.unit_member in case.standings:
        raise NotAllowed("承办单位的人员不评价本单位的办理", moves=case.moves())
    merged = Standing.reporter in case.standings and parent_id is not None
    if not merged and not (await _supports(tx, viewer, case_id))["supported"]:
        return False
    target = parent_id or case_id
    recent = literal(clock.now() - timedelta(seconds=RATING.total_seconds()))
    marks = [
        cast(literal(getattr(stars, name), SmallInteger), SmallInteger)
        for name in ("overall", "result", "attitude", "speed")
    ]
    rating_id = new_id()
    held = (
        select(
            literal(rating_id, Uuid),
            col(Case.id),
            col(Case.cycle),
            literal(viewer.person_id, Uuid),
            *marks,
            cast(literal(stars.text, Text), Text),
            literal(stars.content.value, Text),
            literal(clock.now()),
        )
        .where(
            col(Case.id) == target,
            *(who.is_distinct_from(viewer.person_id) for who in _OWN_WORK),
            or_(
                col(Case.state) == CaseState.awaiting_rating,
                (col(Case.state) == CaseState.closed) & (col(Case.closed_at) > recent),
            ),
        )
        .with_for_update(key_share=True)
    )
    added = await tx.execute(
        insert(CaseRating)
        .from_select(_RATING, held)
        .on_conflict_do_nothing(index_elements=["case_id", "cycle", "reporter_id"])
        .returning(col(CaseRating.cycle))
    )
    row = added.first()
    if row is None:
        rated = exists().where(
            col(CaseRating.case_id) == col(Case.id),
            col(CaseRating.cycle) == col(Case.cycle),
            col(CaseRating.reporter_id) == viewer.person_id,
        )
        known = await tx.execute(select(rated, *_OWN_WORK).where(col(Case.id) == target))
        already, *own_work = known.one()
        if viewer.person_id in own_work:
            raise NotAllowed("承办人和代录人不能参与评价", moves=case.moves())
        if already:
            raise AlreadyRated(moves=case.moves())
        raise WrongMoment("现在不能评价这件诉求", moves=case.moves())
    await talking.watch(tx, case, "case_rating", rating_id, stars.text)
    record(
        tx,
        subject_kind="case",
        subject_id=target,
        move="rate_joined",
        actor_id=viewer.person_id,
        actor_title="居民",
        text=f"附和居民评价 {stars.overall} 星",
        data={"cycle": row.cycle, "overall": stars.overall},
    )
    return True


async def follow(tx: AsyncSession, event: Event, case: Case) -> None:
    """Tell those who joined of a public step, and free what was merged into a case that ended without a result."""
    if event.to_state in GONE:
        await merging.release(tx, case.id)
    if event.move == "reply" and not event.data.get("by_staff"):
        return
    if event.move in ("merge", "unmerge"):
        await _tell_reporter(tx, event, case)
    step = STEPS.get(event.move)
    if step is None:
        return
    title, text = step
    child = aliased(Case)
    joined: Any = union(
        select(col(CaseSupport.person_id), literal(case.title), literal("您附和的")).where(
            col(CaseSupport.case_id) == case.id
        ),
        select(col(child.reporter_id), col(child.title), literal("您并案的")).where(
            col(child.merged_into_id) == case.id, col(child.reporter_id).is_not(None)
        ),
        select(col(CaseSupport.person_id), col(child.title), literal("您附和的"))
        .join(child, col(child.id) == col(CaseSupport.case_id))
        .where(col(child.merged_into_id) == case.id),
    )
    told: set[UUID] = {event.actor_id} if event.actor_id else set()
    for person_id, own_title, whose in (await tx.execute(joined)).all():
        if person_id in told:
            continue
        told.add(person_id)
        await notices.tell(
            tx,
            event,
            [person_id],
            kind=f"case.{event.move}.joined",
            title=title,
            text=f"{whose}诉求“{own_title}”：{text.format(told=event.text or '')}。",
        )


async def _tell_reporter(tx: AsyncSession, event: Event, case: Case) -> None:
    if case.reporter_id is None:
        return
    objecting = "如有异议，可在 3 天内提出。" if event.move == "merge" else ""
    await notices.tell(
        tx,
        event,
        [case.reporter_id],
        kind=f"case.{event.move}.reporter",
        title="诉求已并案" if event.move == "merge" else "诉求恢复单独办理",
        text=f"您的诉求“{case.title}”：{event.text}。{objecting}",
    )
