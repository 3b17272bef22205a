"""What the processes that run for months have in common: they load nothing of the other commands."""

from api.kit import lifeline, logging
from api.kit.start_fault import StartFault
from api.settings import Settings


def begin() -> Settings:
    """The settings of a process that starts no engines of its own. Raises StartFault where it cannot find any."""
    lifeline.tie()
    settings = Settings()
    if settings.database_url is None or settings.redis_url is None:
        raise StartFault(
            "没有设置 DATABASE_URL 与 REDIS_URL。单独启动的进程不带内置引擎：请设置这两个变量，或改用 linli serve。"
        )
    logging.configure()
    return settings
