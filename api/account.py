"""The account at the WeChat platform that the settings name."""

from api.settings import Settings
from api.wechat.config import WeChatConfig


def wechat_config(settings: Settings) -> WeChatConfig:
    """What the client, the gate of pushes and the simulator are made with."""
    return WeChatConfig(
        appid=settings.wechat_appid,
        secret=settings.wechat_secret.get_secret_value(),
        push_token=settings.wechat_push_token.get_secret_value(),
        push_aes_key=settings.wechat_push_aes_key.get_secret_value(),
        base=settings.wechat_base,
        push_plain=settings.wechat_push_plain,
    )
