"""A secret poll: what is left after its close links no ballot to a person, by order, xmin, time or key."""

from collections import defaultdict

from tests.polls import Pump, closed, neighbours, opened, sealed, sql, vote
from tests.town import Town


async def test_after_the_close_nothing_left_links_a_ballot_to_a_person(town: Town, pump: Pump) -> None:
    people = await neighbours(town, town.here, 24)
    poll = await opened(town, secret=True)
    receipts = []
    for n, who in enumerate(people):
        receipts.append((await vote(who, poll, "yes" if n % 2 else "no", key=f"k-{n}")).json())
    await vote(people[0], poll, "abstain")
    linked = await sql(
        town.app, "select count(distinct xmin::text), count(cast_at), count(once) from ballots"
    )
    assert tuple(linked[0]) == (25, 25, 24), "while it is open there is something to unlink"
    await closed(town, pump)

    ballots = await sql(
        town.app,
        "select encode(leaf, 'hex') as leaf, xmin::text, cast_at, once, encode(slot, 'hex') as slot from ballots",
    )
    marks = await sql(town.app, "select xmin::text, turn, elector_id from marks")
    # by key
    assert await sql(town.app, "select 1 from poll_keys") == []
    # by time
    assert {(b.cast_at, b.once) for b in ballots} == {(None, None)}
    columns = await sql(
        town.app,
        "select data_type from information_schema.columns where table_name = 'marks' and data_type like '%time%'",
    )
    assert columns == []
    # by transaction
    assert len({b.xmin for b in ballots} | {m.xmin for m in marks}) <= 3, (
        "one rewriting, and what the sealer marks"
    )
    by_transaction = defaultdict(int)
    for ballot in ballots:
        by_transaction[ballot.xmin] += 1
    assert min(by_transaction.values()) >= 10
    # by order: neither ballots nor marks stand as they came
    cast_order = [r["leaf"] for r in receipts]
    assert [b.leaf for b in ballots if b.leaf in cast_order] != cast_order
    people_order = await sql(
        town.app, "select c.elector_id from casters c where c.person_id = any(:p) and poll_id = :poll order by person_id",
        p=[who.id for who in people], poll=poll,
    )  # fmt: skip
    assert [m.elector_id for m in marks] != [e.elector_id for e in people_order]
    # by how often: who changed his vote looks like everybody else
    assert {m.turn for m in marks} == {1}
    # by person: no event, key or answer names who cast
    named = await sql(
        town.app, "select 1 from events where move = 'cast' and (actor_id is not null or data ? 'elector_id')"
    )
    assert named == []
    for table in ("idempotency_keys", "idempotency_answers"):
        kept = await sql(
            town.app, f"select 1 from {table} where person_id = any(:p)", p=[w.id for w in people]
        )
        assert kept == []
    slots = {b.slot for b in ballots}
    assert not slots & {m.elector_id.hex for m in marks}
    result = (await people[0].get(f"/polls/{poll}/result")).json()["outcome"]
    assert {t["option"]: t["persons"] for t in result["totals"]} == {"yes": 12, "no": 11, "abstain": 1}


async def test_a_seal_of_a_secret_poll_waits_for_ten_ballots_and_hides_their_order(town: Town) -> None:
    people = await neighbours(town, town.here, 11)
    poll = await opened(town, secret=True)
    for who in people[:9]:
        await vote(who, poll, "yes")
    await sealed(town.app)
    heads = (await people[0].get(f"/seals?log={poll}")).json()["items"]
    assert [h["size"] for h in heads] == [1], "the opening alone"
    receipt = (await vote(people[9], poll, "no")).json()
    await sealed(town.app)
    heads = (await people[0].get(f"/seals?log={poll}")).json()["items"]
    assert [h["size"] for h in heads] == [10, 1]
    batch = await sql(
        town.app,
        "select encode(leaf, 'hex') from sealed_leaves where log_id = :p and number = 2 order by position",
        p=poll,
    )
    assert [b[0] for b in batch] == sorted(b[0] for b in batch)
    proof = await people[9].get(f"/polls/{poll}/proof?leaf={receipt['leaf']}")
    assert proof.status_code == 200
    assert proof.json()["head"]["number"] == 2


async def test_an_open_poll_keeps_the_elector_and_names_the_voter_in_its_events(town: Town) -> None:
    (who,) = await neighbours(town, town.here, 1)
    poll = await opened(town)
    receipt = (await vote(who, poll, "yes")).json()
    entry = (await who.get(f"/polls/{poll}")).json()["electors"][0]
    assert receipt["elector"] == entry["elector_id"].replace("-", "")
    assert entry["voted"] is True
    assert (await sql(town.app, "select actor_id from events where move = 'cast'"))[0][0] == who.id
