"""`linli import …` as a person runs it: what it prints, and with which status it ends."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.commands.imports import imports
from api.kit.engines import EmbeddedEngines
from tests.real_data import real
from tests.services.test_import_places import FILES, VILLAGES

COMMUNITY = "320102002001"
CASES = (
    "编号,主题,时间,内容,答复,何时\n"
    "1,灯不亮,2026/1/5 9:00,楼道灯坏了,已修好,2026/1/5 15:30\n"
    "2,占道,2026/1/5 9:00,有人占道,已劝离,2026/1/9 16:00\n"
)
MAPPING = "number=编号,subject=主题,submitted_at=时间,text=内容,answer=答复,answered_at=何时"


class Command:
    """`linli import` against one database, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runner = CliRunner()

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content)
        return str(path)

    def run(self, *arguments: str) -> Result:
        return self._runner.invoke(imports, list(arguments))


@pytest.fixture
def command(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path)


def country(command: Command) -> list[str]:
    return [command.file(f"{name}.csv", content) for name, content in FILES.items()]


def test_places_come_in_and_the_second_time_nothing_changes(command: Command) -> None:
    paths = country(command)
    first = command.run("places", *paths)
    assert first.exit_code == 0, first.output
    assert first.stdout.count("v.csv") == 1
    second = command.run("places", *paths)
    assert second.exit_code == 0
    assert [line.split() for line in second.stdout.splitlines() if "v.csv" in line] == [
        ["v.csv", "村", "3", "0", "0", "0", "3", "0"]
    ]


def test_refused_lines_are_told_and_end_with_status_two(command: Command) -> None:
    *above, _ = country(command)
    result = command.run("places", *above, command.file("v.csv", VILLAGES + "32010200200,短,320102002,,,\n"))
    assert result.exit_code == 2
    assert "v.csv 第 5 行：村（社区）代码应为 12 位数字，实为 11 位" in result.stderr


def test_a_broken_file_ends_with_status_one_and_a_cure(command: Command) -> None:
    result = command.run("places", command.file("v.csv", ""))
    assert result.exit_code == 1
    assert "文件是空的" in result.stderr
    assert "Traceback" not in result.output


def test_old_cases_come_in_and_their_rate_is_printed(command: Command) -> None:
    command.run("places", *country(command))
    path = command.file("old.csv", CASES)
    options = ("--community", COMMUNITY, "--mapping", MAPPING)
    rehearsed = command.run("cases", path, *options, "--dry-run")
    assert rehearsed.exit_code == 0, rehearsed.output
    assert "第 2 行  导入为已结案  1" in rehearsed.stdout
    done = command.run("cases", path, *options)
    assert done.exit_code == 0, done.output
    # Monday's answer took 3 + 1.5 hours, Friday's 7 + 7 + 7 + 7 + 5: the mean of the two is 18.75, of seven hours 2.7.
    assert "1/2 = 50.0%" in done.stdout
    assert "2.7 个工作日（18.8 工作小时）" in done.stdout
    again = command.run("cases", path, *options)
    assert again.exit_code == 0
    assert [line.split()[-2] for line in again.stdout.splitlines() if "已导入过" in line] == ["2"]


def test_a_bad_old_case_keeps_all_out_with_status_two(command: Command) -> None:
    command.run("places", *country(command))
    path = command.file("old.csv", CASES + "3,,2026/1/5 9:00,无主题,,\n")
    result = command.run("cases", path, "--community", COMMUNITY, "--mapping", MAPPING)
    assert result.exit_code == 2
    assert "old.csv 第 4 行：缺少主题" in result.stderr
    assert "一条也没有导入" in result.stderr
    good = command.run(
        "cases", command.file("good.csv", CASES), "--community", COMMUNITY, "--mapping", MAPPING, "--dry-run"
    )
    assert "第 2 行  导入为已结案  1" in good.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--mapping", "number"),
        ("--mapping", "number=a,number=b"),
        ("--category", "表扬"),
        ("--categories", "信访=表扬"),
    ],
)
def test_options_nobody_can_read_are_refused(command: Command, options: tuple[str, str]) -> None:
    result = command.run("cases", command.file("old.csv", CASES), "--community", COMMUNITY, *options)
    assert result.exit_code == 2
    assert "Invalid value" in result.stderr


def test_a_community_that_is_not_there_ends_with_status_one(command: Command) -> None:
    result = command.run(
        "cases", command.file("old.csv", CASES), "--community", COMMUNITY, "--mapping", MAPPING
    )
    assert result.exit_code == 1
    assert "请先导入地域" in result.stderr


def test_a_database_that_is_away_or_empty_is_said_in_one_sentence(
    command: Command, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = command.file("v.csv", VILLAGES)
    monkeypatch.setenv("DATABASE_URL", engines.addresses.database_url.replace("/linli?", "/postgres?"))
    empty = command.run("places", path)
    assert (empty.exit_code, "linli migrate" in empty.stderr) == (1, True)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    away = command.run("places", path)
    assert (away.exit_code, "linli doctor" in away.stderr) == (1, True)


def test_without_a_database_url_the_embedded_engine_is_started_and_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LINLI_DATA_DIR", str(tmp_path / "data"))
    command = Command(tmp_path)
    for _ in range(2):  # the second time it starts over what the first left
        result = command.run("places", *country(command))
        assert result.exit_code == 0, result.output


def test_the_real_messages_through_the_command(command: Command) -> None:
    command.run("places", *country(command))
    result = command.run("cases", str(real("messages/answered.csv")), "--community", COMMUNITY)
    assert result.exit_code == 0, result.output
    assert "3/60 = 5.0%" in result.stdout
    assert "8.2 个工作日（57.6 工作小时）" in result.stdout


def test_the_register_of_households_comes_in_by_the_same_rules_as_in_the_console(command: Command) -> None:
    assert command.run("places", *country(command)).exit_code == 0
    homes = command.file("homes.csv", f"社区代码,楼栋编号,房号\n{COMMUNITY},01,101\n")
    assert command.run("register", "homes", homes).exit_code == 0
    head = "社区代码,楼栋编号,房号,手机号,关系\n"
    bad = command.file("bad.csv", f"{head}{COMMUNITY},01,102,13912345678,业主\n")
    refused = command.run("register", "households", bad)
    assert refused.exit_code == 2
    assert "第 2 行" in refused.stderr
    assert "13912345678" not in refused.output
    good = command.file("good.csv", f"{head}{COMMUNITY},01,101,13912345678,业主\n")
    counts = []
    for arguments in (["--dry-run"], [], []):
        told = command.run("register", "households", good, *arguments)
        assert told.exit_code == 0, told.output
        counts.append(re.findall(r"(新增|无变化)\D+(\d+)", told.stdout))
    new, same = [("新增", "1"), ("无变化", "0")], [("新增", "0"), ("无变化", "1")]
    assert counts == [new, new, same]
