"""What the WeChat part must be told; plain values, so that it depends on nobody's settings."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WeChatConfig:
    """One mini-program (小程序) account. Secrets stay out of `repr`."""

    appid: str
    secret: str = field(repr=False)
    push_token: str = field(default="", repr=False)
    push_aes_key: str = field(default="", repr=False)
    """EncodingAESKey: 43 characters of base64 without the final `=`."""
    base: str = "https://api.weixin.qq.com"
    """Where the platform answers; the simulator's address in development."""
    push_plain: bool = False
    """Accept unencrypted pushes (development only: a plain signature does not cover the body)."""
    timeout: float = 8.0
    """Seconds a whole call may take, from the first byte out to the last byte in."""
