"""A real sender: a process for tests to kill. Sends what is due to the platform until it is."""

import asyncio
from typing import Any

from api.kit import cache, logging
from api.kit.db import Database
from api.services.sending import Sender
from api.settings import Settings
from api.wechat.client import WeChat
from api.wechat.config import WeChatConfig
from api.worker import SENDERS, Courier


async def main() -> None:
    settings: Any = Settings()
    db = Database(settings.database_url, pool_size=SENDERS + 1, replan=True)
    redis = cache.connect(settings.redis_url)
    account = WeChatConfig(
        appid=settings.wechat_appid,
        secret=settings.wechat_secret.get_secret_value(),
        base=settings.wechat_base,
    )
    async with WeChat(account, redis) as wechat:
        sender = Sender(db, Courier(settings, wechat).deliver)

        async def hand() -> None:
            while True:
                if not await sender.run_one():
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(hand() for _ in range(SENDERS)))


if __name__ == "__main__":
    logging.configure()
    asyncio.run(main())
