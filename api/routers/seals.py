"""封存头: public, so that anybody may keep them as a witness."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit
from api.kit.problems import Malformed, TooMany
from api.routers.deps import TheVault, Tx, limited, problems
from api.rules.throttling import Limited
from api.schemas.polls import SealsOut
from api.services.polls import sealing

router = APIRouter(tags=["表决"], route_class=TransactionRoute)
"""Needs no session."""


@router.get(
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
