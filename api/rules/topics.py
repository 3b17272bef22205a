"""议题: a matter under consultation and its ordered stages. Source: docs/lifecycles.md, chapter D."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem
from api.rules.roles import Permission


class StageKind(StrEnum):
    """环节种类"""

    screening = "screening"
    consultation = "consultation"
    vote = "vote"
    publicity = "publicity"
    execution = "execution"
    evaluation = "evaluation"
    record = "record"


STAGE_TITLES: dict[StageKind, str] = {
    StageKind.screening: "初审",
    StageKind.consultation: "协商",
    StageKind.vote: "表决",
    StageKind.publicity: "公示",
    StageKind.execution: "执行",
    StageKind.evaluation: "评议",
    StageKind.record: "公开归档",
}


class ConsultationKind(StrEnum):
    """协商形式"""

    talk = "talk"
    hearing = "hearing"
    appraisal = "appraisal"


CONSULTATION_TITLES: dict[ConsultationKind, str] = {
    ConsultationKind.talk: "民情恳谈",
    ConsultationKind.hearing: "听证",
    ConsultationKind.appraisal: "论证",
}


class TopicBody(StrEnum):
    """环节的负责组织"""

    party = "party"
    committees = "committees"
    community = "community"
    party_members = "party_members"
    representatives = "representatives"
    owners = "owners"
    households = "households"
    supervisors = "supervisors"
    residents = "residents"


BODY_TITLES: dict[TopicBody, str] = {
    TopicBody.party: "党组织",
    TopicBody.committees: "村（社区）两委",
    TopicBody.community: "村（居）委会",
    TopicBody.party_members: "党员大会",
    TopicBody.representatives: "村（居）民代表会议",
    TopicBody.owners: "业主大会",
    TopicBody.households: "全体住户",
    TopicBody.supervisors: "监督委员会",
    TopicBody.residents: "居民",
}


ACTS_FOR: dict[TopicBody, Permission] = {
    TopicBody.party: Permission.topic_screen,
    TopicBody.committees: Permission.topic_screen,
    TopicBody.party_members: Permission.topic_screen,
    TopicBody.supervisors: Permission.topic_oversee,
}
"""Who moves a stage on for its body; for all others those who run consultations."""


def acts_for(body: TopicBody) -> Permission:
    return ACTS_FOR.get(body, Permission.topic_run)


class StageOutcome(StrEnum):
    """环节结果：通过、未通过、略过、退回"""

    passed = "passed"
    failed = "failed"
    skipped = "skipped"
    sent_back = "sent_back"


class TopicState(StrEnum):
    """议题状态"""

    running = "running"
    returned = "returned"
    completed = "completed"
    ended = "ended"
    merged = "merged"
    withdrawn = "withdrawn"


TOPIC_STATE_TITLES: dict[TopicState, str] = {
    TopicState.running: "进行中",
    TopicState.returned: "退回修改",
    TopicState.completed: "已办结",
    TopicState.ended: "已终止",
    TopicState.merged: "已并入",
    TopicState.withdrawn: "已撤回",
}


class TopicMove(StrEnum):
    """议题上的操作"""

    advance = "advance"
    skip = "skip"
    send_back = "send_back"
    return_ = "return"
    resubmit = "resubmit"
    decide = "decide"
    revote = "revote"
    reopen = "reopen"
    finish = "finish"
    end = "end"
    merge = "merge"
    withdraw = "withdraw"


class TopicStanding(StrEnum):
    """What a person is to a topic. 与议题的关系"""

    author = "author"
    driver = "driver"
    system = "system"


TOPIC_STANDING_TITLES: dict[TopicStanding, str] = {
    TopicStanding.author: "提出人",
    TopicStanding.driver: "本环节负责组织",
    TopicStanding.system: "系统",
}


class GuestKind(StrEnum):
    """受邀身份：专家、利益相关方"""

    expert = "expert"
    stakeholder = "stakeholder"


class StageClock(StrEnum):
    """议题上的期限：环节、升级、答复异议、里程碑"""

    due = "due"
    climb = "climb"
    answer = "answer"
    milestone = "milestone"


POOR_BELOW = 3.0
"""A mean mark below this reopens the execution."""
ROUNDS = 3
"""An execution is reopened until its third round; after that the town has it."""


class StageRunning(Problem):
    status, code, title = 409, "stage_running", "本环节的期限未到"
    advice = "公示和评议须满期；due_at 给出期限。"


class ObjectionsOpen(Problem):
    status, code, title = 409, "objections_open", "还有未处理的异议"
    advice = "逐条答复异议；成立的异议须退回重新协商或表决。"


class NotHeard(Problem):
    status, code, title = 409, "not_heard", "尚未协商"
    advice = "先召开会议并记录会议纪要，或征集居民观点；听证、论证须有该形式的会议。"


class ExpertAbsent(Problem):
    status, code, title = 409, "expert_absent", "论证须有受邀专家到会"


class VoteOpen(Problem):
    status, code, title = 409, "vote_open", "表决尚无结果"
    advice = "本环节须等表决计票；可选的表决可以略过。"


class VoteFailed(Problem):
    status, code, title = 409, "vote_failed", "表决未通过"
    advice = "退回重新协商、表决，或终止议题。"


class MilestonesOpen(Problem):
    status, code, title = 409, "milestones_open", "还有未完成的事项"
    advice = "执行环节须列出事项并逐项完成。"


class PoorlyRated(Problem):
    status, code, title = 409, "poorly_rated", "居民评议不合格"
    advice = "评议不合格的由系统退回执行环节。"


class LastStage(Problem):
    status, code, title = 409, "last_stage", "这是最后一个环节"
    advice = "最后一个环节用 finish 办结。"


class NotLastStage(Problem):
    status, code, title = 409, "not_last_stage", "后面还有环节"


class NotOptional(Problem):
    status, code, title = 409, "stage_not_optional", "本环节不能略过"


class WrongStage(Problem):
    status, code, title = 409, "wrong_stage", "当前环节不能进行此操作"


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What the guards look at: the current stage and what has gathered in this round of it."""

    kind: StageKind
    position: int
    last: bool
    optional: bool
    by_resident: bool
    """Raised by a resident, who can be asked to mend it."""
    now: datetime
    due_at: datetime | None
    consultation: ConsultationKind | None = None
    statements: int = 0
    meetings: tuple[ConsultationKind, ...] = ()
    """Kinds of the meetings held with minutes."""
    expert_came: bool = False
    outcome: StageOutcome | None = None
    """Of the vote."""
    polled: bool = False
    objections: int = 0
    milestones: int = 0
    milestones_open: int = 0
    mark: float | None = None
    """Mean mark of the residents, 1–5."""
    round: int = 1


def ready(facts: TopicFacts) -> Problem | None:
    """The exit rule of the stage: what still keeps the topic in it, or None."""
    match facts.kind:
        case StageKind.consultation:
            return _heard(facts)
        case StageKind.vote if facts.outcome is None:
            return VoteOpen()
        case StageKind.vote if facts.outcome is StageOutcome.failed:
            return VoteFailed()
        case StageKind.publicity:
            return _published(facts)
        case StageKind.execution if not facts.milestones or facts.milestones_open:
            return MilestonesOpen(open=facts.milestones_open)
        case StageKind.evaluation:
            if not _over(facts):
                return StageRunning(due_at=facts.due_at)
            poor = facts.mark is not None and facts.mark < POOR_BELOW and facts.round < ROUNDS
            return PoorlyRated(mark=facts.mark) if poor else None
    return None


def _over(facts: TopicFacts) -> bool:
    return facts.due_at is not None and facts.due_at <= facts.now


def _heard(facts: TopicFacts) -> Problem | None:
    form = facts.consultation
    if form in (ConsultationKind.hearing, ConsultationKind.appraisal):
        if form not in facts.meetings:
            return NotHeard(f"尚无{CONSULTATION_TITLES[form]}的会议纪要")
        if form is ConsultationKind.appraisal and not facts.expert_came:
            return ExpertAbsent()
        return None
    return None if facts.meetings or facts.statements else NotHeard()


def _published(facts: TopicFacts) -> Problem | None:
    if facts.objections:
        return ObjectionsOpen(open=facts.objections)
    return None if _over(facts) else StageRunning(due_at=facts.due_at)


def _may_advance(facts: TopicFacts) -> Problem | None:
    return LastStage() if facts.last else ready(facts)


def _may_finish(facts: TopicFacts) -> Problem | None:
    return ready(facts) if facts.last else NotLastStage()


def _may_skip(facts: TopicFacts) -> Problem | None:
    return None if facts.optional and not facts.last and not facts.polled else NotOptional()


def _may_go_back(facts: TopicFacts) -> Problem | None:
    return None if facts.position > 0 else WrongStage("第一个环节之前没有环节")


def _may_return(facts: TopicFacts) -> Problem | None:
    right = facts.kind in (StageKind.screening, StageKind.consultation) and facts.by_resident
    return None if right else WrongStage("只能在初审、协商环节退回提出人修改")


def _early(facts: TopicFacts) -> Problem | None:
    return (
        None
        if facts.kind in (StageKind.screening, StageKind.consultation)
        else WrongStage("已经进入后续环节")
    )


def _in_first(facts: TopicFacts) -> Problem | None:
    return None if facts.position == 0 else WrongStage("已经进入后续环节，不能撤回")


def _undecided(facts: TopicFacts) -> Problem | None:
    right = facts.kind is StageKind.vote and facts.outcome is None
    return None if right else WrongStage("没有等待结果的表决")


def _not_begun(facts: TopicFacts) -> Problem | None:
    begun = facts.kind in (StageKind.execution, StageKind.evaluation, StageKind.record)
    return WrongStage("已经开始执行") if begun else None


def _is_poor(facts: TopicFacts) -> Problem | None:
    return None if isinstance(ready(facts), PoorlyRated) else WrongStage("评议合格")


_S, _BY = TopicState, TopicStanding
_ALONG = frozenset({_BY.driver, _BY.system})

TOPICS: Lifecycle[TopicState, TopicStanding, TopicFacts] = Lifecycle(
    "topic",
    "议题",
    TopicState.running,
    [
        Move(TopicMove.advance, "进入下一环节", (_S.running,), _S.running, _ALONG, _may_advance,
             note="须符合本环节的完成条件；公示、评议满期由系统推进"),
        Move(TopicMove.skip, "略过", (_S.running,), _S.running, frozenset({_BY.driver}), _may_skip,
             note="只限模板中可选的环节，须写明原因"),
        Move(TopicMove.send_back, "退回前一环节", (_S.running,), _S.running, frozenset({_BY.driver}), _may_go_back,
             note="退回到指定的前面环节，须写明原因；重新计时"),
        Move(TopicMove.return_, "退回修改", (_S.running,), _S.returned, frozenset({_BY.driver}), _may_return,
             note="退回提出人，须写明原因"),
        Move(TopicMove.resubmit, "修改后再提交", (_S.returned,), _S.running, frozenset({_BY.author})),
        Move(TopicMove.decide, "记入表决结果", (_S.running,), _S.running, frozenset({_BY.system}), _undecided,
             note="计票之后由系统记入；通过则进入下一环节"),
        Move(TopicMove.revote, "重新表决", (_S.running,), _S.running, frozenset({_BY.system}), _not_begun,
             note="决定本议题的表决作废或重新计票结果不同，退回该表决环节；已开始执行的由负责组织决定"),
        Move(TopicMove.reopen, "重新执行", (_S.running,), _S.running, frozenset({_BY.system}), _is_poor,
             note=f"居民评议平均低于 {POOR_BELOW:.0f} 分，退回执行环节，最多 {ROUNDS} 轮"),
        Move(TopicMove.finish, "办结", (_S.running,), _S.completed, _ALONG, _may_finish),
        Move(TopicMove.end, "终止", (_S.running, _S.returned), _S.ended, frozenset({_BY.driver}), note="须写明原因"),
        Move(TopicMove.merge, "并入", (_S.running,), _S.merged, frozenset({_BY.driver}), _early,
             note="并入同一地域进行中的议题；并入的议题本身未被并入"),
        Move(TopicMove.withdraw, "撤回", (_S.running, _S.returned), _S.withdrawn, frozenset({_BY.author}), _in_first),
    ],
)  # fmt: skip
