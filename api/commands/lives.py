"""Every life-cycle with the words a page prints for its states and standings: one line each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from api.kit.lifecycle import Lifecycle
from api.rules import (
    activities,
    activity_words,
    appointments,
    case_requests,
    cases,
    certificates,
    content,
    disclosures,
    need_words,
    objections,
    polls,
    teams,
    topics,
)
from api.rules.dispatch import BATCH_STANDING_TITLES, BATCH_TITLES, BATCHES
from api.rules.needs import NEEDS
from api.rules.people import BELONGING_TITLES, MEMBERSHIPS, PEOPLE, RESIDENCIES
from api.rules.points import REDEMPTION_TITLES, REDEMPTIONS
from api.rules.privacy import ERASURE_TITLES, ERASURES


class Life(NamedTuple):
    """A life-cycle and, by value, what its states and standings are called."""

    life: Lifecycle[Any, Any, Any]
    states: Mapping[str, str]
    standings: Mapping[str, str]


def _life(life: Lifecycle[Any, Any, Any], states: Mapping[Any, str], standings: Mapping[Any, str]) -> Life:
    return Life(life, {str(state): f"{title} {state}" for state, title in states.items()}, _plain(standings))


def _plain(titles: Mapping[Any, str]) -> dict[str, str]:
    return {key.value if isinstance(key, StrEnum) else key: title for key, title in titles.items()}


_BELONGING = {"self": "本人", "verifier": "核实人", "administrator": "管理员"}
_REWARDED = {"owner": "本人", "giver": "发放人"}

LIVES = (
    _life(cases.CASES, cases.STATE_TITLES, cases.STANDING_TITLES),
    _life(case_requests.REQUESTS, case_requests.REQUEST_STATE_TITLES, case_requests.REQUEST_STANDING_TITLES),
    _life(case_requests.TASKS, case_requests.TASK_TITLES, case_requests.TASK_STANDING_TITLES),
    _life(
        appointments.APPOINTMENTS,
        appointments.APPOINTMENT_TITLES,
        appointments.APPOINTMENT_STANDING_TITLES,
    ),
    _life(NEEDS, need_words.STATE_TITLES, need_words.STANDING_TITLES),
    _life(BATCHES, BATCH_TITLES, BATCH_STANDING_TITLES),
    _life(activities.ACTIVITIES, activity_words.ACTIVITY_TITLES, activity_words.ACTIVITY_STANDING_TITLES),
    _life(activities.SEATS, activity_words.SEAT_TITLES, activity_words.SEAT_STANDING_TITLES),
    _life(activities.ADDINGS, activity_words.ADDING_TITLES, activity_words.ADDING_STANDING_TITLES),
    _life(
        certificates.CERTIFICATES,
        certificates.CERTIFICATE_TITLES,
        certificates.CERTIFICATE_STANDING_TITLES,
    ),
    _life(teams.TEAM_MEMBERS, teams.TEAM_MEMBER_TITLES, teams.TEAM_MEMBER_STANDING_TITLES),
    _life(REDEMPTIONS, REDEMPTION_TITLES, _REWARDED),
    _life(polls.POLLS, polls.POLL_STATE_TITLES, polls.POLL_STANDING_TITLES),
    _life(topics.TOPICS, topics.TOPIC_STATE_TITLES, topics.TOPIC_STANDING_TITLES),
    _life(objections.OBJECTIONS, objections.OBJECTION_TITLES, objections.OBJECTION_STANDING_TITLES),
    _life(disclosures.DISCLOSURES, disclosures.DISCLOSURE_TITLES, disclosures.DISCLOSURE_STANDING_TITLES),
    _life(content.CHECKS, content.CHECK_TITLES, content.STANDING_TITLES),
    _life(RESIDENCIES, BELONGING_TITLES, _BELONGING),
    _life(MEMBERSHIPS, BELONGING_TITLES, _BELONGING),
    _life(PEOPLE, BELONGING_TITLES, _BELONGING),
    _life(ERASURES, ERASURE_TITLES, {"self": "本人", "system": "系统"}),
)
