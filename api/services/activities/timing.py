"""What happens when a clock of an activity runs out. The seats follow in the worker's own transactions."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.events import record
from api.models import Deadline
from api.rules.activities import PUBLICITY
from api.rules.activity_words import ActivityClock, ActivityState
from api.services import calendars, deadlines
from api.services.activities.finding import find


async def ran_out(tx: AsyncSession, deadline: Deadline) -> None:
    """Act as the system on a clock of a published or ended activity."""
    activity = await find(tx, None, deadline.subject_id)
    match ActivityClock(deadline.kind), activity.state:
        case (ActivityClock.remind | ActivityClock.begin) as kind, ActivityState.published:
            _tell(tx, deadline, kind.value)
        case ActivityClock.settle, ActivityState.published:
            await activity.move(tx, "end", text="活动结束，签退截止")
            deadlines.start(
                tx,
                "activity",
                activity.id,
                ActivityClock.credit.value,
                PUBLICITY,
                await calendars.current(tx),
            )
        case ActivityClock.credit, ActivityState.ended:
            _tell(tx, deadline, ActivityClock.credit.value)


def _tell(tx: AsyncSession, deadline: Deadline, move: str) -> None:
    """An event without words: the timeline is no alarm clock."""
    record(
        tx,
        subject_kind="activity",
        subject_id=deadline.subject_id,
        move=move,
        actor_id=None,
        actor_title="系统",
    )
