"""Old cases brought in: with their true times, all or nothing, once, and without a word to anybody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.kit import clock
from api.kit.clock import CHINA
from api.kit.db import Database
from api.kit.events import record
from api.kit.ids import new_id
from api.kit.problems import NotFound
from api.kit.queue import Queue
from api.rules.cases import CaseCategory, CaseKind
from api.rules.places import Level, path_of
from api.services import clockwork, consequences
from api.services.due import DueClock
from api.services.imports.case_records import Categories, moment
from api.services.imports.cases import CasesResult, Fate, Verdict, import_cases
from api.services.imports.faults import ImportBusy, ImportFault
from tests.moments import MONDAY
from tests.real_data import real
from tests.town import Town

COMMUNITY = "320102002001"


HEAD = "number,user,subject,submitted_at,text,answer,answered_at\n"
TWO = (
    HEAD + "7,A01,灯不亮,2026/1/5 9:00:00,楼道灯坏了,已修好,2026/1/5 15:30:00\n"
    "8,,占道,2026/11/20 10:00:00,有人占道,,\n"
)


@pytest.fixture
async def places(db: Database) -> None:
    clock.set_to(MONDAY)
    levels = [
        (Level.province, "32"),
        (Level.city, "3201"),
        (Level.county, "320102"),
        (Level.town, "320102002"),
        (Level.village, COMMUNITY),
    ]
    parent = None
    async with db.transaction() as tx:
        for level, digits in levels:
            code = digits.ljust(12, "0")
            values = {"id": new_id(), "code": code, "level": level.value, "name": digits, "parent": parent}
            await tx.execute(
                text(
                    "insert into places (id, code, level, name, parent_id, path, created_at)"
                    " values (:id, :code, :level, :name, :parent, :path, now())"
                ),
                values | {"path": path_of(code, level)},
            )
            parent = values["id"]


async def rows(db: Database, sql: str) -> list[tuple[Any, ...]]:
    async with db.reading() as tx:
        return [tuple(row) for row in await tx.execute(text(sql))]


COUNTS = (
    "select (select count(*) from cases), (select count(*) from case_messages), (select count(*) from events),"
    " (select count(*) from deadlines), (select count(*) from case_reach), (select count(*) from deliveries),"
    " (select count(*) from import_runs)"
)


def written(folder: Path, content: str, name: str = "old.csv") -> Path:
    path = folder / name
    path.write_text(content)
    return path


async def bring(db: Database, file: Path, **options: Any) -> CasesResult:
    return await import_cases(db, file, options.pop("mapping", {}), COMMUNITY, **options)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHINA)  # type: ignore[arg-type, misc]


async def test_an_answered_record_becomes_a_closed_case_with_its_true_times(
    db: Database, places: None, tmp_path: Path
) -> None:
    result = await bring(db, written(tmp_path, TWO))
    assert result.applied
    assert result.verdicts == [Verdict(2, Fate.closed, "7"), Verdict(3, Fate.submitted, "8")]
    asked, answered = local(2026, 1, 5, 9), local(2026, 1, 5, 15, 30)
    assert await rows(
        db,
        "select number, kind, category, title, text, state, visibility, channel, reporter_alias, cycle, level, path,"
        " first_contact_at, handled_at, closed_at, created_at, updated_at, unit_id, reporter_id from cases order by id",
    ) == [
        (f"IMP-{COMMUNITY}-7", "secretary", "consult", "灯不亮", "楼道灯坏了", "closed", "private", "imported", "A01",
         1, 0, "32/01/02/002/001/", answered, answered, answered, asked, answered, None, None),
        (f"IMP-{COMMUNITY}-8", "secretary", "consult", "占道", "有人占道", "submitted", "private", "imported", None,
         1, 0, "32/01/02/002/001/", None, None, None, local(2026, 11, 20, 10), local(2026, 11, 20, 10), None, None),
    ]  # fmt: skip
    assert await rows(db, "select kind, author_title, text, created_at from case_messages") == [
        ("reply", "历史答复", "已修好", answered)
    ]
    assert await rows(
        db,
        "select move, from_state, to_state, actor_kind, actor_title, at from events e join cases c"
        " on c.id = e.subject_id where c.title = '灯不亮' order by e.id",
    ) == [
        ("submit", None, "submitted", "system", "居民", asked),
        ("finish", "submitted", "closed", "system", "历史答复", answered),
    ]
    # Monday's question is due on Tuesday at 18:00; it was answered in time.
    assert await rows(
        db,
        "select d.kind, started_at, due_at, met_at, provisional from deadlines d join cases c on c.id = d.subject_id"
        " where c.title = '灯不亮' order by d.kind",
    ) == [
        ("contact", asked, local(2026, 1, 6, 18), answered, False),
        ("finish", asked, local(2026, 1, 6, 18), answered, False),
    ]
    assert await rows(
        db,
        "select p.level, r.audience from case_reach r join places p on p.id = r.place_id join cases c"
        " on c.id = r.case_id where c.title = '灯不亮' order by p.path",
    ) == [(level.value, "s") for level in list(Level)[:5]]


async def test_an_id_carries_the_moment_of_submission(db: Database, places: None, tmp_path: Path) -> None:
    await bring(db, written(tmp_path, TWO))
    for case_id, created_at in await rows(db, "select id, created_at from cases"):
        assert case_id.version == 7
        assert case_id.int >> 80 == int(created_at.timestamp() * 1000)


async def test_nobody_is_told_of_what_was_imported(db: Database, places: None, tmp_path: Path) -> None:
    await bring(db, written(tmp_path, TWO.replace("2026/11/20", "2026/2/20")))
    assert await rows(db, "select count(*) from deliveries") == [(0,)]
    # The unanswered one broke its clocks long before it came here: they show as late, and wake nobody.
    assert await rows(db, "select count(*) from deadlines where met_at is null and fired_at = due_at") == [
        (2,)
    ]
    assert not await DueClock(db, clockwork.ran_out).run_one()
    assert not await Queue(db, consequences.follow).run_one()
    assert await rows(db, "select count(*) from notices") == [(0,)]
    # The queue itself is as it always is.
    async with db.transaction() as tx:
        record(tx, subject_kind="x", subject_id=new_id(), move="x", actor_id=None, actor_title="x")
    assert await rows(db, "select count(*) from deliveries") == [(1,)]


async def test_an_unanswered_record_lives_on_under_its_clocks(
    db: Database, places: None, tmp_path: Path
) -> None:
    await bring(db, written(tmp_path, TWO))
    live = (
        "select kind, due_at, fired_at from deadlines"
        " where met_at is null and kind in ('contact', 'finish') order by kind"
    )
    # Friday's question is due on this Monday at 18:00.
    due = local(2026, 11, 23, 18)
    assert await rows(db, live) == [("contact", due, None), ("finish", due, None)]
    clock.set_to(due + timedelta(seconds=1))
    ran_out = DueClock(db, clockwork.ran_out)
    assert await ran_out.run_one()
    assert await ran_out.run_one()
    assert not await ran_out.run_one()
    assert [fired is not None for _, _, fired in await rows(db, live)] == [True, True]


async def test_importing_again_changes_nothing(db: Database, places: None, tmp_path: Path) -> None:
    file = written(tmp_path, TWO)
    await bring(db, file)
    before = await rows(db, "select c.*, c.xmin::text from cases c order by id")
    counts = await rows(db, COUNTS)
    again = await bring(db, file)
    assert [v.fate for v in again.verdicts] == [Fate.known, Fate.known]
    assert await rows(db, "select c.*, c.xmin::text from cases c order by id") == before
    assert await rows(db, COUNTS) == counts

    more = written(tmp_path, TWO + "9,,树枝,2026/3/2 9:00,挡光,已修剪,2026/3/2 10:00\n", "more.csv")
    assert [v.fate for v in (await bring(db, more)).verdicts] == [Fate.known, Fate.known, Fate.closed]
    assert await rows(db, "select count(*) from cases") == [(3,)]


async def test_a_dry_run_reports_line_by_line_and_writes_nothing(
    db: Database, places: None, tmp_path: Path
) -> None:
    result = await bring(db, written(tmp_path, TWO), dry_run=True)
    assert not result.applied
    assert [v.fate for v in result.verdicts] == [Fate.closed, Fate.submitted]
    assert result.timeliness.rate == 1.0
    assert await rows(db, COUNTS) == [(0,) * 7]


async def test_one_bad_line_and_nothing_comes_in(db: Database, places: None, tmp_path: Path) -> None:
    bad = (
        TWO + "7,,重复,2026/1/5 9:00,内容,,\n"
        "10,,,2026/1/5 9:00,内容,,\n"
        "11,,没有时间,昨天,内容,,\n"
        "12,,只有日期,2026/1/5,内容,,\n"
        "13,,二月三十,2026/2/30 9:00,内容,,\n"
        "14,,倒着来,2026/1/5 9:00,内容,答,2026/1/5 8:59\n"
        "15,,将来,2026/12/5 9:00,内容,,\n"
        "16,,缺时间,2026/1/5 9:00,内容,答,\n"
        "17,,缺答复,2026/1/5 9:00,内容,,2026/1/6 9:00\n"
        "1 8,,空格,2026/1/5 9:00,内容,,\n"
        f"19,,{'长' * 201},2026/1/5 9:00,内容,,\n"
        "20,,少列\n"
    )
    result = await bring(db, written(tmp_path, bad))
    assert not result.applied
    assert [(v.line, v.reason) for v in result.verdicts if v.fate is Fate.refused] == [
        (4, "编号 7 在第 2 行已经出现"),
        (5, "缺少主题"),
        (6, "提交时间“昨天”不是到分钟的时间，应如 2019-04-25 09:32:09"),
        (7, "提交时间“2026/1/5”不是到分钟的时间，应如 2019-04-25 09:32:09"),
        (8, "提交时间“2026/2/30 9:00”不是存在的时间"),
        (9, "答复时间早于提交时间"),
        (10, "提交时间在将来"),
        (11, "有答复而没有答复时间"),
        (12, "有答复时间而没有答复"),
        (13, "编号中不能有空白或 / ? # % \\"),
        (14, "主题超过 200 个字"),
        (15, "应有 7 列，实有 3 列"),
    ]
    assert await rows(db, COUNTS) == [(0,) * 7]


async def test_columns_are_mapped_and_categories_translated(
    db: Database, places: None, tmp_path: Path
) -> None:
    file = tmp_path / "gb.csv"
    content = "编号,主题,时间,内容,类型\n1,一,2026/1/5 9:00,甲,投诉\n2,二,2026/1/5 9:00,乙,信访\n3,三,2026/1/5 9:00,丙,\n"
    file.write_bytes(content.encode("gb18030"))
    mapping = {
        "number": "编号",
        "subject": "主题",
        "submitted_at": "时间",
        "text": "内容",
        "category": "类型",
    }
    refused = await bring(db, file, mapping=mapping)
    assert [v.reason for v in refused.verdicts] == ["", "类别“信访”没有对应的咨询、求助、建议、投诉", ""]
    words = Categories(CaseCategory.help, {"信访": CaseCategory.suggest})
    assert (await bring(db, file, mapping=mapping, categories=words)).applied
    assert await rows(db, "select category from cases order by number") == [
        ("complain",),
        ("suggest",),
        ("help",),
    ]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"nummer": "number"}, "不认识的字段：nummer"),
        ({"number": "编号"}, "没有“编号”这一列"),
        ({"answer": "text", "answered_at": "none"}, "没有“none”这一列"),
    ],
)
async def test_a_mapping_that_does_not_fit_is_refused(
    db: Database, places: None, tmp_path: Path, mapping: dict[str, str], words: str
) -> None:
    with pytest.raises(ImportFault, match=words):
        await bring(db, written(tmp_path, TWO), mapping=mapping)


async def test_an_answer_column_without_its_time_is_refused(
    db: Database, places: None, tmp_path: Path
) -> None:
    with pytest.raises(ImportFault, match="同时"):
        await bring(db, written(tmp_path, TWO.replace("answered_at", "x")))


async def test_an_unknown_community_and_another_kind_are_refused(
    db: Database, places: None, tmp_path: Path
) -> None:
    file = written(tmp_path, TWO)
    with pytest.raises(NotFound):
        await import_cases(db, file, {}, "320102002000")
    with pytest.raises(ImportFault):
        await bring(db, file, kind=CaseKind.property)


async def test_two_imports_into_one_community_do_not_meet(db: Database, places: None, tmp_path: Path) -> None:
    file = written(tmp_path, TWO)
    async with db.transaction() as tx:
        await tx.execute(text("select 1 from places where level = 'village' for no key update"))
        with pytest.raises(ImportBusy):
            await bring(db, file)
    assert await rows(db, COUNTS) == [(0,) * 7]


@pytest.mark.parametrize(
    ("words", "utc"),
    [
        ("2019/4/25 9:32:09", "2019-04-25T01:32:09"),
        ("2019-04-25T09:32", "2019-04-25T01:32:00"),
        ("2019.4.25  09:32:09.5", "2019-04-25T01:32:09"),
        ("2019年4月25日 9:32", "2019-04-25T01:32:00"),
        ("2019-04-25T09:32:09Z", "2019-04-25T09:32:09"),
        ("2019-04-25 09:32:09+0900", "2019-04-25T00:32:09"),
        ("2019-04-25 09:32:09-03:30", "2019-04-25T13:02:09"),
    ],
)
def test_times_are_read_as_old_systems_write_them(words: str, utc: str) -> None:
    assert moment(words).astimezone(UTC).isoformat() == f"{utc}+00:00"


async def test_the_real_messages_become_sixty_closed_cases(db: Database, places: None) -> None:
    result = await bring(db, real("messages/answered.csv"))
    assert result.count(Fate.closed) == len(result.verdicts) == 60
    assert await rows(db, COUNTS) == [(60, 60, 120, 120, 300, 0, 1)]
    assert await rows(
        db,
        "select count(*) from cases c join case_messages m on m.case_id = c.id where m.created_at = c.closed_at",
    ) == [(60,)]
    # The order of ids is the order of submission, from 2011 to 2019.
    assert await rows(
        db,
        "select count(*) from (select created_at, lag(created_at) over (order by id) as before from cases) x"
        " where before > created_at",
    ) == [(0,)]
    # Three questions were answered by the next working day's end: see test_import_timeliness.py.
    assert (result.timeliness.in_time, result.timeliness.answered) == (3, 60)
    assert await rows(db, "select count(*) from deadlines where kind = 'finish' and met_at <= due_at") == [
        (3,)
    ]


async def test_staff_read_an_imported_case_and_residents_do_not(town: Town, tmp_path: Path) -> None:
    db: Database = town.app.state.db
    await import_cases(db, written(tmp_path, TWO), {}, town.here.code)
    listed = (await town.here.secretary.get("/cases")).json()["items"]
    assert [(c["number"], c["state"]) for c in listed] == [
        (f"IMP-{town.here.code}-8", "submitted"),
        (f"IMP-{town.here.code}-7", "closed"),
    ]
    case = (await town.here.secretary.get(f"/cases/{listed[1]['id']}")).json()
    assert case["reporter"] == {"name": "A01", "mine": False}
    assert case["due"]["finish"]["met_at"].startswith("2026-01-05T07:30:00")
    assert not case["due"]["finish"]["overdue"]
    timeline = (await town.here.secretary.get(f"/cases/{case['id']}/events")).json()["items"]
    assert sorted(e["move"] for e in timeline) == ["finish", "submit"]
    for outsider in (town.here.resident, town.there.secretary, town.stranger):
        assert (await outsider.get(f"/cases/{case['id']}")).status_code == 404
        assert (await outsider.get("/cases")).json()["items"] == []
