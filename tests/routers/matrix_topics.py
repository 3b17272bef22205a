"""The lines of topics, and a topic in each of its stages for the matrix to ask about."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Objection, Place, Statement, Topic, TopicMeeting, TopicPlace, TopicStage
from api.models.people import PersonId
from api.rules.content import ContentState
from api.rules.roles import Permission
from api.rules.topic_templates import TEMPLATES, TopicTemplate
from api.rules.topics import ConsultationKind, StageKind, TopicState
from api.services.topics import drawing
from tests.routers.matrix import NOBODY, OWN, RESIDENT, Line, Who, holds
from tests.town import Community

P = Permission

LIVES = Who(lambda asker, here: here and asker is RESIDENT)
TOPIC = OWN | holds(P.topic_read)
SHOWN = TOPIC | LIVES
"""Once its words have passed the check."""
WHY = {"reason": "说明原因"}


def _move(move: str, stage: str, may: Who, see: Who = SHOWN, **body: Any) -> Line:
    return Line(see=see, may=may, body=body, subject={"topic_id": stage, "move": move})


def _in(stage: str, may: Who, ok: int = 201, **body: Any) -> Line:
    return Line(see=SHOWN, may=may, ok=ok, body=body, subject={"topic_id": stage})


def _see(listed: str, stage: str) -> Line:
    return Line(see=SHOWN, subject={"topic_id": stage}) if not listed else Line(see=SHOWN, listed=listed)


TABLE: dict[str, Line | list[Line]] = {
    "POST /topics": Line(
        may=holds(P.topic_run) | LIVES, ok=201, body={"title": "停车", "text": "难", "place_id": "{place}"}
    ),
    "GET /topics": [
        Line(see=TOPIC, listed="screening"),
        Line(see=SHOWN, query="?place={place}", listed="consultation"),
        Line(see=OWN, query="?mine=true", listed="screening"),
    ],
    "GET /topics/{topic_id}": Line(see=TOPIC, subject={"topic_id": "screening"}),
    "GET /topics/{topic_id}/events": Line(see=TOPIC, subject={"topic_id": "screening"}),
    "POST /topics/{topic_id}/moves/{move}": [
        _move("advance", "screening", holds(P.topic_screen), TOPIC),
        _move("return", "screening", holds(P.topic_screen), TOPIC, **WHY),
        _move("end", "screening", holds(P.topic_screen), TOPIC, **WHY),
        _move("merge", "screening", holds(P.topic_screen), TOPIC, into="{consultation}"),
        _move("withdraw", "screening", OWN, TOPIC),
        _move("resubmit", "returned", OWN, TOPIC, title="改过的"),
        _move("skip", "vote", holds(P.topic_run), **WHY),
        _move("decide", "vote", NOBODY),
        _move("send_back", "execution", holds(P.topic_run), **WHY),
        _move("reopen", "evaluation", NOBODY),
        _move("finish", "record", holds(P.topic_run)),
    ],
    "POST /topics/{topic_id}/guests": _in(
        "consultation", holds(P.topic_run), person_id="{person}", kind="expert", name="王工"
    ),
    "POST /topics/{topic_id}/meetings": _in(
        "consultation", holds(P.topic_run), kind="talk", title="恳谈", venue="议事室", held_at="2026-11-20T09:00:00Z"
    ),
    "GET /topics/{topic_id}/meetings": _see("", "consultation"),
    "PUT /topics/{topic_id}/meetings/{meeting_id}/minutes": Line(
        see=SHOWN,
        may=holds(P.topic_run),
        body={"minutes": "发言", "conclusion": "同意", "attendants": [{"name": "周", "capacity": "代表"}]},
        subject={"topic_id": "consultation", "meeting_id": "meeting"},
    ),
    "GET /topics/{topic_id}/meetings/{meeting_id}/paper": Line(
        see=NOBODY, subject={"topic_id": "consultation", "meeting_id": "meeting"}
    ),
    "POST /topics/{topic_id}/objections": _in("publicity", LIVES, text="费用不符"),
    "GET /topics/{topic_id}/objections": _see("", "publicity"),
    "POST /objections/{objection_id}/moves/{move}": [
        Line(see=TOPIC, may=holds(P.topic_run), body={"answer": "已说明"}, subject={"objection_id": "objection", "move": m})
        for m in ("answer", "uphold")
    ]
    + [Line(see=TOPIC, may=OWN, body={}, subject={"objection_id": "objection", "move": "withdraw"})],
    "POST /topics/{topic_id}/milestones": _in("execution", holds(P.topic_run), title="安装", days=3),
    "GET /topics/{topic_id}/milestones": _see("", "execution"),
    "POST /topics/{topic_id}/progress": _in("execution", holds(P.topic_run), text="已开工"),
    "GET /topics/{topic_id}/progress": _see("", "execution"),
    "POST /topics/{topic_id}/statements": _in("consultation", LIVES, text="夜间只走行人"),
    "GET /topics/{topic_id}/statements": Line(
        see=SHOWN, subject={"topic_id": "consultation"}
    ),
    "PUT /statements/{statement_id}/stance": Line(
        see=SHOWN, may=LIVES, body={"stance": "agree"}, subject={"statement_id": "statement"}
    ),
    "GET /topics/{topic_id}/opinion-map": _see("", "consultation"),
    "GET /topics/{topic_id}/opinion-map/picture": _see("", "consultation"),
    "PUT /topics/{topic_id}/rating": _in("evaluation", LIVES, 200, stars=4),
}  # fmt: skip


async def fill(tx: AsyncSession, at: Community, owner: PersonId, names: dict[str, str]) -> None:
    """A topic of the owner in each stage of 有事好商量, one returned, an objection and a meeting."""
    path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one()
    steps = TEMPLATES[TopicTemplate.consultation].steps
    for position, name in [*enumerate(step.kind.value for step in steps), (0, "returned")]:
        topic = Topic(
            template=TopicTemplate.consultation,
            title="停车",
            text="停车难",
            place_id=at.place,
            path=path,
            author_id=owner,
            by_resident=True,
            position=position,
            state=TopicState.returned if name == "returned" else TopicState.running,
            content=ContentState.passed if position else ContentState.pending,
        )
        tx.add(topic)
        await tx.flush()
        tx.add(TopicPlace(topic_id=topic.id, place_id=at.place, path=path))
        stages = [
            TopicStage(
                topic_id=topic.id,
                position=n,
                kind=step.kind,
                title=step.title,
                body=step.body,
                optional=step.optional,
                limits=[step.limit.amount, step.limit.clock.value],
                round=1,
                opened_at=clock.now(),
            )
            for n, step in enumerate(steps)
        ]
        tx.add_all(stages)
        await tx.flush()
        names[name] = str(topic.id)
        if name == StageKind.publicity:
            objection = Objection(
                topic_id=topic.id, stage_id=stages[position].id, round=1, person_id=owner, text="不同意"
            )
            tx.add(objection)
            names["objection"] = str(objection.id)
        if name == StageKind.consultation:
            meeting = TopicMeeting(
                topic_id=topic.id,
                stage_id=stages[position].id,
                kind=ConsultationKind.talk,
                title="恳谈",
                venue="议事室",
                held_at=clock.now() - timedelta(hours=1),
            )
            statement = Statement(
                topic_id=topic.id, author_id=owner, text="夜间只走行人", content=ContentState.passed
            )
            tx.add_all([meeting, statement])
            await tx.flush()
            names["meeting"], names["statement"] = str(meeting.id), str(statement.id)
            await drawing.draw(tx, topic.id)
