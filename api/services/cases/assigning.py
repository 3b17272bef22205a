"""指派: a case of a unit is given to one of its members, by a person or by the rotation."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import Problem
from api.models import Grant, Unit
from api.models.people import PersonId
from api.rules.property import AssignmentMode
from api.services import units
from api.services.access import Viewer
from api.services.cases.finding import find
from api.services.cases.routing import unit_of


class NotAMember(Problem):
    status, code, title = 409, "not_a_member", "这个人不是承办单位的在职成员"
    advice = "从承办单位的成员列表中选择。"


class NobodyToAssign(Problem):
    status, code, title = 409, "nobody_to_assign", "承办单位没有可以指派的成员"
    advice = "请先为该单位授权人员，或改派其他单位。"


async def assign(tx: AsyncSession, actor: Viewer | None, case_id: UUID, person_id: UUID | None) -> None:
    """To a member, or to the next in turn. The clocks stay. Raises NotFound, NotAllowed, WrongMoment, NotAMember.

    Nobody is given what he reported himself.
    """
    case = await find(tx, actor, case_id)
    case.require("assign")
    unit = await unit_of(tx, case.row["unit_id"])
    assert unit is not None, "an active case has its unit"
    reporter: UUID | None = case.row["reporter_id"]
    if person_id is None:
        chosen = await next_in_turn(tx, unit, reporter)
        if chosen is None:
            raise NobodyToAssign(moves=case.moves())
    else:
        if person_id == reporter or not await units.is_member(tx, unit, person_id):
            raise NotAMember(moves=case.moves())
        chosen = PersonId(person_id)
    how = "按轮派次序指派承办人" if person_id is None else "指派承办人"
    await case.move(
        tx,
        "assign",
        text=how,
        data={"handler_id": str(chosen), "turn": person_id is None},
        handler_id=chosen,
    )


async def next_in_turn(tx: AsyncSession, unit: Unit, reporter_id: UUID | None) -> PersonId | None:
    """Who is next, the turn taken in the same statement; None where nobody is there.

    The counter's row is what contenders wait for, and each reads it after the one before: no turn is given
    twice or left out. A move that fails rolls its turn back with it.
    """
    statement = _turn(unit, reporter_id)
    return (await tx.execute(statement)).scalar_one_or_none()


def _turn(unit: Unit, reporter_id: UUID | None) -> Select[PersonId]:
    eligible: Any = units.members_of(unit).order_by(None)
    if reporter_id is not None:
        eligible = eligible.where(col(Grant.person_id) != reporter_id)
    order = func.row_number().over(order_by=(func.min(col(Grant.since)), col(Grant.person_id))) - 1
    ranked = eligible.add_columns(order.label("place"), func.count().over().label("size")).cte("ranked")
    turn = (
        update(Unit)
        .where(col(Unit.id) == unit.id, select(1).select_from(ranked).exists())
        .values(turn=col(Unit.turn) + 1)
        .returning((col(Unit.turn) - 1).label("turn"))
        .cte("turn")
    )
    return select(ranked.c.person_id).join(turn, ranked.c.place == turn.c.turn % ranked.c.size)


async def rotate(tx: AsyncSession, case_id: UUID, unit_id: UUID) -> None:
    """What follows a dispatch to a unit that works in rotation; a unit without members is left to its lead."""
    unit = await unit_of(tx, unit_id)
    if unit is not None and unit.assignment == AssignmentMode.rotation:
        try:
            await assign(tx, None, case_id, None)
        except NobodyToAssign:
            return
