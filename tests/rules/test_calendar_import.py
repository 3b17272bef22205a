"""An administrator brings next year's arrangement; what is wrong in the file is told line by line."""

from datetime import UTC, date, datetime

import pytest

from api.rules.calendar import DayKind
from api.rules.calendar_import import CalendarImport, parse_calendar
from api.rules.calendar_seed import SEED_2024_2026 as SEED
from api.rules.clocks import working_days
from api.rules.deadlines import compute

HEAD = "日期,类型,名称\n"
# Invented for the tests: the real arrangement of 2027 is published in autumn 2026.
YEAR_2027 = (
    "2027-01-01,放假,元旦\n2027/2/5,放假,春节\n2027-02-20,上班,春节\n2027-04-05,放假,清明节\n"
    "2027-05-03,放假,劳动节\n2027-06-09,放假,端午节\n2027-10-01,放假,国庆节、中秋节\n"
)


def faults(rows: str, head: str = HEAD) -> list[str]:
    return [str(fault) for fault in parse_calendar(head + rows, SEED).faults]


def test_a_whole_year_becomes_a_new_version_and_its_deadlines_are_firm() -> None:
    file = parse_calendar(HEAD + YEAR_2027, SEED)
    assert file.faults == ()
    assert file.years == [2027]
    assert file.days[date(2027, 2, 5)] == (DayKind.holiday, "春节")
    assert file.days[date(2027, 2, 20)] == (DayKind.makeup, "春节")
    newer = SEED.with_years(2, file.days)
    # Wed 30 Dec 2026 16:40, five working days: Thu 31, [Fri 1 Jan off], Mon 4, Tue 5, Wed 6, Thu 7.
    deadline = compute(datetime(2026, 12, 30, 8, 40, tzinfo=UTC), working_days(5), newer)
    assert deadline.due_at == datetime(2027, 1, 7, 10, tzinfo=UTC)
    assert (deadline.provisional, deadline.calendar_version) == (False, 2)


def test_the_head_and_kinds_may_be_english_and_the_file_may_come_from_a_spreadsheet() -> None:
    rows = YEAR_2027.replace("放假", "Holiday").replace("上班", "makeup").replace("\n", "\r\n") + ",,\r\n\r\n"
    assert parse_calendar("\ufeffDate, Kind ,name\r\n" + rows, SEED) == parse_calendar(HEAD + YEAR_2027, SEED)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2027-02-30,放假,春节", "第 2 行：日期“2027-02-30”不存在或格式不对，应如 2027-01-01"),
        ("27-2-3,放假,春节", "第 2 行：日期“27-2-3”不存在或格式不对，应如 2027-01-01"),
        ("2027-02-06,休息,春节", "第 2 行：类型“休息”不认识，应为“放假”或“上班”"),
        ("2027-02-06,放假,", "第 2 行：缺少节日名称"),
        (f"2027-02-06,放假,{'节' * 21}", "第 2 行：节日名称不能超过 20 个字"),
        ("2027-02-08,上班,春节", "第 2 行：2027-02-08 是星期一，本来就上班，不能列为调休上班"),
        ("2027-02-06,放假", "第 2 行：应有 3 列（日期、类型、名称），实有 2 列"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(row: str, says: str) -> None:
    assert faults(f"{row}\n{YEAR_2027}") == [says]


def test_every_fault_of_a_row_and_of_the_file_is_told_at_once() -> None:
    told = faults("x,y,\n\n" + YEAR_2027 + "2027-10-01,放假,国庆节\n")
    assert told == [
        "第 2 行：日期“x”不存在或格式不对，应如 2027-01-01",
        "第 2 行：类型“y”不认识，应为“放假”或“上班”",
        "第 2 行：缺少节日名称",
        "第 11 行：2027-10-01 在第 10 行已经列出",
    ]


def test_a_file_without_the_head_is_refused() -> None:
    assert faults(YEAR_2027, head="") == ["第 1 行：第一行应为表头：日期,类型,名称"]
    assert faults("", head="") == ["第 1 行：第一行应为表头：日期,类型,名称"]
    assert faults("") == ["第 1 行：文件中没有任何日期"]


def test_half_a_year_never_becomes_a_known_year() -> None:
    half = YEAR_2027[: YEAR_2027.index("2027-05-03")]
    assert faults(half) == ["第 2 行：2027 年的安排不完整，缺少放假：劳动节、端午、中秋、国庆"]
    # a day worked for the festival does not stand for the festival
    assert faults(
        YEAR_2027.replace("2027-02-20,上班,春节", "").replace("2027/2/5,放假", "2027/2/6,上班")
    ) == ["第 2 行：2027 年的安排不完整，缺少放假：春节"]


def test_a_year_cannot_be_skipped() -> None:
    later = YEAR_2027.replace("2027", "2029").replace("2029-02-20", "2029-02-24")
    assert faults(later) == ["第 2 行：与已有日历之间缺少 2027 至 2028 年的安排，请一并导入"]
    one = YEAR_2027.replace("2027", "2028").replace("2028-02-20", "2028-02-19")
    assert faults(one) == ["第 2 行：与已有日历之间缺少 2027 年的安排，请一并导入"]


def test_the_eve_of_the_new_year_does_not_make_the_old_year_incomplete() -> None:
    file = parse_calendar(HEAD + "2026-12-31,放假,元旦\n" + YEAR_2027, SEED)
    assert file.faults == ()
    assert file.years == [2027]
    assert not SEED.with_years(2, file.days).is_workday(date(2026, 10, 1))


def test_a_file_that_is_no_csv_at_all_is_refused_and_its_faults_are_bounded() -> None:
    broken: CalendarImport = parse_calendar(HEAD + '"' + "长" * 200_000, SEED)
    assert [str(fault) for fault in broken.faults] == ["第 2 行：不是有效的 CSV 内容"]
    many = faults("x\n" * 5000)
    assert len(many) == 101
    assert many[-1] == "第 102 行：错误太多，此行起未再检查"
