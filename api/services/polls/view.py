"""A poll on the wire."""

from typing import Any

from api.rules.polls import POLLS, PollState
from api.services.polls.finding import facts, standings


def view(row: Any) -> dict[str, Any]:
    """The wire shape of one poll."""
    state = PollState(row["state"])
    entries = row["entries"] or []
    return {
        "id": row["id"],
        "title": row["title"],
        "text": row["text"],
        "state": state,
        "place": {"id": row["place_id"], "name": row["place_name"]},
        "topic_id": row["topic_id"],
        "stage_id": row["stage_id"],
        "basis": row["basis"],
        "secret": row["secret"],
        "allow_change": row["allow_change"],
        "options": row["options"],
        "rule": row["rule"],
        "rule_hash": row["rule_hash"],
        "opens_at": row["opens_at"],
        "closes_at": row["closes_at"],
        "opened_at": row["opened_at"],
        "closed_at": row["closed_at"],
        "roll": {"size": row["roll_size"], "area": str(row["roll_area"]), "hash": row["roll_hash"]}
        if row["roll_hash"]
        else None,
        "electors": entries,
        "on_roll": bool(entries) if row["roll_hash"] else None,
        "passed": row["outcome"]["passed"] if row["outcome"] else None,
        "previous_id": row["previous_id"],
        "moves": POLLS.open(state, standings(row), facts(row)),
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
