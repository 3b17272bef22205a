"""个人信息登记中议事的各表: what passed its check and was public stays as a record without anybody's name."""

from api.services.privacy.holding import GONE, WITHDRAWN, Holding

DELIBERATION: tuple[Holding, ...] = (
    Holding(
        "topics",
        "议题（已公开的留作议事记录，不再有提出人）",
        ("author_id",),
        mine="t.author_id = :person",
        erase=(
            f"""update topics set title = '{WITHDRAWN}', text = '{WITHDRAWN}',
                  version = version + 1, updated_at = :now
                where author_id = :person and content <> 'pass'""",
        ),
    ),
    Holding(
        "statements",
        "观点（已公开的留作议事记录，不再有提出人）",
        ("author_id",),
        mine="t.author_id = :person",
        erase=(
            f"""update statements set text = '{WITHDRAWN}'
                where author_id = :person and content <> 'pass'""",
        ),
    ),
    Holding("stances", "对观点的态度", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "objections",
        "异议（已公开的留作议事记录，不再有提出人）",
        ("person_id",),
        mine="t.person_id = :person",
        erase=(
            f"""update objections set text = '{WITHDRAWN}', version = version + 1, updated_at = :now
                where person_id = :person and content <> 'pass'""",
        ),
    ),
    Holding("topic_ratings", "议题评分", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "topic_guests",
        "议题受邀人",
        ("person_id", "invited_by"),
        mine="t.person_id = :person",
        erase=(f"update topic_guests set name = '{GONE}' where person_id = :person",),
    ),
    Holding(
        "topic_attendances",
        "协商会出席人",
        ("person_id",),
        mine="t.person_id = :person",
        erase=(f"update topic_attendances set name = '{GONE}' where person_id = :person",),
    ),
    Holding(
        "papers",
        "会议纪要打印件（重新排版，不再有到会人的姓名）",
        (),
        erase=(
            """update papers set state = 'pending', content = null, created_at = :now
                where subject_id in (select meeting_id from topic_attendances where person_id = :person)""",
        ),
    ),
    Holding("topic_meetings", "协商会的记录人", ("recorded_by",)),
    Holding("progress", "落实进展的填写人", ("author_id",)),
    Holding("disclosures", "公开事项的起草人和审核人", ("drafted_by", "reviewed_by")),
)
