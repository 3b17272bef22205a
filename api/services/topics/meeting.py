"""协商会议: guests invited, meetings announced, minutes and attendance recorded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotFound, Problem, WrongMoment
from api.models import Person, TopicAttendance, TopicGuest, TopicMeeting
from api.models.people import PersonId
from api.models.topics import StageId, TopicId
from api.rules.people import PersonState
from api.rules.topics import CONSULTATION_TITLES, ConsultationKind, GuestKind, StageKind
from api.services.access import Viewer
from api.services.topics.finding import read_row, run_stage, title_of


class NotHeldYet(Problem):
    status, code, title = 409, "not_held_yet", "会议尚未举行"
    advice = "会议时间之后再记录纪要。"


@dataclass(frozen=True, slots=True)
class Attendant:
    """Who came: somebody with a login here, or a name."""

    name: str
    capacity: str
    person_id: UUID | None = None


async def invite(
    tx: AsyncSession, viewer: Viewer, topic_id: UUID, person_id: UUID, kind: GuestKind, name: str
) -> None:
    """邀请专家、利益相关方: they read the topic and speak on it without living there."""
    topic = await run_stage(tx, viewer, topic_id, StageKind.screening, StageKind.consultation)
    active = await tx.execute(
        select(1).where(col(Person.id) == person_id, col(Person.state) == PersonState.active)
    )
    if active.first() is None:
        raise NotFound("没有这个人")
    await tx.execute(
        insert(TopicGuest)
        .values(
            topic_id=topic_id,
            person_id=person_id,
            kind=kind,
            name=name,
            invited_by=viewer.person_id,
            created_at=clock.now(),
        )
        .on_conflict_do_update(index_elements=["topic_id", "person_id"], set_={"kind": kind, "name": name})
    )
    invited = f"邀请{'专家' if kind is GuestKind.expert else '相关方'}"
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="invite",
        actor_id=viewer.person_id,
        actor_title=title_of(topic, viewer),
        text=invited,
        data={"person_id": str(person_id)},
        told=f"{invited}：{name}",
        about=person_id,
    )


async def announce(
    tx: AsyncSession,
    viewer: Viewer,
    topic_id: UUID,
    kind: ConsultationKind,
    title: str,
    venue: str,
    held_at: datetime,
) -> dict[str, Any]:
    """会议预告: 民情恳谈、听证 or 论证, at a place and time."""
    topic = await run_stage(tx, viewer, topic_id, StageKind.consultation)
    meeting = TopicMeeting(
        topic_id=TopicId(topic_id),
        stage_id=StageId(topic["stage_id"]),
        kind=kind,
        title=title,
        venue=venue,
        held_at=held_at,
    )
    tx.add(meeting)
    when = f"{clock.local(held_at):%Y-%m-%d %H:%M}"
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="meet",
        actor_id=viewer.person_id,
        actor_title=title_of(topic, viewer),
        text=f"{CONSULTATION_TITLES[kind]}，{when}",
        told=f"{CONSULTATION_TITLES[kind]}“{title}”，{when}，{venue}",
        data={"meeting_id": str(meeting.id)},
    )
    return _shape(meeting, [])


async def minute(
    tx: AsyncSession,
    viewer: Viewer,
    topic_id: UUID,
    meeting_id: UUID,
    minutes: str,
    conclusion: str,
    attendants: list[Attendant],
) -> dict[str, Any]:
    """会议纪要 with who came, written once. Raises NotFound, NotHeldYet, WrongMoment."""
    topic = await run_stage(tx, viewer, topic_id, StageKind.consultation)
    meeting = await _meeting(tx, topic_id, meeting_id)
    if meeting.held_at > clock.now():
        raise NotHeldYet(held_at=meeting.held_at)
    written = await tx.execute(
        update(TopicMeeting)
        .where(col(TopicMeeting.id) == meeting_id, col(TopicMeeting.minutes).is_(None))
        .values(
            minutes=minutes,
            conclusion=conclusion,
            recorded_at=clock.now(),
            recorded_by=viewer.person_id,
        )
        .returning(TopicMeeting)
        .execution_options(populate_existing=True)
    )
    meeting_now = written.scalar_one_or_none()
    if meeting_now is None:
        raise WrongMoment("会议纪要已经记录，不能改写")
    experts = await _experts(tx, topic_id)
    came = [
        TopicAttendance(
            meeting_id=meeting_id,
            person_id=PersonId(a.person_id) if a.person_id else None,
            name=a.name,
            capacity=a.capacity,
            expert=a.person_id in experts,
        )
        for a in attendants
    ]
    tx.add_all(came)
    record(
        tx,
        subject_kind="topic",
        subject_id=topic_id,
        move="minute",
        actor_id=viewer.person_id,
        actor_title=title_of(topic, viewer),
        text="会议纪要",
        told=f"“{meeting.title}”会议纪要：{conclusion}",
        data={"meeting_id": str(meeting_id), "attended": len(came)},
    )
    return _shape(meeting_now, came)


async def meetings(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> list[dict[str, Any]]:
    """All meetings of a topic with minutes and attendance, oldest first. Raises NotFound."""
    await read_row(tx, viewer, topic_id)
    found = await tx.execute(
        select(TopicMeeting).where(col(TopicMeeting.topic_id) == topic_id).order_by(col(TopicMeeting.id))
    )
    held = list(found.scalars())
    came = await tx.execute(
        select(TopicAttendance)
        .where(col(TopicAttendance.meeting_id).in_([m.id for m in held]))
        .order_by(col(TopicAttendance.id))
    )
    by_meeting: dict[UUID, list[TopicAttendance]] = {}
    for attendance in came.scalars():
        by_meeting.setdefault(attendance.meeting_id, []).append(attendance)
    return [_shape(m, by_meeting.get(m.id, [])) for m in held]


async def _meeting(tx: AsyncSession, topic_id: UUID, meeting_id: UUID) -> TopicMeeting:
    found = await tx.execute(
        select(TopicMeeting).where(col(TopicMeeting.id) == meeting_id, col(TopicMeeting.topic_id) == topic_id)
    )
    meeting = found.scalar_one_or_none()
    if meeting is None:
        raise NotFound("没有这次会议")
    return meeting


async def _experts(tx: AsyncSession, topic_id: UUID) -> set[UUID | None]:
    found = await tx.execute(
        select(col(TopicGuest.person_id)).where(
            col(TopicGuest.topic_id) == topic_id, col(TopicGuest.kind) == GuestKind.expert
        )
    )
    return set(found.scalars())


def _shape(meeting: TopicMeeting, came: list[TopicAttendance]) -> dict[str, Any]:
    return {
        "id": meeting.id,
        "kind": meeting.kind,
        "title": meeting.title,
        "venue": meeting.venue,
        "held_at": meeting.held_at,
        "minutes": meeting.minutes,
        "conclusion": meeting.conclusion,
        "attendants": [{"name": a.name, "capacity": a.capacity, "expert": a.expert} for a in came],
        "recorded_at": meeting.recorded_at,
    }
