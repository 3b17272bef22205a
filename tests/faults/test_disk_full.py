"""A disk without room: the kernel refuses the write, the person is told to come again, and nothing half-done stays."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from sqlalchemy import text

from api.kit.store import Store
from api.services.uploads import sweeping
from tests.town import Town


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: writing more fails in the kernel (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _noise(side: int) -> bytes:
    """A picture that does not compress: about two bytes a pixel."""
    out = BytesIO()
    Image.effect_noise((side, side), 100).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


async def test_an_upload_onto_a_full_disk_is_refused_and_the_next_one_with_room_is_taken(
    town: Town, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    town.app.state.pictures._store = Store.in_folder(folder)
    small, large = _noise(800), _noise(1500)
    assert 300_000 < len(small) < 1_000_000 < 1_200_000 < len(large)
    who = town.here.resident
    for content, limit in ((small, 200_000), (large, 1_050_000)):  # the store is full; the spool of forms is
        with room_for(limit):
            answer = await who.call("POST", "/uploads", files={"file": ("a.jpg", content, "image/jpeg")})
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
    assert not list(folder.rglob("*.full.jpg*"))
    taken = await who.call("POST", "/uploads", files={"file": ("a.jpg", small, "image/jpeg")})
    assert taken.status_code == 201, taken.text

    sweeper = sweeping.Sweeper(town.app.state.db, town.app.state.pictures)
    while await sweeper.run_one():
        pass
    async with town.app.state.db.reading() as tx:
        rows = (await tx.execute(text("select state from uploads"))).scalars().all()
    assert rows == ["stored"]
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
