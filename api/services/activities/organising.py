"""Drawing up, publishing and calling off activities, one or a whole series."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.kit.problems import Malformed, NotFound
from api.models import Activity, Place, Team
from api.models.activities import ActivityId
from api.models.places import PlaceId
from api.models.teams import TeamId
from api.rules.activities import MOST_SEATS, clocks_of, repeated
from api.rules.activity_words import ActivityClock, ActivityState, Every, OpenTo
from api.rules.clocks import minutes
from api.rules.content import ContentState
from api.rules.places import PREFIX_LENGTHS, Level
from api.rules.roles import Permission, capacity
from api.services import calendars, deadlines
from api.services.access import Viewer, require
from api.services.activities.finding import ORGANISER, ActivitySubject, find, lock
from api.services.activities.queueing import freed
from api.services.content import moderation
from api.services.people.accounts import active
from api.services.places.finding import find_place
from api.services.uploads.attaching import attach

_MINUTE = minutes(1)


@dataclass(frozen=True, slots=True)
class NewActivity:
    """What somebody draws up."""

    title: str
    text: str
    spot: str
    place_id: UUID
    team_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    open_to: OpenTo
    registered: bool
    qualifications: list[str]
    min_age: int | None
    max_age: int | None
    insured: bool
    latitude: float | None
    longitude: float | None
    radius: int
    seats: int
    queue: int
    every: Every | None
    times: int
    uploads: list[UUID]


_PLAIN = (
    "title", "text", "spot", "open_to", "registered", "qualifications", "min_age", "max_age", "insured", "latitude",
    "longitude", "radius", "seats", "queue",
)  # fmt: skip


async def draw_up(tx: AsyncSession, viewer: Viewer, new: NewActivity) -> UUID:
    """A draft, or a series of drafts; the first one's id. Pictures hang on the first.

    Raises NotFound, WrongLevel, NotAllowed, Malformed for a time that has passed.
    """
    await active(tx, viewer)
    if new.starts_at <= clock.now():
        raise _malformed("starts_at", "活动时间已经过去")
    place = await find_place(tx, new.place_id, Level.village, Level.grid, Level.building)
    community = await _community(tx, place)
    title = await _may_organise(tx, viewer, place.path, community.id, new.team_id)
    length = new.ends_at - new.starts_at
    starts = repeated(new.starts_at, new.every, new.times) if new.every is not None else [new.starts_at]
    if any(later < earlier + length for earlier, later in pairwise(starts)):
        raise _malformed("every", "重复的间隔比活动还短")
    first = ActivityId(new_id())
    for start in starts:
        made = Activity(
            id=first if start == starts[0] else ActivityId(new_id()),
            **{f: getattr(new, f) for f in _PLAIN},
            place_id=PlaceId(place.id),
            path=place.path,
            community_id=PlaceId(community.id),
            team_id=TeamId(new.team_id) if new.team_id is not None else None,
            author_id=viewer.person_id,
            series_id=first if len(starts) > 1 else None,
            starts_at=start,
            ends_at=start + length,
            free=new.seats,
        )
        tx.add(made)
        await tx.flush()
        record(
            tx,
            subject_kind="activity",
            subject_id=made.id,
            move="draw_up",
            to_state=made.state,
            actor_id=viewer.person_id,
            actor_title=title,
            text="起草活动",
        )
        await _watch(tx, made.id, viewer.person_id, place.path, new.title, new.text, new.spot)
    await attach(tx, viewer.person_id, new.uploads, subject_kind="activity", subject_id=first)
    return first


def _malformed(field: str, message: str) -> Malformed:
    return Malformed(message, errors=[{"loc": ["body", field], "msg": message, "type": "value_error"}])


async def _watch(
    tx: AsyncSession, activity_id: UUID, author: UUID | None, path: str, *texts: str, kind: str = "activity"
) -> None:
    await moderation.watch(
        tx, subject_kind=kind, subject_id=activity_id, author_id=author, texts=texts, path=path
    )


async def _community(tx: AsyncSession, place: Place) -> Place:
    path = place.path[: PREFIX_LENGTHS[-1]]
    return (await tx.execute(select(Place).where(col(Place.path) == path))).scalar_one()


async def _may_organise(
    tx: AsyncSession, viewer: Viewer, path: str, community_id: UUID, team_id: UUID | None
) -> str:
    """In which capacity: the leader of the team named, or staff. Raises NotFound for no such team, NotAllowed."""
    if team_id is not None:
        found = await tx.execute(
            select(col(Team.leader_id)).where(
                col(Team.id) == team_id, col(Team.place_id) == community_id, col(Team.active)
            )
        )
        row = found.first()
        if row is None:
            raise NotFound("这个社区没有这支服务队")
        if row[0] == viewer.person_id:
            return ORGANISER
    return capacity(await require(tx, viewer, Permission.activity_write, path))


async def revise(tx: AsyncSession, actor: Viewer, activity_id: UUID, changes: dict[str, Any]) -> None:
    """修改: of a draft; what is said anew is judged anew."""
    activity = await find(tx, actor, activity_id)
    activity.require("revise")
    row = {**activity.row, **changes}
    if row["starts_at"] <= clock.now():
        raise _malformed("starts_at", "活动时间已经过去")
    if not timedelta() < row["ends_at"] - row["starts_at"] <= timedelta(days=1):
        raise _malformed("ends_at", "结束须晚于开始，且不超过 24 小时")
    columns = dict(changes)
    if "seats" in changes:
        columns["free"] = changes["seats"]
    said_anew = any(changes.get(name, activity.row[name]) != activity.row[name] for name in _SAID)
    if said_anew:
        columns["content"] = ContentState.pending
    await activity.move(tx, "revise", text="修改活动", **columns)
    if said_anew:
        await _watch(tx, activity_id, actor.person_id, row["path"], *(row[name] for name in _SAID))


_SAID = ("title", "text", "spot")


async def publish(tx: AsyncSession, actor: Viewer, activity_id: UUID, *, whole_series: bool) -> None:
    """发布: from now on one may sign up, and the clocks run. Of a series all later drafts that may be published."""
    activity = await find(tx, actor, activity_id)
    await _publish(tx, activity)
    for later in await _later(tx, activity, whole_series, ActivityState.draft):
        other = await find(tx, actor, later)
        if "publish" in other.moves():
            await _publish(tx, other)


async def _publish(tx: AsyncSession, activity: ActivitySubject) -> None:
    await activity.move(tx, "publish", text="发布活动", published_at=clock.now())
    calendar = await calendars.current(tx)
    for kind, due in clocks_of(activity.row["starts_at"], activity.row["ends_at"]).items():
        if kind is ActivityClock.remind and due <= clock.now():
            continue
        deadlines.start(
            tx, "activity", activity.id, kind.value, _MINUTE, calendar, at=due - timedelta(minutes=1)
        )


async def enlarge(tx: AsyncSession, actor: Viewer, activity_id: UUID, more: int) -> None:
    """增加名额: those who wait come first."""
    activity = await find(tx, actor, activity_id)
    activity.require("enlarge")
    if activity.row["seats"] + more > MOST_SEATS:
        raise _malformed("more", f"名额最多 {MOST_SEATS} 个")
    await lock(tx, activity_id)
    # One after the other: the seat is there before somebody is offered it.
    await activity.move(tx, "enlarge", text=f"增加 {more} 个名额", seats=activity.row["seats"] + more)
    await freed(tx, activity_id, more)


async def cancel(
    tx: AsyncSession, actor: Viewer, activity_id: UUID, reason: str, *, whole_series: bool
) -> None:
    """取消活动: seats follow in the worker, and everybody is told. Of a series all later ones with it."""
    activity = await find(tx, actor, activity_id)
    await _cancel(tx, activity, reason)
    for state in (ActivityState.draft, ActivityState.published):
        for later in await _later(tx, activity, whole_series, state):
            await _cancel(tx, await find(tx, actor, later), reason)


async def _cancel(tx: AsyncSession, activity: ActivitySubject, reason: str) -> None:
    await activity.move(tx, "cancel", text="取消活动", reason=reason, reason_passed_at=None)
    await _watch(tx, activity.id, activity.actor_id, activity.row["path"], reason, kind="activity_reason")
    await deadlines.cancel(tx, activity.id)


async def _later(
    tx: AsyncSession, activity: ActivitySubject, whole_series: bool, state: ActivityState
) -> list[UUID]:
    """The others of the series that begin later."""
    series = activity.row["series_id"]
    if not whole_series or series is None:
        return []
    found = await tx.execute(
        select(col(Activity.id))
        .where(
            col(Activity.series_id) == series,
            col(Activity.starts_at) > activity.row["starts_at"],
            col(Activity.state) == state,
        )
        .order_by(col(Activity.starts_at))
    )
    return list(found.scalars())
