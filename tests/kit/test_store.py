"""Files in a folder and in an S3-compatible bucket: the same words, the same faults."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from api.kit.problems import NotFound
from api.kit.store import StorageUnavailable, Store
from tests.kit.s3_server import ACCESS_KEY, BUCKET, REGION, S3, SECRET_KEY, s3_running


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_running() as running:
        yield running


@pytest.fixture
def s3(server: S3) -> S3:
    server.files.clear()
    server.full, server.refused = False, 0
    return server


def _bucket(s3: S3, *, secret: str = SECRET_KEY, bucket: str = BUCKET) -> Store:
    return Store.in_bucket(bucket, endpoint=s3.url, region=REGION, access_key=ACCESS_KEY, secret_key=secret)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, s3: S3, tmp_path: Path) -> Store:
    return _bucket(s3) if request.param == "bucket" else Store.in_folder(tmp_path / "files")


async def test_a_file_is_written_read_measured_and_removed(store: Store) -> None:
    await store.put("ab/图 1.jpg", b"one", "image/jpeg")
    await store.put("ab/图 1.jpg", b"another", "image/jpeg")
    assert await store.get("ab/图 1.jpg") == b"another"
    assert await store.size("ab/图 1.jpg") == 7
    await store.delete("ab/图 1.jpg", "ab/never")
    assert await store.size("ab/图 1.jpg") is None
    with pytest.raises(NotFound):
        await store.get("ab/图 1.jpg")


async def test_a_bucket_knows_the_type_and_hands_out_addresses_that_end(s3: S3) -> None:
    store = _bucket(s3)
    await store.put("a/1.jpg", b"picture", "image/jpeg")
    assert s3.files == {"a/1.jpg": (b"picture", "image/jpeg")}
    address = store.presigned("a/1.jpg", timedelta(minutes=1))
    assert address is not None
    async with httpx.AsyncClient(trust_env=False) as anybody:
        assert (await anybody.get(address)).content == b"picture"
        assert (await anybody.get(address.replace("1.jpg", "2.jpg"))).status_code == 403
        assert (await anybody.delete(address)).status_code == 403
        assert (await anybody.get(f"{s3.url}/{BUCKET}/a/1.jpg")).status_code == 403
    assert s3.refused == 3


async def test_a_folder_has_no_addresses_of_its_own(tmp_path: Path) -> None:
    assert Store.in_folder(tmp_path).presigned("a", timedelta(minutes=1)) is None


async def test_a_store_that_refuses_is_unavailable(s3: S3) -> None:
    with pytest.raises(StorageUnavailable):
        await _bucket(s3, secret="wrong").put("a", b"x", "image/jpeg")
    assert s3.files == {}
    with pytest.raises(StorageUnavailable):
        await _bucket(s3, secret="wrong").delete("a")
    s3.full = True
    with pytest.raises(StorageUnavailable):
        await _bucket(s3).put("a", b"x", "image/jpeg")


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable):
        await Store.in_folder(tmp_path / "file" / "folder").put("a", b"x", "image/jpeg")
