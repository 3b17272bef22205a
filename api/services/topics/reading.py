"""Reading a topic: who may see which, who takes part, and one statement for all that its guards look at."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.paging import page, read_cursor
from api.models import (
    Deadline,
    Grant,
    Home,
    Milestone,
    Objection,
    Person,
    Place,
    Poll,
    Residency,
    Statement,
    Topic,
    TopicAttendance,
    TopicGuest,
    TopicMeeting,
    TopicPlace,
    TopicRating,
    TopicStage,
)
from api.rules.content import ContentState
from api.rules.objections import ObjectionState
from api.rules.people import ResidencyState
from api.rules.places import PREFIX_LENGTHS
from api.rules.polls import PollState
from api.rules.roles import Permission, roles_with
from api.rules.topics import StageClock, TopicState
from api.services.access import NOW, VIEWER, Viewer, live, params, placed_under, roles_here

TOPIC_ID = bindparam("topic_id", type_=Uuid())
_UNSETTLED = (ObjectionState.raised, ObjectionState.upheld)


def _lives(path: ColumnElement[str]) -> ColumnElement[bool]:
    """The viewer is a verified resident of a home under `path` of a place the topic concerns."""
    building = aliased(Place)
    return (
        select(1)
        .select_from(Residency)
        .join(Home, col(Home.id) == col(Residency.home_id))
        .join(building, col(building.id) == col(Home.building_id))
        .join(TopicPlace, func.starts_with(col(building.path), path))
        .where(
            col(Residency.person_id) == VIEWER,
            col(Residency.state) == ResidencyState.verified,
            col(TopicPlace.topic_id) == col(Topic.id),
        )
        .correlate(Topic)
        .exists()
    )


def invited() -> ColumnElement[bool]:
    """The viewer was invited as an expert or stakeholder."""
    return (
        select(1)
        .where(col(TopicGuest.topic_id) == col(Topic.id), col(TopicGuest.person_id) == VIEWER)
        .correlate(Topic)
        .exists()
    )


def lives_within() -> ColumnElement[bool]:
    """The viewer lives where the topic is about, 户籍 here or not."""
    return _lives(col(TopicPlace.path))  # type: ignore[arg-type]


def _staff() -> ColumnElement[bool]:
    """A role that reads topics reaches the topic's place or one of the places it concerns."""
    granted = aliased(Place)
    return (
        select(1)
        .select_from(Grant)
        .join(granted, col(granted.id) == col(Grant.place_id))
        .join(TopicPlace, func.starts_with(col(TopicPlace.path), col(granted.path)))
        .where(
            col(Grant.person_id) == VIEWER,
            col(Grant.role).in_(roles_with(Permission.topic_read)),
            live(),
            col(TopicPlace.topic_id) == col(Topic.id),
        )
        .correlate(Topic)
        .exists()
    )


def readable_topics() -> ColumnElement[bool]:
    """Own topics; all within the reach of a role that reads; once checked, those of the own community and
    those one was invited to. A building's topic is read by its whole community."""
    neighbours = _lives(func.left(col(TopicPlace.path), PREFIX_LENGTHS[-1]))
    return or_(
        col(Topic.author_id) == VIEWER,
        _staff(),
        and_(col(Topic.content) == ContentState.passed, or_(neighbours, invited())),
    )


_STAGE_TABLE = TopicStage.__table__  # type: ignore[attr-defined]
_TOPIC_TABLE = Topic.__table__  # type: ignore[attr-defined]


def _of_round(table: Any, *wanted: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).where(
        table.stage_id == col(TopicStage.id), table.round == col(TopicStage.round), *wanted
    )


def _poll() -> Any:
    """The poll of the stage's present round: neither void nor counted before the stage was entered."""
    return (
        select(col(Poll.id))
        .where(
            col(Poll.stage_id) == col(TopicStage.id),
            or_(col(Poll.counted_at).is_(None), col(Poll.counted_at) >= col(TopicStage.opened_at)),
            col(Poll.state) != PollState.void,
        )
        .order_by(col(Poll.id).desc())
        .limit(1)
        .correlate(TopicStage)
        .scalar_subquery()
    )


def _one(*, for_everybody: bool) -> Select[Any]:
    """A topic, its current stage (columns `stage_…`) and what has gathered in it: bind `topic_id`, `now`."""
    last = aliased(TopicStage)
    expert = (
        select(1)
        .select_from(TopicAttendance)
        .join(TopicMeeting, col(TopicMeeting.id) == col(TopicAttendance.meeting_id))
        .where(col(TopicMeeting.stage_id) == col(TopicStage.id), col(TopicAttendance.expert))
        .exists()
    )
    shown = (
        select(
            *_TOPIC_TABLE.columns,
            *(column.label(f"stage_{column.name}") for column in _STAGE_TABLE.columns),
            col(Place.name).label("place_name"),
            col(Person.nickname).label("author_name"),
            select(func.max(col(last.position)))
            .where(col(last.topic_id) == col(Topic.id))
            .scalar_subquery()
            .label("last"),
            select(col(Deadline.due_at))
            .where(
                col(Deadline.subject_id) == col(TopicStage.id),
                col(Deadline.kind) == StageClock.due,
                col(Deadline.cycle) == col(TopicStage.round),
            )
            .scalar_subquery()
            .label("due_at"),
            select(func.count())
            .where(col(Statement.topic_id) == col(Topic.id), col(Statement.content) == ContentState.passed)
            .scalar_subquery()
            .label("statements"),
            select(func.array_agg(distinct(col(TopicMeeting.kind))))
            .where(col(TopicMeeting.stage_id) == col(TopicStage.id), col(TopicMeeting.minutes).is_not(None))
            .scalar_subquery()
            .label("meetings"),
            expert.label("expert_came"),
            _poll().label("running_poll_id"),
            _of_round(Objection, col(Objection.state).in_(_UNSETTLED)).scalar_subquery().label("objections"),
            _of_round(Milestone).scalar_subquery().label("milestones"),
            _of_round(Milestone, col(Milestone.done_at).is_(None)).scalar_subquery().label("milestones_open"),
            select(func.avg(col(TopicRating.stars)))
            .where(
                col(TopicRating.stage_id) == col(TopicStage.id),
                col(TopicRating.round) == col(TopicStage.round),
            )
            .scalar_subquery()
            .label("mark"),
        )
        .join(
            TopicStage,
            and_(col(TopicStage.topic_id) == col(Topic.id), col(TopicStage.position) == col(Topic.position)),
        )
        .join(Place, col(Place.id) == col(Topic.place_id))
        .join(Person, col(Person.id) == col(Topic.author_id))
        .where(col(Topic.id) == TOPIC_ID)
    )
    if for_everybody:
        return shown
    return shown.add_columns(
        roles_here(col(Topic.path)).scalar_subquery().label("roles"),
        lives_within().label("lives_within"),
        invited().label("invited"),
        _staff().label("staff"),
    ).where(readable_topics())


READ_ONE = _one(for_everybody=False)
READ_AS_SYSTEM = _one(for_everybody=True)


async def stages(tx: AsyncSession, topic_id: UUID) -> list[dict[str, Any]]:
    """All stages in order, each with the due time of its last round."""
    found = await tx.execute(
        select(*_STAGE_TABLE.columns, col(Deadline.due_at), _poll().label("running_poll_id"))
        .outerjoin(
            Deadline,
            and_(
                col(Deadline.subject_id) == col(TopicStage.id),
                col(Deadline.kind) == StageClock.due,
                col(Deadline.cycle) == col(TopicStage.round),
            ),
        )
        .where(col(TopicStage.topic_id) == topic_id)
        .order_by(col(TopicStage.position))
    )
    return [dict(row) for row in found.mappings()]


async def places(tx: AsyncSession, topic_id: UUID) -> list[dict[str, Any]]:
    """The places the topic concerns."""
    found = await tx.execute(
        select(col(Place.id), col(Place.name))
        .join(TopicPlace, col(TopicPlace.place_id) == col(Place.id))
        .where(col(TopicPlace.topic_id) == topic_id)
        .order_by(col(TopicPlace.path))
    )
    return [{"id": place_id, "name": name} for place_id, name in found]


async def guests(tx: AsyncSession, topic_id: UUID) -> list[dict[str, Any]]:
    """Invited experts and stakeholders as the public sees them."""
    found = await tx.execute(
        select(col(TopicGuest.kind), col(TopicGuest.name))
        .where(col(TopicGuest.topic_id) == topic_id)
        .order_by(col(TopicGuest.created_at), col(TopicGuest.person_id))
    )
    return [{"kind": kind, "name": name} for kind, name in found]


async def listing(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    limit: int,
    after: str | None,
    mine: bool = False,
    place_id: UUID | None = None,
    state: TopicState | None = None,
) -> dict[str, Any]:
    """A page of readable topics, newest first."""
    wanted: list[ColumnElement[bool]] = [readable_topics(), col(Topic.id) < read_cursor(after)]
    if mine:
        wanted.append(col(Topic.author_id) == viewer.person_id)
    if state is not None:
        wanted.append(col(Topic.state) == state)
    if place_id is not None:
        wanted.append(await _concerns(tx, place_id))
    found = await tx.execute(
        select(
            *_TOPIC_TABLE.columns,
            col(TopicStage.kind).label("stage_kind"),
            col(TopicStage.title).label("stage_title"),
            col(Place.name).label("place_name"),
        )
        .join(
            TopicStage,
            and_(col(TopicStage.topic_id) == col(Topic.id), col(TopicStage.position) == col(Topic.position)),
        )
        .join(Place, col(Place.id) == col(Topic.place_id))
        .where(*wanted)
        .order_by(col(Topic.id).desc())
        .limit(limit + 1),
        params(viewer),
    )
    return page([_item(row) for row in found.mappings()], limit)


async def _concerns(tx: AsyncSession, place_id: UUID) -> ColumnElement[bool]:
    """Topics of places under this one, and those of the town that concern it."""
    path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == place_id))).scalar_one_or_none()
    if path is None:
        return col(Topic.place_id) == place_id
    here = (
        select(1)
        .where(
            col(TopicPlace.topic_id) == col(Topic.id),
            or_(
                placed_under(col(TopicPlace.place_id), [path]),
                func.starts_with(path, col(TopicPlace.path)),
            ),
        )
        .correlate(Topic)
    )
    return here.exists()


def _item(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "template": row["template"],
        "title": row["title"],
        "state": row["state"],
        "stage": {"kind": row["stage_kind"], "title": row["stage_title"]},
        "level": row["level"],
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "content": row["content"],
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


__all__ = ["NOW", "READ_AS_SYSTEM", "READ_ONE", "guests", "listing", "places", "readable_topics", "stages"]
