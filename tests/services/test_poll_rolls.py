"""Rolls of each basis, co-owners, proxies of two persons, paper beside the electronic vote."""

from sqlalchemy import text

from api.models import Home
from api.models.people import PersonId
from api.rules.voting.rule import as_json, owners_ordinary
from tests.polls import Pump, closed, draft, move, neighbours, opened, renew, residency, sql, vote
from tests.town import Actor, Town

OWNERS = {"basis": "owner", "rule": as_json(owners_ordinary())}


async def _elector(who: Actor, poll: str) -> str:
    return str((await who.get(f"/polls/{poll}")).json()["electors"][0]["elector_id"])


async def test_a_home_has_one_vote_and_the_later_of_the_family_replaces_it(town: Town, pump: Pump) -> None:
    one, other = await neighbours(town, town.here, 2)
    async with town.app.state.db.transaction() as tx:
        home = (
            await tx.execute(text("select home_id from residencies where person_id = :p"), {"p": one.id})
        ).scalar_one()
        await tx.execute(
            text("update residencies set home_id = :h where person_id = :p"), {"h": home, "p": other.id}
        )
    poll = await opened(town, basis="household")
    assert (await one.get(f"/polls/{poll}")).json()["roll"]["size"] == 2
    assert await _elector(one, poll) == await _elector(other, poll)
    await vote(one, poll, "yes")
    assert (await vote(other, poll, "no")).json()["turn"] == 2
    await pump()
    assert "本户的票已更改" in [n["title"] for n in (await one.get("/notices")).json()["items"]]
    await closed(town, pump)
    outcome = (await one.get(f"/polls/{poll}/result")).json()["outcome"]
    assert outcome["cast"]["persons"] == 1
    assert outcome["totals"][1]["persons"] == 1


async def test_owners_count_by_persons_and_area_and_co_owners_by_their_representative(
    town: Town, pump: Pump
) -> None:
    rich, two, three = await neighbours(town, town.here, 3, area="80.00")
    async with town.app.state.db.transaction() as tx:
        second = Home(building_id=town.here.building, room="9001", area_m2="120.50")
        shared = (
            await tx.execute(text("select home_id from residencies where person_id = :p"), {"p": two.id})
        ).scalar_one()
        tx.add(second)
        await tx.flush()
        tx.add(residency(PersonId(rich.id), second.id, town.here.place))
        tx.add(residency(PersonId(three.id), shared, town.here.place))
        await tx.execute(text("update homes set area_m2 = 99.50 where id = :h"), {"h": town.here.home})
    made = (await draft(town, **OWNERS))["id"]
    await move(town, made, "announce")
    preview = (await town.supervisor.get(f"/polls/{made}/roll-preview")).json()
    # rich with two homes is one person; the shared home; three's own; the town's resident
    assert (preview["size"], preview["area"], preview["no_representative"]) == (4, "460.00", 1)
    secretary = town.supervisor
    refused = await secretary.post(
        f"/polls/{made}/representatives", {"home_id": str(shared), "person_id": str(three.id)}
    )
    assert refused.status_code == 403, "the supervisor manages, the desk records"
    desk = Actor("书记", town.here.secretary.id, town.client, "", "/admin/v1")
    await renew(town, desk)
    wrong = await desk.post(
        f"/polls/{made}/representatives", {"home_id": str(shared), "person_id": str(rich.id)}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "not_an_owner")
    named = await desk.post(
        f"/polls/{made}/representatives", {"home_id": str(shared), "person_id": str(two.id)}
    )
    assert named.status_code == 200, named.text
    await move(town, made, "open")
    for who in (rich, two, three):
        answer = await vote(who, made, "yes")
        assert answer.status_code == 201, answer.text
    await closed(town, pump)
    outcome = (await rich.get(f"/polls/{made}/result")).json()["outcome"]
    assert outcome["totals"][0] == {"option": "yes", "persons": 3, "area": "360.50"}
    assert [c["passed"] for c in outcome["conditions"]] == [True] * 4


async def test_a_proxy_needs_two_persons_and_nobody_holds_three(town: Town) -> None:
    holder, *givers = await neighbours(town, town.here, 4)
    poll = await opened(town)
    first = Actor("社工", town.here.worker.id, town.client, "", "/admin/v1")
    second = Actor("社工二", town.here.second_worker.id, town.client, "", "/admin/v1")
    for clerk in (first, second):
        await renew(town, clerk)
    entries = []
    for giver in givers[:2]:
        body = {"elector_id": await _elector(giver, poll), "holder_id": str(holder.id)}
        answer = await first.post(f"/polls/{poll}/proxies", body)
        assert answer.status_code == 201, answer.text
        entries.append(answer.json()["id"])
    third = {"elector_id": await _elector(givers[2], poll), "holder_id": str(holder.id)}
    refused = await first.post(f"/polls/{poll}/proxies", third)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_proxies")
    alone = await first.post(f"/polls/{poll}/proxies/{entries[0]}/confirm")
    assert (alone.status_code, alone.json()["code"]) == (409, "same_person")
    assert (await second.post(f"/polls/{poll}/proxies/{entries[0]}/confirm")).status_code == 200
    which = await vote(holder, poll, "yes")
    assert (which.status_code, which.json()["code"]) == (422, "elector_needed")
    given = await vote(holder, poll, "no", elector_id=await _elector(givers[0], poll))
    assert (given.status_code, given.json()["own"]) == (201, False)


async def test_art_278_exactly_two_thirds_with_a_proxy_and_a_representative_and_one_square_metre_below(
    town: Town, pump: Pump
) -> None:
    """Six owners of 100 m² each: two vote, one by proxy, a shared home by its representative: 4 of 6, 400 of 600."""
    one, two, away, shared, partner = await neighbours(town, town.here, 5)
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update homes set area_m2 = 100 where id = :h"), {"h": town.here.home})
        home = (
            await tx.execute(text("select home_id from residencies where person_id = :p"), {"p": shared.id})
        ).scalar_one()
        tx.add(residency(PersonId(partner.id), home, town.here.place))
    desk = Actor("书记", town.here.secretary.id, town.client, "", "/admin/v1")
    second = Actor("社工", town.here.worker.id, town.client, "", "/admin/v1")
    polls = []
    for area in ("100.00", "99.00"):
        await renew(town, desk)
        await renew(town, second)
        async with town.app.state.db.transaction() as tx:
            await tx.execute(text("update homes set area_m2 = :a where id = :h"), {"a": area, "h": home})
        made = (await draft(town, **OWNERS))["id"]
        await move(town, made, "announce")
        await desk.post(
            f"/polls/{made}/representatives", {"home_id": str(home), "person_id": str(partner.id)}
        )
        await move(town, made, "open")
        given = {"elector_id": await _elector(away, made), "holder_id": str(one.id)}
        entry = (await desk.post(f"/polls/{made}/proxies", given)).json()["id"]
        assert (await second.post(f"/polls/{made}/proxies/{entry}/confirm")).status_code == 200
        found = await sql(
            town.app, "select id from electors where poll_id = :p and home_id = :h", p=made, h=home
        )
        common = str(found[0][0])
        mine = next(e for e in (await one.get(f"/polls/{made}")).json()["electors"] if not e["as_proxy"])
        for who, elector in (
            (one, mine["elector_id"]),
            (two, None),
            (one, given["elector_id"]),
            (partner, common),
        ):
            answer = await vote(who, made, "yes", **({"elector_id": elector} if elector else {}))
            assert answer.status_code == 201, answer.text
        polls.append(made)
    await closed(town, pump)
    exact, below = [(await one.get(f"/polls/{poll}/result")).json()["outcome"] for poll in polls]
    assert exact["passed"] is True
    assert [c["margin"] for c in exact["conditions"][:2]] == ["0", "0.00"]
    assert below["passed"] is False
    assert [c["passed"] for c in below["conditions"]] == [True, False, True, True]


async def test_paper_is_entered_twice_and_the_own_electronic_vote_prevails(town: Town, pump: Pump) -> None:
    web, paper = await neighbours(town, town.here, 2)
    poll = await opened(town)
    first = Actor("社工", town.here.worker.id, town.client, "", "/admin/v1")
    second = Actor("社工二", town.here.second_worker.id, town.client, "", "/admin/v1")
    for clerk in (first, second):
        await renew(town, clerk)
    await vote(web, poll, "yes")
    for who, again, state in (
        (web, "no", "confirmed"),
        (paper, "yes", "mismatch"),
        (paper, "no", "confirmed"),
    ):
        body = {"elector_id": await _elector(who, poll), "channel": "paper", "choices": ["no"]}
        entered = await first.post(f"/polls/{poll}/papers", body)
        assert entered.status_code == 201, entered.text
        path = f"/polls/{poll}/papers/{entered.json()['id']}/confirm"
        alone = await first.post(path, {"choices": ["no"]})
        assert (alone.status_code, alone.json()["code"]) == (409, "same_person")
        assert (await second.post(path, {"choices": [again]})).json()["state"] == state
    assert (await sql(town.app, "select count(*) from ballots"))[0][0] == 3, "history is kept"
    await closed(town, pump)
    outcome = (await web.get(f"/polls/{poll}/result")).json()["outcome"]
    assert {t["option"]: t["persons"] for t in outcome["totals"]} == {"yes": 1, "no": 1, "abstain": 0}


async def test_who_watches_sees_who_has_voted_and_not_what(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    poll = await opened(town)
    await vote(who, poll, "yes")
    lines = (await town.auditor.get(f"/polls/{poll}/roll")).json()["items"]
    assert [line["voted"] for line in lines].count(True) == 1
    assert "choices" not in lines[0]
