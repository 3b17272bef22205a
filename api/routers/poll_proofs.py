"""What anybody verifies a vote with: the place of a ballot in the seals, the bulletin, the heads, the proof of an event."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit
from api.kit.problems import Malformed, NotAllowed, NotFound, TooMany
from api.routers.deps import CurrentViewer, TheVault, Tx, limited, problems
from api.routers.polls import PollId
from api.rules.throttling import Limited
from api.schemas.polls import EventProofOut, ProofOut, SealsOut
from api.services.polls import event_proofs, reading, sealing
from api.services.polls.finding import find
from api.services.polls.reading import NotCounted

router = APIRouter(tags=["表决"], route_class=TransactionRoute)
public_router = APIRouter(tags=["表决"], route_class=TransactionRoute)
"""Needs no session: what anybody keeps is a witness."""
console_router = APIRouter(tags=["表决"], route_class=TransactionRoute)


@router.get(
    "/polls/{poll_id}/proof",
    response_model=ProofOut,
    summary="查证一票",
    description="凭回执上的 leaf 取得它在封存中的位置：从它算到签名的封存头。",
    responses=problems(Malformed, NotFound),
)
async def get_poll_proof(
    poll_id: PollId,
    leaf: Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="回执上的 leaf")],
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
) -> dict[str, Any]:
    await find(tx, viewer, poll_id)
    found = await sealing.proof(tx, poll_id, bytes.fromhex(leaf))
    return {**found, "public_key": sealing.public_key(vault)}


@router.get(
    "/polls/{poll_id}/bulletin",
    response_model=dict[str, Any],
    summary="公告板",
    description="计票之后：全部选票、选民册、封存头、规则与结果，可用 linli verify 或按 docs/bulletin.md 自写程序核验。",
    responses=problems(NotFound, NotCounted),
)
async def get_poll_bulletin(poll_id: PollId, viewer: CurrentViewer, vault: TheVault, tx: Tx) -> Response:
    body = await reading.bulletin(tx, vault, viewer, poll_id)
    return Response(body, headers={"content-disposition": f'attachment; filename="bulletin-{poll_id}.json"'},
                    media_type="application/json")  # fmt: skip


@public_router.get(
    "/seals",
    response_model=SealsOut,
    summary="封存头",
    description="不需要登录。从新到旧；任何人都可以保存：此后的改动与它不符。log 只看一本（表决的标识；全零为事件）。"
    "验签的公钥也在其中。",
    responses=problems(Malformed, TooMany),
    dependencies=[limited(Limited.seals)],
)
async def list_seals(
    vault: TheVault,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    log: Annotated[UUID | None, Query(description="哪一本")] = None,
) -> dict[str, Any]:
    found = await sealing.heads(tx, limit=limit, after=after, log=log)
    return {**found, "public_key": sealing.public_key(vault)}


@console_router.get(
    "/events/{event_id}/proof",
    response_model=EventProofOut,
    summary="查证一个事件",
    description="事件此刻的内容、封存时的指纹、到签名的封存头的路径；可存为文件，用 linli verify 离线核验。",
    responses=problems(NotFound, NotAllowed),
)
async def get_event_proof(
    event_id: Annotated[UUID, Path(description="事件标识")], viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    return await event_proofs.prove(tx, vault, viewer, event_id)
