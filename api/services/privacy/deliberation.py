"""个人信息登记中议事和表决的各表: stances, ballots and decisions stay and are counted, nobody's words or name do."""

from api.services.privacy.holding import GONE, MY_TOPICS, WITHDRAWN, Holding


def _unnamed(listed: str, field: str) -> str:
    """Blank `field` of the person's entries in one list of a poll's source; the places in the list stay."""
    return f"""update polls p set source = p.source || jsonb_build_object(
                 '{listed}', (select jsonb_agg(case when e ->> 'person_id' = cast(cast(:person as uuid) as text)
                                                   then e || '{{"{field}": "{GONE}"}}' else e end order by n)
                              from jsonb_array_elements(p.source -> '{listed}') with ordinality x(e, n)))
               where p.source -> '{listed}' @> jsonb_build_array(
                 jsonb_build_object('person_id', cast(cast(:person as uuid) as text)))"""


DELIBERATION: tuple[Holding, ...] = (
    Holding(
        "opinion_maps",
        "观点图（图上有议题的题目，随后重新绘制）",
        ("topic_id",),
        words=("svg",),
        untold="由所有人的态度算出，本人的态度已导出",
        erase=(
            f"""insert into opinion_jobs (topic_id, due_at)
                select topic_id, :now from opinion_maps where topic_id in ({MY_TOPICS}) on conflict do nothing""",
            f"delete from opinion_maps where topic_id in ({MY_TOPICS})",
        ),
    ),
    Holding(
        "topic_stages",
        "议题各环节（退回提出人修改的理由）",
        ("topic_id",),
        words=("result",),
        untold="公开的议事记录，议题已导出",
        erase=(
            f"""update topic_stages set result = null
                where outcome = 'sent_back' and topic_id in ({MY_TOPICS})""",
        ),
    ),
    Holding(
        "topics",
        "议题（环节、表决和结果留作议事记录）",
        ("author_id",),
        words=("title", "text"),
        mine="t.author_id = :person",
        erase=(
            f"""update topics set title = '{WITHDRAWN}', text = '{WITHDRAWN}',
                  version = version + 1, updated_at = :now
                where author_id = :person""",
        ),
    ),
    Holding(
        "statements",
        "观点（他人对它的态度照样计数）",
        ("author_id",),
        words=("text",),
        mine="t.author_id = :person",
        erase=(f"update statements set text = '{WITHDRAWN}' where author_id = :person",),
    ),
    Holding("stances", "对观点的态度", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "objections",
        "异议（连同对它的答复）",
        ("person_id",),
        words=("text", "answer"),
        mine="t.person_id = :person",
        erase=(
            f"""update objections set text = '{WITHDRAWN}', version = version + 1, updated_at = :now,
                  answer = case when answer is not null then '{WITHDRAWN}' end
                where person_id = :person""",
        ),
    ),
    Holding("topic_ratings", "议题评分", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "topic_guests",
        "议题受邀人",
        ("person_id", "invited_by"),
        words=("name",),
        mine="t.person_id = :person",
        erase=(f"update topic_guests set name = '{GONE}' where person_id = :person",),
    ),
    Holding(
        "topic_attendances",
        "协商会出席人",
        ("person_id",),
        words=("name",),
        mine="t.person_id = :person",
        erase=(f"update topic_attendances set name = '{GONE}' where person_id = :person",),
    ),
    Holding("topic_meetings", "协商会的记录人", ("recorded_by",), mine="t.recorded_by = :person"),
    Holding("progress", "落实进展的填写人", ("author_id",), mine="t.author_id = :person"),
    Holding(
        "electors",
        "选民册上的名字（指纹只含编号、人数和面积，仍可核验）",
        ("poll_id",),
        words=("label",),
        mine="""t.home_id is null
                and exists (select from casters c where c.elector_id = t.id and c.person_id = :person
                            and not c.as_proxy)""",
        erase=(
            f"""update electors e set label = '{GONE}' from casters c
                where c.elector_id = e.id and c.poll_id = e.poll_id and c.person_id = :person
                  and not c.as_proxy and e.home_id is null""",
        ),
    ),
    Holding(
        "polls",
        "表决的发起人，和名单上的名字",
        ("created_by",),
        words=("source",),
        mine="t.created_by = :person",
        hidden=("source",),
        erase=(_unnamed("entries", "label"), _unnamed("excluded", "reason")),
    ),
    Holding("casters", "谁可以代选民投票", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "representatives",
        "户代表",
        ("person_id", "named_by"),
        mine="t.person_id = :person or t.named_by = :person",
    ),
    Holding(
        "proxies",
        "委托投票",
        ("holder_id", "recorded_by", "confirmed_by"),
        mine="t.holder_id = :person or t.recorded_by = :person or t.confirmed_by = :person",
    ),
    Holding("proxy_loads", "受托计数", ("holder_id",), mine="t.holder_id = :person"),
    Holding("paper_entries", "纸质票录入人", ("entered_by", "second_by"), untold="录入的是他人的选票"),
    Holding(
        "papers",
        "会议纪要打印件（重新排版，不再有到会人的姓名）",
        (),
        words=("content",),
        untold="会议的纪要，不是个人的资料",
        erase=(
            """update papers set state = 'pending', content = null, created_at = :now
                where subject_id in (select meeting_id from topic_attendances where person_id = :person)""",
        ),
    ),
    Holding(
        "disclosures",
        "公开事项的起草人和审核人",
        ("drafted_by", "reviewed_by"),
        mine="t.drafted_by = :person or t.reviewed_by = :person",
    ),
)
