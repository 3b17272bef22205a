"""Pictures: what comes in, what is kept of it, who sees it and for how long, and what breaks cleanly."""

import asyncio
import struct
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import pytest
from PIL import Image
from sqlalchemy import text

from api.kit import clock, pictures
from api.kit.store import Store
from api.rules.content import UNATTACHED_LIFE
from api.services.content import deciding
from api.services.uploads import sweeping
from api.services.uploads.pictures import Pictures, Size, name_of
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def folder(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own; nobody is sampled."""
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: False)
    town.app.state.pictures._store = Store.in_folder(tmp_path / "store")
    return tmp_path / "store"


def jpeg(width: int = 64, height: int = 48, **save: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG", **save)
    return out.getvalue()


async def send(who: Actor, content: bytes, **kw: Any) -> Any:
    return await who.call("POST", "/uploads", files={"file": ("照片.jpg", content, "image/png")}, **kw)


async def upload(who: Actor) -> dict[str, Any]:
    answer = await send(who, jpeg())
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def see(town: Town, url: str) -> int:
    """What somebody without a session gets."""
    parts = urlsplit(url)
    return (await town.client.get(f"{parts.path}?{parts.query}")).status_code


async def _pass_pictures(town: Town, pump: Pump, simulator: Simulator, suggest: str = "pass") -> None:
    """The worker orders the checks, and the platform has pushed its verdicts."""
    simulator.behave(pushes="never")
    await pump()
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text(
                "insert into media_verdicts (trace_id, suggest, label, errcode, heard_at)"
                " select trace_id, :suggest, 20002, 0, now() from content_checks"
                " where what = 'picture' and trace_id is not null on conflict do nothing"
            ),
            {"suggest": suggest},
        )
    await pump()


async def test_a_picture_is_the_parties_until_it_has_passed(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    made = await upload(town.here.resident)
    assert made["state"] == "pending"
    assert await see(town, made["url"]) == await see(town, made["thumbnail"]) == 200
    case = await town.submit(visibility="public", uploads=[made["id"]])
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update content_checks set next_at = next_at + interval '1 day' where what = 'picture'")
        )
    await pump()
    path = f"/cases/{case['id']}/uploads"
    for insider in (town.here.resident, town.here.worker):
        assert [p["id"] for p in (await insider.get(path)).json()] == [made["id"]]
    assert (await town.stranger.get(path)).json() == []
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update content_checks set next_at = next_at - interval '1 day' where what = 'picture'")
        )
    await _pass_pictures(town, pump, wechat_simulator)
    [shown] = (await town.stranger.get(path)).json()
    assert (shown["state"], shown["purpose"], shown["subject_kind"]) == ("pass", "evidence", "case")
    assert await see(town, shown["url"]) == 200
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update uploads set content = 'risky'"))
    assert await see(town, shown["url"]) == 404  # at once, though the address is still young


async def test_an_address_cannot_be_changed_and_does_not_last(town: Town) -> None:
    url = (await upload(town.here.resident))["thumbnail"]
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    other = (await upload(town.here.resident))["id"]
    forged = [
        (parts.path, {**query, "size": "full"}),
        (parts.path, {**query, "audience": "e"}),
        (parts.path, {**query, "expires": str(int(query["expires"]) + 1)}),
        (parts.path, {**query, "signature": "0" * 64}),
        (f"/v1/uploads/{other}/content", query),
    ]
    for path, changed in forged:
        assert await see(town, f"{path}?{urlencode(changed)}") == 404
    assert await see(town, url) == 200
    clock.move(timedelta(minutes=11))
    assert await see(town, url) == 404


async def test_a_picture_belongs_to_one_case_and_to_who_sent_it(town: Town) -> None:
    picture = (await upload(town.here.resident))["id"]
    body = {
        "category": "help",
        "title": "路灯",
        "text": "不亮",
        "place_id": str(town.here.place),
        "uploads": [picture],
    }
    stolen = await town.there.resident.post("/cases", body, key="stolen")
    assert (stolen.status_code, stolen.json()["code"]) == (422, "upload_not_usable")
    answers = await asyncio.gather(*(town.here.resident.post("/cases", body, key=f"k{n}") for n in range(8)))
    assert sorted(a.status_code for a in answers) == [201, *[422] * 7], [a.text for a in answers]
    first = next(n for n, a in enumerate(answers) if a.status_code == 201)
    again = await town.here.resident.post("/cases", body, key=f"k{first}")
    assert (again.status_code, again.json()) == (201, answers[first].json())
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select count(*) from cases"))).scalar_one() == 1


async def test_field_work_is_shown_before_and_after(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    case = (await town.submit(visibility="community"))["id"]
    await pump()
    worker = town.here.worker
    await worker.move(case, "sign")
    said = await worker.post(
        f"/cases/{case}/messages",
        {"kind": "reply", "text": "电工到场。", "uploads": [(await upload(worker))["id"]]},
    )
    assert said.status_code == 201
    before, after = (await upload(worker))["id"], (await upload(worker))["id"]
    twice = await worker.move(case, "finish", outcome="solved", reply="好了", before=[before], after=[before])
    assert (twice.status_code, twice.json()["code"]) == (422, "upload_not_usable")
    done = await worker.move(case, "finish", outcome="solved", reply="好了", before=[before], after=[after])
    assert done.status_code == 200, done.text
    await _pass_pictures(town, pump, wechat_simulator)
    shown = (await town.here.resident.get(f"/cases/{case}/uploads")).json()
    assert {(p["id"], p["purpose"]) for p in shown} >= {(before, "before"), (after, "after")}
    assert {p["subject_kind"] for p in shown} == {"case", "case_message"}


async def test_nothing_of_the_file_survives_but_its_pixels(town: Town, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned: the picture is taller than wide
    exif[0x010E] = "张三家 32.04N 118.79E"
    made = await send(
        town.here.resident, jpeg(80, 40, exif=exif, comment=b"secret comment") + b"PK\x03\x04zip"
    )
    kept = (folder / name_of(UUID(made.json()["id"]), Size.full)).read_bytes()
    with Image.open(BytesIO(kept)) as found:
        assert (found.format, found.size, dict(found.getexif()), found.info.get("comment")) == (
            "JPEG",
            (40, 80),
            {},
            None,
        )
    assert b"secret" not in kept
    assert b"PK\x03\x04" not in kept


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 415, "not_a_picture"),
        (b"<svg onload=alert(1)>", 415, "not_a_picture"),
        (b"%PDF-1.7", 415, "not_a_picture"),
        (b"GIF89a", 415, "not_a_picture"),
        (jpeg(400, 400)[:300], 415, "not_a_picture"),
        (jpeg()[:2] + b"\xff" * 5000, 415, "not_a_picture"),
    ],
)
async def test_what_is_no_picture_is_refused_by_its_content(
    town: Town, content: bytes, status: int, code: str
) -> None:
    answer = await send(town.here.resident, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def _bomb(side: int) -> bytes:
    """A PNG of side × side pixels in some kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = zlib.compress(bytes(side // 8 + 1) * 100, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [6_400, 12_000, 60_000])
async def test_a_decompression_bomb_is_refused_before_it_is_decoded(
    town: Town, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    bomb = _bomb(side)
    assert len(bomb) < 10_000
    monkeypatch.setattr(pictures, "_flat", lambda _: pytest.fail("it was decoded"))
    answer = await send(town.here.resident, bomb)
    assert (answer.status_code, answer.json()["code"]) == (422, "picture_too_large")


async def test_ten_megabytes_and_more_are_refused_and_other_paths_take_one(town: Town) -> None:
    who = town.here.resident
    large = await send(who, b"\xff\xd8\xff" + bytes(10 * 1024 * 1024))
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    larger = await send(who, b"\xff\xd8\xff" + bytes(11 * 1024 * 1024))
    assert (larger.status_code, larger.json()["code"]) == (413, "too_large")
    elsewhere = await who.call("POST", "/cases", content=bytes(1_200_000))
    assert elsewhere.status_code == 413
    assert (await send(who, jpeg())).status_code == 201


async def test_a_broken_form_is_a_clean_refusal(town: Town) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for body in (
        b"",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\xff\xd8\xff',
        b"--y--",
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nno file\r\n--x--\r\n',
    ):
        answer = await town.here.resident.call("POST", "/uploads", content=body, headers=kind)
        assert answer.status_code in (415, 422), (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select count(*) from uploads"))).scalar_one() == 0


async def test_a_phone_that_sends_slowly_and_hangs_up_holds_nothing_and_leaves_nothing(town: Town) -> None:
    """A drop each moment, then the connection is gone: meanwhile no database connection is taken."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    chunks = [head, *(jpeg()[i : i + 64] for i in range(0, 640, 64))]
    said: list[Any] = []
    held: list[int] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        held.append(town.app.state.db.engine.pool.checkedout())
        if not chunks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunks.pop(0), "more_body": True}

    async def hear(message: Any) -> None:
        said.append(message)

    headers = {**town.here.resident.headers, "content-type": "multipart/form-data; boundary=x"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/uploads", "raw_path": b"/v1/uploads", "query_string": b"", "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("linli.test", 80),
    }  # fmt: skip
    await town.app(scope, receive, hear)
    assert len(held) > 10
    assert set(held) == {0}
    assert said[0]["status"] == 422  # nobody hears it
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select count(*) from uploads"))).scalar_one() == 0


async def test_the_same_key_and_picture_is_one_upload(town: Town) -> None:
    first = await send(town.here.resident, jpeg(), key="same")
    again = await send(town.here.resident, jpeg(), key="same")
    assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (
        201,
        first.json(),
        "true",
    )
    other = await send(town.here.resident, jpeg(32, 32), key="same")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def _sweep(town: Town) -> None:
    async with town.app.state.db.transaction() as tx:
        await sweeping.doom_unused(tx)
    sweeper = sweeping.Sweeper(town.app.state.db, town.app.state.pictures)
    while await sweeper.run_one():
        pass


def _files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


async def test_what_nobody_used_is_gone_after_a_day_and_what_is_used_stays(town: Town, folder: Path) -> None:
    used, unused = await upload(town.here.resident), await upload(town.here.resident)
    await town.submit(uploads=[used["id"]])
    await _sweep(town)
    assert _files(folder) == 4
    clock.move(UNATTACHED_LIFE + timedelta(minutes=1))
    await _sweep(town)
    assert _files(folder) == 2
    async with town.app.state.db.reading() as tx:
        left = (await tx.execute(text("select id from uploads"))).scalars().all()
    assert [str(i) for i in left] == [used["id"]]
    assert unused["id"] != used["id"]


async def test_a_full_disk_is_told_and_leaves_nothing_behind(
    town: Town, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """The second of the two files finds no room. (A real full disk: tests/faults/test_disk_full.py.)"""
    put = Store.put

    async def no_room(store: Store, name: str, content: bytes, media_type: str) -> None:
        if name.endswith(f".{Size.full}.jpg"):
            folder.joinpath("full").write_text("")
            await put(store, "full/x", content, media_type)
        await put(store, name, content, media_type)

    monkeypatch.setattr(Store, "put", no_room)
    answer = await send(town.here.resident, jpeg())
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert answer.headers["retry-after"]
    await _sweep(town)
    assert _files(folder) == 1  # the obstacle
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select count(*) from uploads"))).scalar_one() == 0
    monkeypatch.undo()
    town.app.state.pictures = Pictures(
        Store.in_folder(folder / "more"), town.app.state.vault, "http://linli.test"
    )
    assert (await send(town.here.resident, jpeg())).status_code == 201
