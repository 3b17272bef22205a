"""A topic told step by step over HTTP: who raises it, passes its checks, and what its stages need."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import update
from sqlmodel import col

from api.kit import clock
from api.models import Branch, Membership, Topic
from api.models.people import PersonId
from api.rules.content import ContentState
from api.rules.people import MembershipKind, MembershipState
from api.rules.voting.rule import as_json, owners_ordinary, simple_majority
from tests.polls import MAJORITY, closed, opened, renew, vote
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]
HOUSEHOLDS = {"basis": "household", "rule": as_json(simple_majority())}
OWNERS = {"basis": "owner", "rule": as_json(owners_ordinary())}
PERSONS = {"basis": "person", "rule": MAJORITY}


class Story:
    """One topic here, and the town it happens in."""

    def __init__(self, town: Town, pump: Pump, topic: dict[str, Any]) -> None:
        self.town, self.pump, self.id = town, pump, topic["id"]
        self.topic = topic

    @property
    def stage(self) -> dict[str, Any]:
        found: dict[str, Any] = self.topic["stages"][self.topic["position"]]
        return found

    async def look(self, who: Actor | None = None) -> dict[str, Any]:
        self.topic = (await (who or self.town.here.secretary).get(f"/topics/{self.id}")).json()
        return self.topic

    async def move(self, who: Actor, move: str, **body: Any) -> httpx.Response:
        answer = await who.post(f"/topics/{self.id}/moves/{move}", body)
        if answer.status_code == 200:
            self.topic = answer.json()
        return answer

    async def done(self, who: Actor, move: str, **body: Any) -> None:
        answer = await self.move(who, move, **body)
        assert answer.status_code == 200, answer.text

    async def post(self, who: Actor, what: str, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
        answer = await who.post(f"/topics/{self.id}/{what}", body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def meet(self, kind: str = "talk", who: Actor | None = None, **attendant: Any) -> None:
        """A meeting was held an hour ago; its minutes are written."""
        chair = who or self.town.here.worker
        held = {"kind": kind, "title": "恳谈会", "venue": "议事室", "held_at": clock.now().isoformat()}
        meeting = await self.post(chair, "meetings", held)
        minutes = {
            "minutes": "逐一发言。",
            "conclusion": "同意。",
            "attendants": [{"name": "周阿姨", "capacity": "居民代表", **attendant}],
        }
        answer = await chair.call("PUT", f"/topics/{self.id}/meetings/{meeting['id']}/minutes", json=minutes)
        assert answer.status_code == 200, answer.text

    async def poll(self, **changes: Any) -> str:
        """The stage's poll, open."""
        await renew(self.town, self.town.supervisor)
        asked = {"stage_id": self.stage["id"], "place_id": self.topic["place"]["id"], **PERSONS, **changes}
        found = await opened(self.town, **asked)
        await self.look()
        assert self.stage["poll_id"] == found
        return found

    async def voted(self, yes: Sequence[Actor], no: Sequence[Actor] = (), **changes: Any) -> str:
        """The stage's poll is opened, voted in, closed by the clock, sealed and counted; the topic has followed."""
        found = await self.poll(**changes)
        for who, choice in [*((w, "yes") for w in yes), *((w, "no") for w in no)]:
            answer = await vote(who, found, choice)
            assert answer.status_code == 201, answer.text
        await self.counted()
        return found

    async def counted(self) -> None:
        await closed(self.town, self.pump)
        await self.look()

    async def told(self, who: Actor, *moves: str) -> None:
        """Every one of these steps reached them."""
        await self.pump()
        notices = (await who.get("/notices?limit=100")).json()["items"]
        kinds = {n["kind"].split(".")[1] for n in notices if n["subject_id"] == self.id}
        assert set(moves) <= kinds, set(moves) - kinds

    async def wait(self, days: int) -> None:
        clock.move(timedelta(days=days))
        await self.pump()
        await self.look()

    async def carry_out(self, who: Actor) -> None:
        made = await self.post(who, "milestones", {"title": "安装门禁", "days": 20})
        report = {"text": "已安装。", "milestone_id": made["id"], "done": True}
        await self.post(who, "progress", report)
        await self.done(who, "advance", result="按时完成")


async def tell(town: Town, pump: Pump, who: Actor | None = None, **changes: Any) -> Story:
    """A topic raised by `who` (the resident here); its words have passed the check."""
    body = {"title": "北门夜间关闭", "text": "夜间噪声大。", "place_id": str(town.here.place), **changes}
    answer = await (who or town.here.resident).post("/topics", body)
    assert answer.status_code == 201, answer.text
    await checked(town, answer.json()["id"])
    story = Story(town, pump, answer.json())
    await pump()
    return story


async def checked(town: Town, topic_id: str) -> None:
    """The words have passed the check of content."""
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            update(Topic).where(col(Topic.id) == UUID(topic_id)).values(content=ContentState.passed)
        )


async def party_members(town: Town, who: list[Actor]) -> str:
    """Verified members of one branch here."""
    async with town.app.state.db.transaction() as tx:
        branch = Branch(name="第一党支部", place_id=town.here.place)
        tx.add(branch)
        await tx.flush()
        tx.add_all(
            Membership(
                person_id=PersonId(actor.id),
                kind=MembershipKind.party,
                place_id=town.here.place,
                branch_id=branch.id,
                state=MembershipState.verified,
            )
            for actor in who
        )
    return str(branch.id)
