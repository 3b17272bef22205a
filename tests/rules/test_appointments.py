"""Slots that office hours are cut into, and who may do what with an appointment."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product

import pytest

from api.kit.ids import new_id
from api.kit.problems import NotAllowed, Problem, WrongMoment
from api.rules.appointments import (
    APPOINTMENT_STANDING_TITLES,
    APPOINTMENT_TITLES,
    APPOINTMENTS,
    LIVE,
    AppointmentFacts,
    AppointmentMove,
    AppointmentStanding,
    AppointmentState,
    SlotAhead,
    SlotPast,
    Stretch,
    slots,
)
from api.rules.calendar_seed import SEED_2024_2026 as SEED

S, W, M = AppointmentState, AppointmentStanding, AppointmentMove
OFFICE = {W.secretary, W.delegate}
TABLE: dict[tuple[str, AppointmentState], tuple[AppointmentState, set[AppointmentStanding]]] = {
    ("confirm", S.requested): (S.confirmed, OFFICE),
    ("propose", S.requested): (S.proposed, OFFICE),
    ("propose", S.confirmed): (S.proposed, OFFICE),
    ("propose", S.accepted): (S.proposed, OFFICE),
    ("accept", S.proposed): (S.accepted, {W.visitor}),
    ("meet", S.confirmed): (S.met, OFFICE),
    ("meet", S.accepted): (S.met, OFFICE),
    ("miss", S.confirmed): (S.no_show, OFFICE),
    ("miss", S.accepted): (S.no_show, OFFICE),
    **{("cancel", state): (S.cancelled, {W.visitor, *OFFICE}) for state in LIVE},
    ("expire", S.proposed): (S.cancelled, {W.system}),
}
WEDNESDAY = datetime(2026, 11, 25, 1, 5, tzinfo=UTC)
"""09:05 in Nanjing."""


def _stretch(weekday: int, opens: int, closes: int, minutes: int = 30, **more: date) -> Stretch:
    since, until = more.get("since", date(2026, 1, 1)), more.get("until")
    return Stretch(new_id(), new_id(), weekday, opens, closes, minutes, since, until)


@pytest.mark.parametrize(("state", "move", "who"), list(product(S, M, W)))
def test_each_move_leads_where_the_table_says(
    state: AppointmentState, move: AppointmentMove, who: AppointmentStanding
) -> None:
    facts = AppointmentFacts(begun=move in (M.meet, M.miss))
    target, by = TABLE.get((move, state), (None, set()))
    ever = set().union(*(b for (name, _), (_, b) in TABLE.items() if name == move))
    try:
        found: object = APPOINTMENTS.decide(move, state, frozenset({who}), facts).target
    except Problem as refusal:
        found = type(refusal)
    assert found == (target if who in by else WrongMoment if who in ever else NotAllowed)


def test_nobody_is_met_or_missed_before_the_hour_nor_confirmed_after_it() -> None:
    office = frozenset(OFFICE)
    for move in (M.meet, M.miss):
        with pytest.raises(SlotAhead):
            APPOINTMENTS.decide(move, S.confirmed, office, AppointmentFacts(begun=False))
    with pytest.raises(SlotPast):
        APPOINTMENTS.decide(M.confirm, S.requested, office, AppointmentFacts(begun=True))
    with pytest.raises(SlotPast):
        APPOINTMENTS.decide(M.accept, S.proposed, frozenset({W.visitor}), AppointmentFacts(begun=True))


def test_every_state_and_standing_has_its_name() -> None:
    assert set(APPOINTMENT_TITLES) == set(S)
    assert set(APPOINTMENT_STANDING_TITLES) == set(W)


def test_a_stretch_is_cut_into_whole_slots_that_are_still_to_come() -> None:
    found = slots([_stretch(3, 540, 640)], SEED, WEDNESDAY, days=8)
    # 09:00-10:40 holds three half hours; the first of today has begun.
    assert [s.starts_at.isoformat() for s in found] == [
        "2026-11-25T01:30:00+00:00",
        "2026-11-25T02:00:00+00:00",
        "2026-12-02T01:00:00+00:00",
        "2026-12-02T01:30:00+00:00",
        "2026-12-02T02:00:00+00:00",
    ]
    assert {s.ends_at - s.starts_at for s in found} == {timedelta(minutes=30)}


def test_a_slot_has_the_same_id_whenever_it_is_asked_for() -> None:
    stretch = _stretch(3, 540, 660)
    today = {s.starts_at: s.id for s in slots([stretch], SEED, WEDNESDAY)}
    later = {s.starts_at: s.id for s in slots([stretch], SEED, WEDNESDAY + timedelta(days=3))}
    assert all(today[start] == later[start] for start in today.keys() & later.keys())
    assert today.keys() & later.keys()
    assert len(set(today.values())) == len(today)


def test_nobody_receives_on_statutory_holidays_nor_outside_the_days_named() -> None:
    before_national_day = datetime(2026, 9, 28, 0, 0, tzinfo=UTC)
    thursdays = slots([_stretch(4, 540, 600)], SEED, before_national_day, days=14)
    assert {s.starts_at.date() for s in thursdays} == {date(2026, 10, 8)}
    ended = _stretch(3, 540, 600, until=date(2026, 12, 2))
    assert {s.starts_at.date() for s in slots([ended], SEED, WEDNESDAY)} == {
        date(2026, 11, 25),
        date(2026, 12, 2),
    }
    coming = _stretch(3, 540, 600, since=date(2026, 12, 9))
    assert min(s.starts_at.date() for s in slots([coming], SEED, WEDNESDAY)) == date(2026, 12, 9)


def test_slots_come_in_order_and_a_moment_once() -> None:
    found = slots([_stretch(3, 540, 660), _stretch(1, 840, 900), _stretch(3, 540, 600)], SEED, WEDNESDAY)
    assert all(a.starts_at < b.starts_at for a, b in pairwise(found))
