"""签到签退: the person alone, by the code shown at the place or by being there. Nobody can do it for somebody else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotAllowed, Problem, WrongMoment
from api.kit.qr import qr_svg
from api.kit.secrets import Vault
from api.models import Attendance, Seat
from api.models.activities import SeatId
from api.rules.activities import CheckinClosed, is_open
from api.rules.activity_words import LIVE, ActivityState, CheckedBy, SeatState
from api.rules.checkins import NoPosition, TooFar, check_code, code_at, metres
from api.rules.roles import Permission
from api.services.access import Viewer
from api.services.activities.finding import SeatSubject, find_seat, nowhere_else
from api.services.activities.reading import row_of
from api.services.activities.strikes import pass_through
from api.services.activities.view import Row, organises, permitted

CHECKIN = "checkin"
"""The vault's purpose for the codes' signatures."""
AT_LEAST = timedelta(minutes=1)
"""Between check-in and check-out: a second tap is no leaving."""


class NotSignedUp(Problem):
    status, code, title = 409, "not_signed_up", "您没有报名这个活动"


class CheckedInJustNow(Problem):
    status, code, title = 409, "checked_in_just_now", "您刚刚签到，一分钟后可以签退"


@dataclass(frozen=True, slots=True)
class Presence:
    """How somebody shows to be there: exactly one of the two."""

    qr: str | None
    position: tuple[float, float] | None
    """Latitude and longitude in degrees."""


async def current_code(tx: AsyncSession, vault: Vault, viewer: Viewer, activity_id: UUID) -> dict[str, Any]:
    """What the organiser's screen shows now, as text and as a picture. Raises NotFound, NotAllowed, CheckinClosed."""
    row = await row_of(tx, viewer, activity_id)
    if not organises(row, viewer) and Permission.activity_write not in permitted(row):
        raise NotAllowed("签到码只由组织者出示")
    if row["state"] != ActivityState.published or not is_open(row["starts_at"], row["ends_at"], clock.now()):
        raise CheckinClosed
    code, until = code_at(lambda text: vault.index(CHECKIN, text), activity_id, clock.now())
    picture = qr_svg(code, scale=8)
    return {"code": code, "svg": picture, "until": until}


async def check(tx: AsyncSession, vault: Vault, viewer: Viewer, activity_id: UUID, shown: Presence) -> UUID:
    """签到, or 签退 for who is checked in; the seat's id.

    Raises NotFound, NotSignedUp, CheckinClosed, CheckinsSpent, CheckinCodeRefused, NoPosition, TooFar,
    CheckedInJustNow, DoubleBooked, WrongMoment.
    """
    activity = await row_of(tx, viewer, activity_id)
    seat = await _my_seat(tx, viewer, activity_id)
    leaving = seat.state is SeatState.checked_in
    seat.require("check_out" if leaving else "check_in")
    by, distance = _proven(vault, activity, shown)
    now = clock.now()
    if leaving:
        await _leave(tx, seat, now, by, distance)
    else:
        await _come(tx, seat, now, by, distance)
    return seat.id


async def _my_seat(tx: AsyncSession, viewer: Viewer, activity_id: UUID) -> SeatSubject:
    found = await tx.execute(
        select(col(Seat.id)).where(
            col(Seat.activity_id) == activity_id,
            col(Seat.person_id) == viewer.person_id,
            col(Seat.state).in_(LIVE),
        )
    )
    seat_id = found.scalar_one_or_none()
    if seat_id is None:
        raise NotSignedUp
    return await find_seat(tx, viewer, seat_id)


def _proven(vault: Vault, activity: Row, shown: Presence) -> tuple[CheckedBy, int | None]:
    if shown.qr is not None:
        check_code(lambda text: vault.index(CHECKIN, text), activity["id"], shown.qr, clock.now())
        return CheckedBy.qr, None
    assert shown.position is not None
    if activity["latitude"] is None:
        raise NoPosition
    away = metres((activity["latitude"], activity["longitude"]), shown.position)
    if away > activity["radius"]:
        raise TooFar(f"离活动地点约 {away} 米，须在 {activity['radius']} 米以内", metres=away)
    return CheckedBy.position, away


async def _come(
    tx: AsyncSession, seat: SeatSubject, now: datetime, by: CheckedBy, distance: int | None
) -> None:
    """A new pair; the seat's version decides of two taps at once."""
    await pass_through(tx, seat.row["person_id"])
    with nowhere_else():
        await seat.move(tx, "check_in", text="签到", data={"by": by.value})
    tx.add(
        Attendance(
            seat_id=SeatId(seat.id),
            day=clock.local(now).date(),
            ordinal=seat.facts.pairs_today + 1,
            came_at=now,
            came_by=by,
            came_metres=distance,
        )
    )
    await tx.flush()  # an overlap or a fourth pair fails here, in its own name


async def _leave(
    tx: AsyncSession, seat: SeatSubject, now: datetime, by: CheckedBy, distance: int | None
) -> None:
    await seat.move(tx, "check_out", text="签退", data={"by": by.value})
    closed = await tx.execute(
        update(Attendance)
        .where(
            col(Attendance.seat_id) == seat.id,
            col(Attendance.left_at).is_(None),
        )
        .values(left_at=now, left_by=by.value, left_metres=distance)
        .returning(col(Attendance.came_at))
    )
    came = closed.scalar_one_or_none()
    if came is None:
        raise WrongMoment("没有未签退的签到", moves=[])
    if now - came < AT_LEAST:
        raise CheckedInJustNow
