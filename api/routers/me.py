"""本人: who am I, how am I called, my phone number."""

from typing import Any

from fastapi import APIRouter, Request

from api.kit.http import TransactionRoute
from api.kit.problems import Malformed, NotAllowed, TooMany
from api.routers.deps import CurrentViewer, Db, ThePictures, TheVault, Tx, limited, problems
from api.rules.throttling import Limited
from api.schemas.people import BindPhone, ChangeMe, MeOut
from api.services.people import me
from api.services.people.me import PhoneTaken
from api.services.uploads.attaching import UploadNotUsable
from api.wechat.client import WeChat
from api.wechat.errors import WeChatError
from api.wechat.problems import WechatPhoneCodeInvalid, WechatUnavailable, translate

app_router = APIRouter(tags=["本人"], route_class=TransactionRoute)
shared_router = APIRouter(tags=["本人"], route_class=TransactionRoute)
phone_router = APIRouter(tags=["本人"])
"""Calls the platform, hence opens its transactions itself."""


@shared_router.get(
    "/me",
    response_model=MeOut,
    summary="我的资料",
    description="昵称、头像、手机号（隐去中间四位）、居住关系、报到登记、有效的授权、未读通知数。",
)
async def get_me(viewer: CurrentViewer, vault: TheVault, pictures: ThePictures, tx: Tx) -> dict[str, Any]:
    return await me.me(tx, vault, pictures, viewer)


@app_router.patch(
    "/me",
    response_model=MeOut,
    summary="修改我的资料",
    description="改昵称或头像；不填的不变。头像可以是 https 地址，也可以是本人上传的图片；通过审核后才对他人显示。",
    responses=problems(Malformed, NotAllowed, UploadNotUsable),
)
async def change_me(
    body: ChangeMe, viewer: CurrentViewer, vault: TheVault, pictures: ThePictures, tx: Tx
) -> dict[str, Any]:
    await me.rename(tx, viewer, body.model_dump(exclude_unset=True))
    return await me.me(tx, vault, pictures, viewer)


@phone_router.post(
    "/me/phone",
    response_model=MeOut,
    summary="绑定手机号",
    description="用手机号按钮（getPhoneNumber）给出的 code 绑定微信验证过的手机号，替换原来的。code 只能用一次。",
    responses=problems(Malformed, NotAllowed, PhoneTaken, WechatPhoneCodeInvalid, WechatUnavailable, TooMany),
    dependencies=[limited(Limited.phone)],
)
async def bind_phone(
    body: BindPhone,
    request: Request,
    viewer: CurrentViewer,
    vault: TheVault,
    pictures: ThePictures,
    db: Db,
) -> dict[str, Any]:
    """No idempotency key: the code itself is good once, and a number bound twice is bound once."""
    wechat: WeChat = request.app.state.wechat
    async with db.reading() as tx:
        openid = await me.openid_of(tx, viewer, request.app.state.settings.wechat_appid)
    try:
        found = await wechat.phone_number(body.code, openid)
    except WeChatError as error:
        raise translate(error) from None
    async with db.transaction() as tx:
        await me.bind_phone(tx, vault, viewer, me.stored_number(found.number, found.country_code))
        return await me.me(tx, vault, pictures, viewer)
