"""Real participatory budgets in Pabulib files: read line by line, voted anew here, and the official outcome found."""

import os
from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from api.cli import app as linli
from api.kit import clock
from api.kit.ids import new_id
from api.kit.problems import Problem
from api.models import Person
from api.models.people import PersonId
from api.rules.roles import Role
from api.rules.voting.rule import as_json
from api.rules.voting.verify import verify
from api.services.imports import elections
from api.services.imports.elections import import_election, rehearsed
from api.services.imports.faults import ImportFault
from api.services.imports.pabulib import Election, read_election
from tests.polls import Pump, closed, opened, sql
from tests.real_data import real
from tests.services.test_import_places import FILES
from tests.town import Actor, Town, make_admin

SIELCE, WESOLA = "Poland_Warszawa_2026_Sielce.pb", "Poland_Warszawa_2024_Wesola.pb"
URSYNOW, AMSTERDAM = "Poland_Warszawa_2022_Ursynow.pb", "Netherlands_Amsterdam_166.pb"
ALL = (SIELCE, WESOLA, URSYNOW)
"""Those that tell their official outcome."""
ASKED = os.environ.get("LINLI_PABULIB") == "all"
"""Every file through the services and over HTTP; some minutes. Without it the small ones."""

SMALL = """META
key;value
description;社区微更新
num_projects;3
num_votes;3
budget;100
vote_type;approval
rule;greedy
max_length;2
PROJECTS
project_id;cost;votes;name;selected
a;60;2;长椅;1
b;50;2;花坛;0
c;40.5;1;路灯;0
VOTES
voter_id;vote
1;a,b
2;a
3;b,c
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "x.pb"
    path.write_text(text, "utf-8")
    return path


def official(election: Election) -> frozenset[str]:
    """The funded projects by the file."""
    assert election.selected is not None
    return election.selected


def test_a_file_is_a_rule_options_and_votes(tmp_path: Path) -> None:
    election = read_election(file(tmp_path, SMALL))
    assert election.faults == []
    assert [(o.id, o.cost) for o in election.options] == [("a", 6000), ("b", 5000), ("c", 4050)]
    assert election.rule is not None
    assert election.rule.budget is not None
    assert (election.rule.budget.amount, election.rule.max_choices) == (10_000, 2)
    assert [vote.choices for vote in election.votes] == [("a", "b"), ("a",), ("b", "c")]
    assert rehearsed(election)["winners"] == ["a"]
    assert election.selected == {"a"}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("1;a,b", "1;a,z", 17, "没有的项目“z”"),
        ("2;a\n", "1;a\n", 18, "选民编号“1”重复"),
        ("2;a\n", "2;a,a\n", 18, "选了两次"),
        ("3;b,c", "3;a,b,c", 19, "应选 1–2 项，实为 3 项"),
        ("2;a\n", "2;\n", 18, "实为 0 项"),
        ("b;50", "b;0", 13, "费用应为大于 0 的数"),
        ("b;50", "b;4.005", 13, "费用应为大于 0 的数"),
        ("b;50", "a;50", 13, "项目编号“a”重复"),
        ("a;60;2", "a;60;3", 12, "声明 3 票，从选票数得 2 票"),
        ("num_votes;3", "num_votes;4", 5, "声明 4，实有 3"),
        ("rule;greedy", "rule;phragmen", 8, "不支持“phragmen”"),
        ("vote_type;approval", "vote_type;ordinal", 7, "只能导入赞成票"),
        ("max_length;2", "max_length;two", 9, "应为整数"),
        ("max_length;2", "max_sum_cost;100", 17, "费用超过 100"),
        ("max_length;2", "leftover_budget;give it back", 9, "不支持"),
    ],
)
def test_a_line_at_fault_is_told_by_its_number(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in SMALL
    faults = read_election(file(tmp_path, SMALL.replace(old, new, 1))).faults
    assert any(fault.line == line and words in fault.reason for fault in faults), faults


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a;b\n1;2\n", "第 1 行：不是 Pabulib 文件"),
        (SMALL.replace("VOTES\n", ""), "没有 VOTES 一节"),
        (SMALL + "META\n", "第 20 行：META 一节出现了两次"),
        (SMALL.replace("voter_id;vote", "voter;vote"), "第 17 行：VOTES 一节没有 voter_id 列"),
        (SMALL.replace("project_id;cost;", "project_id;project_id;cost;"), "第 11 行：PROJECTS 一节的表头有重复的列"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_refused_as_a_whole(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ImportFault, match=words):
        read_election(file(tmp_path, text))


@pytest.mark.parametrize("name", ALL)
def test_the_official_outcome_follows_from_the_ballots(name: str) -> None:
    election = read_election(real("pabulib") / name)
    assert election.faults == []
    assert frozenset(rehearsed(election)["winners"]) == official(election)


def test_the_rule_of_a_file_without_an_outcome_is_followed_to_the_letter() -> None:
    """Amsterdam: by votes within caps of each category, then what is left to whatever fits; worked out here again."""
    path = real("pabulib") / AMSTERDAM
    election = read_election(path)
    assert (election.faults, election.selected) == ([], None)
    lines = path.read_text("utf-8").splitlines()
    meta = dict(line.split(";", 1) for line in lines[1 : lines.index("PROJECTS")])
    rows = [line.split(";") for line in lines[lines.index("PROJECTS") + 2 : lines.index("VOTES")]]
    caps = dict(
        zip(meta["categories"].split(","), map(int, meta["budget_per_category"].split(",")), strict=True)
    )
    left, funded = int(meta["budget"]), set[str]()
    for capped in (True, False):
        for project, cost, _, _, category in rows:
            if project not in funded and int(cost) <= (min(left, caps[category]) if capped else left):
                funded.add(project)
                left -= int(cost)
                caps[category] -= int(cost)
    assert set(rehearsed(election)["winners"]) == funded


@pytest.mark.timeout(1_800 if ASKED else 180)
@pytest.mark.parametrize("name", ALL if ASKED else (SIELCE,))
async def test_the_official_outcome_is_found_again_by_voters_over_http(
    town: Town, pump: Pump, name: str
) -> None:
    election = read_election(real("pabulib") / name)
    assert election.rule is not None
    voters = [PersonId(new_id()) for _ in election.votes]
    async with town.app.state.db.transaction() as tx:
        await tx.execute(insert(Person), [{"id": who, "nickname": "选民"} for who in voters])
    poll = await opened(
        town,
        basis="list",
        rule=as_json(election.rule),
        options=[o.model_dump(exclude_none=True) for o in election.options],
        source={
            "entries": [
                {"label": v.voter, "person_id": str(who)}
                for v, who in zip(election.votes, voters, strict=True)
            ]
        },
    )
    for vote, person in zip(election.votes, voters, strict=True):
        session = await town.app.state.sessions.open(person, "test")
        voter = Actor("选民", person, town.client, session.token)
        answer = await voter.post(f"/polls/{poll}/ballots", {"choices": list(vote.choices)})
        assert answer.status_code == 201, answer.text
    await closed(town, pump)
    result = (await town.supervisor.get(f"/polls/{poll}/result")).json()["outcome"]
    assert frozenset(result["winners"]) == official(election)
    assert result["cast"]["persons"] == len(election.votes)


@pytest.mark.parametrize("name", ALL if ASKED else (WESOLA,))
async def test_a_file_becomes_a_poll_with_the_official_outcome_and_a_bulletin(town: Town, name: str) -> None:
    clerk = await make_admin(town.app, town.client, "书记员", Role.secretary, town.here.place)
    other = await make_admin(town.app, town.client, "复核员", Role.community_worker, town.here.place)
    found = await import_election(
        town.app.state.db,
        town.app.state.vault,
        real("pabulib") / name,
        place_code=town.here.code,
        first=clerk.username,
        second=other.username,
        waiting=clock.move,
    )
    assert found.outcome is not None
    assert frozenset(found.outcome["winners"]) == official(found.election)
    assert found.differs == frozenset()
    seen = (await town.auditor.get(f"/polls/{found.poll_id}/result")).json()
    assert seen["outcome"] == found.outcome
    bulletin = orjson.loads((await town.auditor.get(f"/polls/{found.poll_id}/bulletin")).content)
    assert verify(bulletin) == []
    assert {ballot["own"] for ballot in bulletin["ballots"]} == {False}, "entered as paper, and said so"
    hands = await sql(
        town.app, "select entered_by, second_by, count(*) from paper_entries where poll_id = :p group by 1, 2",
        p=found.poll_id,
    )  # fmt: skip
    assert [tuple(hand) for hand in hands] == [(clerk.id, other.id, len(found.election.votes))]


async def test_one_person_alone_enters_nothing(town: Town, tmp_path: Path) -> None:
    clerk = await make_admin(town.app, town.client, "书记员", Role.secretary, town.here.place)
    afar = await make_admin(town.app, town.client, "别处的人", Role.community_worker, town.there.place)
    for second, code in ((clerk, "same_person"), (afar, "not_found")):
        with pytest.raises(Problem) as refused:
            await import_election(
                town.app.state.db, town.app.state.vault, file(tmp_path, SMALL), place_code=town.here.code,
                first=clerk.username, second=second.username, waiting=clock.move,
            )  # fmt: skip
        assert refused.value.code == code
    assert await sql(town.app, "select 1 from polls") == []


def test_the_command_imports_counts_and_compares(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(elections, "WINDOW", elections.WINDOW / 10)
    runner = CliRunner()

    def ran(*arguments: str, status: int = 0, **more: str) -> str:
        result = runner.invoke(linli, list(arguments), **more)
        assert result.exit_code == status, result.output
        return result.output

    for name, content in FILES.items():
        (tmp_path / f"{name}.csv").write_text(content)
    ran("import", "places", *(f"{name}.csv" for name in FILES))
    who = ("--place", "320102002001", "--password-stdin")
    ran("admin", "create", "--username", "clerk", "--role", "secretary", *who, input="a long pass phrase\n")
    ran("admin", "create", "--username", "other", "--role", "community_worker", *who, input="a long pass phrase\n")  # fmt: skip
    order = ("--place", "320102002001", "--entered-by", "clerk", "--confirmed-by", "other")
    path = str(file(tmp_path, SMALL))
    assert "试算，未写入" in ran("import", "poll", path, *order, "--dry-run")
    told = ran("import", "poll", path, *order)
    assert "与官方结果一致：1 个项目" in told
    assert "3 张选票已封存、已计票" in told
    path = str(file(tmp_path, SMALL.replace("花坛;0", "花坛;1")))
    assert "与官方结果不同的项目：b" in ran("import", "poll", path, *order, "--dry-run", status=3)
    path = str(file(tmp_path, SMALL.replace("1;a,b", "1;a,z")))
    assert "x.pb 第 17 行：选了没有的项目“z”" in ran("import", "poll", path, *order, status=2)
