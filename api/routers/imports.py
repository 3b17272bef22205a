"""批量导入, for the console: property companies, staff, homes and assets from xlsx or csv."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, UnsupportedMedia
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, TheVault, Tx, problems
from api.rules.imports import RegisterKind
from api.schemas.base import Line
from api.schemas.imports import ImportOut
from api.services.imports import registers
from api.services.imports.faults import ImportBusy, ImportFault
from api.services.imports.register_kinds import REGISTERS

router = APIRouter(tags=["批量导入"], route_class=TransactionRoute)

_HEADS = "；".join(
    f"{kind.value}：{'、'.join(register.needed)}（可不填：{'、'.join(register.optional)}）"
    for kind, register in REGISTERS.items()
)


@router.post(
    "/imports",
    response_model=ImportOut,
    summary="批量导入",
    description="内容为 xlsx 或 csv 文件本身，第一行为表头。默认试运行：逐行检查，不写入。dry_run=false 时全部无误才写入，"
    f"有一行有误则一行也不写入；已有且相同的不变。各种类的列——{_HEADS}。",
    responses=problems(Malformed, ImportFault, UnsupportedMedia, NotAllowed, ImportBusy, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def run_import(
    file: Annotated[
        bytes,
        Body(
            media_type="application/octet-stream",
            description="xlsx，或 UTF-8、GB 18030 编码的 csv",
            openapi_examples={
                "homes": {
                    "summary": "房屋",
                    "value": "社区代码,楼栋编号,房号,小区,建筑面积\n320102002001,01,101,梅园小区,89.60\n",
                }
            },
        ),
    ],
    kind: Annotated[RegisterKind, Query(description="种类")],
    name: Annotated[Line, Query(description="文件名，用于提示")],
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
    dry_run: Annotated[bool, Query(description="试运行，不写入")] = True,
) -> dict[str, Any]:
    return await registers.run(tx, vault, viewer, kind, REGISTERS[kind], file, name=name, dry_run=dry_run)
