"""通知: the inbox, and what a person agreed to be told by subscription message."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.kit.http import TransactionRoute
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, Tx, problems
from api.rules.notices import Consent
from api.schemas.notices import AnswerSubscription, NoticeOut, ReadNotices, ReadOut, SubscriptionOut
from api.services import notices

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
    description="每接受一次，可以多发送一条该模板的订阅消息；拒绝不影响已有的次数。请带 Idempotency-Key，以免重试时多计。",
    responses=problems(Malformed, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def answer_subscription(body: AnswerSubscription, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    if body.result is Consent.accept:
        left = await notices.agree(tx, viewer.person_id, body.template)
    else:
        left = await notices.agreed(tx, viewer.person_id, body.template)
    return {"template": body.template, "credits": left}
