"""The national codes brought in: once, again, in pieces, with bad lines, and with kill -9 in the middle."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.kit.db import Database
from api.rules.places import Level, full_code, path_of
from api.services.imports import places as importing
from api.services.imports.divisions import Division, find_divisions
from api.services.imports.faults import ImportBusy, ImportFault, LineFault
from api.services.imports.places import PlacesResult, import_places
from tests.real_data import real

ROOT = Path(__file__).resolve().parents[2]

PROVINCES = "code,name\n32,江苏省\n44,广东省\n"
CITIES = "code,name,provinceCode\n3201,南京市,32\n4419,东莞市,44\n"
COUNTIES = "code,name,cityCode,provinceCode\n320102,玄武区,3201,32\n441900,东莞市,4419,44\n"
TOWNS = (
    "code,name,areaCode,provinceCode,cityCode\n"
    "320102002,梅园新村街道,320102,32,3201\n"
    "441900003,东城街道,441900,44,4419\n"
)
VILLAGES = (
    "code,name,streetCode,provinceCode,cityCode,areaCode\n"
    "320102002001,梅园新村社区居委会,320102002,32,3201,320102\n"
    "320102002002,大行宫社区居委会,320102002,32,3201,320102\n"
    "441900003001,岗贝社区居委会,441900003,44,4419,441900\n"
)
FILES = {"p": PROVINCES, "c": CITIES, "a": COUNTIES, "s": TOWNS, "v": VILLAGES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small branches of the country, under names that tell nothing."""
    return written(tmp_path, {f"{'zyxwv'[n]}.csv": content for n, content in enumerate(FILES.values())})


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


async def rows(db: Database, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    async with db.reading() as tx:
        return [tuple(row) for row in await tx.execute(text(sql), values)]


async def one(db: Database, sql: str, **values: Any) -> Any:
    return (await rows(db, sql, **values))[0][0]


async def everything(db: Database) -> list[tuple[Any, ...]]:
    """All places with the transaction that last touched each: what a rewrite would change."""
    return await rows(db, "select p.*, p.xmin::text, p.xmax::text from places p order by code")


def changes(result: PlacesResult) -> tuple[int, int, int]:
    return result.inserted, result.updated, result.refused


async def test_every_file_is_known_by_its_head_and_parents_come_first(db: Database, folder: Path) -> None:
    result = await import_places(db, [folder])
    assert [file.level for file in result.files] == list(Level)[:5]
    assert changes(result) == (10, 0, 0)
    assert await rows(
        db,
        "select p.level, p.name, p.path, up.name from places p left join places up on up.id = p.parent_id "
        "where p.path like '32/%' order by p.path",
    ) == [
        ("province", "江苏省", "32/", None),
        ("city", "南京市", "32/01/", "江苏省"),
        ("county", "玄武区", "32/01/02/", "南京市"),
        ("town", "梅园新村街道", "32/01/02/002/", "玄武区"),
        ("village", "梅园新村社区居委会", "32/01/02/002/001/", "梅园新村街道"),
        ("village", "大行宫社区居委会", "32/01/02/002/002/", "梅园新村街道"),
    ]


async def test_a_city_without_counties_is_one_place_and_its_towns_lie_under_it(
    db: Database, folder: Path
) -> None:
    result = await import_places(db, [folder])
    assert [file.folded for file in result.files] == [0, 0, 1, 0, 0]
    assert await rows(
        db,
        "select p.name, p.path, up.level, up.name from places p left join places up on up.id = p.parent_id "
        "where p.path like '44/%' order by p.path",
    ) == [
        ("广东省", "44/", None, None),
        ("东莞市", "44/19/", "province", "广东省"),
        ("东城街道", "44/19/00/003/", "city", "东莞市"),
        ("岗贝社区居委会", "44/19/00/003/001/", "town", "东城街道"),
    ]


async def test_importing_again_touches_no_row_and_a_new_name_touches_one(db: Database, folder: Path) -> None:
    await import_places(db, [folder])
    before = await everything(db)
    again = await import_places(db, [folder])
    assert changes(again) == (0, 0, 0)
    assert [file.unchanged for file in again.files] == [2, 2, 1, 2, 3]
    assert await everything(db) == before

    (folder / "v.csv").write_text(VILLAGES.replace("大行宫", "大行宫新"))
    assert changes(await import_places(db, [folder])) == (0, 1, 0)
    after = await everything(db)
    assert [(old[3], new[3]) for old, new in zip(before, after, strict=True) if old != new] == [
        ("大行宫社区居委会", "大行宫新社区居委会")
    ]


async def test_each_bad_line_is_told_and_the_good_ones_come_in(db: Database, folder: Path) -> None:
    bad = (
        VILLAGES + "32010200200,短一位,320102002,32,3201,320102\n"
        "32010200200X,有字母,320102002,32,3201,320102\n"
        "３２０１０２００２００９,全角,320102002,32,3201,320102\n"
        "320102002003,,320102002,32,3201,320102\n"
        "320102002001,又一次,320102002,32,3201,320102\n"
        "320102003001,不在其下,320102002,32,3201,320102\n"
        "320102009001,没有上级,320102009,32,3201,320102\n"
        "320102002004,上级太短,3201020,32,3201,320102\n"
        "320102002000,本级为零,320102002,32,3201,320102\n"
        "320102002005,少两列,320102002,32\n"
        ",没有代码,320102002,32,3201,320102\n"
        f"320102002006,{'长' * 101},320102002,32,3201,320102\n"
        "\n"
        "320102002007,最后一个,320102002,32,3201,320102\n"
    )
    (folder / "v.csv").write_text(bad)
    result = await import_places(db, [folder], batch=4)
    assert result.files[-1].faults == [
        LineFault(5, "村（社区）代码应为 12 位数字，实为 11 位"),
        LineFault(6, "村（社区）代码“32010200200X”含有数字以外的字符"),
        LineFault(7, "村（社区）代码“３２０１０２００２００９”含有数字以外的字符"),
        LineFault(8, "名称为空"),
        LineFault(9, "代码 320102002001 在本文件中重复"),
        LineFault(10, "代码 320102003001 不在所写的上级 320102002 之下"),
        LineFault(11, "上级乡镇（街道） 320102009 不存在，请先导入或更正"),
        LineFault(12, "上级：乡镇（街道）代码应为 9 位数字，实为 7 位"),
        LineFault(13, "代码的本级部分全为 0，即上级“梅园新村街道”，名称却是“本级为零”"),
        LineFault(14, "应有 6 列，实有 4 列"),
        LineFault(15, "村（社区）代码为空"),
        LineFault(16, "名称超过 100 个字"),
    ]
    assert result.files[-1].inserted == 4
    assert await one(db, "select name from places where code = '320102002001'") == "梅园新村社区居委会"
    stored = await one(db, "select faults from import_runs where file_name = 'v.csv'")
    assert stored[0] == {"line": 5, "reason": "村（社区）代码应为 12 位数字，实为 11 位"}
    assert len(stored) == 12


async def test_a_refused_line_comes_in_once_its_parent_is_there(db: Database, tmp_path: Path) -> None:
    villages = written(tmp_path / "v", {"v.csv": VILLAGES})
    early = await import_places(db, [written(tmp_path / "p", {"p.csv": PROVINCES}), villages])
    assert changes(early) == (2, 0, 3)
    await import_places(db, [written(tmp_path / "m", {"c.csv": CITIES, "a.csv": COUNTIES, "s.csv": TOWNS})])
    late = await import_places(db, [villages])
    assert changes(late) == (3, 0, 0)
    assert late.files[0].resumed == 0


async def test_a_run_stopped_after_refusing_a_line_looks_at_that_line_again(
    db: Database, tmp_path: Path
) -> None:
    towns_of_nanjing = TOWNS.replace("441900003,东城街道,441900,44,4419\n", "")
    above = {"p.csv": PROVINCES, "c.csv": CITIES, "a.csv": COUNTIES, "s.csv": towns_of_nanjing}
    await import_places(db, [written(tmp_path / "above", above)])
    head, nanjing, second, dongguan = VILLAGES.splitlines(keepends=True)
    villages = written(tmp_path / "v", {"v.csv": head + dongguan + nanjing + second})

    def stop_after_two(_label: str, done: int, _about: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await import_places(db, [villages], stop_after_two, batch=1)
    await import_places(db, [written(tmp_path / "more", {"s.csv": TOWNS})])
    assert changes(await import_places(db, [villages])) == (2, 0, 0)
    assert await one(db, "select count(*) from places where level = 'village'") == 3


async def test_other_tables_in_a_folder_are_left_aside_but_a_named_one_is_refused(
    db: Database, folder: Path
) -> None:
    other = folder / "other.csv"
    other.write_text("code,title\n1,别的\n")
    assert (await import_places(db, [folder])).aside == ["other.csv"]
    with pytest.raises(ImportFault, match=r"other\.csv 第 1 行：不是区划代码表"):
        await import_places(db, [other])


async def test_a_broken_file_among_good_ones_lets_nothing_in(db: Database, folder: Path) -> None:
    (folder / "x.csv").write_bytes(b"")
    with pytest.raises(ImportFault, match="空的"):
        await import_places(db, [folder])
    with pytest.raises(ImportFault, match="没有找到"):
        await import_places(db, [written(folder / "empty", {})])
    assert await one(db, "select count(*) from places") == 0


async def test_a_file_that_breaks_off_leaves_whole_batches_and_goes_on_when_mended(
    db: Database, folder: Path
) -> None:
    lines = [f'320102002{n:03},"第{n}社区",320102002,32,3201,320102\n' for n in range(1, 11)]
    head = VILLAGES.splitlines(keepends=True)[0]
    (folder / "v.csv").write_text(head + "".join(lines[:7]) + '320102002008,"第8社区\n')
    with pytest.raises(ImportFault, match=r"v\.csv 第 9 行：引号没有闭合"):
        await import_places(db, [folder], batch=3)
    assert await one(db, "select count(*) from places where level = 'village'") == 6
    (folder / "v.csv").write_text(head + "".join(lines))
    assert changes(await import_places(db, [folder], batch=3)) == (4, 0, 0)


async def test_the_wrong_file_is_stopped_before_it_fills_the_log(
    db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_FAULTS", 5)
    head = VILLAGES.splitlines(keepends=True)[0]
    good = "".join(f"320102002{n:03},第{n}社区,320102002,32,3201,320102\n" for n in range(1, 5))
    strange = "".join(f"320102009{n:03},第{n}社区,320102009,32,3201,320102\n" for n in range(1, 9))
    (folder / "v.csv").write_text(head + good + strange)
    with pytest.raises(ImportFault, match="超过 5 行") as caught:
        await import_places(db, [folder], batch=4)
    assert caught.value.facts["line"] == 6
    assert await one(db, "select count(*) from places where level = 'village'") == 4


async def test_a_batch_and_its_progress_are_one_transaction(db: Database, folder: Path) -> None:
    """Somebody else moves the run on between our batches: the next one is refused, and none of it stays."""
    moved = False

    async def meddle() -> None:
        async with db.transaction() as tx:
            await tx.execute(text("update import_runs set done = done + 1 where file_name = 'v.csv'"))

    seen: list[int] = []

    def progress(label: str, done: int, _about: int) -> None:
        if label.endswith("v.csv"):
            seen.append(done)

    original = importing._store

    async def store(*args: Any) -> None:
        nonlocal moved
        await original(*args)
        if seen and seen[-1] == 2 and not moved:
            moved = True
            await meddle()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "_store", store)
        with pytest.raises(ImportBusy):
            await import_places(db, [folder], progress, batch=2)
    assert moved
    assert await one(db, "select count(*) from places where level = 'village'") == 2


async def test_the_codes_of_a_spreadsheet_in_gb18030_come_in_too(db: Database, folder: Path) -> None:
    for letter, content in zip("zyxwv", FILES.values(), strict=True):
        (folder / f"{letter}.csv").write_bytes(content.encode("gb18030"))
    assert changes(await import_places(db, [folder])) == (10, 0, 0)
    assert await one(db, "select name from places where code = '320100000000'") == "南京市"


async def test_the_real_divisions_make_one_consistent_tree(db: Database) -> None:
    result = await import_places(db, [real("divisions")])
    # 2,978 counties, of which 东莞, 中山 and 儋州 are their cities once more.
    assert [(f.level.value, f.inserted, f.folded) for f in result.files] == [
        ("province", 31, 0),
        ("city", 342, 0),
        ("county", 2975, 3),
        ("town", 140, 0),
        ("village", 1322, 0),
    ]
    assert result.refused == 0
    assert await one(db, BROKEN_LINKS) == 0
    assert await one(db, "select count(*) from places where path >= '32/01/' and path < '32/010'") == 1474
    # 直辖县 hang under a city that is only a heading, exactly as the codes have it.
    assert await rows(
        db,
        "select up.name, p.name from places p join places up on up.id = p.parent_id where p.code = '429004000000'",
    ) == [("省直辖县级行政区划", "仙桃市")]


BROKEN_LINKS = """select count(*) from places p left join places up on up.id = p.parent_id
 where p.level <> 'province' and not (starts_with(p.path, up.path) and p.path <> up.path)
    or replace(p.path, '/', '') <> left(p.code, length(replace(p.path, '/', '')))
    or p.path_end <> left(p.path, -1) || '0'"""


def test_paths_are_those_of_the_rules() -> None:
    for file in find_divisions([real("divisions")])[0]:
        for division in file.read():
            assert isinstance(division, Division)
            assert division.path == path_of(division.code, file.level)
            assert division.parent is None or full_code(division.parent) == division.parent


KILLED = """
import asyncio, sys
from pathlib import Path
from api.kit.db import Database
from api.services.imports.places import import_places

async def main():
    db = Database(sys.argv[1])
    await db.open()
    await import_places(db, [Path(sys.argv[2])], lambda *step: print(*step, flush=True), batch=50)

asyncio.run(main())
"""


def kill_at(villages: int, database_url: str, folder: Path) -> None:
    """Start the import and kill -9 it as soon as it reports so many villages."""
    command = [sys.executable, "-c", KILLED, database_url, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            _, name, done, _ = line.split()
            if name.startswith("villages") and int(done) >= villages:
                process.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail("the import ended before it was killed")
    assert process.returncode == -signal.SIGKILL


@pytest.mark.fault
async def test_an_import_killed_three_times_goes_on_and_ends_complete(
    db: Database, database_url: str
) -> None:
    folder = real("divisions")
    for stop_at in (300, 600, 900):
        kill_at(stop_at, database_url, folder)
        # Whatever was counted is there, and nothing that was not counted.
        done = await one(db, "select done from import_runs where file_name like 'villages%'")
        assert done >= stop_at
        assert await one(db, "select count(*) from places where level = 'village'") == done
        assert await one(db, BROKEN_LINKS) == 0

    finished = await import_places(db, [folder])
    villages = finished.files[-1]
    assert villages.resumed >= 900
    assert villages.resumed + villages.inserted == villages.read == 1322
    assert await one(db, "select count(*) from places") == 31 + 342 + 2975 + 140 + 1322
    assert await one(db, BROKEN_LINKS) == 0
    before = await everything(db)
    assert changes(await import_places(db, [folder])) == (0, 0, 0)
    assert await everything(db) == before
