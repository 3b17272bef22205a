"""People for stories of needs: party members and volunteers of a community of the town, and wishes of its residents."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.kit import clock
from api.models import Membership, Person, Qualification, Residency, WechatIdentity
from api.models.people import PersonId
from api.models.places import HomeId
from api.rules.people import MembershipKind, MembershipState, Relation, ResidencyState
from tests.town import Actor, Community, Town

WISH = {"title": "想要一副老花镜", "text": "眼镜腿断了，看不清药盒上的字。", "category": "goods"}
RISKS = "老人行动不便，上下楼需搀扶。"


async def somebody(town: Town, name: str) -> Actor:
    """A person with a session and nothing else."""
    state: Any = town.app.state
    person = Person(nickname=name)
    async with state.db.transaction() as tx:
        tx.add(person)
        await tx.flush()
        tx.add(
            WechatIdentity(app=state.settings.wechat_appid, openid=f"o-{person.id.hex}", person_id=person.id)
        )
    opened = await state.sessions.open(person.id, "test")
    return Actor(name, UUID(str(person.id)), town.client, opened.token)


async def member(
    town: Town,
    name: str = "党员老王",
    kind: MembershipKind = MembershipKind.party,
    at: Community | None = None,
    qualifications: tuple[str, ...] = (),
    **columns: Any,
) -> Actor:
    """Somebody with a verified membership of the community here."""
    actor = await somebody(town, name)
    async with town.app.state.db.transaction() as tx:
        membership = Membership(
            person_id=PersonId(actor.id),
            kind=kind,
            place_id=(at or town.here).place,
            state=MembershipState.verified,
            **columns,
        )
        tx.add(membership)
        await tx.flush()
        tx.add_all(Qualification(membership_id=membership.id, name=name) for name in qualifications)
    return actor


async def lives(town: Town, who: Actor, home: HomeId, at: Community | None = None) -> None:
    """A verified residency."""
    async with town.app.state.db.transaction() as tx:
        tx.add(
            Residency(
                person_id=PersonId(who.id),
                home_id=home,
                community_id=(at or town.here).place,
                relation=Relation.owner,
                state=ResidencyState.verified,
            )
        )


async def wish(town: Town, who: Actor | None = None, path: str = "/wishes", **changes: Any) -> dict[str, Any]:
    """Handed in by the resident here."""
    body = {**WISH, "place_id": str(town.here.place), **changes}
    if path == "/help-requests":
        body.setdefault("risks", RISKS)
    answer = await (who or town.here.resident).post(path, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def published(town: Town, path: str = "/wishes", **changes: Any) -> str:
    """The id of one that has been screened."""
    made = await wish(town, path=path, **changes)
    answer = await town.here.worker.post(f"/wishes/{made['id']}/moves/publish")
    assert answer.status_code == 200, answer.text
    return str(made["id"])


async def move(who: Actor, need: str, name: str, code: int = 200, **body: Any) -> dict[str, Any]:
    """Make a move and look at the status."""
    answer = await who.post(f"/wishes/{need}/moves/{name}", body)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def scalar(town: Town, sql: str, **values: Any) -> Any:
    async with town.app.state.db.reading() as tx:
        return (await tx.execute(text(sql), values)).scalar_one()


def today() -> Any:
    return clock.local(clock.now()).date()
