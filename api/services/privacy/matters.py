"""个人信息登记中办事的各表: cases, needs, appointments, what is attached to them and earned by them."""

from api.services.privacy.holding import MY_CASES, MY_NEEDS, WITHDRAWN, Holding

_MY_PRIVATE_CASES = f"{MY_CASES} and visibility = 'private'"

MATTERS: tuple[Holding, ...] = (
    Holding(
        "case_messages",
        "诉求往来（本人诉求上的全部，及本人以居民身份所写）",
        ("author_id",),
        words=("text",),
        mine=f"t.author_id = :person or (t.kind <> 'note' and t.case_id in ({MY_CASES}))",
        erase=(
            f"""update case_messages set text = '{WITHDRAWN}'
                where case_id in ({MY_CASES}) or (author_id = :person and author_title <> all(:offices))""",
        ),
    ),
    Holding(
        "case_ratings",
        "评价",
        ("reporter_id",),
        words=("text",),
        mine="t.reporter_id = :person",
        erase=("update case_ratings set text = null where reporter_id = :person and text is not null",),
    ),
    Holding(
        "case_requests",
        "延期、退回、申诉等申请",
        ("asker_id", "decider_id"),
        words=("reason", "answer", "units"),
        mine="t.asker_id = :person",
        erase=(
            f"""update case_requests set reason = '{WITHDRAWN}',
                  answer = case when answer is not null then '{WITHDRAWN}' end,
                  units = (select coalesce(jsonb_agg(jsonb_build_array(u -> 0, '{WITHDRAWN}')), '[]')
                           from jsonb_array_elements(units) u)
                where case_id in ({MY_CASES})""",
        ),
    ),
    Holding(
        "case_tasks",
        "协同任务",
        ("case_id",),
        words=("text", "result"),
        untold="工作人员之间的任务，办理结果见诉求往来",
        erase=(
            f"""update case_tasks set text = '{WITHDRAWN}',
                  result = case when result is not null then '{WITHDRAWN}' end
                where case_id in ({MY_CASES})""",
        ),
    ),
    Holding("case_urges", "催办", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "case_words",
        "诉求检索词",
        ("case_id",),
        words=("words",),
        untold="由诉求原文算出，原文已导出",
        erase=(f"update case_words set words = '{{}}' where case_id in ({MY_CASES})",),
    ),
    Holding(
        "uploads",
        "附件（文件随后由附件清理删除）",
        ("owner_id",),
        mine="t.owner_id = :person",
        erase=(
            f"""update uploads set subject_kind = null, subject_id = null, purpose = null, content = 'pending'
                where owner_id = :person or subject_id in ({_MY_PRIVATE_CASES})
                  or (purpose = 'evidence' and subject_id in ({MY_CASES} and behalf_phone_index is not null))""",
        ),
    ),
    Holding(
        "content_checks",
        "内容审核",
        ("author_id", "openid", "decided_by"),
        words=("texts", "reason", "error"),
        mine="t.author_id = :person",
        hidden=("trace_id", "suggest", "label"),
        erase=(
            f"""delete from content_checks where author_id = :person or subject_id in (
                  select id from claims where need_id in ({MY_NEEDS})
                  union all select id from case_messages where case_id in ({MY_CASES}))""",
        ),
    ),
    Holding(
        "cases",
        "诉求",
        ("reporter_id", "recorder_id", "handler_id", "owner_id", "behalf_phone_index"),
        words=(
            "title",
            "text",
            "reporter_alias",
            "plan",
            "consent",
            "behalf_name_sealed",
            "behalf_phone_sealed",
        ),
        mine="t.reporter_id = :person",
        hidden=("behalf_name_sealed", "behalf_phone_sealed", "behalf_phone_index"),
        erase=(
            f"""update cases set title = '{WITHDRAWN}', text = '{WITHDRAWN}', reporter_alias = null, plan = null,
                  consent = null, behalf_name_sealed = null, behalf_phone_sealed = null, behalf_phone_index = null,
                  version = version + 1, updated_at = :now
                where reporter_id = :person""",
        ),
    ),
    Holding(
        "claims",
        "认领",
        ("member_id", "transfer_to_id"),
        words=("text", "release_reason"),
        mine="t.member_id = :person",
        erase=(
            f"""update claims set text = null, release_reason = null
                where member_id = :person or need_id in ({MY_NEEDS})""",
        ),
    ),
    Holding(
        "needs",
        "微心愿与志愿求助",
        ("author_id", "recorder_id"),
        words=(
            "title",
            "text",
            "risks",
            "rating_text",
            "consent",
            "skills",
            "behalf_name_sealed",
            "behalf_phone_sealed",
        ),
        mine="t.author_id = :person",
        hidden=("behalf_name_sealed", "behalf_phone_sealed"),
        erase=(
            f"""update needs set title = '{WITHDRAWN}', text = '{WITHDRAWN}', rating_text = null, skills = '{{}}',
                  risks = case when risks is not null then '{WITHDRAWN}' end,
                  consent = case when consent is not null then '{WITHDRAWN}' end,
                  behalf_name_sealed = null, behalf_phone_sealed = null,
                  version = version + 1, updated_at = :now
                where author_id = :person""",
        ),
    ),
    Holding(
        "offers",
        "派单",
        ("member_id", "made_by"),
        words=("reasons",),
        mine="t.member_id = :person",
        erase=("update offers set reasons = '{}' where member_id = :person",),
    ),
    Holding(
        "dispatch_lines",
        "派单方案",
        ("member_id",),
        words=("reasons", "note"),
        mine="t.member_id = :person",
        erase=("update dispatch_lines set reasons = '{}', note = null where member_id = :person",),
    ),
    Holding(
        "dispatch_batches",
        "派单批次的制作人与派出人",
        ("made_by", "applied_by"),
        mine="t.made_by = :person or t.applied_by = :person",
    ),
    Holding("dispatch_settings", "派单设置的设置人", ("made_by",), mine="t.made_by = :person"),
    Holding("claimants", "认领计数", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "points_accounts",
        "积分账户",
        ("person_id",),
        mine="t.person_id = :person",
        erase=("update points_accounts set named = false where person_id = :person",),
    ),
    Holding("points_entries", "积分流水（账本，只增不改）", ("person_id",), mine="t.person_id = :person"),
    Holding("points_days", "每日积分", ("person_id",), mine="t.person_id = :person"),
    Holding("redemptions", "积分兑换", ("person_id",), mine="t.person_id = :person"),
    Holding("rewards", "积分奖品的设置人", ("made_by",), mine="t.made_by = :person"),
    Holding(
        "appointments",
        "预约接待",
        ("person_id", "secretary_id"),
        words=("topic", "reason"),
        mine="t.person_id = :person",
        erase=(
            f"""update appointments set topic = '{WITHDRAWN}', reason = null,
                  state = case when state in ('requested', 'proposed', 'confirmed', 'accepted')
                    then 'cancelled' else state end,
                  version = version + 1, updated_at = :now
                where person_id = :person""",
        ),
    ),
    Holding("office_hours", "接待时间", ("secretary_id",), mine="t.secretary_id = :person"),
    Holding(
        "delegations",
        "接待的代理",
        ("secretary_id", "delegate_id"),
        mine="t.secretary_id = :person or t.delegate_id = :person",
        erase=(
            """update delegations set until = greatest(since, :now)
               where (secretary_id = :person or delegate_id = :person) and (until is null or until > :now)""",
        ),
    ),
    Holding("case_supports", "附议", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "case_exclusions",
        "不计入统计的提出人与确认人",
        ("proposed_by", "confirmed_by"),
        mine="t.proposed_by = :person or t.confirmed_by = :person",
    ),
)
