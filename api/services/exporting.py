"""导出: what the console shows, as a workbook: lists of cases within reach, statistics."""

from enum import StrEnum
from typing import IO, Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.db import Database
from api.kit.events import record
from api.kit.spreadsheet import Sheet, Spreadsheet, Value
from api.rules.cases import CATEGORY_TITLES, KIND_TITLES, STATE_TITLES, CaseCategory, CaseKind, CaseState
from api.rules.roles import Permission, capacity
from api.rules.statistics import COUNT_TITLES, Grouping
from api.services.access import Viewer, require
from api.services.cases import listing
from api.services.places.finding import find_place
from api.services.statistics import counting

MOST = 100_000
"""Rows of one export; what is beyond says so in the last one."""
_PAGE = 500
_HEAD = ("回执号", "种类", "类别", "标题", "摘要", "状态", "轮次", "级别", "地域", "反映人", "办结期限", "已超时",
         "提交时间", "更新时间")  # fmt: skip
_SHEETS = {
    Grouping.total: "合计",
    Grouping.unit: "按单位",
    Grouping.place: "按社区",
    Grouping.category: "按类别",
}
_RATES = {
    "response": "响应率",
    "resolution": "解决率",
    "satisfaction": "满意率",
    "strict": "严格满意率",
}


async def cases(
    db: Database, viewer: Viewer, place_id: UUID, *, overdue: bool | None, **words: StrEnum | None
) -> IO[bytes]:
    """The cases of a place and all under it, newest first, as the list shows them. The export is an event.

    Raises NotFound, NotAllowed.
    """
    async with db.transaction() as tx:
        place = await find_place(tx, place_id)
        roles = await require(tx, viewer, Permission.case_read, place.path)
        record(
            tx,
            subject_kind="place",
            subject_id=place.id,
            move="export_cases",
            actor_id=viewer.person_id,
            actor_title=capacity(roles),
            text=f"导出{place.name}的诉求",
            data={"overdue": overdue, **{name: word and word.value for name, word in words.items()}},
        )
    book = Spreadsheet()
    sheet = await book.sheet("诉求", _HEAD)
    await _pages(db, viewer, place_id, sheet, overdue=overdue, **words)
    return await book.finish()


async def _pages(db: Database, viewer: Viewer, place_id: UUID, sheet: Sheet, **wanted: Any) -> None:
    after: str | None = None
    for _ in range(MOST // _PAGE):
        page = await listing.listing(db, viewer, limit=_PAGE, after=after, place_id=place_id, **wanted)
        await sheet.add([_line(item) for item in page["items"]])
        after = page["next"]
        if after is None:
            return
    await sheet.add([[f"只导出了前 {MOST} 件，请缩小范围"]])


def _line(item: dict[str, Any]) -> list[Value]:
    return [
        item["number"],
        KIND_TITLES[CaseKind(item["kind"])],
        CATEGORY_TITLES[CaseCategory(item["category"])],
        item["title"],
        item["excerpt"],
        STATE_TITLES[CaseState(item["state"])],
        item["cycle"],
        item["level"],
        item["place"]["name"],
        item["reporter"]["name"],
        item["finish_due_at"],
        item["overdue"],
        item["created_at"],
        item["updated_at"],
    ]


async def statistics(tx: AsyncSession, place_id: UUID, period: str) -> IO[bytes]:
    """The statistics of a place and period in every grouping, and what was left out. Raises NotFound, BadPeriod."""
    book = Spreadsheet()
    rates = [part for title in _RATES.values() for part in (title, f"{title}下限", f"{title}上限", "分母")]
    head = ["名称", *COUNT_TITLES.values(), *rates, "解决率底线", "答复覆盖", "综合得分"]
    found: dict[str, Any] = {}
    for by, title in _SHEETS.items():
        found = await counting.statistics(tx, place_id=place_id, period=period, by=by)
        sheet = await book.sheet(title, head)
        await sheet.add([_group(group) for group in found["groups"]])
    left_out = await book.sheet("剔除", ["理由", "件数"])
    await left_out.add([[x["title"], x["count"]] for x in found["exclusions"]])
    about = await book.sheet("口径", ["地域", "周期", "起", "止"])
    await about.add([[found["place"]["name"], found["period"], found["since"], found["until"]]])
    return await book.finish()


def _group(group: dict[str, Any]) -> list[Value]:
    rates = group["rates"]
    shown = [getattr(rates, name) for name in _RATES]
    parts: list[Value] = [part for r in shown for part in (r.value, r.low, r.high, r.n)]
    counts: list[Value] = [group["counts"][name] for name in COUNT_TITLES]
    return [group["name"], *counts, *parts, rates.floor, rates.coverage, rates.composite]
