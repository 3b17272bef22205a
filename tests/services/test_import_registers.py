"""物业公司、人员、房屋、设施 by file: a dry run, then all or nothing, and the same again changes nothing."""

import io
import time
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import text

from tests.estates import log_in
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

HOMES = "社区代码,楼栋编号,楼栋,房号,小区,建筑面积"


def _csv(*lines: str) -> bytes:
    return "\n".join(lines).encode()


async def _bring(
    town: Town, kind: str, content: bytes, *, apply: bool = True, who: Actor | None = None
) -> Any:
    return await (who or town.operator).call(
        "POST",
        f"/imports?kind={kind}&name={kind}.csv&dry_run={str(not apply).lower()}",
        content=content,
        headers={"content-type": "application/octet-stream"},
    )


async def _told(town: Town, kind: str, content: bytes, *, apply: bool = True) -> dict[str, Any]:
    answer = await _bring(town, kind, content, apply=apply)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["created"], result["updated"], result["unchanged"], result["refused"]


async def _count(town: Town, table: str) -> int:
    async with town.app.state.db.reading() as tx:
        return int((await tx.execute(text(f"select count(*) from {table}"))).scalar_one())


async def _estate_with_a_company(town: Town) -> None:
    code = town.here.code
    await _told(town, "homes", _csv(HOMES, f"{code},21,,101,桃苑,89.60", f"{code},22,,101,桃苑,"))
    lines = ("社区代码,小区,物业公司,电话,服务时间,派工方式", f"{code},桃苑,桃园物业,025-1,07:30-21:00,轮派")
    assert _counts(await _told(town, "units", _csv(*lines))) == (1, 0, 0, 0)


async def test_homes_come_with_their_estates_and_buildings_and_a_second_time_change_nothing(
    town: Town,
) -> None:
    code = town.here.code
    content = _csv(
        HOMES,
        f"{code},11,11 幢,101,桃苑,89.60",
        f"{code},11,11 幢,102,桃苑,",
        f"{code},12,,101,桃苑,70",
        f"{code},01,,401,,55.5",
    )
    before = await _count(town, "homes")
    trial = await _told(town, "homes", content, apply=False)
    assert (_counts(trial), trial["applied"]) == ((4, 0, 0, 0), False)
    assert await _count(town, "homes") == before
    done = await _told(town, "homes", content)
    assert (_counts(done), done["applied"]) == ((4, 0, 0, 0), True)
    assert await _count(town, "homes") == before + 4
    again = await _told(town, "homes", content)
    assert _counts(again) == (0, 0, 4, 0)
    larger = await _told(town, "homes", content.replace(b"89.60", b"90.00"))
    assert _counts(larger) == (0, 1, 3, 0)
    estates = (await town.here.resident.get(f"/estates?place={town.here.place}")).json()["items"]
    assert ["11 幢", "12 幢"] in [[b["name"] for b in e["buildings"]] for e in estates]


async def test_one_bad_line_and_nothing_is_written_and_each_is_named(town: Town) -> None:
    code = town.here.code
    content = _csv(
        HOMES,
        f"{code},11,,101,桃苑,89.60",
        "999999999999,11,,101,桃苑,",
        f"{code},甲,,101,桃苑,",
        f"{code},11,,,桃苑,",
        f"{code},11,,103,桃苑,八十",
        f"{code},11,,101,桃苑,",
        f"{code},01,,402,桃苑,",
        f"{code},11,,104,桃苑",
    )
    before = await _count(town, "homes"), await _count(town, "estates"), await _count(town, "places")
    result = await _told(town, "homes", content)
    assert (result["applied"], result["refused"]) == (False, 7)
    reasons = {fault["line"]: fault["reason"] for fault in result["faults"]}
    assert list(reasons) == [3, 4, 5, 6, 7, 8, 9]
    for line, word in ((3, "不存在"), (4, "楼栋编号"), (5, "“房号”为空"), (6, "平方米"), (7, "与第 2 行重复"),
                       (8, "已属于其他小区"), (9, "应有 6 列")):  # fmt: skip
        assert word in reasons[line]
    assert (
        await _count(town, "homes"),
        await _count(town, "estates"),
        await _count(town, "places"),
    ) == before


async def test_companies_come_with_their_hours_and_take_the_estates_cases(town: Town) -> None:
    await _estate_with_a_company(town)
    units = (await town.operator.get(f"/units?place={town.here.place}&kind=property_company")).json()["items"]
    assert [(u["name"], u["assignment"]) for u in units] == [("桃园物业（桃苑）", "rotation")]
    (company,) = (await town.operator.get("/companies")).json()["items"]
    assert (company["name"], company["service_hours"]) == ("桃园物业", "07:30-21:00")
    head, code = "社区代码,小区,物业公司,电话,服务时间,派工方式", town.here.code
    same = await _told(town, "units", _csv(head, f"{code},桃苑,桃园物业,025-1,07:30-21:00,轮派"))
    assert _counts(same) == (0, 0, 1, 0)
    later = await _told(town, "units", _csv(head, f"{code},桃苑,桃园物业,025-1,08:00-20:00,轮派"))
    assert _counts(later) == (0, 1, 0, 0)
    wrong = await _told(
        town,
        "units",
        _csv(head, f"{code},桃苑,别家物业,,,", f"{code},李苑,桃园物业,,,", f"{code},桃苑,桃园物业,,九点,"),
    )
    reasons = [fault["reason"] for fault in wrong["faults"]]
    assert "已有在用的物业单位" in reasons[0]
    assert "没有小区“李苑”" in reasons[1]
    assert "重复" in reasons[2]


async def test_assets_are_of_an_estate_and_its_own_buildings(town: Town) -> None:
    await _estate_with_a_company(town)
    head, code = "社区代码,小区,楼栋编号,种类,名称", town.here.code
    good = (f"{code},桃苑,21,电梯,2 号电梯", f"{code},桃苑,,水泵房,水泵房")
    assert _counts(await _told(town, "assets", _csv(head, *good))) == (2, 0, 0, 0)
    assert _counts(await _told(town, "assets", _csv(head, *good))) == (0, 0, 2, 0)
    bad = await _told(town, "assets", _csv(head, f"{code},桃苑,01,电梯,电梯", f"{code},桃苑,,飞船,一号"))
    assert [f["line"] for f in bad["faults"]] == [2, 3]
    assert "没有编号为“01”的楼栋" in bad["faults"][0]["reason"]
    assert "没有种类“飞船”" in bad["faults"][1]["reason"]


async def test_staff_are_named_by_the_phone_they_bound_themselves(
    town: Town, wechat_simulator: Simulator
) -> None:
    await _estate_with_a_company(town)
    worker = await log_in(town, wechat_simulator, "新师傅")
    vault = town.app.state.vault
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update people set phone_sealed = :sealed, phone_index = :index where id = :id"),
            {
                "sealed": vault.seal("phone", "13900007777"),
                "index": vault.index("phone", "13900007777"),
                "id": worker.id,
            },
        )
    head, code = "社区代码,小区,手机号,角色", town.here.code
    content = _csv(head, f"{code},桃苑,13900007777,物业经理", f"{code},,13900007777,网格员")
    assert _counts(await _told(town, "staff", content)) == (2, 0, 0, 0)
    assert _counts(await _told(town, "staff", content)) == (0, 0, 2, 0)
    units = (await town.operator.get(f"/units?place={town.here.place}&kind=property_company")).json()["items"]
    listed = (await worker.get(f"/units/{units[0]['id']}/members")).json()["items"]
    assert [m["id"] for m in listed] == [str(worker.id)]
    bad = await _told(
        town,
        "staff",
        _csv(
            head,
            f"{code},桃苑,13900008888,物业人员",
            f"{code},,13900007777,书记",
            f"{code},,13900007777,物业人员",
        ),
    )
    reasons = [fault["reason"] for fault in bad["faults"]]
    assert "没有绑定这个手机号" in reasons[0]
    assert "不能导入角色“书记”" in reasons[1]
    assert "没有小区" in reasons[2]
    assert await _count(town, "grants where role = 'property_staff'") == 0


async def test_files_are_for_who_may_import_and_into_their_own_reach(town: Town) -> None:
    content = _csv(HOMES, f"{town.here.code},11,,101,,")
    for who in (town.supervisor, town.auditor):
        assert (await _bring(town, "homes", content, who=who)).status_code == 403
    broken = await _bring(town, "homes", b"PK\x03\x04nothing")
    assert (broken.status_code, broken.json()["code"]) == (422, "import_fault")
    assert "homes.csv" in broken.json()["detail"]
    headless = await _bring(town, "homes", _csv("楼栋,房号", "1,101"))
    assert "社区代码" in headless.json()["detail"]


@pytest.mark.parametrize("rows", [10_000])
async def test_ten_thousand_homes_from_a_workbook(town: Town, rows: int) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HOMES.split(","))
    for n in range(rows):
        sheet.append([town.here.code, f"{n // 200 + 100}", None, str(n % 200 + 101), "大苑", 89.5])
    file = io.BytesIO()
    book.save(file)
    begun = time.perf_counter()
    done = await _told(town, "homes", file.getvalue())
    took = time.perf_counter() - begun
    assert _counts(done) == (rows, 0, 0, 0)
    assert _counts(await _told(town, "homes", file.getvalue())) == (0, 0, rows, 0)
    print(f"{rows} rows in {took:.1f} s")


# 住户名册

HOUSEHOLDS = "社区代码,楼栋编号,房号,手机号,关系,户籍"


async def test_who_stands_in_the_register_of_households_is_verified_by_the_number_and_no_number_is_kept(
    town: Town, wechat_simulator: Simulator
) -> None:
    code, who = town.here.code, town.stranger
    number = "13912345678"
    bound = await who.post("/me/phone", {"code": wechat_simulator.phone_code(who.name, number)})
    assert bound.status_code == 200
    content = _csv(
        HOUSEHOLDS, f"{code},01,301,+86 139-1234-5678,家属,是", f"{code},01,301,+85261234567,租户,"
    )
    trial = await _told(town, "households", content, apply=False)
    assert (_counts(trial), trial["applied"]) == ((2, 0, 0, 0), False)
    assert await _count(town, "household_lines") == 0
    assert (await who.get("/me")).json()["residencies"] == []
    assert _counts(await _told(town, "households", content)) == (2, 0, 0, 0)
    [lives] = (await who.get("/me")).json()["residencies"]
    assert (lives["state"], lives["relation"]) == ("verified", "family")
    assert _counts(await _told(town, "households", content)) == (0, 0, 2, 0)
    moved = content.replace("租户".encode(), "业主".encode())
    assert _counts(await _told(town, "households", moved)) == (0, 1, 1, 0)
    async with town.app.state.db.reading() as tx:
        kept = (await tx.execute(text("select cast(l.* as text) from household_lines l"))).scalars().all()
    assert not any(number in row or "61234567" in row for row in kept)


async def test_a_register_of_households_with_a_wrong_line_brings_nothing_and_repeats_no_number(
    town: Town,
) -> None:
    code = town.here.code
    content = _csv(
        HOUSEHOLDS,
        f"{code},01,301,13912345678,业主,是",
        f"{code},01,301,139 1234 5678,家属,",
        f"{code},01,999,13912345679,业主,",
        f"{code},01,301,1391234,业主,",
        f"{code},01,301,13912345670,房东,也许",
        "320102009999,01,301,13912345671,业主,",
    )
    told = await _told(town, "households", content)
    assert (told["applied"], told["refused"]) == (False, 6)
    reasons = {fault["line"]: fault["reason"] for fault in told["faults"]}
    assert reasons[3] == "与第 2 行重复"
    assert "请先导入房屋" in reasons[4]
    assert reasons[5].startswith("手机号应为")
    assert "不存在，或不在您的范围内" in reasons[7]
    assert not any("139" in reason for reason in reasons.values())
    assert await _count(town, "household_lines") == 0
    refused = await _bring(town, "households", content, who=town.supervisor)
    assert refused.status_code == 403
