"""Checking a bulletin from nothing but itself: `linli verify`. docs/bulletin.md says the same for anybody else's.

Each fault has a stable code: head_forged, chain_broken, ballot_altered, ballot_swapped, ballot_dropped,
ballot_added, record_altered, roll_wrong, rule_wrong, not_on_roll, total_wrong; of an event event_altered, path_wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.kit import merkle
from api.rules.voting.ballots import Roll, checked, grouped
from api.rules.voting.outcome import decide
from api.rules.voting.records import EVENTS, ZERO, ballot_content, elector_content, leaf_of, salted
from api.rules.voting.rule import Option, Rule, canonical, digest


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a bulletin."""

    code: str
    words: str


def verify(bulletin: dict[str, Any], *, key: str | None = None) -> list[Fault]:
    """Everything that is wrong; empty for a bulletin that holds. `key`: the public key one trusts, hex.

    Raises KeyError, TypeError or ValueError for what is no bulletin at all.
    """
    if bulletin["version"] != 1:
        raise ValueError("version")
    faults = list(_heads(bulletin, key))
    faults += _leaves(bulletin)
    records = {
        kind: [r for r in bulletin["records"] if r["type"] == kind] for kind in ("open", "close", "outcome")
    }
    if not all(records.values()):
        return [*faults, Fault("record_altered", "缺少开始、截止或结果的声明")]
    opening, closing, outcome = records["open"][0], records["close"][0], records["outcome"][-1]
    faults += _roll(bulletin, opening)
    faults += _count(bulletin, opening, closing, outcome)
    return faults


def verify_event(document: dict[str, Any], *, key: str | None = None) -> list[Fault]:
    """The same of the proof of one event: it says what was sealed, under a head that is signed.

    Codes: event_altered, path_wrong, head_forged. Raises KeyError, TypeError or ValueError for what is no proof.
    """
    if (document["version"], document["type"]) != (1, "event_proof"):
        raise ValueError("version")
    event, head = document["event"], document["head"]
    faults = list(_signed(document, [head], key))
    for name in ("actor", "text", "data"):
        value = document["shown"][name]
        if event[name] != (salted(event["salt"], name, value) if value is not None else None):
            faults.append(Fault("event_altered", f"{_HIDDEN[name]}与封存时不同"))
    leaf = leaf_of(event)
    if leaf.hex() != document["leaf"]:
        faults.append(Fault("event_altered", "事件的内容与它的指纹不符"))
    steps = [(step["side"], bytes.fromhex(step["hash"])) for step in document["path"]]
    if merkle.climb(leaf, steps).hex() != head["root"] or head["log"] != str(EVENTS):
        faults.append(Fault("path_wrong", "从事件算不到封存头的根"))
    return faults


_HIDDEN = {"actor": "操作人", "text": "公开的文字", "data": "内部数据"}


def _signed(document: dict[str, Any], heads: list[dict[str, Any]], key: str | None) -> Iterator[Fault]:
    """Each head is what the key signed and what its hash says."""
    if key is not None and key != document["public_key"]:
        yield Fault("head_forged", "文件上的公钥不是您信任的那一把")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key or document["public_key"]))
    for number, head in enumerate(heads, 1):
        content = {k: v for k, v in head.items() if k not in ("hash", "signature")}
        try:
            public.verify(bytes.fromhex(head["signature"]), canonical(content))
        except InvalidSignature:
            yield Fault("head_forged", f"第 {number} 个封存头的签名不对")
        if digest(content) != head["hash"]:
            yield Fault("head_forged", f"第 {number} 个封存头与它的指纹不符")


def _heads(bulletin: dict[str, Any], key: str | None) -> Iterator[Fault]:
    yield from _signed(bulletin, bulletin["heads"], key)
    previous, total = ZERO, 0
    for number, head in enumerate(bulletin["heads"], 1):
        total += head["size"]
        if (head["previous"], head["number"], head["total"], head["log"]) != (
            previous, number, total, bulletin["poll"],
        ):  # fmt: skip
            yield Fault("chain_broken", f"第 {number} 个封存头接不上前一个")
        previous = head["hash"]


def _leaves(bulletin: dict[str, Any]) -> Iterator[Fault]:
    """Every leaf is what its content hashes to, and each batch is exactly the leaves its head was made of."""
    stated = [ballot["leaf"] for ballot in bulletin["ballots"]]
    known = Counter(stated)
    poll = UUID(bulletin["poll"])
    batches: dict[int, list[bytes]] = defaultdict(list)
    for n, ballot in enumerate(bulletin["ballots"], 1):
        fields = (ballot[name] for name in ("elector", "turn", "own", "choices", "salt"))
        real = leaf_of(ballot_content(poll, *fields)).hex()
        if real != ballot["leaf"]:
            swapped = known[real] > 0
            what = "与另一张选票互换了内容" if swapped else "的内容被改动"
            yield Fault(
                "ballot_swapped" if swapped else "ballot_altered",
                f"第 {n} 张选票{what}（{ballot['leaf'][:16]}）",
            )
        batches[ballot["batch"]].append(bytes.fromhex(ballot["leaf"]))
    for leaf, times in known.items():
        if times > 1:
            yield Fault("ballot_added", f"同一张选票出现了 {times} 次（{leaf[:16]}）")
    for record in bulletin["records"]:
        content = {k: v for k, v in record.items() if k != "batch"}
        batches[record["batch"]].append(leaf_of(content))
    wrong: list[tuple[int, int]] = []
    for head in bulletin["heads"]:
        leaves = sorted(batches.pop(head["number"], []))
        if len(leaves) != head["size"] or merkle.root(leaves).hex() != head["root"]:
            wrong.append((head["number"], len(leaves) - head["size"]))
    kinds: dict[int, set[str]] = defaultdict(set)
    for record in bulletin["records"]:
        kinds[record["batch"]].add(record["type"])
    yield from _wrong_batches(wrong, sum(map(len, batches.values())), kinds)


def _wrong_batches(wrong: list[tuple[int, int]], outside: int, kinds: dict[int, set[str]]) -> Iterator[Fault]:
    moved = len(wrong) > 1 and sum(by for _, by in wrong) == 0 and not outside
    for number, by in wrong:
        if by and not moved:
            code, what = ("ballot_dropped", f"少了 {-by} 张") if by < 0 else ("ballot_added", f"多了 {by} 张")
            yield Fault(code, f"第 {number} 批{what}")
        elif moved:
            yield Fault("ballot_swapped", f"第 {number} 批的内容与别的批次互换了")
        elif "open" in kinds[number]:
            yield Fault("rule_wrong", f"第 {number} 批：规则、选项或选民册的声明与封存时不同")
        elif kinds[number]:
            yield Fault("total_wrong", f"第 {number} 批：截止或结果的声明与封存时不同")
        else:
            yield Fault("ballot_altered", f"第 {number} 批的选票与封存时不同")
    if outside:
        yield Fault("ballot_added", f"有 {outside} 片叶不属于任何一批")


def _roll(bulletin: dict[str, Any], opening: dict[str, Any]) -> Iterator[Fault]:
    leaves = [
        leaf_of(elector_content(e["elector"], e["number"], e["persons"], e["area"])) for e in bulletin["roll"]
    ]
    said = opening["roll"]
    if (said["size"], said["hash"]) != (len(leaves), merkle.root(leaves).hex()):
        yield Fault("roll_wrong", "选民册与开始时公布的指纹不符")


def _count(
    bulletin: dict[str, Any], opening: dict[str, Any], closing: dict[str, Any], outcome: dict[str, Any]
) -> Iterator[Fault]:
    try:
        rule = Rule.model_validate(opening["rule"])
        options = [Option.model_validate(option) for option in opening["options"]]
    except ValueError:
        yield Fault("rule_wrong", "表决规则或选项无法读取")
        return
    roll = {e["elector"]: (e["persons"], hundredths(e["area"])) for e in bulletin["roll"]}
    counted: dict[str, dict[str, Any]] = {}
    for ballot in bulletin["ballots"]:
        before = counted.get(ballot["elector"])
        if before is None or (ballot["own"], ballot["turn"]) > (before["own"], before["turn"]):
            counted[ballot["elector"]] = ballot
    if not opening["secret"] and (strangers := counted.keys() - roll.keys()):
        yield Fault("not_on_roll", f"有 {len(strangers)} 张选票的选民不在册上")
    if (len(bulletin["ballots"]), len(counted)) != (closing["ballots"], closing["voted"]):
        yield Fault("total_wrong", f"截止时声明 {closing['ballots']} 张选票、{closing['voted']} 项选民，"
                                   f"公告板上有 {len(bulletin['ballots'])} 张、{len(counted)} 项")  # fmt: skip
    try:
        groups = grouped(
            (checked(rule, options, b["choices"]), *roll.get(b["elector"], (1, 0))) for b in counted.values()
        )
    except Exception as error:  # a ballot the rule does not allow
        yield Fault("rule_wrong", f"有选票不符合表决规则：{error}")
        return
    whole = Roll(sum(p for p, _ in roll.values()), sum(a for _, a in roll.values()))
    if canonical(decide(rule, options, whole, groups)) != canonical(outcome["outcome"]):
        yield Fault("total_wrong", "按规则重新计票，结果与公布的不同")


def hundredths(area: str) -> int:
    """ "123.45" m² as 12345."""
    return int(Decimal(area) * 100)
