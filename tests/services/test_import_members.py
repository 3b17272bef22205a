"""成员名册 by file: who bound the number is verified at once, who has not when binding; a dry run, then all or nothing."""

import io
import os
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import Workbook
from typer.testing import CliRunner

from api.commands.imports import imports
from api.rules.roles import Role
from tests.neighbours import scalar
from tests.services.test_households import bind
from tests.town import Actor, Town, make_admin, sign_in
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
HEAD = [
    "社区代码",
    "手机号",
    "种类",
    "党支部",
    "工作单位",
    "特长",
    "资质",
    "可服务时间",
    "出生年份",
    "保险有效至",
    "报到截止",
]
PHONE = "13900001234"
LINES = int(os.environ.get("LINLI_TEST_LINES", "1000"))
"""10,000 in the long version: ten seconds of CPU at most."""


def sheet(*rows: list[Any]) -> bytes:
    book = Workbook(write_only=True)
    page = book.create_sheet()
    for row in (HEAD, *rows):
        page.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def bring(town: Town, content: bytes, *, apply: bool = True, who: Actor | None = None) -> Any:
    return await (who or town.operator).call(
        "POST",
        f"/imports?kind=members&name=members.xlsx&dry_run={str(not apply).lower()}",
        content=content,
        headers={"content-type": "application/octet-stream"},
    )


async def told(town: Town, content: bytes, *, apply: bool = True) -> tuple[int, int, int, int]:
    answer = await bring(town, content, apply=apply)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["created"], found["updated"], found["unchanged"], found["refused"]


def party(code: str, phone: str = PHONE, **changes: Any) -> list[Any]:
    row = dict(zip(HEAD, [code, phone, "党员", "第一党支部", "区供电公司", "电工、摄影", "电工证:2027-06-30、护士证",
                          "周末、工作日晚间", "1985", date(2027, 1, 31), ""], strict=True))  # fmt: skip
    return list({**row, **changes}.values())


async def memberships(who: Actor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await who.get("/memberships")).json()["items"]
    return found


async def test_who_binds_a_number_of_the_roster_is_a_verified_member_with_all_it_says(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    content = sheet(party(town.here.code), [town.here.code, "13900005678", "志愿者"])
    assert await told(town, content, apply=False) == (2, 0, 0, 0)
    assert await scalar(town, "select count(*) from member_lines") == 0
    assert await told(town, content) == (2, 0, 0, 0)
    assert await told(town, content) == (0, 0, 2, 0)
    assert await memberships(town.stranger) == []
    await bind(town.stranger, wechat_simulator)
    (mine,) = await memberships(town.stranger)
    assert (mine["state"], mine["kind"], mine["branch"]["name"]) == ("verified", "party", "第一党支部")
    assert mine["content"] == "pass"
    assert (mine["skills"], mine["times"], mine["work_unit"]) == (
        ["电工", "摄影"], ["evening", "weekend"], "区供电公司",
    )  # fmt: skip
    assert (mine["birth_year"], mine["insured_until"]) == (1985, "2027-01-31")
    assert [(q["name"], q["expires_on"]) for q in mine["qualifications"]] == [
        ("护士证", None), ("电工证", "2027-06-30"),
    ]  # fmt: skip
    await pump()
    assert "报到登记已核实" in [n["title"] for n in (await town.stranger.get("/notices")).json()["items"]]


async def test_who_reported_before_is_verified_keeps_own_words_and_is_changed_by_a_later_roster(
    town: Town, wechat_simulator: Simulator
) -> None:
    body = {"kind": "volunteer", "place_id": str(town.here.place), "skills": ["修伞"], "availability": "随时"}
    asked = (await town.stranger.post("/memberships", body)).json()
    await bind(town.stranger, wechat_simulator)
    line = [town.here.code, PHONE, "志愿者", "", "", "", "电工证", "周末"]
    assert await told(town, sheet(line)) == (1, 0, 0, 0)
    (mine,) = await memberships(town.stranger)
    assert (mine["id"], mine["state"], mine["skills"], mine["times"]) == (
        asked["id"], "verified", ["修伞"], ["weekend"],
    )  # fmt: skip
    line[5:7] = ["钢琴", "电工证:2028-01-01"]
    assert await told(town, sheet(line)) == (0, 1, 0, 0)
    (mine,) = await memberships(town.stranger)
    assert (mine["skills"], mine["qualifications"]) == (
        ["钢琴"], [{"name": "电工证", "expires_on": "2028-01-01"}],
    )  # fmt: skip
    ended = await town.stranger.post(f"/memberships/{mine['id']}/moves/end", {"reason": "搬走了"})
    assert ended.status_code == 200, ended.text
    line[5] = "小提琴"
    assert await told(town, sheet(line)) == (0, 1, 0, 0)
    assert [m["state"] for m in await memberships(town.stranger)] == ["ended"]


async def test_one_bad_line_and_nothing_is_written_and_each_is_named(town: Town) -> None:
    code = town.here.code
    bad = [
        ["999999999999", PHONE, "党员"],
        [code, "不是号码", "党员"],
        [code, PHONE, "群众"],
        [code, PHONE, "志愿者", "第一党支部"],
        party(code, PHONE, 可服务时间="半夜"),
        party(code, PHONE, 出生年份="八五"),
        party(code, PHONE, 保险有效至="明年"),
        party(code, PHONE, 资质="电工证:2027-13-01"),
        party(code, PHONE),
        party(code, PHONE),
    ]
    answer = (await bring(town, sheet(*bad))).json()
    assert (answer["applied"], answer["refused"]) == (False, 9)
    words = (
        "不存在",
        "手机号",
        "没有种类",
        "只有党员",
        "可服务时间",
        "出生年份",
        "保险有效至",
        "资质",
        "与第 10 行重复",
    )
    reasons = [fault["reason"] for fault in answer["faults"]]
    assert [word for word, reason in zip(words, reasons, strict=True) if word not in reason] == []
    for table in ("member_lines", "branches", "memberships"):
        assert await scalar(town, f"select count(*) from {table}") == 0
    assert (await bring(town, sheet(party(code)), who=town.supervisor)).status_code == 403


async def test_a_roster_reaches_no_further_than_who_brings_it_in(
    town: Town, app: FastAPI, client: httpx.AsyncClient
) -> None:
    near = await sign_in(await make_admin(app, client, "社区运营", Role.operator, town.here.place))
    answer = (await bring(town, sheet(party(town.here.code), party(town.there.code)), who=near)).json()
    assert (answer["applied"], [fault["line"] for fault in answer["faults"]]) == (False, [3])
    assert "不在您的范围内" in answer["faults"][0]["reason"]
    assert await scalar(town, "select count(*) from member_lines") == 0
    assert (await bring(town, sheet(party(town.here.code)), who=near)).json()["applied"] is True


async def test_many_lines_come_in_and_again_change_nothing(town: Town) -> None:
    content = sheet(*(party(town.here.code, f"139{n:08d}") for n in range(LINES)))
    began = time.process_time()
    assert await told(town, content) == (LINES, 0, 0, 0)
    assert time.process_time() - began < max(3.0, LINES / 1_000)
    assert await told(town, content) == (0, 0, LINES, 0)


def test_the_command_line_brings_a_roster_in_and_names_bad_lines(
    town: Town, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.xlsx").write_bytes(sheet(party(town.here.code)))
    (tmp_path / "b.xlsx").write_bytes(sheet([town.here.code, "号", "党员"]))
    run = CliRunner().invoke
    dry = run(imports, ["members", "a.xlsx", "--dry-run"])
    assert (dry.exit_code, "预演" in dry.stdout) == (0, True), dry.output
    assert run(imports, ["members", "a.xlsx"]).exit_code == 0
    refused = run(imports, ["members", "b.xlsx"])
    assert refused.exit_code == 2
    assert "第 2 行：手机号“号”" in refused.output
