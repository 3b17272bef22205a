"""The matrix's lines for activities, hours, certificates and teams, and the subjects they ask about."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Activity, AddedHours, Certificate, Place, Seat, ServiceRecord, Team, TeamMember
from api.models.people import PersonId
from api.rules.activity_words import ActivityState, OpenTo, RecordKind, SeatState
from api.rules.certificates import CertificateState, IdKind, new_number
from api.rules.content import ContentState
from api.rules.roles import Permission
from tests.routers.matrix import HANDLING, NOBODY, OWN, RESIDENT, SIGNED, TABLE, Line, Who, holds
from tests.town import Community

P = Permission
INSIDE = OWN | holds(P.activity_read)
RUNS = OWN | holds(P.activity_write)
LIVING = Who(lambda asker, here: here and asker is RESIDENT)
SECOND = Who(lambda asker, here: holds(P.activity_write)(asker, here) and not HANDLING(asker, here))
"""The handler proposed the added hours."""
ISSUES = OWN | holds(P.certificate_issue)
MEMBER = OWN | holds(P.person_read)
_BECAUSE = {"reason": "核实情况"}
_SOON = {
    "title": "清洁家园",
    "text": "清理楼道。",
    "spot": "1 幢楼下",
    "place_id": "{place}",
    "starts_at": "2199-01-01T09:00:00+08:00",
    "ends_at": "2199-01-01T11:00:00+08:00",
    "seats": 5,
}
_ASKED = {
    "place_id": "{place}",
    "since": "2026-01-01",
    "until": "2026-12-31",
    "name": "张三",
    "id_kind": "other",
    "id_number": "A12345678",
}


def _one(state: str, may: Who, move: str = "", ok: int = 200, **body: Any) -> Line:
    see = INSIDE if state == "draft" else Line().see
    subject = {"activity_id": f"activity_{state}"} | ({"move": move} if move else {})
    return Line(see=see, may=may, ok=ok, body=body if move else None, subject=subject)


def _seat(state: str, may: Who, move: str, **body: Any) -> Line:
    return Line(see=INSIDE, may=may, body=body, subject={"seat_id": f"seat_{state}", "move": move})


def _certificate(state: str, may: Who, move: str, **body: Any) -> Line:
    subject = {"certificate_id": f"certificate_{state}", "move": move}
    return Line(see=ISSUES, may=may, body=body, subject=subject)


_ANYONE = Line().see
TABLE |= {
    "POST /activities": Line(may=holds(P.activity_write), ok=201, body=_SOON),
    "GET /activities": [
        Line(query="?place={place}", listed="activity_published"),
        Line(see=INSIDE, query="?place={place}&state=draft", listed="activity_draft"),
        Line(see=OWN, query="?mine=true", listed="activity_draft"),
    ],
    "GET /activities/{activity_id}": [_one("draft", INSIDE), _one("published", _ANYONE)],
    "GET /activities/{activity_id}/events": [_one("draft", INSIDE), _one("published", _ANYONE)],
    "POST /activities/{activity_id}/moves/{move}": [
        _one("draft", RUNS, "revise", title="清洁小区"),
        _one("draft", holds(P.activity_write), "publish"),
        _one("draft", RUNS, "cancel", **_BECAUSE),
        _one("published", holds(P.activity_write), "enlarge", more=1),
        _one("published", NOBODY, "end"),
    ],
    "POST /activities/{activity_id}/seats": Line(
        may=NOBODY, body={}, subject={"activity_id": "activity_strict"}
    ),
    "GET /activities/{activity_id}/seats": _one("published", INSIDE),
    "GET /activities/{activity_id}/checkin-code": _one("published", RUNS),
    "POST /activities/{activity_id}/checkins": Line(
        ok=409, body={"qr": "x"}, subject={"activity_id": "activity_strict"}
    ),
    "GET /me/seats": Line(see=OWN, listed="seat_confirmed"),
    "GET /seats/{seat_id}": Line(see=INSIDE, subject={"seat_id": "seat_confirmed"}),
    "GET /seats/{seat_id}/events": Line(see=INSIDE, subject={"seat_id": "seat_confirmed"}),
    "POST /seats/{seat_id}/moves/{move}": [
        _seat("confirmed", OWN, "cancel"),
        _seat("confirmed", holds(P.activity_write), "remove", **_BECAUSE),
        _seat("confirmed", NOBODY, "check_in"),
        _seat("confirmed", NOBODY, "no_show"),
        _seat("offered", OWN, "accept"),
        _seat("offered", OWN, "decline"),
        _seat("no_show", holds(P.activity_write), "excuse", **_BECAUSE),
        _seat("no_show", NOBODY, "credit"),
    ],
    "GET /me/service-records": Line(see=OWN, listed="service_record"),
    "GET /activities/{activity_id}/service-records": Line(
        see=INSIDE, subject={"activity_id": "activity_ended"}, listed="service_record"
    ),
    "GET /activities/{activity_id}/publicity": Line(
        subject={"activity_id": "activity_ended"}, listed="seat_credited"
    ),
    "GET /activities/{activity_id}/added-hours": _one("ended", holds(P.activity_read)),
    "POST /activities/{activity_id}/added-hours": Line(
        may=holds(P.activity_write),
        ok=201,
        body={"seat_id": "{seat_no_show}", "minutes": 5, **_BECAUSE},
        subject={"activity_id": "activity_missed"},
    ),
    "POST /added-hours/{adding_id}/moves/{move}": [
        Line(see=holds(P.activity_read), may=SECOND, body=body, subject={"adding_id": "adding", "move": move})
        for move, body in (("confirm", {}), ("refuse", _BECAUSE))
    ],
    "POST /service-records/{record_id}/counter": Line(
        see=INSIDE,
        may=holds(P.activity_write),
        ok=201,
        body=_BECAUSE,
        subject={"record_id": "service_record"},
    ),
    "POST /me/certificates": Line(ok=409, body=_ASKED),
    "GET /me/certificates": Line(see=OWN, listed="certificate_requested"),
    "GET /certificates": Line(see=ISSUES, query="?place={place}", listed="certificate_requested"),
    "GET /certificates/{certificate_id}/pdf": Line(
        see=ISSUES, ok=409, subject={"certificate_id": "certificate_requested"}
    ),
    "POST /certificates/{certificate_id}/moves/{move}": [
        _certificate("requested", holds(P.certificate_issue), "issue"),
        _certificate("requested", holds(P.certificate_issue), "refuse", **_BECAUSE),
        _certificate("requested", OWN, "withdraw"),
        _certificate("issued", holds(P.certificate_issue), "revoke", **_BECAUSE),
    ],
    "GET /certificate-publicity": Line(
        see=LIVING | holds(P.activity_read), query="?place={place}", listed="certificate_issued"
    ),
    "GET /certificates/{number}": SIGNED,
    "POST /teams": Line(may=holds(P.team_write), ok=201, body={"place_id": "{place}", "name": "电工队"}),
    "GET /teams": Line(query="?place={place}", listed="team"),
    "GET /teams/{team_id}": Line(subject={"team_id": "team"}),
    "GET /teams/{team_id}/events": Line(subject={"team_id": "team"}),
    "PATCH /teams/{team_id}": Line(
        may=holds(P.team_write), body={"introduction": "修灯换锁"}, subject={"team_id": "team"}
    ),
    "POST /teams/{team_id}/members": Line(may=NOBODY, body={}, subject={"team_id": "team"}),
    "GET /teams/{team_id}/members": Line(see=MEMBER, subject={"team_id": "team"}, listed="team_member"),
    "POST /team-members/{member_id}/moves/{move}": [
        Line(see=MEMBER, may=may, body=body, subject={"member_id": "team_member", "move": move})
        for move, may, body in (
            ("confirm", holds(P.team_write), {}),
            ("refuse", holds(P.team_write), _BECAUSE),
            ("leave", OWN, {}),
        )
    ],
}


async def fill(
    tx: AsyncSession, names: dict[str, str], at: Community, owner: PersonId, handler: PersonId
) -> None:
    """Activities of `owner` with the owner's seats in them; `handler` has proposed minutes for the one that is over."""
    path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one()
    now = clock.now().replace(second=0, microsecond=0)
    times = {
        "draft": (now + timedelta(days=3), ActivityState.draft),
        "published": (now + timedelta(hours=1), ActivityState.published),
        "strict": (now + timedelta(days=5), ActivityState.published),
        "next": (now + timedelta(days=7), ActivityState.published),
        "older": (now - timedelta(days=11), ActivityState.ended),
        "missed": (now - timedelta(days=9), ActivityState.ended),
        "ended": (now - timedelta(days=7), ActivityState.ended),
    }
    made = {name: _activity(at, path, owner, *how, strict=name == "strict") for name, how in times.items()}
    tx.add_all(made.values())
    await tx.flush()
    names |= {f"activity_{name}": str(activity.id) for name, activity in made.items()}
    held = {
        "confirmed": _held(made["published"], owner, SeatState.confirmed),
        "offered": _held(made["next"], owner, SeatState.offered),
        "no_show": _held(made["missed"], owner, SeatState.no_show),
        "older": _held(made["older"], owner, SeatState.no_show),
        "credited": _held(made["ended"], owner, SeatState.credited, minutes_automatic=60),
    }
    tx.add_all(held.values())
    await tx.flush()
    names |= {f"seat_{name}": str(seat.id) for name, seat in held.items()}
    credited = held["credited"]
    record = ServiceRecord(
        person_id=owner,
        activity_id=credited.activity_id,
        seat_id=credited.id,
        community_id=at.place,
        kind=RecordKind.automatic,
        minutes=60,
        day=clock.local(made["ended"].starts_at).date(),
    )
    # Of a seat without automatic minutes: should confirming write such, nothing else would stand in its way.
    adding = AddedHours(
        activity_id=held["older"].activity_id,
        seat_id=held["older"].id,
        person_id=owner,
        minutes=30,
        reason="签名册",
        proposed_by=handler,
    )
    team = Team(place_id=at.place, name="邻里队")
    tx.add_all([record, adding, team])
    await tx.flush()
    member = TeamMember(team_id=team.id, person_id=owner)
    asked, issued = (
        _paper(at, owner, state, record) for state in (CertificateState.requested, CertificateState.issued)
    )
    tx.add_all([member, asked, issued])
    await tx.flush()
    names |= {
        "service_record": str(record.id),
        "adding": str(adding.id),
        "team": str(team.id),
        "team_member": str(member.id),
        "certificate_requested": str(asked.id),
        "certificate_issued": str(issued.id),
    }


def _activity(
    at: Community, path: str, author: PersonId, starts: datetime, state: ActivityState, *, strict: bool
) -> Activity:
    return Activity(
        title="清洁家园",
        text="清理楼道。",
        spot="1 幢楼下",
        content=ContentState.passed,
        state=state,
        place_id=at.place,
        path=path,
        community_id=at.place,
        author_id=author,
        starts_at=starts,
        ends_at=starts + timedelta(hours=2),
        open_to=OpenTo.everybody,
        qualifications=["急救证"] if strict else [],
        seats=5,
        free=4,
        queue=5,
        last_ticket=1,
        published_at=clock.now() if state is not ActivityState.draft else None,
    )


def _held(activity: Activity, person: PersonId, state: SeatState, **columns: Any) -> Seat:
    return Seat(
        activity_id=activity.id,
        person_id=person,
        ticket=1,
        state=state,
        during=Range(activity.starts_at, activity.ends_at),
        **columns,
    )


def _paper(at: Community, person: PersonId, state: CertificateState, record: ServiceRecord) -> Certificate:
    return Certificate(
        number=new_number(at.code, 2026),
        person_id=person,
        community_id=at.place,
        name_masked="张*",
        id_kind=IdKind.other,
        id_masked="*******78",
        since=record.day,
        until=record.day,
        minutes=60,
        lines=[{"day": record.day.isoformat(), "title": "清洁家园", "minutes": 60}],
        state=state,
        issued_at=clock.now() if state is CertificateState.issued else None,
    )
