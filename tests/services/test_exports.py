"""What is exported is what the list shows, every cell harmless, and every export leaves a trace."""

import os
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from api.kit import clock
from api.kit.spreadsheet import Spreadsheet, neutral
from tests.services.test_statistics import LATER, _statistics, _thirty
from tests.town import Town

Pump = Callable[[], Awaitable[None]]
ROWS = int(os.environ.get("LINLI_TEST_EXPORT_ROWS", "2000"))
"""LINLI_TEST_EXPORT_ROWS=100000 is what quality.md's E5 asks for; it takes half a minute."""
DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a")


def _sheets(content: bytes) -> dict[str, list[list[Any]]]:
    book = load_workbook(BytesIO(content))
    for sheet in book:
        assert {cell.data_type for row in sheet for cell in row} <= {"s", "n", "d", "inlineStr"}, "a formula"
    return {sheet.title: [[cell.value for cell in row] for row in sheet] for sheet in book}


async def test_cases_are_exported_as_the_list_shows_them_and_no_cell_runs(town: Town, pump: Pump) -> None:
    for title, anonymous in (("=HYPERLINK(A1)", True), ("@电梯", False), ("路灯不亮", False)):
        await town.submit(title=title, text="-1 楼\t进水", anonymous=anonymous)
    await town.submit(town.there.resident, place_id=str(town.there.place), title="邻社区的事")
    await pump()
    answer = await town.supervisor.post("/exports/cases", {"place": str(town.here.place)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    [head, *rows] = _sheets(answer.content)["诉求"]
    assert [row[head.index("标题")] for row in rows] == ["路灯不亮", "'@电梯", "'=HYPERLINK(A1)"]
    assert {row[head.index("摘要")] for row in rows} == {"'-1 楼\t进水"}
    assert rows[2][head.index("反映人")] == "匿名居民"
    assert {row[head.index("状态")] for row in rows} == {"待签收"}
    none = await town.supervisor.post("/exports/cases", {"place": str(town.here.place), "state": "closed"})
    assert len(_sheets(none.content)["诉求"]) == 1
    async with town.app.state.db.reading() as tx:
        traces = await tx.execute(
            text("select actor_id, data->>'state' from events where move = 'export_cases'")
        )
        assert [tuple(row) for row in traces] == [(town.supervisor.id, None), (town.supervisor.id, "closed")]


async def test_five_exports_an_hour_are_enough_for_one_person(town: Town) -> None:
    body = {"place": str(town.here.place), "state": "closed"}
    codes = [(await town.auditor.post("/exports/cases", body)).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]


async def test_statistics_are_exported_as_they_are_shown(town: Town) -> None:
    await _thirty(town)
    clock.set_to(LATER)
    shown = await _statistics(town)
    asked = {"place": str(town.place), "period": "2026-11"}
    answer = await town.operator.get("/statistics/export", params=asked)
    assert answer.status_code == 200, answer.text
    sheets = _sheets(answer.content)
    assert list(sheets) == ["合计", "按单位", "按社区", "按类别", "剔除", "口径"]
    [head, total] = sheets["合计"]
    named = dict(zip(head, total, strict=True))
    assert (named["到期件"], named["解决"], named["按时办结"], named["已评价"]) == (25, 14, 16, 19)
    rates = shown["groups"][0]["rates"]
    assert named["响应率"] == pytest.approx(rates["response"]["value"])
    assert named["满意率下限"] == pytest.approx(rates["satisfaction"]["low"])
    assert named["综合得分"] == pytest.approx(rates["composite"])
    assert [row[0] for row in sheets["按类别"][1:]] == ["咨询", "求助"]
    assert sheets["剔除"] == [["理由", "件数"], ["不可抗力", 1]]


@pytest.mark.parametrize("word", DANGEROUS)
def test_what_a_spreadsheet_would_run_is_shown_instead(word: str) -> None:
    assert neutral(word) == f"'{word}"
    assert neutral(f"楼{word}") == f"楼{word}"


async def test_rows_do_not_gather_in_memory_and_what_cannot_be_written_is_left_out() -> None:
    book = Spreadsheet()
    sheet = await book.sheet("很多", ["号", "文字", "时间"])
    tracemalloc.start()
    for first in range(0, ROWS, 500):
        batch = [
            (n, f"第 {n} 行\x07" + "楼" * 80, datetime(2026, 11, 22, 16, tzinfo=UTC))
            for n in range(first, first + 500)
        ]
        await sheet.add(batch)
    file = await book.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000, f"{peak / 1e6:.0f} MB for {ROWS} rows"
    with file:
        rows = list(load_workbook(file, read_only=True).active.iter_rows(values_only=True))
    assert len(rows) == ROWS + 1
    assert rows[1] == (0, "第 0 行" + "楼" * 80, datetime(2026, 11, 23, 0, 0))  # noqa: DTZ001  (a cell knows no zone)
