"""Property companies in the town of tests/town.py: two estates of one community, each with a company of its own."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.rules.roles import Role
from tests.town import Actor, Town, grant
from tests.wechat_fixture import Simulator


@dataclass
class Serving:
    """An estate with the unit of its company and the people who work there."""

    estate: str
    unit: str
    company: str
    building: str
    staff: list[Actor] = field(default_factory=list)
    manager: Actor | None = None


async def made(answer: Any) -> dict[str, Any]:
    response = await answer
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def log_in(town: Town, simulator: Simulator, name: str) -> Actor:
    """Somebody new in the mini-program."""
    session = await made(town.client.post("/v1/sessions", json={"code": simulator.login_code(name)}))
    return Actor(name, UUID(session["person"]["id"]), town.client, session["token"])


async def serve(
    town: Town,
    simulator: Simulator,
    mark: str,
    *,
    estate: str | None = None,
    building: str | None = None,
    service_hours: str | None = None,
    assignment: str = "taken",
    staff: int = 2,
) -> Serving:
    """A company, its unit at an estate (a new one with a new building unless named), a manager and staff."""
    operator, place = town.operator, str(town.here.place)
    if building is None:
        number = f"9{ord(mark) % 10}"
        body = {"parent_id": place, "level": "building", "number": number, "name": f"{mark} 幢"}
        building = (await made(operator.post("/places", body)))["id"]
        body = {"place_id": place, "name": f"{mark}苑", "building_ids": [building]}
        estate = (await made(operator.post("/estates", body)))["id"]
    company = await made(
        operator.post(
            "/companies",
            {"place_id": str(town.place), "name": f"{mark}物业公司", "service_hours": service_hours},
        )
    )
    unit = await made(
        operator.post(
            "/units",
            {
                "kind": "property_company",
                "place_id": place,
                "name": f"{mark}物业服务中心",
                "company_id": company["id"],
                "estate_id": estate,
                "assignment": assignment,
            },
        )
    )
    assert estate is not None
    found = Serving(estate, unit["id"], company["id"], building)
    found.manager = await log_in(town, simulator, f"经理{mark}")
    await grant(town, found.manager, Role.property_manager, unit=UUID(found.unit))
    for n in range(staff):
        worker = await log_in(town, simulator, f"师傅{mark}{n}")
        await grant(town, worker, Role.property_staff, unit=UUID(found.unit))
        found.staff.append(worker)
    return found


async def own_estate(town: Town, simulator: Simulator, **how: Any) -> Serving:
    """The company of the estate that the resident's home lies in."""
    async with town.app.state.db.reading() as tx:
        estate = (
            await tx.execute(
                text("select id from estates where place_id = :place"), {"place": town.here.place}
            )
        ).scalar_one()
    return await serve(town, simulator, "甲", estate=str(estate), building=str(town.here.building), **how)
