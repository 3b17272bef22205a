"""Making a poll: what is asked, of whom, under which rule. Nothing of it changes once it is announced."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.events import record
from api.kit.problems import Problem
from api.models import Poll
from api.models.people import PersonId
from api.models.polls import PollId
from api.rules.polls import PollState, RollBasis
from api.rules.roles import Permission, capacity
from api.rules.voting.rule import YES_NO_OPTIONS, Measure, Method, Option, Rule, as_json, digest
from api.services import access
from api.services.access import Viewer
from api.services.places.finding import find_place
from api.services.polls import staging

SYSTEM = "系统"


class PollMalformed(Problem):
    status, code, title = 422, "poll_malformed", "表决的内容前后不一致"


@dataclass(frozen=True, slots=True)
class NewPoll:
    """What a poll is made of."""

    place_id: UUID
    title: str
    text: str
    basis: RollBasis
    rule: Rule
    opens_at: datetime
    closes_at: datetime
    options: Sequence[Option] = ()
    """None for yes, no and abstain, which have their own."""
    source: dict[str, Any] = field(default_factory=dict)
    secret: bool = False
    allow_change: bool = True
    topic_id: UUID | None = None
    stage_id: UUID | None = None
    previous_id: PollId | None = None


def options_of(new: NewPoll) -> tuple[Option, ...]:
    """The options, after all that must agree with the rule. Raises PollMalformed."""
    if new.closes_at <= new.opens_at:
        raise PollMalformed("截止时间应晚于开始时间")
    if new.secret and new.basis is RollBasis.owner:
        raise PollMalformed("按面积计的表决只能记名：面积会说出是谁")
    if new.basis is not RollBasis.owner and new.basis is not RollBasis.list:
        measures = {q.measure for q in new.rule.quorum} | {t.measure for t in new.rule.thresholds}
        if Measure.area in measures:
            raise PollMalformed("这种选民册没有面积，规则不能按面积")
    if new.rule.method is Method.yes_no:
        if new.options:
            raise PollMalformed("赞成、反对、弃权的表决不另设选项")
        return YES_NO_OPTIONS
    options = tuple(new.options)
    if len({o.id for o in options}) != len(options) or not options:
        raise PollMalformed("请列出互不相同的选项")
    if (new.rule.method is Method.budget) != all(o.cost is not None for o in options):
        raise PollMalformed("预算表决的每个项目须有费用，其他表决没有")
    return options


async def create(tx: AsyncSession, viewer: Viewer | None, new: NewPoll) -> UUID:
    """A draft; `viewer` None is the system. Raises NotFound, NotAllowed, PollMalformed, and as staging.check.

    Of a poll that is repeated, whoever repeats it has asked staging.check already.
    """
    place = await find_place(tx, new.place_id)
    title, topic_id = SYSTEM, new.topic_id
    if viewer is not None:
        title = capacity(await access.require(tx, viewer, Permission.poll_manage, place.path))
        if new.previous_id is None:
            topic_id = await staging.check(
                tx,
                viewer,
                place,
                topic_id=new.topic_id,
                stage_id=new.stage_id,
                basis=new.basis,
                body=new.source.get("body"),
                rule=new.rule,
            )
    rule = as_json(new.rule)
    poll = Poll(
        place_id=place.id,
        path=place.path,
        topic_id=topic_id,
        stage_id=new.stage_id,
        title=new.title,
        text=new.text,
        state=PollState.draft,
        basis=new.basis,
        source=new.source,
        secret=new.secret,
        allow_change=new.allow_change,
        options=[o.model_dump(mode="json", exclude_none=True) for o in options_of(new)],
        rule=rule,
        rule_hash=digest(rule),
        opens_at=new.opens_at,
        closes_at=new.closes_at,
        previous_id=new.previous_id,
        created_by=PersonId(viewer.person_id) if viewer is not None else None,
    )
    tx.add(poll)
    record(
        tx,
        subject_kind="poll",
        subject_id=poll.id,
        move="create",
        to_state=PollState.draft.value,
        actor_id=viewer.person_id if viewer is not None else None,
        actor_title=title,
        data={"rule_hash": poll.rule_hash},
    )
    await tx.flush()
    return poll.id
