"""The platform's cryptography once more, from its public description alone: what the adapter is held against."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7


class Wrong(Exception):
    """The oracle refuses."""


def sha1(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def _cbc(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def open_frame(aes_key: str, sealed: str) -> tuple[str, str, str]:
    """(random, message, appid) inside Encrypt text."""
    key = base64.b64decode(aes_key + "=")
    decryptor = _cbc(key, key[:16]).decryptor()
    padded = decryptor.update(base64.b64decode(sealed)) + decryptor.finalize()
    unpadder = PKCS7(256).unpadder()
    frame = unpadder.update(padded) + unpadder.finalize()
    length = int.from_bytes(frame[16:20], "big")
    return frame[:16].decode(), frame[20 : 20 + length].decode(), frame[20 + length :].decode()


def seal_frame(aes_key: str, random: str, message: str, appid: str) -> str:
    key = base64.b64decode(aes_key + "=")
    content = message.encode()
    frame = random.encode() + len(content).to_bytes(4, "big") + content + appid.encode()
    padder = PKCS7(256).padder()
    encryptor = _cbc(key, key[:16]).encryptor()
    sealed = encryptor.update(padder.update(frame) + padder.finalize()) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def open_push(token: str, aes_key: str, appid: str, query: dict[str, str], sealed: str) -> str:
    if sha1(token, query["timestamp"], query["nonce"], sealed) != query["msg_signature"]:
        raise Wrong("signature")
    _, message, tail = open_frame(aes_key, sealed)
    if tail != appid:
        raise Wrong("appid")
    return message


def open_data(session_key: str, iv: str, encrypted: str) -> dict[str, Any]:
    decryptor = _cbc(base64.b64decode(session_key), base64.b64decode(iv)).decryptor()
    padded = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    try:
        plain = unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise Wrong("padding") from None
    opened: dict[str, Any] = json.loads(plain)
    return opened


def raw_data(raw: str, session_key: str) -> str:
    return hashlib.sha1((raw + session_key).encode()).hexdigest()


def session_hmac(session_key: str, message: str) -> str:
    return hmac.new(session_key.encode(), message.encode(), "sha256").hexdigest()


def gcm_open(key: str, iv: str, data: str, tag: str, aad: str) -> str:
    raw = [base64.b64decode(text) for text in (key, iv, data, tag)]
    return AESGCM(raw[0]).decrypt(raw[1], raw[2] + raw[3], aad.encode()).decode()


def gcm_seal(key: str, iv: str, plain: str, aad: str) -> tuple[str, str]:
    sealed = AESGCM(base64.b64decode(key)).encrypt(base64.b64decode(iv), plain.encode(), aad.encode())
    return base64.b64encode(sealed[:-16]).decode(), base64.b64encode(sealed[-16:]).decode()
