"""What the tests of the token share: services that share nothing but Redis, and a look at what lies there."""

from collections.abc import Callable
from dataclasses import replace

from api.kit import cache
from api.wechat.client import WeChat
from api.wechat.token import TokenService
from api.wechat.token_store import TokenStore
from tests.wechat_fixture import Simulator

FETCH = "/cgi-bin/stable_token"
RANK = "/wxa/getuserriskrank"
PAUSE = 0.4
LONG = 30.0  # these tests count calls; a busy machine must not turn a slow answer into a lost one

Service = Callable[..., TokenService]


def client(wechat_simulator: Simulator, redis: cache.Redis, service: Service) -> WeChat:
    return WeChat(replace(wechat_simulator.config, timeout=LONG), redis, tokens=service())


async def near_its_end(redis: cache.Redis, wechat_simulator: Simulator, seconds: int = 200) -> None:
    """Let the stored token be within the refresh window, and the platform have the next one ready."""
    wechat_simulator.order("clock", seconds=7200 - seconds)
    store = TokenStore(redis, wechat_simulator.config.appid)
    seen = await store.read()
    for field, ahead in (("expires_at", seconds * 1000), ("refresh_at", -1)):
        spent = seen.left_ms if field == "expires_at" else seen.fresh_ms
        await redis.hincrby(key(wechat_simulator), field, ahead - spent)


def key(wechat_simulator: Simulator) -> str:
    return f"linli:wechat:{{{wechat_simulator.config.appid}}}:token"
