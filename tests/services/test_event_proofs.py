"""Events are sealed like ballots: an auditor carries a proof away, and whoever alters anything in it is found out."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from api.cli import app as linli
from api.kit.throttle import Rate
from api.rules import throttling
from api.rules.throttling import Limited
from api.rules.voting.verify import verify_event
from tests.polls import sealed, sql
from tests.town import Town

NIL = "00000000-0000-0000-0000-000000000000"


def _text(proof: dict[str, Any]) -> None:
    proof["shown"]["data"] = {"reason": "另一个"}


def _actor(proof: dict[str, Any]) -> None:
    proof["shown"]["actor"] = NIL


def _time(proof: dict[str, Any]) -> None:
    proof["event"]["at"] = "2026-01-01T00:00:00.000000Z"


def _time_with_its_leaf(proof: dict[str, Any]) -> None:
    """The whole event made anew: only the head gives it away."""
    from_salt = proof["event"]
    from_salt["move"] = "publish"
    proof["leaf"] = "00" * 32


def _head(proof: dict[str, Any]) -> None:
    proof["head"]["root"] = proof["leaf"]
    proof["path"] = []


FALSIFIED: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_text, "event_altered"),
    (_actor, "event_altered"),
    (_time, "event_altered"),
    (_time_with_its_leaf, "path_wrong"),
    (_head, "head_forged"),
]


async def test_an_event_is_proved_by_its_seal_and_every_falsification_is_named(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await town.submit()
    found = await sql(
        town.app, "select id from events where subject_id = :c and move = 'submit'", c=case["id"]
    )
    path = f"/events/{found[0][0]}/proof"
    assert (await town.auditor.get(path)).status_code == 404, "not sealed yet"
    await sealed(town.app)
    heads = (await town.client.get(f"/v1/seals?log={NIL}")).json()  # without a session
    monkeypatch.setitem(throttling.BY_ADDRESS, Limited.seals, Rate(1, 60))
    assert (await town.client.get(f"/v1/seals?log={NIL}")).status_code == 429
    proof = (await town.auditor.get(path)).json()
    assert proof["head"]["root"] in {head["root"] for head in heads["items"]}
    assert verify_event(proof, key=heads["public_key"]) == []
    assert proof["shown"]["actor"] == str(town.here.resident.id)
    assert proof["event"]["actor"] != proof["shown"]["actor"]
    assert (await town.supervisor.get(path)).status_code == 403
    file = tmp_path / "event.json"
    file.write_bytes(orjson.dumps(proof))
    ran = CliRunner().invoke(linli, ["verify", str(file), "--key", heads["public_key"]])
    assert (ran.exit_code, "case.submit" in ran.output) == (0, True), ran.output
    for falsify, code in FALSIFIED:
        other = copy.deepcopy(proof)
        falsify(other)
        assert code in {fault.code for fault in verify_event(other)}, falsify.__name__
        file.write_bytes(orjson.dumps(other))
        ran = CliRunner().invoke(linli, ["verify", str(file)])
        assert ran.exit_code == 1
        assert code in ran.output
