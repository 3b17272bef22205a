"""Sealing what must not be readable in a dump: AES-256-GCM, one key a purpose, and keyed blind indexes."""

import hmac
import os
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_NONCE = 12


class Unsealable(Exception):
    """The bytes were not sealed under this master key and purpose."""


class Vault:
    """Seals and indexes under the master key. Each purpose ("phone", "totp") has a key of its own,
    so that bytes moved from one column to another do not open."""

    def __init__(self, master: str) -> None:
        self._master = master.encode()
        self._keys: dict[str, bytes] = {}
        self._signers: dict[str, Ed25519PrivateKey] = {}

    def _key(self, purpose: str) -> bytes:
        key = self._keys.get(purpose)
        if key is None:
            hkdf = HKDF(algorithm=SHA256(), length=32, salt=b"linli", info=purpose.encode())
            key = self._keys[purpose] = hkdf.derive(self._master)
        return key

    def seal(self, purpose: str, plain: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + AESGCM(self._key(purpose)).encrypt(nonce, plain.encode(), purpose.encode())

    def open(self, purpose: str, box: bytes) -> str:
        """Raises Unsealable."""
        if box[:1] != _VERSION:
            raise Unsealable(purpose)
        nonce, cipher = box[1 : 1 + _NONCE], box[1 + _NONCE :]
        try:
            return AESGCM(self._key(purpose)).decrypt(nonce, cipher, purpose.encode()).decode()
        except (InvalidTag, ValueError):  # ValueError: cut off within the nonce
            raise Unsealable(purpose) from None

    def index(self, purpose: str, plain: str) -> bytes:
        """A keyed hash to find equal values by, without revealing them."""
        return hmac.digest(self._key(f"{purpose}/index"), plain.encode(), "sha256")

    def signer(self, purpose: str) -> Ed25519PrivateKey:
        """The key that signs for `purpose`, always the same under this master key."""
        signer = self._signers.get(purpose)
        if signer is None:
            signer = Ed25519PrivateKey.from_private_bytes(self._key(f"{purpose}/ed25519"))
            self._signers[purpose] = signer
        return signer


def new_token() -> str:
    """256 random bits for a bearer token."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode()).hexdigest()


def same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())
