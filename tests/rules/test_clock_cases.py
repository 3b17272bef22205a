"""Clock cases worked by hand, to the minute. Office hours 09:00-12:00 and 14:00-18:00 (7 h), Beijing time.

2025: Sun 28 Sep worked, Wed 1 to Wed 8 Oct off, Sat 11 Oct worked.
2026: Sat 14 Feb worked, Sun 15 to Mon 23 Feb off, Sat 28 Feb worked;
      Sun 20 Sep worked, Fri 25 to Sun 27 Sep off, Thu 1 to Wed 7 Oct off, Sat 10 Oct worked.
"""

from datetime import date, datetime, timedelta

from api.kit.clock import CHINA
from api.rules.calendar import DayKind, SpecialDay
from api.rules.calendar_seed import SEED_2024_2026 as SEED
from api.rules.clocks import Clock, hours, minutes, natural_days, service_hours, working_days, working_hours
from api.rules.deadlines import Deadline, Pause, compute, elapsed, extend


def at(text: str) -> datetime:
    """`2025-10-09 14:20` on a wall in China."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=CHINA)


def pause(start: str, end: str | None = None) -> Pause:
    return at(start), at(end) if end else None


def due(deadline: Deadline) -> str | None:
    return f"{deadline.due_at.astimezone(CHINA):%Y-%m-%d %H:%M}" if deadline.due_at else None


def wall(deadline: Deadline) -> list[str]:
    """The counted stretches as `10-09 14:00-14:20`."""
    pairs = [(start.astimezone(CHINA), end.astimezone(CHINA)) for start, end in deadline.segments]
    return [f"{start:%m-%d %H:%M}-{end:%H:%M}" for start, end in pairs]


def test_1_five_working_days_from_a_makeup_sunday_across_national_day_2025() -> None:
    # Sun 28 Sep is worked but is the day of the start. Mon 29 (1), Tue 30 (2), 1 to 8 Oct off,
    # Thu 9 (3), Fri 10 (4), Sat 11 worked (5): Sat 11 Oct 18:00.
    deadline = compute(at("2025-09-28 10:15"), working_days(5), SEED)
    assert due(deadline) == "2025-10-11 18:00"
    assert len(deadline.segments) == 10
    assert wall(deadline)[3:6] == ["09-30 14:00-18:00", "10-09 09:00-12:00", "10-09 14:00-18:00"]
    assert (deadline.provisional, deadline.calendar_version) == (False, 1)


def test_2_four_working_hours_begin_on_a_makeup_sunday_afternoon() -> None:
    # Sun 28 Sep 16:30-18:00 is 1:30, left 2:30; Mon 29 Sep 09:00 + 2:30 = 11:30.
    deadline = compute(at("2025-09-28 16:30"), working_hours(4), SEED)
    assert due(deadline) == "2025-09-29 11:30"
    assert wall(deadline) == ["09-28 16:30-18:00", "09-29 09:00-11:30"]


def test_3_four_working_hours_begun_on_the_eve_end_after_national_day_2025() -> None:
    # Tue 30 Sep 17:20-18:00 is 0:40, left 3:20; Thu 9 Oct 09:00-12:00 is 3:00, left 0:20; 14:00 + 0:20.
    deadline = compute(at("2025-09-30 17:20"), working_hours(4), SEED)
    assert due(deadline) == "2025-10-09 14:20"
    assert wall(deadline) == ["09-30 17:20-18:00", "10-09 09:00-12:00", "10-09 14:00-14:20"]


def test_4_a_start_in_the_lunch_break_before_spring_festival_2026() -> None:
    # Sat 14 Feb (worked) 12:37: counts from 14:00; 14:00-18:00 is 4:00, left 1:00; 15 to 23 Feb off;
    # Tue 24 Feb 09:00 + 1:00 = 10:00.
    deadline = compute(at("2026-02-14 12:37"), working_hours(5), SEED)
    assert due(deadline) == "2026-02-24 10:00"
    assert wall(deadline) == ["02-14 14:00-18:00", "02-24 09:00-10:00"]


def test_5_one_in_the_night_of_new_years_day_2026() -> None:
    # Danger runs at once, holiday or not: 01:00 + 2:00. The secretary's 4 h wait for Tue 24 Feb:
    # 09:00-12:00 is 3:00, left 1:00, 14:00 + 1:00.
    assert due(compute(at("2026-02-17 01:00"), hours(2), SEED)) == "2026-02-17 03:00"
    assert due(compute(at("2026-02-17 01:00"), minutes(15), SEED)) == "2026-02-17 01:15"
    assert due(compute(at("2026-02-17 01:00"), working_hours(4), SEED)) == "2026-02-24 15:00"


def test_6_ten_working_days_over_both_makeup_saturdays_of_spring_festival_2026() -> None:
    # Submitted Wed 11 Feb 23:50. Thu 12 (1), Fri 13 (2), Sat 14 worked (3), 15 to 23 off, Tue 24 (4),
    # Wed 25 (5), Thu 26 (6), Fri 27 (7), Sat 28 worked (8), Mon 2 Mar (9), Tue 3 Mar (10): 18:00.
    assert due(compute(at("2026-02-11 23:50"), working_days(10), SEED)) == "2026-03-03 18:00"


def test_7_a_pause_over_national_day_2026_gives_back_the_working_time_it_took() -> None:
    # Submitted Sun 27 Sep 20:00 (off), 5 days = 35 h, without a pause: Mon 28 (1), Tue 29 (2), Wed 30 (3),
    # Thu 8 Oct (4), Fri 9 (5). The resident was asked Tue 29 11:00 and answered Thu 8 Oct 15:30:
    # counted Mon 7 h + Tue 09:00-11:00 2 h = 9 h, left 26 h; Thu 8 15:30-18:00 2.5 h, left 23.5;
    # Fri 9 7 h, left 16.5; Sat 10 (worked) 7 h, left 9.5; Mon 12 7 h, left 2.5; Tue 13 09:00 + 2:30.
    start = at("2026-09-27 20:00")
    assert due(compute(start, working_days(5), SEED)) == "2026-10-09 18:00"
    asked = [pause("2026-09-29 11:00", "2026-10-08 15:30")]
    deadline = compute(start, working_days(5), SEED, asked)
    assert due(deadline) == "2026-10-13 11:30"
    assert wall(deadline)[2:4] == ["09-29 09:00-11:00", "10-08 15:30-18:00"]


def test_8_an_extension_of_five_working_days_runs_on_over_the_makeup_saturday() -> None:
    # Thu 12 Feb 2026 09:00: Fri 13 (1), Sat 14 worked (2), Tue 24 (3), Wed 25 (4), Thu 26 (5) 18:00;
    # five more: Fri 27 (6), Sat 28 worked (7), Mon 2 Mar (8), Tue 3 (9), Wed 4 (10) 18:00.
    deadline = compute(at("2026-02-12 09:00"), working_days(5), SEED)
    assert due(deadline) == "2026-02-26 18:00"
    longer = extend(deadline, working_days(5), SEED)
    assert due(longer) == "2026-03-04 18:00"
    assert longer.segments[: len(deadline.segments)] == deadline.segments


def test_9_natural_days_suspended_then_extended_by_working_days() -> None:
    # Property complaint Tue 30 Sep 2025 15:00, 7 days: 1 to 7 Oct, due 7 Oct 24:00.
    # Suspended Fri 3 Oct 09:12 to Sun 5 Oct 21:47 = 2 d 12:35: due Fri 10 Oct 12:35.
    # Five working days more count from the day after: Sat 11 worked (1), Mon 13 (2), Tue 14 (3),
    # Wed 15 (4), Thu 16 (5) 18:00.
    start, suspended = at("2025-09-30 15:00"), [pause("2025-10-03 09:12", "2025-10-05 21:47")]
    assert due(compute(start, natural_days(7), SEED)) == "2025-10-08 00:00"
    deadline = compute(start, natural_days(7), SEED, suspended)
    assert due(deadline) == "2025-10-10 12:35"
    assert due(extend(deadline, working_days(5), SEED, suspended)) == "2025-10-16 18:00"


def test_10_service_hours_go_on_through_the_holiday() -> None:
    # Service desk 08:00-20:00 every day. Wed 1 Oct 2025 18:15-20:00 is 1:45, left 2:15; Thu 2 08:00 + 2:15.
    deadline = compute(at("2025-10-01 18:15"), service_hours(4), SEED)
    assert due(deadline) == "2025-10-02 10:15"
    assert wall(deadline) == ["10-01 18:15-20:00", "10-02 08:00-10:15"]


def test_11_five_working_days_into_a_year_nobody_has_published_yet() -> None:
    # Wed 30 Dec 2026 16:40: Thu 31 (1), then Monday to Friday is assumed:
    # Fri 1 Jan 2027 (2), Mon 4 (3), Tue 5 (4), Wed 6 (5) 18:00, and it is said to be provisional.
    deadline = compute(at("2026-12-30 16:40"), working_days(5), SEED)
    assert due(deadline) == "2027-01-06 18:00"
    assert deadline.provisional
    # One day stays inside the known year, and 24 hours need no calendar at all.
    assert not compute(at("2026-12-30 16:40"), working_days(1), SEED).provisional
    assert not compute(at("2026-12-31 16:40"), hours(24), SEED).provisional


def test_12_two_questions_and_an_extension_around_spring_festival_2026() -> None:
    # Consultation of 5 days = 35 h from Tue 10 Feb 2026 08:00; counting begins Wed 11 Feb.
    # Asked Wed 11 10:30, answered Wed 11 15:00: lost 10:30-12:00 and 14:00-15:00, counted 1:30 + 3:00 = 4:30.
    # Thu 12 7 h (11:30), Fri 13 7 h (18:30). Asked again Sat 14 (worked) 13:00, answered Tue 24 09:00:
    # Sat 14 counted 09:00-12:00 3 h (21:30); Tue 24 7 h (28:30); Wed 25 09:00-12:00 (31:30), 14:00-17:30 (35:00).
    questions = [
        pause("2026-02-11 10:30", "2026-02-11 15:00"),
        pause("2026-02-14 13:00", "2026-02-24 09:00"),
    ]
    deadline = compute(at("2026-02-10 08:00"), working_days(5), SEED, questions)
    assert due(deadline) == "2026-02-25 17:30"
    # Three more days = 21 h: Wed 25 17:30-18:00 0:30, Thu 26 7:30, Fri 27 14:30, Sat 28 (worked) 09:00-12:00
    # 17:30, 14:00 + 3:30 = 17:30.
    assert due(extend(deadline, working_days(3), SEED, questions)) == "2026-02-28 17:30"


def test_an_extension_of_a_term_that_ended_at_midnight_counts_the_very_next_day() -> None:
    # Natural days end Tue 7 Oct 2025 24:00; Wed 8 is off, Thu 9 (1), Fri 10 (2). Were 00:00 of the 8th
    # taken for a start on the 8th the result would be the same here, so also end on a workday's eve:
    # Sun 12 Oct 24:00, then Mon 13 (1), Tue 14 (2).
    first = compute(at("2025-09-30 15:00"), natural_days(7), SEED)
    assert due(extend(first, working_days(2), SEED)) == "2025-10-10 18:00"
    second = compute(at("2025-10-09 15:00"), natural_days(3), SEED)
    assert due(second) == "2025-10-13 00:00"
    assert due(extend(second, working_days(2), SEED)) == "2025-10-14 18:00"


def test_nothing_is_due_while_a_pause_has_no_end() -> None:
    start = at("2026-03-09 10:00")  # a Monday
    held = compute(start, working_hours(4), SEED, [pause("2026-03-09 11:00")])
    assert due(held) is None
    assert wall(held) == ["03-09 10:00-11:00"]
    later = at("2026-06-01 10:00")
    assert held.remaining(later) == timedelta(hours=3)
    assert not held.is_overdue(later)
    assert (held.moment_at(25), held.moment_at(26)) == (at("2026-03-09 11:00"), None)
    # A pause that begins when all is used, or later, changes nothing.
    done = compute(start, working_hours(1), SEED, [pause("2026-03-09 11:00")])
    assert due(done) == "2026-03-09 11:00"


def test_the_steps_of_the_ladder_fall_on_moments_of_the_same_clock() -> None:
    # 5 days = 35 h from Mon 9 Mar 2026, counting Tue 10 09:00. Half is 17:30: Tue 7, Wed 14, Thu 12 09:00-12:00
    # is 17:00, 14:30. 80% is 28 h: Fri 13 18:00 closes the fourth day, it is not Sat or Mon 09:00.
    deadline = compute(at("2026-03-09 10:00"), working_days(5), SEED)
    assert deadline.moment_at(50) == at("2026-03-12 14:30")
    assert deadline.moment_at(80) == at("2026-03-13 18:00")
    assert deadline.moment_at(100) == deadline.due_at == at("2026-03-16 18:00")
    assert deadline.fraction_used(at("2026-03-12 14:30")) == 0.5
    assert deadline.remaining(at("2026-03-15 12:00")) == timedelta(hours=7)
    assert deadline.used(at("2026-03-09 17:00")) == timedelta(0)


def test_at_the_due_moment_it_is_in_time_and_a_tick_later_it_is_not() -> None:
    deadline = compute(at("2026-03-09 10:00"), working_days(1), SEED)
    last = at("2026-03-10 18:00")
    assert not deadline.is_overdue(last)
    assert deadline.is_overdue(last + timedelta(microseconds=1))
    assert deadline.remaining(at("2026-03-20 10:00")) == timedelta(0)


def test_time_goes_on_being_measured_past_the_due_moment() -> None:
    # Mon 9 Mar 10:00 to Tue 10 10:30: Mon 2 h + 4 h, Tue 1:30.
    start, end = at("2026-03-09 10:00"), at("2026-03-10 10:30")
    assert elapsed(start, end, Clock.working, SEED) == timedelta(hours=7, minutes=30)
    assert elapsed(start, end, Clock.working_days, SEED) == timedelta(hours=1, minutes=30)
    assert elapsed(start, end, Clock.natural, SEED) == timedelta(hours=24, minutes=30)
    assert elapsed(start, end, Clock.service, SEED) == timedelta(hours=12, minutes=30)
    asked = [pause("2026-03-09 13:00", "2026-03-09 17:00")]
    assert elapsed(start, end, Clock.working, SEED, asked) == timedelta(hours=4, minutes=30)
    assert elapsed(end, start, Clock.working, SEED) == timedelta(0)


def test_13_waiting_then_suspended_then_extended_across_national_day_2026() -> None:
    # Help, 5 days = 35 h from Fri 18 Sep 2026 16:00; counting begins Sat 19 (off), so Sun 20 (worked) 09:00.
    # Asked Mon 21 10:00, answered Mon 21 16:00: Sun 7, Mon 09:00-10:00 1 (8), 16:00-18:00 2 (10).
    # Suspended Wed 23 11:00 (Tue 7 is 17, Wed 2 is 19) to Thu 8 Oct 14:30: Thu 8 14:30-18:00 3:30 (22:30),
    # Fri 9 7 (29:30), Sat 10 (worked) 09:00-12:00 3 (32:30), 14:00 + 2:30.
    pauses = [pause("2026-09-21 10:00", "2026-09-21 16:00"), pause("2026-09-23 11:00", "2026-10-08 14:30")]
    deadline = compute(at("2026-09-18 16:00"), working_days(5), SEED, pauses)
    assert due(deadline) == "2026-10-10 16:30"
    # Three more days = 21 h: Sat 10 16:30-18:00 1:30, Mon 12 8:30, Tue 13 15:30, Wed 14 09:00-12:00 18:30,
    # 14:00 + 2:30.
    assert due(extend(deadline, working_days(3), SEED, pauses)) == "2026-10-14 16:30"


def test_14_a_question_on_the_eve_answered_in_the_holiday_takes_only_working_time() -> None:
    # Complaint, 10 days = 70 h from Mon 21 Sep 2026; Tue 22 7, Wed 23 14, Thu 24 21, 25 to 27 off, Mon 28 28,
    # Tue 29 35, Wed 30 09:00-11:15 2:15 (37:15). Asked Wed 30 11:15, answered Sun 4 Oct 20:00 (off): the clock
    # goes on Thu 8: 44:15, Fri 9 51:15, Sat 10 (worked) 58:15, Mon 12 65:15, Tue 13 09:00-12:00 68:15, 14:00 + 1:45.
    asked = [pause("2026-09-30 11:15", "2026-10-04 20:00")]
    deadline = compute(at("2026-09-21 08:00"), working_days(10), SEED, asked)
    assert due(deadline) == "2026-10-13 15:45"
    assert "10-08 09:00-12:00" in wall(deadline)


def test_15_four_working_hours_for_a_return_begin_on_the_last_makeup_day() -> None:
    # Asked Sat 10 Oct 2026 (worked) 15:40: 2:20 until 18:00, left 1:40; Mon 12 09:00 + 1:40.
    assert due(compute(at("2026-10-10 15:40"), working_hours(4), SEED)) == "2026-10-12 10:40"
    # And on the eve of Spring Festival, Sat 14 Feb (worked) 17:10: 0:50, left 3:10; Tue 24 09:00-12:00, 14:00 + 0:10.
    assert due(compute(at("2026-02-14 17:10"), working_hours(4), SEED)) == "2026-02-24 14:10"


def test_16_a_return_is_asked_for_until_the_close_of_the_next_working_day() -> None:
    # Arrived Sat 14 Feb 2026: the next working day is Tue 24 Feb; arrived Sat 19 Sep (off): Sun 20 Sep (worked).
    assert due(compute(at("2026-02-14 09:00"), working_days(1), SEED)) == "2026-02-24 18:00"
    assert due(compute(at("2026-09-19 09:00"), working_days(1), SEED)) == "2026-09-20 18:00"


def test_17_thirty_days_of_suspension_end_at_midnight_whatever_the_calendar_says() -> None:
    # Suspended Tue 15 Sep 2026: 30 days after is Thu 15 Oct 24:00, through 国庆.
    assert due(compute(at("2026-09-15 10:20"), natural_days(30), SEED)) == "2026-10-16 00:00"


def test_18_an_extension_by_the_town_after_one_by_the_community_over_spring_festival() -> None:
    # Help from Mon 9 Feb 2026 10:00: Tue 10 (1), Wed 11 (2), Thu 12 (3), Fri 13 (4), Sat 14 worked (5) 18:00.
    # Five more: Tue 24 (6), Wed 25 (7), Thu 26 (8), Fri 27 (9), Sat 28 worked (10) 18:00.
    # Ten more: Mon 2 Mar (1) to Fri 6 (5), Mon 9 (6) to Fri 13 Mar (10) 18:00.
    deadline = compute(at("2026-02-09 10:00"), working_days(5), SEED)
    assert due(deadline) == "2026-02-14 18:00"
    longer = extend(deadline, working_days(5), SEED)
    assert due(longer) == "2026-02-28 18:00"
    assert due(extend(longer, working_days(10), SEED)) == "2026-03-13 18:00"


def test_19_the_rungs_of_a_clock_over_national_day_with_a_pause() -> None:
    # 35 h from Sun 27 Sep 2026 (off): Mon 28 7, Tue 29 14, Wed 30 09:00-12:00 17, 14:00 + 0:30 is half, 14:30.
    # Suspended Wed 30 15:00 (18) to Fri 9 Oct 09:00: Fri 9 7 (25), Sat 10 (worked) 09:00 + 3 is 28: 80% at 12:00;
    # Sat 14:00-18:00 (32), Mon 12 09:00 + 3.
    held = [pause("2026-09-30 15:00", "2026-10-09 09:00")]
    deadline = compute(at("2026-09-27 20:00"), working_days(5), SEED, held)
    assert deadline.moment_at(50) == at("2026-09-30 14:30")
    assert deadline.moment_at(80) == at("2026-10-10 12:00")
    assert due(deadline) == "2026-10-12 12:00"


def test_20_the_town_has_two_working_days_and_the_district_five_more() -> None:
    # Broken Wed 30 Sep 2026 18:00: Thu 8 Oct (1), Fri 9 (2) 18:00; then Sat 10 worked (1), Mon 12 (2), Tue 13 (3),
    # Wed 14 (4), Thu 15 (5) 18:00.
    to_town = compute(at("2026-09-30 18:00"), working_days(2), SEED)
    assert due(to_town) == "2026-10-09 18:00"
    assert due(compute(at("2026-10-09 18:00"), working_days(5), SEED)) == "2026-10-15 18:00"


def test_21_service_hours_paused_over_the_night_of_new_years_eve() -> None:
    # 08:00-20:00 every day. Sun 15 Feb 2026 17:30: 2:30 until 20:00; asked 18:10 (0:40 used), answered Mon 16
    # 09:25: left 1:20, so 10:45.
    asked = [pause("2026-02-15 18:10", "2026-02-16 09:25")]
    assert due(compute(at("2026-02-15 17:30"), service_hours(2), SEED, asked)) == "2026-02-16 10:45"


def test_22_a_provisional_term_settles_when_the_new_year_is_published() -> None:
    # Help from Tue 29 Dec 2026 10:00: Wed 30, Thu 31, then by Monday to Friday Fri 1, Mon 4, Tue 5 Jan 18:00.
    # Published: 1 to 3 Jan off, Sun 10 worked. Then Wed 30, Thu 31, Mon 4, Tue 5, Wed 6 Jan 18:00.
    start = at("2026-12-29 10:00")
    guessed = compute(start, working_days(5), SEED)
    assert (due(guessed), guessed.provisional) == ("2027-01-05 18:00", True)
    days = {date(2027, 1, day): SpecialDay(DayKind.holiday, "元旦") for day in (1, 2, 3)}
    days[date(2027, 1, 10)] = SpecialDay(DayKind.makeup, "元旦")
    settled = compute(start, working_days(5), SEED.with_years(2, days))
    assert (due(settled), settled.provisional, settled.calendar_version) == ("2027-01-06 18:00", False, 2)
