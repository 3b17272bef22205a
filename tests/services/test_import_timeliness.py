"""及时率 and the median answer, worked out by hand for ten real messages to a secretary."""

import csv
from datetime import datetime, timedelta

import pytest

from api.kit.clock import CHINA
from api.rules.calendar_seed import SEED_2024_2026
from api.rules.cases import CaseCategory
from api.services.imports.case_records import moment
from api.services.imports.timeliness import finish_deadline, timeliness
from tests.real_data import real

# The office is open 9-12 and 14-18, seven hours; no year before 2024 has a holiday plan in the calendar, so Monday
# to Friday is assumed and every deadline is provisional. A question has one working day: it is due at 18:00 of the
# first working day after the day it came in.
BY_HAND = {
    # Mon 18 Nov 2019 10:16:35 -> Tue 09:26:27. Mon 1:43:25 + 4, Tue 0:26:27. Due Tue 19 Nov.
    "174574": ("6:09:52", "2019-11-19", True),
    # Sat 30 Jun 2018 -> Thu 5 Jul 11:52:14. Sat nothing, Mon Tue Wed 21, Thu 2:52:14. Due Mon 2 Jul.
    "175864": ("23:52:14", "2018-07-02", False),
    # Thu 28 Nov 2019 15:41:22 -> Mon 2 Dec 16:37:17. Thu 2:18:38, Fri 7, Mon 3 + 2:37:17. Due Fri 29 Nov.
    "35467": ("14:55:55", "2019-11-29", False),
    # Tue 12 Nov 2019 19:21:32 -> Fri 15 Nov 14:56:48. Tue closed, Wed Thu 14, Fri 3 + 0:56:48. Due Wed 13 Nov.
    "178538": ("17:56:48", "2019-11-13", False),
    # Fri 4 Jan 2019 16:10:28 -> Wed 9 Jan 16:01:29. Fri 1:49:32, Mon Tue 14, Wed 3 + 2:01:29. Due Mon 7 Jan.
    "37467": ("20:51:01", "2019-01-07", False),
    # Fri 7 Dec 2018 18:48:01 -> Thu 13 Dec 18:53:19, both after hours. Mon to Thu 28. Due Mon 10 Dec.
    "37482": ("28:00:00", "2018-12-10", False),
    # Wed 18 May 2016 15:43:29 -> Fri 20 May 17:42:22. Wed 2:16:31, Thu 7, Fri 3 + 3:42:22. Due Thu 19 May.
    "41349": ("15:58:53", "2016-05-19", False),
    # Thu 26 Oct 2017 10:24:14 -> Mon 30 Oct 09:41:15. Thu 1:35:46 + 4, Fri 7, Mon 0:41:15. Due Fri 27 Oct.
    "47771": ("13:17:01", "2017-10-27", False),
    # Sat 12 Oct 2013 -> Mon 14 Oct 15:14:21. Really worked in lieu, but no plan says so: Mon 3 + 1:14:21. Due Mon.
    "50412": ("4:14:21", "2013-10-14", True),
    # Tue 7 Jun 2016 15:39:07 -> Wed 8 Jun 17:40:15. Tue 2:20:53, Wed 3 + 3:40:15. Due Wed 8 Jun.
    "176410": ("9:01:08", "2016-06-08", True),
}

Answer = tuple[CaseCategory, datetime, datetime]


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    with real("messages/answered.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {
            row["number"]: (CaseCategory.consult, moment(row["submitted_at"]), moment(row["answered_at"]))
            for row in csv.DictReader(file)
            if row["number"] in BY_HAND
        }
    assert set(found) == set(BY_HAND)
    return found


def span(words: str) -> timedelta:
    hours, minutes, seconds = map(int, words.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


@pytest.mark.parametrize("number", BY_HAND)
def test_each_answer_takes_the_working_time_counted_by_hand(answers: dict[str, Answer], number: str) -> None:
    worked, due, in_time = BY_HAND[number]
    measured = timeliness([answers[number]], SEED_2024_2026)
    assert measured.median == span(worked)
    assert measured.rate == (1.0 if in_time else 0.0)
    category, submitted, _ = answers[number]
    at = finish_deadline(category, submitted, SEED_2024_2026).due_at
    assert at == datetime.fromisoformat(f"{due}T18:00:00").replace(tzinfo=CHINA)


def test_ten_answers_make_the_rate_and_median_worked_out_by_hand(answers: dict[str, Answer]) -> None:
    measured = timeliness(answers.values(), SEED_2024_2026)
    assert (measured.answered, measured.in_time, measured.rate) == (10, 3, 0.3)
    # In order: 4:14:21, 6:09:52, 9:01:08, 13:17:01, 14:55:55 | 15:58:53, 17:56:48, 20:51:01, 23:52:14, 28:00:00;
    # (14:55:55 + 15:58:53) / 2 = 30:54:48 / 2 = 15:27:24, and of seven hours that is 55,644 s / 25,200 s.
    assert measured.median == span("15:27:24")
    assert measured.median_days == pytest.approx(55_644 / 25_200)
    assert measured.provisional == 10


def test_the_limit_is_that_of_the_category(answers: dict[str, Answer]) -> None:
    # With five working days the slowest are the answers after 28:00 and 23:52:14 hours, due Fri 14 Dec and Fri 6 Jul.
    asked_for_help = [(CaseCategory.help, submitted, answered) for _, submitted, answered in answers.values()]
    assert timeliness(asked_for_help, SEED_2024_2026).rate == 1.0


def test_an_answer_at_the_very_end_of_its_term_is_in_time_and_one_second_later_is_not() -> None:
    # Wed 30 Sep 2026; 1 to 7 October is the holiday, so a question is due on Thu 8 October at 18:00.
    asked = datetime(2026, 9, 30, 10, 0, tzinfo=CHINA)
    last = datetime(2026, 10, 8, 18, 0, tzinfo=CHINA)
    consult = CaseCategory.consult
    measured = timeliness(
        [(consult, asked, last), (consult, asked, last + timedelta(seconds=1))], SEED_2024_2026
    )
    assert (measured.in_time, measured.provisional) == (1, 0)
    # 30 Sep 2 + 4 hours and 8 Oct 7; the second after closing time adds nothing.
    assert measured.median == timedelta(hours=13)


def test_nothing_answered_has_no_rate() -> None:
    measured = timeliness([], SEED_2024_2026)
    assert (measured.rate, measured.median, measured.median_days) == (None, None, None)
