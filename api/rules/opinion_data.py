"""The opinion map as plain data, the part for everybody."""

from collections.abc import Sequence
from typing import Any

from api.rules.opinion_shapes import Counts, OpinionMap


def to_json(found: OpinionMap, ids: Sequence[Any]) -> dict[str, Any]:
    """The public part as plain data; `ids` names the statements by index. Nothing of single people."""

    def counts(c: Counts) -> dict[str, int]:
        return {"agree": c.agree, "disagree": c.disagree, "pass": c.passed}

    return {
        "people": found.people,
        "placed": found.placed,
        "stances": found.stances,
        "silhouette": None if found.silhouette is None else round(found.silhouette, 4),
        "groups": [
            {
                "size": g.size,
                "x": round(g.x, 4),
                "y": round(g.y, 4),
                "typical": [
                    {"statement_id": str(ids[t.statement]), "agrees": t.agrees, "share": round(t.share, 4)}
                    for t in g.typical
                ],
            }
            for g in found.groups
        ],
        "dots": [
            {"x": round(b.x, 4), "y": round(b.y, 4), "people": b.people, "group": b.group}
            for b in found.bases
        ],
        "statements": [
            {
                "statement_id": str(ids[s.statement]),
                "all": counts(s.all),
                "groups": [counts(g) for g in s.groups],
                "consensus": round(s.consensus, 4),
                "dividing": round(s.dividing, 4),
            }
            for s in found.statements
        ],
        "agreed": [str(ids[s.statement]) for s in found.agreed()],
        "divided": [str(ids[s.statement]) for s in found.dividing()],
    }
