"""社区派单 in numbers and words: what each pairing costs, who is left out and why, wide batches as good as small ones."""

import subprocess
import sys
from dataclasses import replace
from datetime import date
from itertools import product
from uuid import UUID

import numpy as np
import pytest

from api.rules.dispatch import Asked, Cause, Served, Weights, explain, levels_apart, reasons, refusal_tenths
from api.rules.dispatch_costs import CANDIDATES, Group, gini, plan
from api.rules.need_words import NeedKind, Urgency
from api.rules.people import ServiceTime

HERE = "32/01/02/002/001/"
NEED = Asked(
    kind=NeedKind.help, urgency=Urgency.normal, path=f"{HERE}b01/", skills=(), qualifications=(), min_age=None,
    insured=False, due_on=None, days=frozenset(ServiceTime), waited=0,
)  # fmt: skip
MEMBER = Served(
    path=HERE, skills=frozenset(), qualifications=frozenset(), age=None, insured=False, times=frozenset(), month=0,
    room=3, taken=0, refused=0,
)  # fmt: skip


def ids(many: int, start: int = 0) -> list[UUID]:
    return [UUID(int=start + n) for n in range(many)]


def group(needs: list[Asked], members: list[Served], **more: list[tuple[UUID, ...]]) -> Group:
    return Group(
        list(zip(ids(len(needs)), needs, strict=True)),
        list(zip(ids(len(members), 1000), members, strict=True)),
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (f"{HERE}b01/", 0),
        (f"{HERE}b02/", 1),
        (HERE, 1),
        ("32/01/02/002/002/b01/", 2),
        ("32/01/02/003/001/", 3),
        ("32/01/03/002/001/", 4),
    ],
)
def test_distance_is_counted_in_steps_of_the_tree(other: str, apart: int) -> None:
    assert levels_apart(f"{HERE}b01/", other, len(HERE)) == apart
    assert levels_apart(HERE, HERE, len(HERE)) == 1, "no building is known"


def test_who_was_never_asked_is_guessed_between_those_who_take_and_those_who_do_not() -> None:
    took, refused = replace(MEMBER, taken=8), replace(MEMBER, refused=8)
    assert refusal_tenths(took) < refusal_tenths(MEMBER) < refusal_tenths(refused)


@pytest.mark.parametrize(
    ("need", "better", "worse"),
    [
        (NEED, replace(MEMBER, path=f"{HERE}b01/"), MEMBER),
        (replace(NEED, skills=("电工",)), replace(MEMBER, skills=frozenset({"电工"})), MEMBER),
        (NEED, replace(MEMBER, taken=5), MEMBER),
        (NEED, MEMBER, replace(MEMBER, refused=5)),
        (NEED, replace(MEMBER, times=frozenset({ServiceTime.weekend})), MEMBER),
        (NEED, MEMBER, replace(MEMBER, month=1)),
    ],
)
def test_the_better_member_is_proposed_whoever_comes_first(
    need: Asked, better: Served, worse: Served
) -> None:
    for members in ([better, worse], [worse, better]):
        (proposal,) = plan([group([need], members)], Weights()).proposals
        assert proposal.member == better


def test_who_has_served_the_household_well_goes_first() -> None:
    one = group([NEED], [MEMBER, MEMBER], ties=[(UUID(int=0), UUID(int=1001), 5)])
    (proposal,) = plan([one], Weights()).proposals
    assert (proposal.person_id, proposal.stars) == (UUID(int=1001), 5)
    assert "曾帮过这户，评 5 星" in reasons(NEED, MEMBER, 1, 5, 0)


def test_the_older_and_the_more_urgent_need_is_served_where_there_is_room_for_one() -> None:
    last = replace(MEMBER, room=1)
    for rival in (replace(NEED, waited=3), replace(NEED, urgency=Urgency.urgent)):
        (proposal,) = plan([group([NEED, rival, NEED], [last])], Weights()).proposals
        assert proposal.need == rival


@pytest.mark.parametrize(
    ("cause", "need", "member", "more"),
    [
        (Cause.own_household, NEED, MEMBER, {"barred": [(UUID(int=0), UUID(int=1000))]}),
        (Cause.qualification, replace(NEED, qualifications=("电工证",)), MEMBER, {}),
        (Cause.age, replace(NEED, min_age=30), replace(MEMBER, age=29), {}),
        (Cause.insurance, replace(NEED, insured=True), MEMBER, {}),
        (Cause.time, replace(NEED, days=frozenset({ServiceTime.weekday})),
         replace(MEMBER, times=frozenset({ServiceTime.weekend})), {}),
        (Cause.asked, NEED, MEMBER, {"asked": [(UUID(int=0), UUID(int=1000))]}),
        (Cause.busy, NEED, replace(MEMBER, room=0), {}),
    ],
)  # fmt: skip
def test_each_filter_keeps_the_only_member_out_and_is_named(
    cause: Cause, need: Asked, member: Served, more: dict[str, list[tuple[UUID, UUID]]]
) -> None:
    free = replace(MEMBER, age=40, insured=True, qualifications=frozenset({"电工证"}))
    (alone,) = plan([group([need], [member], **more)], Weights()).alone
    assert (alone.cause, alone.before) == (cause, 1)
    (proposal,) = plan([group([need], [member, free], **more)], Weights()).proposals
    assert proposal.person_id == UUID(int=1001)


def test_why_nobody_is_said_in_words() -> None:
    friday = replace(NEED, qualifications=("电工证",), due_on=date(2026, 11, 27))
    assert explain(Cause.time, friday, 4).startswith("周五（11月27日）前无有空的人（电工证）")
    for cause, kind in product(Cause, NeedKind):
        assert len(explain(cause, replace(friday, kind=kind), 3)) > 8


def test_a_person_of_two_communities_has_one_load() -> None:
    both = replace(MEMBER, room=1)
    one, other = group([NEED], [both]), group([NEED], [both])
    other = replace(other, needs=[(UUID(int=7), NEED)])
    found = plan([one, other], Weights())
    assert (len(found.proposals), [a.cause for a in found.alone]) == (1, [Cause.outbid])


def test_a_batch_too_wide_for_one_flow_leaves_nobody_out_whom_the_whole_would_serve() -> None:
    """Sixty needs alike and thirty near members: twenty candidates each would all be the same."""
    chance = np.random.default_rng(4)
    members = [
        replace(MEMBER, room=1, month=int(chance.integers(0, 3)), path=f"{HERE}b0{chance.integers(1, 4)}/")
        for _ in range(60)
    ]
    needs = [replace(NEED, waited=int(w)) for w in chance.integers(0, 9, 60)]
    whole = plan([group(needs, members)], Weights())
    narrow = plan([group(needs, members)], Weights(), most_arcs=CANDIDATES * 60)
    assert len(whole.proposals) == len(narrow.proposals) == 60
    assert narrow.cost <= whole.cost * 1.05
    assert whole.cost == sum(p.cost for p in whole.proposals)


def test_gini_is_none_where_all_are_alike_and_near_one_where_one_does_all() -> None:
    assert gini(np.full(9, 4)) == pytest.approx(0)
    assert gini(np.array([0] * 99 + [50])) == pytest.approx(0.99)
    assert gini(np.array([1, 2, 3, 4])) == pytest.approx(0.25)


def test_whoever_the_same_twenty_near_members_cannot_all_serve_gets_the_far_ones() -> None:
    near, far = replace(MEMBER, room=1, path=NEED.path), replace(MEMBER, room=1)
    found = plan([group([NEED] * 30, [near] * CANDIDATES + [far] * 10)], Weights(), most_arcs=CANDIDATES * 30)
    assert (len(found.proposals), found.alone) == (30, [])


def test_a_process_of_the_api_loads_no_solver_and_nothing_that_waits_for_its_first_use() -> None:
    heavy = [
        "numpy",
        "ortools",
        "scipy",
        "typst",
        "openpyxl",
        "PIL",
        "obstore",
        "wechatpy",
        "requests",
        "typer",
    ]
    asked = f"import sys, api.commands.api_process; print(sorted(set({heavy}) & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
