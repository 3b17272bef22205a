"""Bulletins: one that holds, and each way of falsifying it named, by ours and by a verifier of somebody else's."""

import contextlib
import copy
import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from typer.testing import CliRunner

from api.cli import app
from api.kit import merkle
from api.rules.voting.ballots import Roll, grouped
from api.rules.voting.outcome import decide
from api.rules.voting.records import ZERO, ballot_content, elector_content, head_content, leaf_of
from api.rules.voting.rule import YES_NO_OPTIONS, as_json, canonical, digest, simple_majority
from api.rules.voting.verify import verify
from tests.rules import bulletin_verifier

Bulletin = dict[str, Any]
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
PUBLIC = KEY.public_key().public_bytes_raw().hex()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "bulletin.md"


def made(count: int, *, batch: int = 7, secret: bool = False, key: Ed25519PrivateKey = KEY) -> Bulletin:
    """A poll of `count` voters and one in ten who changed, sealed in batches of `batch`."""
    poll, chance = uuid4(), random.Random(count)
    roll = [
        {"elector": uuid4().hex, "number": n, "persons": 1, "area": "0.00"}
        for n in range(1, count + count // 5 + 2)
    ]
    leaves = [leaf_of(elector_content(**e)) for e in roll]  # type: ignore[arg-type]
    rule = simple_majority()
    whole = Roll(len(roll))
    opening = {
        "type": "open", "poll": str(poll), "title": "电梯", "text": "同意？", "basis": "person", "secret": secret,
        "options": [o.model_dump(mode="json") for o in YES_NO_OPTIONS], "rule": as_json(rule), "allow_change": True,
        "closes_at": "2026-12-01T00:00:00Z", "salt": "00" * 16,
        "roll": {"size": len(roll), "persons": len(roll), "area": "0.00", "hash": merkle.root(leaves).hex()},
    }  # fmt: skip
    ballots: list[dict[str, Any]] = []
    for n in range(count):
        elector = os.urandom(32).hex() if secret else str(roll[n]["elector"])
        for turn in range(1, 3 if n % 10 == 0 else 2):
            choice = ["yes"] if chance.random() < 0.6 else ["no"]
            content = ballot_content(poll, elector, turn, True, choice, os.urandom(16).hex())
            shown = {k: content[k] for k in ("elector", "turn", "own", "choices", "salt")}
            ballots.append({**shown, "leaf": leaf_of(content).hex(), "batch": 2 + len(ballots) // batch})
    last = {b["elector"]: b for b in ballots}
    outcome = decide(
        rule, YES_NO_OPTIONS, whole, grouped((canonical(b["choices"]).decode(), 1, 0) for b in last.values())
    )
    end = 3 + (len(ballots) - 1) // batch
    closing = {
        "type": "close",
        "poll": str(poll),
        "ballots": len(ballots),
        "voted": len(last),
        "turnout_hash": ZERO,
        "salt": "01" * 16,
    }
    final = {"type": "outcome", "poll": str(poll), "outcome": outcome, "salt": "02" * 16}
    bulletin = {
        "version": 1, "poll": str(poll), "public_key": key.public_key().public_bytes_raw().hex(), "heads": [],
        "records": [{**opening, "batch": 1}, {**closing, "batch": end}, {**final, "batch": end + 1}],
        "roll": roll, "ballots": ballots,
    }  # fmt: skip
    return sealed(bulletin, end + 1, key)


def sealed(bulletin: Bulletin, count: int, key: Ed25519PrivateKey = KEY) -> Bulletin:
    """The same with heads made anew over what it says."""
    batches: dict[int, list[bytes]] = {n: [] for n in range(1, count + 1)}
    for ballot in bulletin["ballots"]:
        batches[ballot["batch"]].append(bytes.fromhex(ballot["leaf"]))
    for record in bulletin["records"]:
        batches[record["batch"]].append(leaf_of({k: v for k, v in record.items() if k != "batch"}))
    previous, total, heads = ZERO, 0, []
    for number, leaves in batches.items():
        total += len(leaves)
        root = merkle.root(sorted(leaves)).hex()
        head = head_content(UUID(bulletin["poll"]), number, len(leaves), total, root, previous, "2026-12-01")
        previous = digest(head)
        heads.append({**head, "hash": previous, "signature": key.sign(canonical(head)).hex()})
    return {**bulletin, "heads": heads}


BULLETIN = made(40)


def test_an_honest_bulletin_holds_by_both_verifiers() -> None:
    for bulletin in (BULLETIN, made(1), made(25, secret=True)):
        assert verify(bulletin) == []
        assert bulletin_verifier.holds(bulletin)


def _drop(b: Bulletin) -> None:
    del b["ballots"][3]


def _add(b: Bulletin) -> None:
    new = {**b["ballots"][5], "salt": "ab" * 16, "elector": b["roll"][-1]["elector"], "turn": 1}
    content = {k: new[k] for k in ("elector", "turn", "own", "choices", "salt")}
    b["ballots"].append({**new, "leaf": leaf_of(ballot_content(UUID(b["poll"]), **content)).hex()})


def _copy(b: Bulletin) -> None:
    b["ballots"].append(b["ballots"][5])


def _alter(b: Bulletin) -> None:
    b["ballots"][3]["choices"] = ["abstain"]


def _alter_with_its_leaf(b: Bulletin) -> None:
    ballot = b["ballots"][3]
    ballot["choices"] = ["abstain"]
    content = {k: ballot[k] for k in ("elector", "turn", "own", "choices", "salt")}
    ballot["leaf"] = leaf_of(ballot_content(UUID(b["poll"]), **content)).hex()


def _swap_contents(b: Bulletin) -> None:
    one, two = b["ballots"][1], b["ballots"][2]
    for name in ("elector", "turn", "own", "choices", "salt"):
        one[name], two[name] = two[name], one[name]


def _swap_batches(b: Bulletin) -> None:
    one, two = b["ballots"][0], b["ballots"][-1]
    one["batch"], two["batch"] = two["batch"], one["batch"]


def _wrong_total(b: Bulletin) -> None:
    totals = b["records"][-1]["outcome"]["totals"]
    totals[0]["persons"] += 1


def _wrong_total_sealed(b: Bulletin) -> None:
    """The operator himself announces another number, and signs it."""
    _wrong_total(b)
    b["heads"] = sealed(b, len(b["heads"]))["heads"]


def _wrong_rule(b: Bulletin) -> None:
    b["records"][0]["rule"]["thresholds"][0]["share"] = "1/3"


def _forge_head(b: Bulletin) -> None:
    head = b["heads"][2]
    head["day"] = "2026-12-02"


def _forge_with_another_key(b: Bulletin) -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
    b["heads"] = sealed(b, len(b["heads"]), other)["heads"]


def _break_chain(b: Bulletin) -> None:
    head = b["heads"][2]
    content = {k: v for k, v in head.items() if k not in ("hash", "signature")} | {"previous": "ab" * 32}
    b["heads"][2] = {**content, "hash": digest(content), "signature": KEY.sign(canonical(content)).hex()}


def _drop_head(b: Bulletin) -> None:
    del b["heads"][2]


def _stuff_the_roll(b: Bulletin) -> None:
    b["roll"].append({"elector": uuid4().hex, "number": 99, "persons": 1, "area": "0.00"})


FALSIFIED: list[tuple[Callable[[Bulletin], None], str]] = [
    (_drop, "ballot_dropped"),
    (_add, "ballot_added"),
    (_copy, "ballot_added"),
    (_alter, "ballot_altered"),
    (_alter_with_its_leaf, "ballot_altered"),
    (_swap_contents, "ballot_swapped"),
    (_swap_batches, "ballot_swapped"),
    (_wrong_total, "total_wrong"),
    (_wrong_total_sealed, "total_wrong"),
    (_wrong_rule, "rule_wrong"),
    (_forge_head, "head_forged"),
    (_forge_with_another_key, "head_forged"),
    (_break_chain, "chain_broken"),
    (_drop_head, "chain_broken"),
    (_stuff_the_roll, "roll_wrong"),
]


@pytest.mark.parametrize(("falsify", "code"), FALSIFIED, ids=lambda x: getattr(x, "__name__", x))
def test_each_falsification_is_named_and_ends_with_a_failure(
    falsify: Callable[[Bulletin], None], code: str, tmp_path: Path
) -> None:
    bulletin = copy.deepcopy(BULLETIN)
    falsify(bulletin)
    assert code in {fault.code for fault in verify(bulletin)}
    file = tmp_path / "bulletin.json"
    file.write_bytes(orjson.dumps(bulletin))
    ran = CliRunner().invoke(app, ["verify", str(file)])
    assert ran.exit_code == 1
    assert code in ran.output
    with contextlib.suppress(KeyError, InvalidSignature):
        assert not bulletin_verifier.holds(bulletin)


def test_one_flipped_bit_anywhere_is_found() -> None:
    raw = orjson.dumps(BULLETIN)
    chance = random.Random(1)
    for _ in range(150):
        at = chance.randrange(len(raw))
        spoiled = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            bulletin = orjson.loads(spoiled)
            assert verify(bulletin) != [], (at, raw[max(0, at - 40) : at + 20])
        except (KeyError, TypeError, ValueError):
            continue


def test_the_command_says_what_was_decided(tmp_path: Path) -> None:
    file = tmp_path / "bulletin.json"
    file.write_bytes(orjson.dumps(BULLETIN))
    ran = CliRunner().invoke(app, ["verify", str(file), "--key", PUBLIC])
    assert ran.exit_code == 0, ran.output
    assert "核验通过：44 张选票" in ran.output
    assert CliRunner().invoke(app, ["verify", str(file), "--key", "ab" * 32]).exit_code == 1
    (tmp_path / "no.json").write_text("[]")
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "no.json")]).exit_code == 1


def test_a_large_bulletin_is_verified_in_time() -> None:
    """Full size with LINLI_BULLETIN=100000: thirty seconds at most."""
    size = int(os.environ.get("LINLI_BULLETIN", "4000"))
    bulletin = made(size, batch=1000)
    started = time.perf_counter()
    assert verify(bulletin) == []
    seconds = time.perf_counter() - started
    print(f"{len(bulletin['ballots'])} ballots verified in {seconds:.1f} s")


def test_the_worked_example_of_the_page_is_right() -> None:
    page = PAGE.read_text("utf-8")
    example = page[page.index("## Worked example") :]
    said = dict(
        re.findall(
            r"^(leaf L1|leaf L2|root|hash|public key|signature) +=\s*([0-9a-f]+)$", example, re.MULTILINE
        )
    )
    ballot, head = (orjson.loads(line) for line in re.findall(r"^\{.*\}$", example, re.MULTILINE))
    second = {**ballot, "choices": ["no"], "turn": 2}
    leaves = [bulletin_verifier.leaf(ballot), bulletin_verifier.leaf(second)]
    assert [one.hex() for one in leaves] == [said["leaf L1"], said["leaf L2"]]
    assert bulletin_verifier.root(sorted(leaves)) == said["root"] == head["root"]
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public key"]))
    public.verify(bytes.fromhex(said["signature"]), bulletin_verifier.jcs(head))
    assert digest(head) == said["hash"]
