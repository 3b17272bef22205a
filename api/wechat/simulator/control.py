"""`/_control/…`: the hand of the test, the demo and the developer on the simulated platform."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.wechat.simulator import pushes
from api.wechat.simulator.faults import Fault, FaultName
from api.wechat.simulator.platform import Behaviour, CodeKind, Platform
from api.wechat.simulator.sealing import Damage

Openid = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CodeOrder(_Order):
    """A wx.login code, or with a phone number the code of the phone button, of a person by openid or demo name."""

    openid: Openid | None = None
    name: str | None = None
    kind: CodeKind = "login"
    phone: str = "13800000000"


class PersonOrder(_Order):
    openid: Openid
    unionid: str | None = None
    blocked: bool = False
    risk_rank: int = Field(0, ge=0, le=4)
    visited: bool = True


class VisitOrder(_Order):
    """Demo persons by name, who all open the mini-program now."""

    names: list[str] = Field(min_length=1, max_length=200)


class ConsentOrder(_Order):
    """The person tapped in the popup, or changed the settings: template_id → accept, reject, ban."""

    openid: Openid
    choices: dict[str, str] = Field(min_length=1, max_length=5)
    changed: bool = False


class FaultOrder(_Order):
    name: FaultName
    path: str | None = None
    times: int | None = Field(None, ge=1)
    errcode: int = 0
    seconds: float = 0.2


class TokenOrder(_Order):
    action: Literal["kill", "rotate"]


class ClockOrder(_Order):
    seconds: float = Field(gt=0)


class PushOrder(_Order):
    """Any event, its members beside the head; `damage` and `copies` make it misbehave."""

    event: str
    sender: str = "oPlatformAccount"
    members: dict[str, Any] = {}
    format: Literal["json", "xml"] | None = None
    plain: bool | None = None
    damage: Damage | None = None
    copies: int = Field(1, ge=1, le=5)
    verbatim: bool = False


class PrivacyOrder(_Order):
    """user_authorization_revoke, user_authorization_cancellation or user_info_modified of a person."""

    event: Literal["user_authorization_revoke", "user_authorization_cancellation", "user_info_modified"]
    openid: Openid
    revoked: str = ""


class ReleaseOrder(_Order):
    """Let the held pushes go: in which order, how many times each."""

    order: Literal["kept", "reverse"] = "kept"
    copies: int = Field(1, ge=1, le=5)


async def codes(platform: Platform, order: CodeOrder) -> dict[str, Any]:
    openid = order.openid or platform.openid_of(order.name or "")
    phone = order.phone if order.kind == "phone" else ""
    return {"code": platform.mint(order.kind, openid, phone), "openid": openid}


async def people(platform: Platform, order: PersonOrder) -> dict[str, Any]:
    person = platform.visit(order.openid)
    person.unionid, person.blocked, person.risk_rank = order.unionid, order.blocked, order.risk_rank
    if not order.visited:
        person.visited_at = None
    return {"openid": person.openid}


async def visits(platform: Platform, order: VisitOrder) -> dict[str, Any]:
    return {"openids": [platform.visit(platform.openid_of(name)).openid for name in order.names]}


async def consents(platform: Platform, order: ConsentOrder) -> dict[str, Any]:
    person = platform.person(order.openid)
    for template, answer in order.choices.items():
        if answer == "accept":
            person.credits[template] = person.credits.get(template, 0) + 1
        elif order.changed:
            person.credits[template] = 0
    event = pushes.answered(order.openid, order.choices, changed=order.changed)
    return {
        "answers": await pushes.deliver(platform, event, pushes.usual(platform)),
        "credits": person.credits,
    }


async def faults(platform: Platform, order: FaultOrder) -> dict[str, Any]:
    platform.faults.switch(Fault(**order.model_dump()))
    return {}


async def tokens(platform: Platform, order: TokenOrder) -> dict[str, Any]:
    if order.action == "rotate":
        platform.rotate()
    elif platform.current is not None:
        platform.current.killed = True
    return {}


async def passing(platform: Platform, order: ClockOrder) -> dict[str, Any]:
    platform.wait(order.seconds)
    return {}


async def push(platform: Platform, order: PushOrder) -> dict[str, Any]:
    usual = pushes.usual(platform)
    style = pushes.Style(
        format=order.format or usual.format,
        plain=usual.plain if order.plain is None else order.plain,
        damage=order.damage,
        copies=order.copies,
        verbatim=order.verbatim,
    )
    event = pushes.message(order.event, order.sender, **order.members)
    return {"answers": await pushes.deliver(platform, event, style)}


async def privacy(platform: Platform, order: PrivacyOrder) -> dict[str, Any]:
    event = pushes.privacy(platform, order.event, order.openid, order.revoked)
    return {"answers": await pushes.deliver(platform, event, pushes.usual(platform))}


async def release(platform: Platform, order: ReleaseOrder) -> dict[str, Any]:
    held, platform.outbox = platform.outbox, []
    usual = pushes.usual(platform)
    style = pushes.Style(usual.format, usual.plain, copies=order.copies)
    answers = []
    for event in reversed(held) if order.order == "reverse" else held:
        answers += await pushes.deliver(platform, event, style)
    return {"answers": answers}


_ORDERS: dict[str, tuple[type[_Order], Callable[[Platform, Any], Awaitable[dict[str, Any]]]]] = {
    "/codes": (CodeOrder, codes),
    "/people": (PersonOrder, people),
    "/visits": (VisitOrder, visits),
    "/consents": (ConsentOrder, consents),
    "/faults": (FaultOrder, faults),
    "/tokens": (TokenOrder, tokens),
    "/clock": (ClockOrder, passing),
    "/pushes": (PushOrder, push),
    "/privacy": (PrivacyOrder, privacy),
    "/release": (ReleaseOrder, release),
}


def routes(platform: Platform) -> list[Route]:
    """POST for orders; GET messages, calls, behaviour; PATCH behaviour; DELETE faults; POST reset."""

    def ordered(path: str) -> Route:
        model, act = _ORDERS[path]

        async def endpoint(request: Request) -> Response:
            try:
                order = model.model_validate_json(await request.body() or b"{}")
            except ValidationError as error:
                return _wrong(error)
            return JSONResponse(await act(platform, order))

        return Route(f"/_control{path}", endpoint, methods=["POST"])

    async def behave(request: Request) -> Response:
        try:
            changed = {**asdict(platform.behaviour), **await request.json()}
            platform.behaviour = TypeAdapter(Behaviour).validate_python(changed)
        except ValidationError as error:
            return _wrong(error)
        return JSONResponse(asdict(platform.behaviour))

    async def see(request: Request) -> Response:
        return JSONResponse({"messages": platform.messages})

    async def called(request: Request) -> Response:
        return JSONResponse({"calls": platform.calls})

    async def held(request: Request) -> Response:
        return JSONResponse({"outbox": platform.outbox})

    async def mend(request: Request) -> Response:
        platform.faults.clear()
        return JSONResponse({})

    async def reset(request: Request) -> Response:
        platform.reset()
        return JSONResponse({})

    return [
        *(ordered(path) for path in _ORDERS),
        Route("/_control/behaviour", behave, methods=["PATCH"]),
        Route("/_control/messages", see, methods=["GET"]),
        Route("/_control/calls", called, methods=["GET"]),
        Route("/_control/outbox", held, methods=["GET"]),
        Route("/_control/faults", mend, methods=["DELETE"]),
        Route("/_control/reset", reset, methods=["POST"]),
    ]


def _wrong(error: ValidationError) -> Response:
    return JSONResponse({"errors": error.errors(include_url=False, include_input=False)}, status_code=422)
