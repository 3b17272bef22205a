"""地域设定, for the console."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.settings import TermsRefused
from api.schemas.settings import SetTerms, SettingsOut
from api.services.places import settings

router = APIRouter(tags=["地域设定"], route_class=TransactionRoute)


@router.get(
    "/settings",
    response_model=SettingsOut,
    summary="地域设定",
    description="一个地域自己的各版时限设定，以及此刻在这里承诺的时限；自己没有的随最近的上级，都没有的用缺省。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def get_settings(
    viewer: CurrentViewer, tx: Tx, place: Annotated[UUID, Query(description="地域标识")]
) -> dict[str, Any]:
    return await settings.versions(tx, viewer, place)


@router.post(
    "/settings",
    status_code=201,
    response_model=SettingsOut,
    summary="更新地域设定",
    description="写入新的一版时限设定，整份替换。只改长短、不改计时方式；签收、首次联系、办结的先后必须始终成立。"
    "已提交的诉求仍按提交时的那一版。",
    responses=problems(Malformed, NotFound, NotAllowed, TermsRefused, WrongMoment, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def set_terms(body: SetTerms, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    wanted = {kind.value: term.model_dump(exclude_none=True) for kind, term in body.terms.items()}
    return await settings.add(
        tx, viewer, body.place, wanted=wanted, valid_from=body.valid_from, note=body.note
    )
