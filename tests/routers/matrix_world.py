"""The subjects the matrix asks about, here and there, and everybody who asks, with a session at either door."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.models import (
    Appointment,
    Asset,
    Branch,
    Case,
    CaseExclusion,
    CaseReach,
    CaseRequest,
    CaseTask,
    Company,
    ContentCheck,
    Estate,
    Grant,
    Home,
    Membership,
    Merchant,
    Notice,
    OfficeHours,
    Person,
    Place,
    Poll,
    Residency,
    Unit,
    WechatIdentity,
)
from api.models.cases import Audience, CaseId
from api.models.people import PersonId
from api.models.places import UnitId
from api.rules.case_requests import RequestKind, RequestState
from api.rules.cases import CaseCategory, CaseKind, CaseState
from api.rules.content import CheckKind, CheckScene, CheckState
from api.rules.people import MembershipKind, PersonState, Relation, ResidencyState
from api.rules.places import UnitKind, ancestor_paths
from api.rules.polls import RollBasis
from api.rules.property import AssetKind, MerchantCategory
from api.rules.roles import SERVES, Role
from api.rules.statistics import ExclusionReason
from api.services.appointments import office
from tests.asgi import Answer, call
from tests.routers import (
    matrix_activities,
    matrix_disclosures,
    matrix_dispatch,
    matrix_grid,
    matrix_needs,
    matrix_topics,
)
from tests.routers.matrix import ASKERS, HANDLER, OWNER, RESIDENT, Line
from tests.town import Community, Town

CASES = ("submitted", "dispatched", "in_progress", "waiting_resident", "handled", "awaiting_rating")
_PARAMETER = re.compile(r"\{(\w+)\}")


class World:
    """Tokens by asker and door, ids of subjects by name."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.state: Any = app.state
        self.people: dict[str, PersonId] = {}
        self.tokens: dict[tuple[str, bool], str] = {}
        self.subjects: dict[bool, dict[str, str]] = {True: {}, False: {}}

    async def fill(self, town: Town) -> None:
        async with self.state.db.transaction() as tx:
            company = await self._company(tx, True, town.here)
            await self._company(tx, False, town.there)
            for asker in ASKERS:
                self.people[asker.name] = await self._person(tx, asker.name)
                if asker.role is not None:
                    unit = company if asker.role in SERVES[UnitKind.property_company] else None
                    tx.add(
                        Grant(
                            person_id=self.people[asker.name],
                            role=asker.role,
                            place_id=town.here.place,
                            unit_id=unit,
                        )
                    )
            neighbour = await self._person(tx, "the neighbours' owner")
            handler = await self._person(tx, "the neighbours' handler")
            self._resident(tx, self.people[RESIDENT.name], town.here, town.here.home, ResidencyState.verified)
            await self._subjects(tx, True, town.here, self.people[OWNER.name], self.people[HANDLER.name])
            await self._subjects(tx, False, town.there, neighbour, handler)
        for asker in ASKERS:
            for console in (False, True):
                opened = await self.state.sessions.open(self.people[asker.name], "matrix", console=console)
                self.tokens[asker.name, console] = opened.token
        other = await self.state.sessions.open(neighbour, "matrix")
        for names in self.subjects.values():
            names["session"] = other.session_id

    async def _person(self, tx: AsyncSession, name: str, **columns: Any) -> PersonId:
        person = Person(nickname=name, **columns)
        tx.add(person)
        await tx.flush()
        app = self.state.settings.wechat_appid
        tx.add(WechatIdentity(app=app, openid=f"o-{person.id.hex}", person_id=person.id))
        return person.id

    async def _office(self, tx: AsyncSession, at: Community, owner: PersonId) -> dict[str, str]:
        """Office hours of every day with two slots, the second of them asked for by the owner."""
        rows = [
            OfficeHours(
                secretary_id=PersonId(at.secretary.id),
                place_id=at.place,
                weekday=day,
                opens=1200,
                closes=1260,
                minutes=30,
                since=clock.local(clock.now()).date(),
            )
            for day in range(1, 7)
        ]
        tx.add_all(rows)
        await tx.flush()
        first, second, *_ = await office.open_slots(tx, at.secretary.id)
        path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one()
        asked = Appointment(
            secretary_id=PersonId(at.secretary.id),
            place_id=at.place,
            path=path,
            person_id=owner,
            topic="加装电梯",
            slot_id=second.id,
            starts_at=second.starts_at,
            ends_at=second.ends_at,
        )
        tx.add(asked)
        await tx.flush()
        return {"slot": str(first.id), "hours": str(rows[0].id), "appointment": str(asked.id)}

    async def _company(self, tx: AsyncSession, here: bool, at: Community) -> UnitId:
        """A property company, its unit at the estate, and a lift."""
        estate = (await tx.execute(select(Estate).where(col(Estate.place_id) == at.place))).scalar_one()
        company = Company(place_id=at.place, name="物业公司")
        asset = Asset(estate_id=estate.id, kind=AssetKind.lift, name="1 号电梯")
        merchant = Merchant(place_id=at.place, category=MerchantCategory.repair, name="老李维修")
        tx.add_all([company, asset, merchant])
        await tx.flush()
        unit = Unit(
            kind=UnitKind.property_company,
            place_id=at.place,
            name="物业服务中心",
            company_id=company.id,
            estate_id=estate.id,
        )
        tx.add(unit)
        await tx.flush()
        self.subjects[here] |= {
            "company": str(company.id),
            "asset": str(asset.id),
            "property": str(unit.id),
            "merchant": str(merchant.id),
        }
        return unit.id

    def _resident(
        self, tx: AsyncSession, who: PersonId, at: Community, home: Any, state: ResidencyState
    ) -> Residency:
        made = Residency(
            person_id=who,
            home_id=home,
            community_id=at.place,
            relation=Relation.owner,
            is_registered=True,
            state=state,
        )
        tx.add(made)
        return made

    async def _subjects(
        self, tx: AsyncSession, here: bool, at: Community, owner: PersonId, handler: PersonId
    ) -> None:
        names = self.subjects[here]
        vault = self.state.vault
        phone = f"1390000000{int(here)}"
        person = await self._person(
            tx, "person", phone_sealed=vault.seal("phone", phone), phone_index=vault.index("phone", phone)
        )
        blocked = await self._person(tx, "blocked", state=PersonState.blocked)
        holder = await self._person(tx, "holder")
        other = Home(building_id=at.building, room="302")
        grant = Grant(person_id=holder, role=Role.grid_worker, place_id=at.place)
        branch = Branch(place_id=at.place, name="第一党支部")
        tx.add_all([other, grant, branch])
        await tx.flush()
        for who in (person, blocked):
            self._resident(tx, who, at, at.home, ResidencyState.verified)
        residency = self._resident(tx, owner, at, at.home, ResidencyState.pending)
        membership = Membership(person_id=owner, kind=MembershipKind.volunteer, place_id=at.place)
        tx.add(membership)
        await tx.flush()
        for state in CASES:
            names[state] = str(await self._case(tx, at, CaseState(state), owner, handler))
        names["entered"] = str(await self._case(tx, at, CaseState.waiting_resident, owner, handler))
        request = CaseRequest(
            case_id=CaseId(UUID(names["dispatched"])),
            cycle=1,
            kind=RequestKind.supervise,
            reason="久拖不决",
            asker_id=handler,
            asker_title="社区工作者",
        )
        assist = CaseRequest(
            case_id=CaseId(UUID(names["waiting_resident"])),
            cycle=1,
            kind=RequestKind.assist,
            state=RequestState.approved,
            reason="需要协同",
            asker_id=handler,
            asker_title="社区工作者",
        )
        tx.add_all([request, assist])
        await tx.flush()
        task = CaseTask(case_id=assist.case_id, request_id=assist.id, unit_id=UnitId(at.desk), text="清理")
        tx.add(task)
        names |= await self._office(tx, at, owner)
        property_unit = UnitId(UUID(names["property"]))
        repair = await self._case(tx, at, CaseState.dispatched, owner, handler, unit=property_unit)
        names["repair"] = str(repair)
        names["assisted"] = str(await self._case(tx, at, CaseState.in_progress, owner, handler))
        asked = CaseId(UUID(names["assisted"]))
        tx.add(CaseTask(case_id=asked, request_id=assist.id, unit_id=property_unit, text="停电半小时"))
        merged = await self._case(tx, at, CaseState.merged, owner, handler, parent=UUID(names["in_progress"]))
        names["merged"] = str(merged)
        excluded = await self._case(tx, at, CaseState.handled, owner, handler)
        tx.add(CaseExclusion(case_id=CaseId(excluded), reason=ExclusionReason.malicious, proposed_by=holder))
        names["excluded"] = str(excluded)
        event = record(
            tx,
            subject_kind="case",
            subject_id=UUID(names["submitted"]),
            move="submit",
            actor_id=owner,
            actor_title="居民",
            text="已提交",
        )
        await tx.flush()
        notice = Notice(
            person_id=owner,
            event_id=event.id,
            kind="case.submit",
            title="已提交",
            text="已提交",
            subject_kind="case",
            subject_id=event.subject_id,
        )
        check = ContentCheck(
            subject_kind="case",
            subject_id=UUID(names["submitted"]),
            what=CheckKind.text,
            scene=CheckScene.forum,
            author_id=owner,
            path=(await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one(),
            texts=["路灯不亮"],
            state=CheckState.review,
        )
        poll = Poll(
            place_id=at.place,
            path=check.path,
            title="电梯",
            text="同意？",
            basis=RollBasis.person,
            options=[{"id": "yes", "title": "赞成"}],
            rule={"method": "yes_no"},
            rule_hash="",
            opens_at=clock.now() - timedelta(days=2),
            closes_at=clock.now() - timedelta(days=1),
        )
        tx.add_all([notice, check, poll])
        estate = (await tx.execute(select(Estate).where(col(Estate.place_id) == at.place))).scalar_one()
        names |= {
            "place": str(at.place),
            "building": str(at.building),
            "home": str(at.home),
            "other_home": str(other.id),
            "estate": str(estate.id),
            "branch": str(branch.id),
            "unit": str(at.desk),
            "secretary": str(at.secretary.id),
            "person": str(person),
            "blocked": str(blocked),
            "phone": phone,
            "grant": str(grant.id),
            "grant_id": str(grant.id),
            "residency": str(residency.id),
            "residency_id": str(residency.id),
            "membership": str(membership.id),
            "membership_id": str(membership.id),
            "request": str(request.id),
            "task": str(task.id),
            "event": str(event.id),
            "notice": str(notice.id),
            "check": str(check.id),
            "poll": str(poll.id),
        }
        offeree = self.people[RESIDENT.name] if here else handler
        await matrix_activities.fill(tx, names, at, owner, handler)
        await matrix_needs.fill(tx, names, at, owner, handler, offeree)
        await matrix_dispatch.fill(tx, names, at, handler)

        await matrix_topics.fill(tx, at, owner, names)
        await matrix_disclosures.fill(tx, at, names)
        walker = self.people[Role.grid_worker.value] if here else handler
        await matrix_grid.fill(tx, vault, names, handler, walker)

    async def _case(
        self,
        tx: AsyncSession,
        at: Community,
        state: CaseState,
        owner: PersonId,
        handler: PersonId,
        unit: UnitId | None = None,
        parent: UUID | None = None,
    ) -> UUID:
        """A private case in `state`, contacted already, so that only standing decides."""
        now = clock.now()
        working = state in (CaseState.in_progress, CaseState.waiting_resident)
        case = Case(
            number=new_id().hex,
            kind=CaseKind.secretary,
            category=CaseCategory.help,
            title="路灯",
            text="不亮",
            state=state,
            place_id=at.place,
            path=(await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one(),
            community_id=at.place,
            reporter_id=owner,
            dispatched_at=now if state is not CaseState.submitted else None,
            tasks_open=1 if state is CaseState.waiting_resident else 0,
            unit_id=(unit or UnitId(at.desk)) if state is not CaseState.submitted else None,
            handler_id=handler if working else None,
            merged_into_id=CaseId(parent) if parent else None,
            merged_at=now if parent else None,
            first_contact_at=now if state is not CaseState.submitted else None,
            handled_at=now if state in (CaseState.handled, CaseState.awaiting_rating) else None,
        )
        tx.add(case)
        await tx.flush()
        above = await tx.execute(select(col(Place.id)).where(col(Place.path).in_(ancestor_paths(case.path))))
        tx.add_all(
            CaseReach(place_id=place_id, audience=Audience.staff, case_id=case.id)
            for place_id in above.scalars()
        )
        return case.id

    async def ask(self, door: str, key: str, line: Line, token: str | None, here: bool) -> Answer:
        names = self.subjects[here]
        method, _, path = key.partition(" ")
        filled = _PARAMETER.sub(
            lambda m: names.get(line.subject.get(m[1], m[1]), line.subject.get(m[1], "")), path
        )
        body = {k: _filled(v, names) for k, v in line.body.items()} if line.body is not None else None
        headers = {"authorization": f"Bearer {token}"} if token else {}
        content = line.content
        if content is not None:
            headers["content-type"] = "text/csv"
        elif body is not None:
            headers["content-type"], content = "application/json", orjson.dumps(body)
        return await call(self.app, method, f"{door}{filled}{_filled(line.query, names)}", headers, content)


def _filled(value: Any, names: dict[str, str]) -> Any:
    return _PARAMETER.sub(lambda m: names[m[1]], value) if isinstance(value, str) else value
