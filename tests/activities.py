"""People and activities for stories of volunteering: drawn up, published, signed up for, attended."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.kit import clock
from api.rules.people import MembershipKind
from tests.neighbours import member
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]
START = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
"""The Saturday after, nine in the morning in China."""
SQUARE = {"latitude": 32.0456, "longitude": 118.8012}


def body(town: Town, starts: datetime = START, length: int = 120, **changes: Any) -> dict[str, Any]:
    """Two hours for five people at the square."""
    return {
        "title": "清洁家园",
        "text": "清理楼道杂物，注意楼梯湿滑。",
        "spot": "1 幢楼下",
        "place_id": str(town.here.place),
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(minutes=length)).isoformat(),
        "seats": 5,
        "queue": 5,
        "open_to": "everybody",
        "position": SQUARE,
        **changes,
    }


async def volunteer(town: Town, name: str, **columns: Any) -> Actor:
    """A registered volunteer of the community here."""
    return await member(town, name, MembershipKind.volunteer, **columns)


async def drawn_up(town: Town, who: Actor | None = None, **changes: Any) -> dict[str, Any]:
    answer = await (who or town.here.worker).post("/activities", body(town, **changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def passed(town: Town) -> None:
    """All activities have been looked at and are fit to be seen."""
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update activities set content = 'pass'"))


async def published(town: Town, **changes: Any) -> str:
    """The id of one that has been looked at and published."""
    made = await drawn_up(town, **changes)
    await passed(town)
    await move(town.here.worker, made["id"], "publish")
    return str(made["id"])


async def move(who: Actor, activity: str, name: str, code: int = 200, **given: Any) -> dict[str, Any]:
    answer = await who.post(f"/activities/{activity}/moves/{name}", given)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sign_up(who: Actor, activity: str, code: int = 201) -> dict[str, Any]:
    answer = await who.post(f"/activities/{activity}/seats")
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def seat_move(who: Actor, seat: str, name: str, code: int = 200, **given: Any) -> dict[str, Any]:
    answer = await who.post(f"/seats/{seat}/moves/{name}", given)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def check_in(who: Actor, activity: str, code: int = 201, **given: Any) -> dict[str, Any]:
    """At the square, unless something else is shown."""
    answer = await who.post(f"/activities/{activity}/checkins", given or {"position": SQUARE})
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def attended(town: Town, pump: Pump, who: Actor, activity: str, start: datetime = START) -> None:
    """From the beginning to the end, and the publicity over: a hundred and twenty minutes."""
    clock.set_to(start - timedelta(minutes=1))
    await pump()
    await check_in(who, activity)
    clock.set_to(start + timedelta(minutes=121))
    await check_in(who, activity)
    clock.set_to(start + timedelta(hours=5))
    await pump()
    clock.set_to(start + timedelta(days=5))
    await pump()


async def seat_of(town: Town, who: Actor, activity: str) -> str:
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(
            text("select id from seats where person_id = :p and activity_id = :a order by id desc limit 1"),
            {"p": who.id, "a": UUID(activity)},
        )
        return str(found.scalar_one())
