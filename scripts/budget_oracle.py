"""What an independent program makes of small budgets, written into tests/rules/budget_oracle.json.

Run it in a virtual environment of its own, never in linli's: `pip install pabutools==1.2.3` brings a proprietary
solver along (docs/adr/0020). `python -m scripts.budget_oracle`
"""

import json
import random
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "tests" / "rules" / "budget_oracle.json"
CASES = 200


def made(seed: int) -> dict[str, Any]:
    """Costs by project, a budget, and each voter's approvals as indexes of projects."""
    chance = random.Random(seed)  # noqa: S311
    costs = [chance.randint(1, 40) for _ in range(chance.randint(1, 9))]
    budget = chance.randint(20, 120)
    voters = [
        [n for n in range(len(costs)) if chance.random() < 0.4] or [0] for _ in range(chance.randint(1, 25))
    ]
    return {"costs": costs, "budget": budget, "voters": voters}


def judged(case: dict[str, Any]) -> dict[str, Any]:
    """The same with the funded projects by both rules; ties: more votes, then the earlier project."""
    from pabutools import election, rules, tiebreaking  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415

    projects = [election.Project(str(n), cost) for n, cost in enumerate(case["costs"])]
    instance = election.Instance(projects, budget_limit=case["budget"])
    ballots = [election.ApprovalBallot(projects[n] for n in voter) for voter in case["voters"]]
    profile = election.ApprovalProfile(ballots, instance=instance)
    ties = tiebreaking.TieBreakingRule(lambda _, votes, p: (-votes.approval_score(p), int(p.name)))
    cost = {"sat_class": election.Cost_Sat, "tie_breaking": ties}
    shares = rules.method_of_equal_shares(instance, profile, **cost)
    greedy = rules.greedy_utilitarian_welfare(instance, profile, **cost)
    wanted = {n for voter in case["voters"] for n in voter}
    return {
        **case,
        "equal_shares": sorted(int(p.name) for p in shares),
        # A project nobody wants is funded there where money is left, and never here.
        "greedy": sorted(int(p.name) for p in greedy if int(p.name) in wanted),
    }


def main() -> None:
    cases = [judged(made(seed)) for seed in range(CASES)]
    FILE.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
