"""通知: the inbox, and what a person agreed to be told by subscription message."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.notices import ConsentEntry, ConsentSource
from api.schemas.notices import (
    AnswerSubscription,
    ChangePreferences,
    NoticeOut,
    PreferencesOut,
    ReadNotices,
    ReadOut,
    SubscriptionOut,
)
from api.services import ledger, notices, preferences

app_router = APIRouter(tags=["通知"], route_class=TransactionRoute)
shared_router = APIRouter(tags=["通知"], route_class=TransactionRoute)


@shared_router.get(
    "/notices",
    response_model=Page[NoticeOut],
    summary="我的通知",
    description="从新到旧；unread=true 只看未读。",
    responses=problems(Malformed),
)
async def list_notices(
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: After = None,
    unread: Annotated[bool, Query(description="只看未读")] = False,
) -> dict[str, Any]:
    return await notices.inbox(tx, viewer.person_id, limit=limit, after=after, unread=unread)


@shared_router.post(
    "/notices/read",
    response_model=ReadOut,
    summary="标为已读",
    description="不填 ids 则全部标为已读；不是本人的通知不受影响。",
    responses=problems(Malformed),
)
async def read_notices(body: ReadNotices, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return {"read": await notices.mark_read(tx, viewer.person_id, body.ids)}


@app_router.post(
    "/subscriptions",
    response_model=SubscriptionOut,
    summary="订阅消息的回答",
    description="每接受一次，可以多发送一条该模板的订阅消息；拒绝不影响已有的次数。"
    "逐笔记入账本，只增不改；平台就同一次点击的推送不重复计数。请带 Idempotency-Key，以免重试时多计。",
    responses=problems(Malformed, NotAllowed, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def answer_subscription(
    body: AnswerSubscription, request: Request, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    identity = await ledger.identity_of(tx, viewer.person_id, request.app.state.settings.wechat_appid)
    await ledger.note(tx, identity, body.template, ConsentEntry(body.result), ConsentSource.app)
    return {
        "template": body.template,
        "credits": await ledger.balance(tx, viewer.person_id, body.template),
    }


@shared_router.get(
    "/me/preferences",
    response_model=PreferencesOut,
    summary="通知偏好",
    description="是否、何时接收哪些订阅消息；站内通知不受影响。",
)
async def get_preferences(viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await preferences.view(tx, viewer.person_id)


@shared_router.patch(
    "/me/preferences",
    response_model=PreferencesOut,
    summary="修改通知偏好",
    description="不填的不变。免打扰时段内不发订阅消息，紧急的除外，其余到时段结束再发。",
    responses=problems(Malformed),
)
async def change_preferences(body: ChangePreferences, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    await preferences.change(tx, viewer.person_id, body.model_dump(exclude_unset=True))
    return await preferences.view(tx, viewer.person_id)
