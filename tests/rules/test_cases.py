"""The table of moves of a case, against one written by hand from chapter A of the life-cycles.

What is expected here is copied from the specification, never from the code: every state × move × standing is
tried, and whatever is not written below must be refused.
"""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from api.kit.problems import NotAllowed, Problem, WrongMoment
from api.rules.case_guards import (
    QUALITY_DAYS,
    REOPEN_DAYS,
    AlreadyHazard,
    AskedEnough,
    CaseFacts,
    DisputedEnough,
    NeedsAPerson,
    NobodyContacted,
    NoCallBackOwed,
    NothingToConfirm,
    NotThatHigh,
    ReportedAlready,
    SameHands,
    TasksOpen,
    TooLateToObject,
    TooLateToReopen,
    TransferredEnough,
    days_after,
)
from api.rules.cases import (
    ACTIVE,
    CASES,
    CATEGORY_TITLES,
    CLOCK_TITLES,
    KIND_TITLES,
    OUTCOME_TITLES,
    OVER,
    STANDING_TITLES,
    STATE_TITLES,
    CaseCategory,
    CaseClock,
    CaseKind,
    CaseMove,
    CaseState,
    Outcome,
    Standing,
    drawn_for_a_person,
    is_low_risk,
)

S, W = CaseState, Standing

TABLE: dict[tuple[str, CaseState], tuple[CaseState, set[Standing]]] = {
    ("dispatch", S.submitted): (S.dispatched, {W.dispatcher, W.system, W.finder}),
    ("settle", S.submitted): (S.handled, {W.finder}),
    ("sign", S.dispatched): (S.in_progress, {W.unit_member}),
    ("assign", S.dispatched): (S.dispatched, {W.unit_lead, W.dispatcher, W.system}),
    ("assign", S.in_progress): (S.in_progress, {W.unit_lead, W.dispatcher}),
    ("ask", S.in_progress): (S.waiting_resident, {W.handler}),
    ("answer", S.waiting_resident): (S.in_progress, {W.reporter, W.proxy}),
    ("expire", S.waiting_resident): (S.in_progress, {W.system}),
    ("finish", S.in_progress): (S.handled, {W.handler}),
    ("pass_check", S.handled): (S.awaiting_rating, {W.verifier, W.system}),
    ("fail_check", S.handled): (S.in_progress, {W.verifier}),
    ("rate", S.awaiting_rating): (S.closed, {W.reporter}),
    ("expire", S.awaiting_rating): (S.closed, {W.system}),
    ("dispute", S.awaiting_rating): (S.in_progress, {W.reporter}),
    ("withdraw", S.submitted): (S.withdrawn, {W.reporter}),
    ("withdraw", S.dispatched): (S.withdrawn, {W.reporter}),
    ("withdraw", S.in_progress): (S.withdrawn, {W.reporter}),
    ("withdraw", S.waiting_resident): (S.withdrawn, {W.reporter}),
    ("reject", S.submitted): (S.rejected, {W.approver}),
    ("readmit", S.rejected): (S.submitted, {W.approver}),
    ("refer", S.submitted): (S.referred, {W.dispatcher}),
    ("transfer", S.dispatched): (S.dispatched, {W.unit_lead, W.dispatcher}),
    ("transfer", S.in_progress): (S.dispatched, {W.unit_lead, W.dispatcher}),
    ("return", S.dispatched): (S.submitted, {W.approver}),
    ("return", S.in_progress): (S.submitted, {W.approver}),
    ("suspend", S.in_progress): (S.suspended, {W.approver}),
    ("resume", S.suspended): (S.in_progress, {W.system, W.overseer}),
    ("merge", S.submitted): (S.merged, {W.dispatcher, W.handler}),
    ("merge", S.dispatched): (S.merged, {W.dispatcher, W.handler}),
    ("merge", S.in_progress): (S.merged, {W.dispatcher, W.handler}),
    ("unmerge", S.merged): (S.submitted, {W.dispatcher, W.system}),
    ("object", S.merged): (S.submitted, {W.reporter}),
    ("reopen", S.closed): (S.in_progress, {W.reporter, W.verifier}),
}
AT_WORK = (S.dispatched, S.in_progress, S.waiting_resident, S.suspended)
TABLE |= {("confirm", s): (s, {W.dispatcher}) for s in (*AT_WORK, S.handled)}
TABLE |= {("call_back", s): (s, {W.caller}) for s in (*AT_WORK, S.handled, S.awaiting_rating, S.closed)}
TABLE |= {("plan", s): (s, {W.dispatcher}) for s in (S.submitted, *AT_WORK)}
TABLE |= {("report_up", s): (s, {W.overseer}) for s in (S.submitted, *AT_WORK, S.handled)}
TABLE |= {("mark_hazard", s): (s, {W.dispatcher}) for s in (S.submitted, *AT_WORK)}
MOVES = (
    "dispatch", "sign", "ask", "answer", "expire", "finish", "pass_check", "fail_check", "rate", "dispute",
    "withdraw", "reject", "readmit", "refer", "transfer", "return", "suspend", "resume", "reopen", "confirm",
    "call_back", "plan", "report_up", "mark_hazard", "settle", "assign", "merge", "unmerge", "object",
)  # fmt: skip
WHO: dict[str, set[Standing]] = {
    name: set().union(*(by for (n, _), (_, by) in TABLE.items() if n == name)) for name in MOVES
}
NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
OPEN = CaseFacts(
    cycle=1,
    asks=0,
    first_contact_at=NOON,
    viewer_handled=False,
    level=4,
    confirm_owed=True,
    callback_owed=True,
    self_handled=True,
    objection_open=True,
)
"""Facts to which no guard objects."""


def decide(move: str, state: CaseState, who: set[Standing], facts: CaseFacts = OPEN) -> CaseState | Problem:
    """Where the move leads, or why it does not."""
    try:
        return CASES.decide(move, state, frozenset(who), facts).target
    except Problem as refusal:
        return refusal


@pytest.mark.parametrize(("state", "move"), list(product(S, MOVES)))
def test_each_move_leads_where_the_specification_says_and_nowhere_else(state: CaseState, move: str) -> None:
    target, by = TABLE.get((move, state), (None, set()))
    for who in W:
        found = decide(move, state, {who})
        if who in by:
            assert found is target
        elif who in WHO[move]:
            assert type(found) is WrongMoment
            assert found.facts["state"] == state
        else:
            assert type(found) is NotAllowed


@pytest.mark.parametrize(("state", "who"), list(product(S, W)))
def test_what_is_offered_is_what_the_specification_allows(state: CaseState, who: Standing) -> None:
    allowed = [move for move in MOVES if who in TABLE.get((move, state), (None, set()))[1]]
    assert sorted(CASES.open(state, frozenset({who}), OPEN)) == sorted(allowed)


@pytest.mark.parametrize("state", S)
def test_nobody_in_particular_may_nothing(state: CaseState) -> None:
    assert CASES.open(state, frozenset(), OPEN) == []
    assert all(isinstance(decide(move, state, set()), NotAllowed) for move in MOVES)


def test_the_wire_knows_the_names_of_the_table_and_no_others() -> None:
    assert [move.value for move in CaseMove] == list(MOVES)
    assert set(CASES.titles()) == set(MOVES)


def test_what_nobody_reported_needs_no_call_and_no_rating() -> None:
    found = replace(OPEN, found=True, first_contact_at=None)
    check = CASES.decide("pass_check", S.handled, frozenset({W.verifier}), found)
    assert check.arrives(S.handled, found) is S.closed
    assert check.arrives(S.handled, OPEN) is S.awaiting_rating
    assert decide("finish", S.in_progress, {W.handler}, found) is S.handled


def test_what_was_reported_is_no_longer_the_finders_to_settle() -> None:
    reported = replace(OPEN, found=True, self_handled=False)
    assert type(decide("settle", S.submitted, {W.finder}, reported)) is ReportedAlready


def test_a_case_begins_submitted_and_ends_over() -> None:
    assert CASES.initial is S.submitted
    reached, frontier = {CASES.initial}, [CASES.initial]
    while frontier:
        state = frontier.pop()
        for target in {target for (_, source), (target, _) in TABLE.items() if source is state} - reached:
            reached.add(target)
            frontier.append(target)
    assert set(S) == reached
    assert CASES.ends() == {S.withdrawn, S.referred}
    assert {S.closed, S.rejected, S.merged, S.withdrawn, S.referred} == OVER


def test_every_reachable_state_has_a_way_to_an_end() -> None:
    ends = {S.closed, S.withdrawn, S.rejected, S.referred}
    leads = set(ends)
    while more := {source for (_, source), (target, _) in TABLE.items() if target in leads} - leads:
        leads |= more
    assert leads == set(S)


def test_an_active_case_is_one_that_a_unit_has() -> None:
    assert {S.dispatched, S.in_progress, S.waiting_resident, S.suspended, S.handled} == ACTIVE


def _facts(**changes: object) -> CaseFacts:
    return replace(OPEN, **changes)  # type: ignore[arg-type]


GUARDED = (
    ("finish", S.in_progress, W.handler, _facts(first_contact_at=None), NobodyContacted),
    ("ask", S.in_progress, W.handler, _facts(asks=2), AskedEnough),
    ("ask", S.in_progress, W.handler, _facts(asks=3), AskedEnough),
    ("pass_check", S.handled, W.verifier, _facts(viewer_handled=True), SameHands),
    ("fail_check", S.handled, W.verifier, _facts(viewer_handled=True), SameHands),
    ("dispute", S.awaiting_rating, W.reporter, _facts(cycle=9), DisputedEnough),
    ("finish", S.in_progress, W.handler, _facts(cycle=2), NobodyContacted),
    ("finish", S.in_progress, W.handler, _facts(tasks_open=1), TasksOpen),
    ("pass_check", S.handled, W.system, _facts(by_system=True, low_risk=False), NeedsAPerson),
    ("transfer", S.dispatched, W.unit_lead, _facts(transfers=2), TransferredEnough),
    ("transfer", S.in_progress, W.unit_lead, _facts(transfers=2), TransferredEnough),
    ("reopen", S.closed, W.reporter, _facts(may_reopen=False), TooLateToReopen),
    ("reopen", S.closed, W.verifier, _facts(cycle=9), DisputedEnough),
    ("confirm", S.in_progress, W.dispatcher, _facts(confirm_owed=False), NothingToConfirm),
    ("confirm", S.in_progress, W.dispatcher, _facts(viewer_handled=True), SameHands),
    ("call_back", S.closed, W.caller, _facts(callback_owed=False), NoCallBackOwed),
    ("plan", S.in_progress, W.dispatcher, _facts(level=1), NotThatHigh),
    ("report_up", S.in_progress, W.overseer, _facts(level=3), NotThatHigh),
    ("mark_hazard", S.in_progress, W.dispatcher, _facts(hazard=True), AlreadyHazard),
    ("object", S.merged, W.reporter, _facts(objection_open=False), TooLateToObject),
)


@pytest.mark.parametrize(("move", "state", "who", "facts", "refusal"), GUARDED)
def test_guards_refuse_with_409_and_their_reason(
    move: str, state: CaseState, who: Standing, facts: CaseFacts, refusal: type[Problem]
) -> None:
    found = decide(move, state, {who}, facts)
    assert type(found) is refusal
    assert found.status == 409
    assert move not in found.facts["moves"]
    assert move not in CASES.open(state, frozenset({who}), facts)
    assert decide(move, state, {who}) is TABLE[move, state][0]


@pytest.mark.parametrize(("move", "who", "facts", "refusal"), [(m, w, f, r) for m, _, w, f, r in GUARDED])
def test_a_guard_is_asked_wherever_its_move_leads_from(
    move: str, who: Standing, facts: CaseFacts, refusal: type[Problem]
) -> None:
    states = [state for (name, state), (_, by) in TABLE.items() if name == move and who in by]
    assert {type(decide(move, state, {who}, facts)) for state in states} == {refusal}


@pytest.mark.parametrize(
    ("move", "state", "who", "facts"),
    [
        ("ask", S.in_progress, W.handler, _facts(asks=1)),
        ("ask", S.in_progress, W.handler, _facts(first_contact_at=None)),
        ("dispute", S.awaiting_rating, W.reporter, _facts(cycle=8)),
        ("rate", S.awaiting_rating, W.reporter, _facts(cycle=9, viewer_handled=True)),
        ("withdraw", S.in_progress, W.reporter, _facts(asks=2, first_contact_at=None, cycle=9)),
        ("sign", S.dispatched, W.unit_member, _facts(first_contact_at=None)),
        ("expire", S.awaiting_rating, W.system, _facts(cycle=9, asks=2)),
        ("finish", S.in_progress, W.handler, _facts(cycle=2, contacted_cycle=2)),
        ("transfer", S.dispatched, W.dispatcher, _facts(transfers=7, dispatches=True)),
        ("transfer", S.dispatched, W.unit_lead, _facts(transfers=1)),
        ("withdraw", S.dispatched, W.reporter, _facts(hazard=True, tasks_open=2)),
        ("plan", S.submitted, W.dispatcher, _facts(level=2)),
        ("pass_check", S.handled, W.system, _facts(by_system=True)),
        ("pass_check", S.handled, W.verifier, _facts(low_risk=False)),
    ],
)
def test_guards_stand_where_they_belong_and_nowhere_else(
    move: str, state: CaseState, who: Standing, facts: CaseFacts
) -> None:
    assert decide(move, state, {who}, facts) is TABLE[move, state][0]


def test_the_handler_who_may_also_verify_still_cannot_check_himself() -> None:
    both = {W.handler, W.unit_member, W.verifier, W.dispatcher}
    assert type(decide("pass_check", S.handled, both, _facts(viewer_handled=True))) is SameHands
    assert decide("pass_check", S.handled, both) is S.awaiting_rating


def test_a_case_is_reopened_until_the_end_of_its_last_day_in_china() -> None:
    closed = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)  # Monday 18:30 in China
    assert days_after(closed, REOPEN_DAYS) == datetime(2026, 12, 8, 16, tzinfo=UTC)  # 8 December 24:00
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # already Tuesday 00:30
    assert days_after(late, REOPEN_DAYS) == datetime(2026, 12, 9, 16, tzinfo=UTC)
    assert (REOPEN_DAYS, QUALITY_DAYS) == (15, 90)


def test_the_system_checks_low_risk_alone_and_leaves_a_tenth_to_people() -> None:
    ids = [UUID(int=n) for n in range(1000)]
    drawn = [i for i in ids if drawn_for_a_person(i)]
    assert len(drawn) == 100
    assert drawn == [i for i in ids if drawn_for_a_person(i)]
    low = [i for i in ids if is_low_risk(CaseCategory.consult, 1, i)]
    assert len(low) == 900
    assert not any(is_low_risk(CaseCategory.consult, 2, i) for i in ids)
    assert not any(is_low_risk(CaseCategory.complain, 1, i) for i in ids)


@pytest.mark.parametrize(
    ("kinds", "titles"),
    [
        (CaseState, STATE_TITLES),
        (CaseKind, KIND_TITLES),
        (CaseCategory, CATEGORY_TITLES),
        (Outcome, OUTCOME_TITLES),
        (Standing, STANDING_TITLES),
        (CaseClock, CLOCK_TITLES),
    ],
)
def test_everything_has_one_chinese_name_of_its_own(kinds: type, titles: dict[object, str]) -> None:
    assert list(titles) == list(kinds)  # type: ignore[call-overload]
    assert len(set(titles.values())) == len(titles)
    assert all("一" <= title[0] <= "鿿" for title in titles.values())
