"""计票: from the ballots alone, under the frozen rule. Nothing is counted while votes come in."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Poll
from api.rules.polls import PollMove
from api.rules.voting.ballots import Group, Roll, read_choices
from api.rules.voting.outcome import decide
from api.rules.voting.rule import Option, Rule
from api.services.access import Viewer
from api.services.polls.declaring import declare
from api.services.polls.finding import find, load

TIMEOUT = "120s"
_PATIENT = select(func.set_config("statement_timeout", TIMEOUT, True))

_COUNTED = """select b.choices, b.slot from ballots b where b.poll_id = :poll and not exists (
    select from ballots later where later.poll_id = b.poll_id and later.slot = b.slot
      and (later.own, later.turn) > (b.own, b.turn))"""
"""Of each slot the last own electronic ballot, else the last of all."""
_EQUAL = text(f"""select c.choices, count(*) as persons, 0::numeric as area from ({_COUNTED}) c
  group by c.choices order by c.choices""")  # noqa: S608
_WEIGHED = text(f"""select c.choices, sum(coalesce(e.persons, 1))::bigint as persons,
    coalesce(sum(e.area_m2), 0) as area
  from ({_COUNTED}) c left join electors e on e.poll_id = :poll and uuid_send(e.id) = c.slot
  group by c.choices order by c.choices""")  # noqa: S608
"""The counted ballots, equal ones together. A pseudonym weighs one person: weights are for open polls only."""
_ROLL = text("""select count(*) as size, coalesce(sum(persons), 0)::bigint as persons,
  coalesce(sum(area_m2), 0) as area from electors where poll_id = :poll""")
_IN_MEMORY = text("select set_config('work_mem', '256MB', true)")


def hundredths(area: Decimal) -> int:
    """Square metres as whole hundredths."""
    return int(area * 100)


async def count(tx: AsyncSession, poll: Poll) -> dict[str, Any]:
    """The outcome, worked out anew from ballots and roll."""
    await tx.execute(_PATIENT)
    await tx.execute(_IN_MEMORY)
    roll = (await tx.execute(_ROLL, {"poll": poll.id})).one()
    # Where everybody weighs the same, nobody is looked up: a million in half the time.
    groups_of = _EQUAL if (roll.persons, roll.area) == (roll.size, 0) else _WEIGHED
    groups = [
        Group(read_choices(row.choices), row.persons, hundredths(row.area))
        for row in await tx.execute(groups_of, {"poll": poll.id})
    ]
    return decide(
        Rule.model_validate(poll.rule), options_of(poll), Roll(roll.persons, hundredths(roll.area)), groups
    )


def options_of(poll: Poll) -> Sequence[Option]:
    return [Option.model_validate(option) for option in poll.options]


async def tally(tx: AsyncSession, actor: Viewer | None, poll_id: UUID) -> None:
    """Closed → counted, once everything cast is sealed; the outcome is declared to be sealed after it."""
    poll = await find(tx, actor, poll_id)
    poll.require(PollMove.tally)
    outcome = await count(tx, await load(tx, poll_id))
    declare(tx, poll_id, "outcome", outcome=outcome)
    await poll.move(
        tx,
        PollMove.tally,
        text=outcome["words"][0],
        data={
            "topic_id": str(poll.row["topic_id"]) if poll.row["topic_id"] else None,
            "stage_id": str(poll.row["stage_id"]) if poll.row["stage_id"] else None,
            "passed": outcome["passed"],
            "winners": outcome["winners"],
        },
        outcome=outcome,
        counted_at=clock.now(),
    )


async def recount(tx: AsyncSession, actor: Viewer, poll_id: UUID) -> None:
    """Work it out again and say whether it is the same; a difference is declared and sealed, never hidden."""
    poll = await find(tx, actor, poll_id)
    poll.require(PollMove.recount)
    row = await load(tx, poll_id)
    outcome = await count(tx, row)
    same = outcome == row.outcome
    columns: dict[str, Any] = {}
    if not same:
        declare(tx, poll_id, "outcome", outcome=outcome)
        columns = {"outcome": outcome, "counted_at": clock.now()}
    await poll.move(
        tx,
        PollMove.recount,
        text="重新计票，结果一致" if same else f"重新计票，结果与原来不同：{outcome['words'][0]}",
        data={"same": same},
        **columns,
    )


async def outcome(tx: AsyncSession, poll_id: UUID) -> dict[str, Any] | None:
    """The outcome of a counted poll, for whatever waits for it."""
    found = await tx.execute(select(col(Poll.outcome)).where(col(Poll.id) == poll_id))
    return found.scalar_one_or_none()
