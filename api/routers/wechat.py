"""平台推送: the address WeChat calls. Let in, keep, answer; what it means is worked out from the queue."""

import logging
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from api.kit.db import Database
from api.services import pushes
from api.wechat import events
from api.wechat.push import PUSH_LIMIT, SUCCESS, PushGate, PushRejected, PushReplayed

log = logging.getLogger("linli.wechat.push")
router = APIRouter(include_in_schema=False)


@router.get("/wechat/push")
async def check_address(request: Request) -> PlainTextResponse:
    """The platform asks whether the address is ours."""
    gate: PushGate = request.app.state.push_gate
    try:
        return PlainTextResponse(gate.echo(request.query_params))
    except PushRejected as rejected:
        log.warning("an address check was turned away", extra={"reason": rejected.reason})
        return PlainTextResponse("", 403)


@router.post("/wechat/push")
async def receive_push(request: Request) -> PlainTextResponse:
    """`success` once the push is safely kept; anything else makes the platform come again."""
    gate: PushGate = request.app.state.push_gate
    db: Database = request.app.state.db
    try:
        push = await gate.open(request.query_params, await _body(request))
    except PushReplayed:
        return PlainTextResponse(SUCCESS)
    except PushRejected as rejected:
        log.warning("a push was turned away", extra={"reason": rejected.reason})
        return PlainTextResponse("", 403)
    names = {platform: ours for ours, platform in request.app.state.settings.wechat_templates.items()}
    event = push.event
    try:
        async with db.transaction() as tx:
            fresh = await pushes.receive(
                tx,
                key=event.key,
                kind=event.kind,
                openid=_about(event),
                content={"app": request.app.state.settings.wechat_appid, **_content(event, names)},
                at=event.at,
            )
    except BaseException:
        await gate.forget(push)
        raise
    log.info("push kept" if fresh else "push known", extra={"kind": event.kind})
    return PlainTextResponse(SUCCESS)


async def _body(request: Request) -> bytes:
    """At most what a push can be, without reading on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > PUSH_LIMIT:
            raise PushRejected("size")
    return bytes(body)


def _about(event: events.PushEvent) -> str | None:
    """The openid of whom it is about; verdicts on pictures come from the platform about nobody."""
    match event:
        case events.AuthorizationRevoked() | events.AuthorizationCancelled() | events.UserInfoModified():
            return event.openid
        case events.MediaChecked():
            return None
        case _:
            return event.sender


def _content(event: events.PushEvent, names: dict[str, str]) -> dict[str, Any]:
    """What the services need to know, with our names of templates; one without a name goes by its id."""
    match event:
        case events.SubscriptionAnswered():
            return {"choices": [[names.get(c.template_id, c.template_id), c.accepted] for c in event.choices]}
        case events.MessageSent():
            return {
                "outcomes": [
                    [names.get(o.template_id, o.template_id), o.message_id, o.errcode] for o in event.outcomes
                ]
            }
        case events.AuthorizationRevoked():
            return {"scopes": list(event.scopes)}
        case events.MediaChecked():
            return {
                "trace_id": event.trace_id,
                "suggest": event.suggest.value,
                "label": event.label,
                "errcode": event.errcode,
            }
        case _:
            return {}
