"""The calls a service makes. Each returns a typed result or raises a WeChatError; none raises anything else
but the errors of Redis.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from redis.asyncio import Redis

from api.kit import clock
from api.wechat import calls, fields
from api.wechat.calls import Call
from api.wechat.config import WeChatConfig
from api.wechat.crypto import session_signature
from api.wechat.errors import CodeLost, InputRejected, LoginAgain, TokenRejected, Unreadable, WeChatError
from api.wechat.gateway import Gateway, Image
from api.wechat.limits import Limits
from api.wechat.results import LoginSession, MediaKind, PhoneNumber, RiskRank, Scene, Suggest, TextVerdict
from api.wechat.token import TokenService
from api.wechat.transport import Transport

TEXT_LIMIT = 2500
"""Characters one `check_text` takes."""
_PHONE_AGE = timedelta(minutes=10)  # the code lives five; the rest is for clocks that differ
_CODE = re.compile(r"[^\s\x00-\x1f]{1,128}")
_SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")
_KINDS = {MediaKind.audio: 1, MediaKind.image: 2}
_T = TypeVar("_T")
_Ask = Callable[[Call, Mapping[str, str], Mapping[str, Any]], Awaitable[_T]]


class WeChat:
    """One account's client; share one per process and `aclose` it."""

    def __init__(self, config: WeChatConfig, redis: Redis, *, tokens: TokenService | None = None) -> None:
        self._config = config
        self._transport = Transport(config.base, timeout=config.timeout)
        self._gateway = Gateway(self._transport, Limits(redis, config.appid))
        self.tokens = tokens or TokenService(config, self._gateway, redis)

    async def code_to_session(self, code: str) -> LoginSession:
        """Exchange a wx.login code, once: LoginAgain when it is bad, used, or its answer was lost (CodeLost)."""
        call = calls.CODE_TO_SESSION
        _visible(call, code)
        answer = await self._gateway.ask(
            call,
            {
                "appid": self._config.appid,
                "secret": self._config.secret,
                "js_code": code,
                "grant_type": "authorization_code",
            },
        )
        unionid = answer.get("unionid")
        return LoginSession(
            openid=_text(call, answer, "openid"),
            unionid=str(unionid) if unionid else None,
            session_key=_text(call, answer, "session_key"),
        )

    async def phone_number(self, code: str, openid: str) -> PhoneNumber:
        """The number behind a phone button's code; the platform checks that the code is this person's.

        LoginAgain (`translate`: wechat_phone_code_invalid) when only a new tap on the button can help.
        """
        call = calls.PHONE_NUMBER
        _visible(call, code)
        refusal: InputRejected | None = None
        answer: dict[str, Any] = {}
        try:
            answer = await self._ask(call, {}, {"code": code, "openid": openid})
        except InputRejected as error:  # both inputs came from the phone
            refusal = error
        if refusal is not None:
            raise LoginAgain(call.name, refusal.errcode, refusal.rid)
        info = _mapping(call, answer, "phone_info")
        mark = _mapping(call, info, "watermark")
        given_at = datetime.fromtimestamp(_number(call, mark, "timestamp"), UTC)
        if mark.get("appid") != self._config.appid or abs(clock.now() - given_at) > _PHONE_AGE:
            raise LoginAgain(call.name)
        return PhoneNumber(
            number=_text(call, info, "purePhoneNumber"),
            country_code=_text(call, info, "countryCode"),
            given_at=given_at,
        )

    async def check_text(
        self,
        text: str,
        *,
        openid: str,
        scene: Scene,
        title: str = "",
        nickname: str = "",
        signature: str = "",
    ) -> TextVerdict:
        """Moderation of at most TEXT_LIMIT characters by someone who was here in the last two hours (NotVisited)."""
        call = calls.CHECK_TEXT
        if not 0 < len(text) <= TEXT_LIMIT:
            raise InputRejected(call.name, field="content")
        body: dict[str, Any] = {"version": 2, "openid": openid, "scene": scene.number, "content": text}
        body |= {k: v for k, v in (("title", title), ("nickname", nickname), ("signature", signature)) if v}
        answer = await self._ask(call, {}, body)
        result = _mapping(call, answer, "result")
        return TextVerdict(
            suggest=Suggest.of(result.get("suggest")),
            label=_number(call, result, "label"),
            trace_id=str(answer.get("trace_id", "")),
        )

    async def check_media(
        self, url: str, *, openid: str, scene: Scene, kind: MediaKind = MediaKind.image
    ) -> str:
        """Order a check of what lies at the public `url`; the verdict is pushed under the returned trace_id."""
        call = calls.CHECK_MEDIA
        body = {
            "media_url": url,
            "media_type": _KINDS[kind],
            "version": 2,
            "openid": openid,
            "scene": scene.number,
        }
        return _text(call, await self._ask(call, {}, body), "trace_id")

    async def send_message(
        self,
        openid: str,
        template_id: str,
        values: Mapping[str, str],
        *,
        page: str = "",
        state: Literal["developer", "trial", "formal"] = "formal",
        lang: str = "zh_CN",
    ) -> str | None:
        """Send a subscription message, after checking `values` (`thing1` → text) by their types.

        Returns the platform's message id where it gives one. Ambiguous: it may have gone out.
        """
        call = calls.SEND_MESSAGE
        if (bad := fields.first_fault(values)) is not None:
            raise InputRejected(call.name, field=bad.key)
        body: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {key: {"value": value} for key, value in values.items()},
            "miniprogram_state": state,
            "lang": lang,
        }
        if page:
            body["page"] = page
        answer = await self._ask(call, {}, body)
        message_id = answer.get("msgid")
        return None if message_id is None else str(message_id)

    async def program_code(
        self,
        scene: str,
        *,
        page: str = "",
        width: int = 430,
        version: Literal["develop", "trial", "release"] = "release",
    ) -> Image:
        """A mini-program code (小程序码) carrying `scene`: 1–32 visible characters without %."""
        call = calls.PROGRAM_CODE
        if not _SCENE.fullmatch(scene):
            raise InputRejected(call.name, field="scene")
        body: dict[str, Any] = {"scene": scene, "width": width, "env_version": version}
        if page:
            body |= {"page": page, "check_path": version == "release"}
        return await self._with_token(self._gateway.draw, call, {}, body)

    async def risk_rank(self, openid: str, client_ip: str) -> RiskRank:
        """How risky the platform finds a person who writes (scene 2). The phone number is left out on purpose."""
        call = calls.RISK_RANK
        body = {"appid": self._config.appid, "openid": openid, "scene": 2, "client_ip": client_ip}
        answer = await self._ask(call, {}, body)
        record = answer.get("unoin_id")
        return RiskRank(
            rank=_number(call, answer, "risk_rank"), record_id=None if record is None else str(record)
        )

    async def check_session(self, openid: str, session_key: str) -> bool:
        """Whether `session_key` is still this person's."""
        try:
            await self._ask(calls.CHECK_SESSION, self._signed(openid, session_key), {})
        except LoginAgain:
            return False
        return True

    async def reset_session(self, openid: str, session_key: str) -> LoginSession:
        """Replace the session_key by a new one."""
        call = calls.RESET_SESSION
        answer = await self._ask(call, self._signed(openid, session_key), {})
        return LoginSession(
            openid=_text(call, answer, "openid"), unionid=None, session_key=_text(call, answer, "session_key")
        )

    async def _ask(self, call: Call, params: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._with_token(self._gateway.ask, call, params, body)

    async def _with_token(
        self, ask: _Ask[_T], call: Call, params: Mapping[str, str], body: Mapping[str, Any]
    ) -> _T:
        """With the shared token; where it is rejected, once more with the next one, then no more."""
        for last in (False, True):
            token = await self.tokens.current()
            try:
                answer = await ask(call, {"access_token": token.value, **params}, body)
            except TokenRejected:
                if last:
                    await self.tokens.give_up(token)
                    raise
                await self.tokens.invalidate(token)
            else:
                if token.on_probation:
                    await self.tokens.confirm(token)
                return answer
        raise AssertionError("the second attempt returns or raises")

    @staticmethod
    def _signed(openid: str, session_key: str) -> dict[str, str]:
        return {"openid": openid, "signature": session_signature(session_key), "sig_method": "hmac_sha256"}

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _visible(call: Call, code: str) -> None:
    if not _CODE.fullmatch(code):
        raise LoginAgain(call.name)


def _broken(call: Call) -> WeChatError:
    """For a successful answer without what it must hold; a code it was to exchange is gone all the same."""
    return CodeLost(call.name) if call.spends_code else Unreadable(call.name)


def _mapping(call: Call, answer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = answer.get(key)
    if not isinstance(value, dict):
        raise _broken(call)
    return value


def _text(call: Call, answer: Mapping[str, Any], key: str) -> str:
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise _broken(call)
    return str(value)


def _number(call: Call, answer: Mapping[str, Any], key: str) -> int:
    value = answer.get(key)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _broken(call)
    return value
