"""The platform's cryptography: one adapter over wechatpy's primitives.

wechatpy does the AES and the SHA-1; around it this module adds what it leaves out: base64, lengths, padding
and frame are checked before use, signatures are compared in constant time, and whatever is wrong ends in
CryptoRejected, which says in one word why and quotes nothing.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import struct
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.kit.late import late

# Behind these stand wechatpy's clients for everything else the platform offers, and a second HTTP library.
wechatpy_crypto = late("wechatpy.crypto")
wechatpy_exceptions = late("wechatpy.exceptions")
wechatpy_utils = late("wechatpy.utils")

_AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_MAX_SEALED = 128 * 1024
_HEADER = 20  # 16 random bytes and the length

_P = ParamSpec("_P")
_T = TypeVar("_T")


class CryptoRejected(Exception):
    """Not from the platform, not for us, or damaged. `reason` is one word for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def _guarded(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let nothing but CryptoRejected out. It is raised outside the handler: a cause would carry the plain text."""

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        reason = "malformed"
        try:
            return function(*args, **kwargs)
        except CryptoRejected as rejected:
            reason = rejected.reason
        except wechatpy_exceptions.InvalidAppIdException:
            reason = "appid"
        except Exception:  # noqa: S110  (the one place where every failure becomes the typed one)
            pass
        raise CryptoRejected(reason)

    return run


class _PushCipher:
    """wechatpy's cipher with the frame checked after decryption: PKCS#7 of 32, a length that fits."""

    def __init__(self, cipher: Any) -> None:
        self._cipher = cipher

    def encrypt(self, plain: bytes) -> bytes:
        sealed: bytes = self._cipher.encrypt(plain)
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        plain: bytes = self._cipher.decrypt(sealed)
        content = _unpadded(plain, 32)
        if len(content) < _HEADER or struct.unpack(">I", content[16:_HEADER])[0] > len(content) - _HEADER:
            raise CryptoRejected("length")
        return plain


class PushCrypto:
    """Push messages (消息推送) of one account: signatures, safe mode both ways."""

    def __init__(self, token: str, aes_key: str, appid: str) -> None:
        """`aes_key` is the 43-character EncodingAESKey; ValueError, without showing it, where it cannot be one."""
        if not _AES_KEY.fullmatch(aes_key):
            raise ValueError("EncodingAESKey must be 43 characters of base64")
        self._token = token
        self._appid = appid
        # Its last character may leave spare bits set: decoded leniently on purpose, as the platform does.
        self._key = base64.b64decode(aes_key + "=")

    def signature(self, *parts: str) -> str:
        """Hex SHA-1 over the sorted parts and the token."""
        return sha1_sorted(self._token, *parts)

    @_guarded
    def verify(self, signature: str, timestamp: str, nonce: str, *sealed: str) -> None:
        """Constant-time check of `signature` (plain, GET) or, with the Encrypt text, `msg_signature`."""
        if not _same(self.signature(timestamp, nonce, *sealed), signature):
            raise CryptoRejected("signature")

    @_guarded
    def open(self, sealed: str, msg_signature: str, timestamp: str, nonce: str) -> str:
        """The message inside `Encrypt`, after signature, padding, length and appid are found right."""
        self.verify(msg_signature, timestamp, nonce, sealed)
        if len(sealed) > _MAX_SEALED:
            raise CryptoRejected("size")
        if len(_decoded(sealed)) % 32:
            raise CryptoRejected("length")
        engine = wechatpy_crypto.PrpCrypto(self._key)
        engine.cipher = _PushCipher(engine.cipher)
        message: str = engine.decrypt(sealed, self._appid)
        return message

    @_guarded
    def seal(self, message: str, *, random: str | None = None) -> str:
        """`message` as Encrypt text. `random`: 16 characters, fresh ones by default."""
        engine = wechatpy_crypto.PrpCrypto(self._key)
        filler = random if random is not None else secrets.token_hex(8)
        if len(filler.encode()) != 16:
            raise CryptoRejected("random")
        engine.get_random_string = lambda: filler  # its own come from a guessable generator
        sealed: bytes = engine.encrypt(message, self._appid)
        return sealed.decode("ascii")


class _OpenDataCipher:
    """wechatpy unpads open data by blocks of 32, wrongly; given well-formed padding of 16 it does no harm."""

    def __init__(self, cipher: Any) -> None:
        self._cipher = cipher

    def decrypt(self, sealed: bytes) -> bytes:
        plain: bytes = self._cipher.decrypt(sealed)
        _unpadded(plain, 16)
        return plain


@_guarded
def open_data(session_key: str, iv: str, encrypted_data: str, appid: str) -> dict[str, Any]:
    """The object inside encryptedData, its watermark checked against `appid`.

    AES-CBC without a MAC: a changed iv changes the first characters unnoticed. Trust it no more than the
    phone that sent it; what must be true (a phone number) is asked of the platform by code.
    """
    key, vector, sealed = _decoded(session_key), _decoded(iv), _decoded(encrypted_data)
    if len(key) != 16 or len(vector) != 16 or len(sealed) % 16 or len(encrypted_data) > _MAX_SEALED:
        raise CryptoRejected("length")
    engine = wechatpy_crypto.WeChatWxaCrypto(session_key, iv, appid)
    engine.cipher = _OpenDataCipher(engine.cipher)
    opened: dict[str, Any] = engine.decrypt_message(encrypted_data)
    return opened


def raw_data_signature(raw_data: str, session_key: str) -> str:
    """Hex SHA-1 of rawData and the session_key as text, as the phone sends it beside rawData."""
    return hashlib.sha1((raw_data + session_key).encode(), usedforsecurity=False).hexdigest()


@_guarded
def verify_raw_data(raw_data: str, session_key: str, signature: str) -> None:
    """Constant-time check of rawData's signature."""
    if not _same(raw_data_signature(raw_data, session_key), signature):
        raise CryptoRejected("signature")


def session_signature(session_key: str, message: str = "") -> str:
    """Hex HMAC-SHA256 keyed by the session_key as text; of the body, or of nothing for GET."""
    return hmac.new(session_key.encode(), message.encode(), hashlib.sha256).hexdigest()


def sha1_sorted(*parts: str) -> str:
    """Hex SHA-1 of the sorted, concatenated parts: the platform's signature."""
    signer = wechatpy_utils.WeChatSigner()
    signer.add_data(*parts)
    signature: str = signer.signature
    return signature


@_guarded
def open_api(key: str, iv: str, sealed: str, tag: str, aad: str) -> str:
    """AES-256-GCM of the API's encrypted mode: `aad` is url|appid|timestamp|key_sn, the rest base64."""
    raw_key, vector, mark = _decoded(key), _decoded(iv), _decoded(tag)
    if len(raw_key) != 32 or len(vector) != 12 or len(mark) != 16:
        raise CryptoRejected("length")
    return AESGCM(raw_key).decrypt(vector, _decoded(sealed) + mark, aad.encode()).decode()


@_guarded
def seal_api(key: str, iv: str, message: str, aad: str) -> tuple[str, str]:
    """The opposite of `open_api`: (data, authtag) in base64. Never use an iv twice with one key."""
    raw_key, vector = _decoded(key), _decoded(iv)
    if len(raw_key) != 32 or len(vector) != 12:
        raise CryptoRejected("length")
    sealed = AESGCM(raw_key).encrypt(vector, message.encode(), aad.encode())
    return base64.b64encode(sealed[:-16]).decode(), base64.b64encode(sealed[-16:]).decode()


@_guarded
def parse_json(text: str) -> dict[str, Any]:
    """A JSON object; CryptoRejected for anything else, however deep."""
    members = json.loads(text, strict=False)
    if not isinstance(members, dict):
        raise CryptoRejected("json")
    return members


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


def _decoded(text: str) -> bytes:
    """The bytes of non-empty, canonical base64 with its padding, or CryptoRejected."""
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raw = b""
    if not raw or base64.b64encode(raw).decode() != text:
        raise CryptoRejected("base64")
    return raw


def _unpadded(plain: bytes, block: int) -> bytes:
    """PKCS#7 with every byte of the padding checked."""
    count = plain[-1] if plain else 0
    if not 1 <= count <= block or len(plain) % block or plain[-count:] != bytes([count]) * count:
        raise CryptoRejected("padding")
    return plain[:-count]
