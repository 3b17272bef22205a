"""Where pictures lie and under which addresses they are shown for a while."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from api.kit import clock
from api.kit.pictures import MEDIA_TYPE, Picture
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.kit.store import Store

LIFE = timedelta(minutes=10)
"""How long an address shows a picture to a person."""
PLATFORM_LIFE = timedelta(hours=2)
"""How long the platform may fetch one to check it: it asks for more than half an hour."""
_PURPOSE = "upload address"


class Size(StrEnum):
    """图片尺寸：原图、缩略图"""

    full = "full"
    thumbnail = "thumbnail"


class Audience(StrEnum):
    """看图的人：本人与工作人员（审核前即可）、所有可见的人（须已通过）"""

    insiders = "i"
    everybody = "e"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a signed address of ours says."""

    size: Size
    audience: Audience
    expires: int
    signature: str


def name_of(upload_id: UUID, size: Size) -> str:
    """In the store: spread over folders by the random end of the id, never by anything a person wrote."""
    return f"{upload_id.hex[-2:]}/{upload_id}.{size}.jpg"


class Pictures:
    """The store and the addresses of one deployment."""

    def __init__(self, store: Store, vault: Vault, public_url: str) -> None:
        self._store = store
        self._vault = vault
        self._public_url = public_url.rstrip("/")

    async def keep(self, upload_id: UUID, picture: Picture) -> None:
        """Write both sizes. Raises StorageUnavailable, and then perhaps one of them lies there."""
        await self._store.put(name_of(upload_id, Size.thumbnail), picture.thumbnail, MEDIA_TYPE)
        await self._store.put(name_of(upload_id, Size.full), picture.content, MEDIA_TYPE)

    async def remove(self, upload_id: UUID) -> None:
        await self._store.delete(*(name_of(upload_id, size) for size in Size))

    async def content(self, upload_id: UUID, size: Size) -> bytes:
        """Raises NotFound, StorageUnavailable."""
        return await self._store.get(name_of(upload_id, size))

    def address(self, upload_id: UUID, size: Size, audience: Audience, life: timedelta = LIFE) -> str:
        """An address that shows the picture until `life` is over; the store's own where it can make one."""
        own = self._store.presigned(name_of(upload_id, size), life)
        if own is not None:
            return own
        expires = int((clock.now() + life).timestamp())
        signature = self._sign(upload_id, size, audience, expires)
        query = f"size={size}&audience={audience}&expires={expires}&signature={signature}"
        return f"{self._public_url}/v1/uploads/{upload_id}/content?{query}"

    def check(self, upload_id: UUID, ticket: Ticket) -> None:
        """Raises NotFound for an address that is not ours, was changed, or is over."""
        expected = self._sign(upload_id, ticket.size, ticket.audience, ticket.expires)
        genuine = hmac.compare_digest(expected, ticket.signature)
        if not genuine or datetime.fromtimestamp(ticket.expires, UTC) <= clock.now():
            raise NotFound("图片地址已失效，请重新打开页面")

    def _sign(self, upload_id: UUID, size: Size, audience: Audience, expires: int) -> str:
        return self._vault.index(_PURPOSE, f"{upload_id}/{size}/{audience}/{expires}").hex()
