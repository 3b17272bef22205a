"""Pushes sealed as the platform does it, and wrongly on purpose. Written apart from api.wechat.crypto, whose
checks it is there to try.
"""

import base64
import hashlib
import secrets
import struct
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from api.wechat.config import WeChatConfig

Damage = Literal["appid", "padding", "length", "signature", "base64", "stale", "entity"]


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def sealed(config: WeChatConfig, message: str, damage: Damage | None = None) -> str:
    """`message` as Encrypt text, with one thing wrong where `damage` says so; always rightly encrypted."""
    key = base64.b64decode(config.push_aes_key + "=")
    content = message.encode()
    length = len(content) + (4096 if damage == "length" else 0)
    appid = "wxffffffffffffffff" if damage == "appid" else config.appid
    frame = secrets.token_hex(8).encode() + struct.pack(">I", length) + content + appid.encode()
    count = 32 - len(frame) % 32
    frame += bytes([200 if damage == "padding" else count]) * count
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    text = base64.b64encode(encryptor.update(frame) + encryptor.finalize()).decode()
    return text[:-1] + "*" if damage == "base64" else text
