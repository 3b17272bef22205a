"""A process of its own that needs a token: prints a digest of what each of its clients got.

Order on stdin as JSON: base, redis, clients.
"""

import asyncio
import hashlib
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from api.kit import cache
from api.wechat.client import WeChat
from tests.wechat_fixture import ACCOUNT


async def main(order: dict[str, Any]) -> None:
    config = replace(ACCOUNT, base=order["base"])
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(order["clients"]):
            redis = cache.connect(order["redis"])
            stack.push_async_callback(redis.aclose)
            clients.append(await stack.enter_async_context(WeChat(config, redis)))
        for token in await asyncio.gather(*(client.tokens.current() for client in clients)):
            print(hashlib.sha256(token.value.encode()).hexdigest())


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
