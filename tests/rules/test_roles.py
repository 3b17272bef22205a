"""Who may do what, as facts somebody responsible would want to be able to rely on."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rules.places import UnitKind
from api.rules.roles import (
    CONSOLE_ROLES,
    GRANTED,
    HEADS,
    LEADS,
    PERMISSION_TITLES,
    ROLE_TITLES,
    SERVES,
    UNIT_ROLES,
    Permission,
    Role,
    capacity,
    permissions_of,
    roles_with,
)

P, R = Permission, Role
some_roles = st.frozensets(st.sampled_from(list(Role)))


def only(*roles: Role) -> list[Role]:
    return [role for role in Role if role in roles]


def test_an_auditor_only_looks() -> None:
    assert all(permission.endswith(".read") for permission in GRANTED[R.auditor])


def test_full_numbers_are_shown_to_the_secretary_alone() -> None:
    assert roles_with(P.person_unmask) == only(R.secretary)


def test_who_gives_roles_handles_no_cases_writes_no_notes_and_sees_no_numbers() -> None:
    assert roles_with(P.grant_write) == only(R.operator)
    assert not GRANTED[R.operator] & {P.case_handle, P.case_note, P.person_unmask}


@pytest.mark.parametrize(
    "permission",
    [
        P.grant_write,
        P.place_write,
        P.calendar_write,
        P.setting_write,
        P.import_run,
        P.person_block,
        P.queue_retry,
        P.home_write,
    ],
)
def test_the_countys_set_up_is_the_operators_alone(permission: Permission) -> None:
    assert roles_with(permission) == only(R.operator)


def test_the_whole_history_is_for_those_who_oversee() -> None:
    assert roles_with(P.audit_read) == roles_with(P.queue_read) == only(R.operator, R.auditor)


@pytest.mark.parametrize("role", [R.property_staff, R.property_manager, R.merchant_staff])
def test_who_works_for_a_company_reads_nothing_of_a_place(role: Role) -> None:
    assert GRANTED[role] == {P.case_note, P.case_handle}


def test_a_grid_worker_takes_down_what_residents_say_and_decides_nothing() -> None:
    assert GRANTED[R.grid_worker] == {
        P.case_read,
        P.case_record,
        P.case_callback,
        P.home_read,
        P.topic_read,
        P.need_read,
        P.need_record,
        P.need_callback,
        P.activity_read,
    }


def test_the_street_dispatches_and_checks_but_does_not_handle() -> None:
    assert {P.case_dispatch, P.case_verify} <= GRANTED[R.town_supervisor]
    assert not GRANTED[R.town_supervisor] & {P.case_handle, P.case_record, P.home_read, P.residency_verify}


def test_homes_are_known_where_one_lives_not_at_the_street() -> None:
    assert roles_with(P.home_read) == only(
        R.grid_worker, R.community_worker, R.deputy, R.secretary, R.operator
    )


def test_residents_are_verified_by_their_community() -> None:
    for permission in (P.residency_verify, P.membership_verify):
        assert roles_with(permission) == only(R.community_worker, R.deputy, R.secretary, R.operator)


def test_a_deputy_may_what_the_secretary_may_but_for_numbers_and_a_worker_less() -> None:
    assert GRANTED[R.secretary] - GRANTED[R.deputy] == {P.person_unmask}
    assert GRANTED[R.community_worker] < GRANTED[R.deputy] < GRANTED[R.secretary]
    assert P.grant_read not in GRANTED[R.community_worker]


def test_who_writes_notes_reads_the_cases_they_are_on() -> None:
    for needs, needed in ((P.case_note, P.case_read), (P.case_handle, P.case_read), (P.case_verify, P.case_read),
                          (P.case_dispatch, P.case_read), (P.person_unmask, P.person_read),
                          (P.person_block, P.person_read), (P.grant_write, P.grant_read),
                          (P.home_write, P.home_read), (P.queue_retry, P.queue_read)):  # fmt: skip
        assert set(roles_with(needs)) - UNIT_ROLES <= set(roles_with(needed)), (
            needs
        )  # these read their unit's


def test_no_role_is_another_under_a_second_name() -> None:
    """Roles at a unit differ in what they serve and lead, the others in what they may."""
    of_places = [role for role in Role if role not in UNIT_ROLES]
    assert all(GRANTED[one] != GRANTED[other] for one, other in combinations(of_places, 2))
    told = {
        role: (
            frozenset(k for k in SERVES if role in SERVES[k]),
            frozenset(k for k in SERVES if role in HEADS[k]),
        )
        for role in UNIT_ROLES
    }
    assert len(set(told.values())) == len(UNIT_ROLES)


def test_nobody_may_everything_and_everything_may_be_done_by_somebody() -> None:
    assert all(GRANTED[role] < set(Permission) for role in Role)
    assert set().union(*GRANTED.values()) == set(Permission)


def test_each_kind_of_unit_is_served_by_its_own() -> None:
    assert {
        UnitKind.secretary_desk: {R.community_worker, R.deputy, R.secretary},
        UnitKind.property_company: {R.property_staff, R.property_manager},
        UnitKind.merchant: {R.merchant_staff},
        UnitKind.grid_team: {R.grid_worker},
        UnitKind.errand_desk: {R.community_worker},
    } == SERVES


def test_only_people_of_the_place_serve_in_a_unit() -> None:
    assert not set().union(*SERVES.values()) & {R.town_supervisor, R.operator, R.auditor}


def test_who_answers_for_a_community_sits_at_its_desk() -> None:
    assert (R.secretary, R.deputy) == LEADS
    assert set(LEADS) <= SERVES[UnitKind.secretary_desk]


def test_who_works_for_a_company_has_no_console() -> None:
    assert set(Role) - CONSOLE_ROLES == {R.property_staff, R.property_manager, R.merchant_staff}


@given(some_roles, some_roles)
def test_several_roles_add_up_and_take_nothing_away(one: frozenset[Role], other: frozenset[Role]) -> None:
    assert permissions_of(one | other) == permissions_of(one) | permissions_of(other)
    for role in one:
        assert GRANTED[role] <= permissions_of(one)


def test_without_a_role_one_may_nothing() -> None:
    assert permissions_of(frozenset()) == frozenset()


@given(some_roles, st.sampled_from(list(Permission)))
def test_roles_of_a_permission_and_permissions_of_roles_agree(
    roles: frozenset[Role], permission: Permission
) -> None:
    assert (permission in permissions_of(roles)) == bool(roles & set(roles_with(permission)))


def test_the_title_shown_is_the_one_nearest_to_the_people() -> None:
    assert capacity(frozenset()) == "居民"
    assert capacity(frozenset({R.operator, R.community_worker})) == "社区工作者"
    assert capacity(frozenset({R.secretary, R.town_supervisor})) == "书记"
    assert capacity(frozenset(Role)) == "物业人员"
    assert {capacity(frozenset({role})) for role in Role} == set(ROLE_TITLES.values())


@pytest.mark.parametrize(("kinds", "titles"), [(Role, ROLE_TITLES), (Permission, PERMISSION_TITLES)])
def test_everything_has_one_chinese_name_of_its_own(kinds: type, titles: dict[object, str]) -> None:
    assert list(titles) == list(kinds)  # type: ignore[call-overload]
    assert len(set(titles.values())) == len(titles)
