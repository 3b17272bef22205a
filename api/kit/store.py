"""Files in a folder or an S3-compatible bucket, by one interface. Writing is whole or not at all.

Never called inside a database transaction: a store may take seconds, and a full disk must not cost a row.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from api.kit.late import late
from api.kit.problems import NotFound, Unavailable

if TYPE_CHECKING:
    import obstore
    from obstore import exceptions, store
else:
    obstore, exceptions, store = late("obstore"), late("obstore.exceptions"), late("obstore.store")

_SECONDS = timedelta(seconds=20)
"""A store that takes longer is down."""


class StorageUnavailable(Unavailable):
    status, code, title = 503, "storage_unavailable", "文件暂时无法保存或读取，请稍后再试"
    advice = "等待 Retry-After 给出的秒数后再试；维护人员请检查磁盘空间或对象存储。"


class Store:
    """Names are plain relative paths. Every failure but a missing file is StorageUnavailable."""

    def __init__(self, make: "Callable[[], store.LocalStore | store.S3Store]") -> None:
        """Made when first used: a reader of settings leaves no folder behind."""
        self._make = make
        self._made: store.LocalStore | store.S3Store | None = None

    @property
    def _inner(self) -> "store.LocalStore | store.S3Store":
        if self._made is None:
            try:
                self._made = self._make()
            except (exceptions.BaseError, OSError):
                raise StorageUnavailable from None
        return self._made

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """A folder of this machine, for its owner alone."""

        def make() -> "store.LocalStore":
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return store.LocalStore(folder)

        return cls(make)

    @classmethod
    def in_bucket(
        cls, bucket: str, *, endpoint: str | None, region: str, access_key: str, secret_key: str
    ) -> Self:
        """`endpoint` over plain http only on this machine; production settings refuse it."""
        config: store.S3Config = {
            "region": region,
            "access_key_id": access_key,
            "secret_access_key": secret_key,
            "virtual_hosted_style_request": False,
        }
        if endpoint is not None:
            config["endpoint"] = endpoint
        plain = endpoint is not None and endpoint.startswith("http://")
        return cls(
            lambda: store.S3Store(
                bucket,
                config=config,
                client_options={"allow_http": plain, "timeout": _SECONDS, "connect_timeout": _SECONDS / 4},
                retry_config={"max_retries": 2, "retry_timeout": _SECONDS},
            )
        )

    async def put(self, name: str, content: bytes, media_type: str) -> None:
        """Write a file; readers see all of it or nothing."""
        attributes = {"Content-Type": media_type} if isinstance(self._inner, store.S3Store) else None
        try:
            await obstore.put_async(self._inner, name, content, attributes=attributes, use_multipart=False)
        except (exceptions.BaseError, OSError):
            raise StorageUnavailable from None

    async def get(self, name: str) -> bytes:
        """Raises NotFound."""
        try:
            found = await obstore.get_async(self._inner, name)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            raise NotFound from None
        except (exceptions.BaseError, OSError):
            raise StorageUnavailable from None

    async def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            found = await obstore.head_async(self._inner, name)
        except FileNotFoundError:
            return None
        except (exceptions.BaseError, OSError):
            raise StorageUnavailable from None
        return int(found["size"])

    async def delete(self, *names: str) -> None:
        """Remove files; one that is not there is removed already."""
        for name in names:
            try:
                await obstore.delete_async(self._inner, name)
            except FileNotFoundError:
                continue
            except (exceptions.BaseError, OSError):
                raise StorageUnavailable from None

    def presigned(self, name: str, life: timedelta) -> str | None:
        """An address of the store's own that lets anybody read the file for `life`; None for a folder."""
        if isinstance(self._inner, store.LocalStore):
            return None
        return obstore.sign(self._inner, "GET", name, life)
