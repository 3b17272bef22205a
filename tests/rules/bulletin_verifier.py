"""A verifier written from docs/bulletin.md alone: it imports nothing of the program. Yes/no polls without areas."""

import hashlib
import json
from collections import defaultdict
from fractions import Fraction
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def jcs(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf(value: Any) -> bytes:
    return hashlib.sha256(b"\x00" + jcs(value)).digest()


def root(nodes: list[bytes]) -> str:
    while len(nodes) > 1:
        pairs = [nodes[i : i + 2] for i in range(0, len(nodes), 2)]
        nodes = [hashlib.sha256(b"\x01" + p[0] + p[1]).digest() if len(p) == 2 else p[0] for p in pairs]
    return nodes[0].hex()


def holds(doc: dict[str, Any]) -> bool:
    """Whether the bulletin holds; any exception is a no as well."""
    batches = defaultdict(list)
    for b in doc["ballots"]:
        own = {k: b[k] for k in ("elector", "turn", "own", "choices", "salt")}
        if leaf({"type": "ballot", "poll": doc["poll"], **own}).hex() != b["leaf"]:
            return False
        batches[b["batch"]].append(bytes.fromhex(b["leaf"]))
    for r in doc["records"]:
        batches[r["batch"]].append(leaf({k: v for k, v in r.items() if k != "batch"}))
    key, previous, total = Ed25519PublicKey.from_public_bytes(bytes.fromhex(doc["public_key"])), "0" * 64, 0
    for number, head in enumerate(doc["heads"], 1):
        signed = jcs({k: v for k, v in head.items() if k not in ("hash", "signature")})
        key.verify(bytes.fromhex(head["signature"]), signed)
        leaves = sorted(batches.pop(number))
        total += len(leaves)
        if (head["log"], head["number"], head["size"], head["total"], head["root"], head["previous"]) != (
            doc["poll"], number, len(leaves), total, root(leaves), previous,
        ) or hashlib.sha256(signed).hexdigest() != head["hash"]:  # fmt: skip
            return False
        previous = head["hash"]
    opening, closing, outcome = (
        [r for r in doc["records"] if r["type"] == t][-1] for t in ("open", "close", "outcome")
    )
    fields = ("elector", "number", "persons", "area")
    if (
        batches
        or root([leaf({"type": "elector", **{k: e[k] for k in fields}}) for e in doc["roll"]])
        != opening["roll"]["hash"]
    ):
        return False
    last: dict[str, Any] = {}
    for b in doc["ballots"]:
        old = last.get(b["elector"])
        if old is None or (b["own"], b["turn"]) > (old["own"], old["turn"]):
            last[b["elector"]] = b
    weight = {e["elector"]: e["persons"] for e in doc["roll"]}
    said = {"yes": 0, "no": 0, "abstain": 0}
    for elector, b in last.items():
        said[b["choices"][0]] += 1 if opening["secret"] else weight[elector]
    cast, rule = sum(said.values()), opening["rule"]
    bases = {"roll": sum(weight.values()), "cast": cast, "decisive": said["yes"] + said["no"]}
    asked = [(cast, bases["roll"], q) for q in rule["quorum"]] + [
        (said["yes"], bases[t["base"]], t) for t in rule["thresholds"]
    ]

    def enough(count: int, base: int, part: dict[str, Any]) -> bool:
        needed = Fraction(part["share"]) * base
        return base > 0 and (count > needed if part["strict"] else count >= needed)

    passed = all(enough(*a) for a in asked) and said["yes"] > 0
    found = {t["option"]: t["persons"] for t in outcome["outcome"]["totals"]}
    return (len(doc["ballots"]), len(last)) == (closing["ballots"], closing["voted"]) and (
        found, outcome["outcome"]["passed"],
    ) == (said, passed)  # fmt: skip
