"""The promised times, and that they can be kept in their order."""

from datetime import UTC, datetime, timedelta

import pytest

from api.rules.calendar_seed import SEED_2024_2026 as SEED
from api.rules.cases import CLOCK_TITLES, CaseCategory
from api.rules.clocks import Limit, minutes, service_hours, working_hours
from api.rules.deadlines import compute
from api.rules.limits import (
    APPEAL_ASKED,
    CLASS_TITLES,
    EXTENSION_TITLES,
    EXTENSIONS,
    LIMITS,
    RETURN_ASKED,
    STEPS,
    CaseClass,
    ExtensionLevel,
)


def said(limit: Limit | None) -> str:
    return limit.text if limit else "–"


def test_the_promises_read_as_they_were_agreed() -> None:
    promised = {
        CLASS_TITLES[kind]: tuple(map(said, (row.sign, row.contact, row.finish)))
        for kind, row in LIMITS.items()
    }
    assert promised == {
        "危及生命安全": ("15 分钟", "30 分钟", "2 小时"),
        "物业急修": ("30 分钟", "30 分钟", "24 小时"),
        "物业一般报修": ("2 小时（服务时间内）", "4 小时（服务时间内）", "3 个自然日"),
        "物业公共部位大修": ("4 小时（服务时间内）", "24 小时", "5 个工作日"),
        "物业投诉": ("4 小时（服务时间内）", "24 小时", "7 个自然日"),
        "书记信箱·咨询": ("4 个工作小时", "1 个工作日", "1 个工作日"),
        "书记信箱·求助": ("4 个工作小时", "1 个工作日", "5 个工作日"),
        "书记信箱·建议": ("4 个工作小时", "1 个工作日", "5 个工作日"),
        "书记信箱·投诉": ("4 个工作小时", "1 个工作日", "10 个工作日"),
        "帮办代办": ("4 个工作小时", "1 个工作日", "5 个工作日"),
        "找商家·预约服务": ("4 小时（服务时间内）", "24 小时", "3 个自然日"),
        "书记·预约接待": ("–", "1 个工作日", "–"),
    }
    assert {CLOCK_TITLES[step]: limit.text for step, limit in STEPS.items()} == {
        "受理派单": "4 个工作小时",
        "反映人补充": "3 个工作日",
        "办结核查": "1 个工作日",
        "反映人评价": "7 个自然日",
        "不认可的确认": "1 个工作日",
        "回访": "2 个工作日",
        "责任人与新方案": "4 个工作小时",
        "社区解决": "2 个工作日",
        "街道督办": "5 个工作日",
    }
    assert (RETURN_ASKED.text, APPEAL_ASKED.text) == ("1 个工作日", "5 个工作日")
    assert {EXTENSION_TITLES[level]: (rule.most.text, rule.times) for level, rule in EXTENSIONS.items()} == {
        "社区批准": ("5 个工作日", 1),
        "街道批准": ("10 个工作日", 1),
    }


def test_every_class_step_and_level_has_its_row_its_name_and_its_source() -> None:
    assert set(LIMITS) == set(CLASS_TITLES) == set(CaseClass)
    assert set(EXTENSIONS) == set(EXTENSION_TITLES) == set(ExtensionLevel)
    assert all(row.note and row.source for row in LIMITS.values())


def test_each_category_has_its_limits() -> None:
    for category in CaseCategory:
        assert LIMITS[CaseClass(category.value)].finish is not None


@pytest.mark.parametrize("kind", list(CaseClass))
def test_signing_is_due_before_contact_and_contact_before_the_finish_all_year_round(kind: CaseClass) -> None:
    # Every 97 minutes of three years: all weekdays, holidays, make-up days and hours of the day.
    row = LIMITS[kind]
    promised = [limit for limit in (row.sign, row.contact, row.finish) if limit is not None]
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    while start < end:
        dues = [compute(start, limit, SEED).due_at for limit in promised]
        assert dues == sorted(dues, key=lambda due: due or end), f"{kind} from {start}"
        start += timedelta(minutes=97)


def test_a_limit_of_mixed_length_is_told_in_full() -> None:
    assert minutes(90).text == "1 小时 30 分钟"
    assert Limit(90, working_hours(1).clock).text == "1 个工作小时 30 分钟"
    assert Limit(30, working_hours(1).clock).text == "30 分钟（工作时间内）"
    assert Limit(30, service_hours(1).clock).text == "30 分钟（服务时间内）"
