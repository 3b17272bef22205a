"""A poll from the draft to its outcome, as those see it who ask, vote, watch and count."""

from api.kit import clock
from tests.polls import DAY, Pump, closed, draft, move, neighbours, opened, sql, vote
from tests.town import Town


async def test_a_question_is_put_voted_on_closed_by_the_clock_and_counted(town: Town, pump: Pump) -> None:
    people = await neighbours(town, town.here, 4)
    poll = await opened(town)
    seen = (await people[0].get(f"/polls/{poll}")).json()
    assert (seen["state"], seen["on_roll"], seen["roll"]["size"], seen["turnout"]) == ("open", True, 5, 0)
    for who, choice in zip(people, ("yes", "yes", "no", "yes"), strict=True):
        answer = await vote(who, poll, choice)
        assert answer.status_code == 201, answer.text
    await closed(town, pump)
    result = (await people[0].get(f"/polls/{poll}/result")).json()
    assert result["outcome"]["passed"] is True
    assert {t["option"]: t["persons"] for t in result["outcome"]["totals"]} == {
        "yes": 3,
        "no": 1,
        "abstain": 0,
    }
    assert result["turnout"][-1]["voted"] == 4
    moves = [e["move"] for e in (await people[0].get(f"/polls/{poll}/events")).json()["items"]]
    assert moves == ["announce", "open", "close", "tally"]
    told = [n["title"] for n in (await people[3].get("/notices")).json()["items"]]
    assert told == ["表决有了结果", "表决开始"]


async def test_the_last_vote_counts_and_the_earlier_stay(town: Town, pump: Pump) -> None:
    (who, *_) = await neighbours(town, town.here, 2)
    poll = await opened(town)
    first = (await vote(who, poll, "no")).json()
    second = (await vote(who, poll, "yes")).json()
    assert (first["turn"], second["turn"]) == (1, 2)
    await closed(town, pump)
    outcome = (await who.get(f"/polls/{poll}/result")).json()["outcome"]
    assert outcome["cast"]["persons"] == 1
    assert outcome["winners"] == ["yes"]
    assert (await sql(town.app, "select count(*) from ballots"))[0][0] == 2


async def test_where_a_vote_is_final_the_second_is_refused(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    poll = await opened(town, allow_change=False)
    assert (await vote(who, poll, "no")).status_code == 201
    again = await vote(who, poll, "yes")
    assert (again.status_code, again.json()["code"]) == (409, "already_voted")
    assert again.json()["cast_at"]


async def test_the_same_key_gets_the_same_receipt_and_one_ballot(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    for secret in (False, True):
        poll = await opened(town, secret=secret)
        first = await vote(who, poll, "no", key="k-1")
        again = await vote(who, poll, "no", key="k-1")
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        other = await vote(who, poll, "yes", key="k-1")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        kept = await sql(town.app, "select count(*) from ballots where poll_id = :p", p=poll)
        assert kept[0][0] == 1


async def test_who_is_not_on_the_roll_is_told_so_and_who_is_out_of_reach_learns_nothing(town: Town) -> None:
    poll = await opened(town, basis="members", source={"body": "committees"})
    resident = await vote(town.here.resident, poll, "yes")
    assert (resident.status_code, resident.json()["code"]) == (403, "not_on_roll")
    neighbour = await vote(town.there.resident, poll, "yes")
    assert neighbour.status_code == 404
    assert (await vote(town.here.secretary, poll, "yes")).status_code == 201


async def test_before_it_opens_and_after_it_closes_nobody_votes(town: Town, pump: Pump) -> None:
    (who,) = await neighbours(town, town.here, 1)
    made = await draft(
        town, opens_at=(clock.now() + DAY).isoformat(), closes_at=(clock.now() + 2 * DAY).isoformat()
    )
    assert (await vote(who, made["id"], "yes")).status_code == 404
    await move(town, made["id"], "announce")
    early = await vote(who, made["id"], "yes")
    assert (early.status_code, early.json()["code"]) == (409, "poll_not_open")
    refused = await town.supervisor.post(f"/polls/{made['id']}/moves/open")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_early")
    clock.move(DAY)
    await pump()
    assert (await vote(who, made["id"], "yes")).status_code == 201
    clock.move(DAY)
    late = await vote(who, made["id"], "no")
    assert (late.status_code, late.json()["code"]) == (409, "poll_closed")
    assert late.json()["closes_at"].startswith(made["closes_at"][:19])
    await pump()
    assert (await vote(who, made["id"], "no")).json()["code"] == "poll_closed"


async def test_a_ballot_outside_the_rule_is_refused(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    poll = await opened(town)
    for choices in (["maybe"], ["yes", "no"], []):
        answer = await vote(who, poll, *choices)
        assert (answer.status_code, answer.json()["code"]) == (422, "choices_invalid")


async def test_a_recount_finds_the_same_and_a_revote_starts_again(town: Town, pump: Pump) -> None:
    (who,) = await neighbours(town, town.here, 1)
    poll = await opened(town)
    await vote(who, poll, "yes")
    await closed(town, pump)
    again = await move(town, poll, "recount")
    assert again["state"] == "counted"
    times = {"opens_at": clock.now().isoformat(), "closes_at": (clock.now() + DAY).isoformat()}
    gone = await move(town, poll, "revote", reason="程序有误", **times)
    assert gone["state"] == "void"
    drafts = (await town.supervisor.get("/polls")).json()["items"]
    assert [(p["state"], p["previous_id"]) for p in drafts] == [("draft", poll), ("void", None)]


async def test_a_poll_without_anybody_does_not_open(town: Town) -> None:
    made = await draft(town, basis="list")
    await move(town, made["id"], "announce")
    answer = await town.supervisor.post(f"/polls/{made['id']}/moves/open")
    assert (answer.status_code, answer.json()["code"]) == (409, "empty_roll")


async def test_lists_show_what_is_open_here(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    poll = await opened(town)
    await draft(town)
    assert [p["id"] for p in (await who.get("/polls?open=true")).json()["items"]] == [poll]
    assert (await who.get("/polls?open=false")).json()["items"] == []
    assert (await town.there.resident.get("/polls")).json()["items"] == []
    assert len((await town.supervisor.get(f"/polls?place={town.here.place}")).json()["items"]) == 2
