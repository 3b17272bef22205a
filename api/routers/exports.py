"""导出: workbooks for the console."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, NotFound, TooMany
from api.kit.spreadsheet import MEDIA_TYPE, chunks
from api.routers.deps import SIGNED_IN, CurrentViewer, Db, Tx, limited, problems
from api.rules.statistics import BadPeriod
from api.rules.throttling import Limited
from api.schemas.exports import ExportCases
from api.services import exporting

writing_router = APIRouter(tags=["导出"])
"""Takes longer than a request's transaction may, hence opens its own."""
router = APIRouter(tags=["导出"], route_class=TransactionRoute)

_WORKBOOK: dict[int | str, dict[str, Any]] = {200: {"description": "工作簿", "content": {MEDIA_TYPE: {}}}}


def _named(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}.xlsx"', "cache-control": "no-store"}


@writing_router.post(
    "/exports/cases",
    response_class=Response,
    summary="导出诉求",
    description="把一个地域的诉求列表导出为 xlsx，从新到旧，最多十万件；以 = + - @ 等开头的单元格前加撇号，不会当作公式。"
    "每次导出都留痕。",
    responses={**_WORKBOOK, **problems(Malformed, NotFound, NotAllowed, TooMany)},
    dependencies=[limited(Limited.export)],
)
async def export_cases(body: ExportCases, viewer: CurrentViewer, db: Db) -> Response:
    words = {"state": body.state, "kind": body.kind, "category": body.category}
    file = await exporting.cases(db, viewer, body.place, overdue=body.overdue, **words)
    return StreamingResponse(chunks(file), media_type=MEDIA_TYPE, headers=_named("cases"))


@router.get(
    "/statistics/export",
    response_class=Response,
    summary="导出办理统计",
    description="一个地域、一个周期的统计导出为 xlsx：合计、按单位、按社区、按类别、剔除，各一张表。",
    responses={**_WORKBOOK, **problems(Malformed, NotFound, BadPeriod)},
    dependencies=SIGNED_IN,
)
async def export_statistics(
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    period: Annotated[str, Query(max_length=7, description="周期：2026、2026-Q4 或 2026-11")],
) -> Response:
    file = await exporting.statistics(tx, place, period)
    return StreamingResponse(chunks(file), media_type=MEDIA_TYPE, headers=_named("statistics"))
