"""Who has worked on a need himself decides nothing about it, whatever office he holds."""

from api.models import Membership
from api.models.people import PersonId
from api.rules.people import MembershipKind, MembershipState
from tests.neighbours import lives, member, move, published
from tests.town import Town


async def test_nobody_of_the_staff_decides_on_work_that_is_his_own(town: Town) -> None:
    here, need = town.here, await published(town)
    async with town.app.state.db.transaction() as tx:
        tx.add(
            Membership(
                person_id=PersonId(here.worker.id),
                kind=MembershipKind.party,
                place_id=here.place,
                state=MembershipState.verified,
            )
        )
    await move(here.worker, need, "claim")
    await move(here.worker, need, "contact")
    await move(here.worker, need, "release", reason="有别的事")
    assert (await move(here.worker, need, "let_go", 403))["code"] == "own_work"
    await move(here.second_worker, need, "hold_to", reason="请做完")
    await move(here.worker, need, "finish", text="已送到", minutes=30)
    assert (await move(here.worker, need, "confirm", 403, stars=5))["code"] == "own_work"
    await move(here.resident, need, "dispute", reason="没送到")
    assert (await move(here.worker, need, "redo", 403, reason="再来"))["code"] == "own_work"
    assert (await move(here.second_worker, need, "redo", reason="请补做"))["state"] == "contacted"


async def test_nobody_is_offered_a_wish_of_his_own_household(town: Town) -> None:
    here, son = town.here, await member(town, "儿子")
    await lives(town, son, here.home)
    need = await published(town)
    refused = await move(here.worker, need, "offer", 403, person_id=str(son.id))
    assert refused["code"] == "own_household"
    other = await member(town)
    assert (await move(here.worker, need, "offer", person_id=str(other.id)))["state"] == "offered"
