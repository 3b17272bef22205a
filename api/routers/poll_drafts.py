"""表决草稿, for the console: amended by its author, its list brought in by file."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Body as RawBody

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, NotFound, UnsupportedMedia, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, TheVault, Tx, problems
from api.routers.polls import PollId
from api.schemas.base import Line
from api.schemas.poll_drafts import AmendPoll, RollImportOut
from api.schemas.polls import PollOut
from api.services.imports import rolls
from api.services.imports.faults import ImportFault
from api.services.polls import amending, reading
from api.services.polls.drafting import PollMalformed

router = APIRouter(tags=["表决"], route_class=TransactionRoute)


@router.patch(
    "/polls/{poll_id}",
    response_model=PollOut,
    summary="修改表决草稿",
    description="起草人在公告之前修改；只写要改的。公告之后不再更改。议题中的表决由其环节决定，不在此修改。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, PollMalformed, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def amend_poll(poll_id: PollId, body: AmendPoll, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    changes = {name: value for name in AmendPoll.model_fields if (value := getattr(body, name)) is not None}
    if body.source is not None:
        changes["source"] = body.source.model_dump(mode="json", exclude_none=True)
    await amending.amend(tx, viewer, poll_id, changes)
    return await reading.read(tx, viewer, poll_id)


@router.post(
    "/polls/{poll_id}/roll-import",
    response_model=RollImportOut,
    summary="导入选民名单",
    description="选民册按名单（basis=list）的草稿：内容为 xlsx 或 csv 文件，首行为表头；列：名称，可另有手机号、票数、面积。"
    "手机号已绑定账号的可以电子投票，其余的投纸质票。默认试运行：逐行检查、预览，不写入；"
    "dry_run=false 时全部无误才以此文件为整份名单。",
    responses=problems(
        Malformed,
        NotFound,
        NotAllowed,
        WrongMoment,
        PollMalformed,
        ImportFault,
        UnsupportedMedia,
        *KEY_PROBLEMS,
    ),
    dependencies=[Once],
)
async def import_roll(
    poll_id: PollId,
    file: Annotated[
        bytes,
        RawBody(
            media_type="application/octet-stream",
            description="xlsx，或 UTF-8、GB 18030 编码的 csv",
            openapi_examples={"list": {"summary": "名单", "value": "名称,手机号,票数\n张三,13800000000,1\n"}},
        ),
    ],
    name: Annotated[Line, Query(description="文件名，用于提示")],
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
    dry_run: Annotated[bool, Query(description="试运行，不写入")] = True,
) -> dict[str, Any]:
    return await rolls.run(tx, vault, viewer, poll_id, file, name=name, dry_run=dry_run)
