"""A safety hazard whose reporter withdrew goes on as a grid case 网格事件 with a number and clocks of its own."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.models import Case, CaseNumber, CaseReach, Place
from api.models.cases import Audience, CaseId
from api.rules.cases import RESIDENT_CLOCKS, CaseClock, CaseKind, CaseState, Channel, Visibility
from api.rules.limits import STEPS, CaseClass
from api.services import calendars, deadlines
from api.services.places import settings


async def go_on_as_grid(tx: AsyncSession, withdrawn: Case) -> CaseId:
    """Once for each withdrawn hazard (a unique column is the guard); private, and without its reporter."""
    now = clock.now()
    case = Case(
        id=CaseId(new_id()),
        number=await _number(tx, withdrawn),
        kind=CaseKind.grid,
        category=withdrawn.category,
        title=withdrawn.title,
        text=withdrawn.text,
        visibility=Visibility.private,
        channel=Channel.recorded,
        state=CaseState.submitted,
        place_id=withdrawn.place_id,
        path=withdrawn.path,
        community_id=withdrawn.community_id,
        home_id=withdrawn.home_id,
        hazard=True,
        continues_id=withdrawn.id,
        setting_id=withdrawn.setting_id,
    )
    tx.add(case)
    await tx.flush()
    seen_from = await tx.execute(
        select(col(CaseReach.place_id)).where(
            col(CaseReach.case_id) == withdrawn.id, col(CaseReach.audience) == Audience.staff.value
        )
    )
    tx.add_all(
        CaseReach(place_id=place_id, audience=Audience.staff, case_id=case.id)
        for place_id in seen_from.scalars()
    )
    limits = await settings.limits(tx, CaseClass(case.category.value), case.setting_id)
    calendar = await calendars.current(tx)
    for kind, limit in (
        (CaseClock.screening, STEPS[CaseClock.screening]),
        (CaseClock.contact, limits.contact),
        (CaseClock.finish, limits.finish),
    ):
        if limit is not None:
            deadlines.start(tx, "case", case.id, kind, limit, calendar, at=now, rungs=kind in RESIDENT_CLOCKS)
    record(
        tx,
        subject_kind="case",
        subject_id=case.id,
        move="submit",
        to_state=CaseState.submitted.value,
        actor_id=None,
        actor_title="系统",
        text=f"{withdrawn.number} 撤回后，安全隐患继续办理",
        data={"continues": str(withdrawn.id)},
    )
    return case.id


async def _number(tx: AsyncSession, withdrawn: Case) -> str:
    """The next receipt number of the community and day."""
    day = clock.local(clock.now()).date()
    drawn = await tx.execute(
        insert(CaseNumber)
        .values(community_id=withdrawn.community_id, day=day, last=1)
        .on_conflict_do_update(
            index_elements=["community_id", "day"], set_={"last": col(CaseNumber.last) + 1}
        )
        .returning(col(CaseNumber.last))
    )
    place = select(col(Place.code)).where(col(Place.id) == withdrawn.community_id)
    code = (await tx.execute(place)).scalar_one()
    return f"{code}-{day:%Y%m%d}-{drawn.scalar_one():04d}"
