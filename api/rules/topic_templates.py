"""议事模板: the ordered stages of each kind of topic, with who owns a stage and how long it may take.

Source: docs/lifecycles.md, chapter D. Limits practice does not fix are our own numbers.
"""

from dataclasses import dataclass
from enum import StrEnum

from api.rules.clocks import Limit, natural_days, working_days
from api.rules.places import Level
from api.rules.topics import ConsultationKind, StageKind, TopicBody


class TopicTemplate(StrEnum):
    """议事模板"""

    consultation = "consultation"
    four_two_one = "four_two_one"
    owners = "owners"
    building = "building"
    covenant = "covenant"
    review = "review"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a template."""

    kind: StageKind
    title: str
    body: TopicBody
    limit: Limit
    optional: bool = False
    consultation: ConsultationKind | None = None
    voters: str = ""
    """Of a vote: whose roll and which majority, in words."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template: who may raise it, for places of which level, and its stages in order."""

    title: str
    steps: tuple[Step, ...]
    levels: frozenset[Level]
    by_residents: bool = True
    """Raised by residents as well; otherwise by staff alone."""


_K, _B, _C = StageKind, TopicBody, ConsultationKind
_TALK = _C.talk
ANSWER_WITHIN = working_days(3)
"""An objection is answered within this."""
CLIMB_AFTER = working_days(2)
"""From the community to the town when a broken clock is not mended."""

_PUBLICITY = Step(_K.publicity, "结果公示", _B.community, natural_days(5))
_EXECUTION = Step(_K.execution, "执行", _B.community, natural_days(60))
_EVALUATION = Step(_K.evaluation, "居民评议", _B.residents, natural_days(7))
_RECORD = Step(_K.record, "结果公开", _B.community, working_days(5))
_PLACES = frozenset({Level.village, Level.town})

TEMPLATES: dict[TopicTemplate, Template] = {
    TopicTemplate.consultation: Template(
        "有事好商量",
        (
            Step(_K.screening, "党组织初审", _B.party, working_days(5)),
            Step(_K.consultation, "协商议事", _B.community, natural_days(15), consultation=_TALK),
            Step(_K.vote, "表决", _B.residents, natural_days(15), optional=True, voters="居民一人一票"),
            _PUBLICITY,
            _EXECUTION,
            _EVALUATION,
            _RECORD,
        ),
        _PLACES | {Level.building},
    ),
    TopicTemplate.four_two_one: Template(
        "四议两公开一监督",
        (
            Step(_K.vote, "党支部提议", _B.party, natural_days(10), voters="支部党员一人一票"),
            Step(_K.vote, "两委商议", _B.committees, natural_days(10), voters="两委成员一人一票"),
            Step(_K.vote, "党员大会审议", _B.party_members, natural_days(15), voters="党员一人一票"),
            Step(
                _K.vote,
                "村民代表决议",
                _B.representatives,
                natural_days(15),
                voters="代表一人一票，或一户一票",
            ),
            Step(_K.publicity, "决议公开", _B.community, natural_days(5)),
            Step(_K.execution, "实施，监督委员会监督", _B.supervisors, natural_days(90)),
            Step(_K.record, "结果公开", _B.community, working_days(5)),
        ),
        frozenset({Level.village}),
        by_residents=False,
    ),
    TopicTemplate.owners: Template(
        "业主表决",
        (
            Step(_K.screening, "初审", _B.community, working_days(5)),
            Step(_K.consultation, "协商", _B.community, natural_days(15), consultation=_TALK),
            Step(_K.publicity, "表决事项公示", _B.community, natural_days(7)),
            Step(
                _K.vote,
                "业主表决",
                _B.owners,
                natural_days(30),
                voters="业主人数与面积双过半（民法典第二百七十八条）",
            ),
            Step(_K.publicity, "结果公示", _B.community, natural_days(7)),
            _EXECUTION,
            _RECORD,
        ),
        frozenset({Level.village, Level.building}),
    ),
    TopicTemplate.building: Template(
        "院落（楼宇）微自治",
        (
            Step(_K.consultation, "院落协商", _B.community, natural_days(10), consultation=_TALK),
            Step(_K.vote, "住户表决", _B.households, natural_days(10), voters="本楼一户一票"),
            Step(_K.execution, "执行", _B.community, natural_days(30)),
            _EVALUATION,
        ),
        frozenset({Level.building}),
    ),
    TopicTemplate.covenant: Template(
        "村规民约（居民公约）",
        (
            Step(_K.consultation, "征求意见", _B.community, natural_days(15), consultation=_TALK),
            Step(_K.screening, "审核把关", _B.party, working_days(5)),
            Step(_K.vote, "一户一票表决", _B.households, natural_days(15), voters="一户一票"),
            _PUBLICITY,
            Step(_K.record, "公布备案", _B.community, working_days(5)),
        ),
        frozenset({Level.village}),
    ),
    TopicTemplate.review: Template(
        "民主评议（述职）",
        (
            Step(_K.consultation, "述职", _B.party, natural_days(7), consultation=_TALK),
            Step(_K.vote, "民主评议", _B.representatives, natural_days(7), voters="评议量表"),
            Step(_K.record, "结果公开", _B.community, working_days(5)),
        ),
        frozenset({Level.village}),
        by_residents=False,
    ),
}
