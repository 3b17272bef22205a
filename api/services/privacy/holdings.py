"""个人信息登记: which tables hold what of a person, what of it the person is given, and what a 注销 leaves.

The one registry: a test holds it against the tables, so that a new table with a person in it cannot be forgotten.
Votes, events and ledgers keep pointing at the person's row, which becomes a tombstone: an id without anybody.
"""

from collections.abc import Iterator

from sqlalchemy import TextClause, text

from api.services.privacy.deliberation import DELIBERATION
from api.services.privacy.holding import GONE, WITHDRAWN, Holding

_MY_CASES = "select id from cases where reporter_id = :person"
_MY_IDENTITIES = "select id from wechat_identities where person_id = :person"

HOLDINGS: tuple[Holding, ...] = (
    Holding(
        "household_lines",
        "住户名册（仅号码的单向散列）",
        ("phone_index",),
        erase=(
            """delete from household_lines l using people p
               where p.id = :person and l.phone_index = p.phone_index""",
        ),
    ),
    Holding(
        "idempotency_keys",
        "幂等键",
        ("person_id",),
        erase=("delete from idempotency_keys where person_id = :person",),
    ),
    Holding("idempotency_answers", "幂等应答（随幂等键删除）", ("person_id",)),
    Holding(
        "wechat_pushes",
        "微信平台推送",
        ("openid",),
        mine="t.openid in (select openid from wechat_identities where person_id = :person)",
        erase=(
            """delete from wechat_pushes where openid in (
                 select openid from wechat_identities where person_id = :person)""",
        ),
    ),
    Holding(
        "subscription_messages",
        "订阅消息",
        ("person_id", "openid"),
        mine="t.person_id = :person",
        erase=(
            """update subscription_messages m
                set openid = 'erased:' || m.id, fields = '{}'::jsonb, page = '',
                    state = case when m.state = 'pending' then 'failed' else m.state end
                where m.person_id = :person""",
            f"""update subscription_messages m set fields = '{{}}'::jsonb
                from notices n where n.id = m.notice_id and n.subject_id in ({_MY_CASES})""",
        ),
    ),
    Holding(
        "notices",
        "站内通知",
        ("person_id",),
        mine="t.person_id = :person",
        erase=(
            f"""update notices set title = '{GONE}', text = ''
                where person_id = :person or subject_id in ({_MY_CASES})""",
        ),
    ),
    Holding(
        "notice_preferences",
        "通知偏好",
        ("person_id",),
        mine="t.person_id = :person",
        erase=("delete from notice_preferences where person_id = :person",),
    ),
    Holding(
        "subscription_consents",
        "订阅授权账本",
        ("identity_id",),
        mine=f"t.identity_id in ({_MY_IDENTITIES})",
    ),
    Holding("privacy_consents", "同意记录", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "data_exports",
        "个人信息导出",
        ("person_id",),
        mine="t.person_id = :person",
        hidden=("content",),
        erase=("delete from data_exports where person_id = :person",),
    ),
    Holding("erasures", "注销申请", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "case_messages",
        "诉求往来",
        ("author_id",),
        mine=f"t.author_id = :person or (t.kind <> 'note' and t.case_id in ({_MY_CASES}))",
        erase=(
            f"""update case_messages set text = '{WITHDRAWN}'
                where author_id = :person and case_id in ({_MY_CASES})""",
        ),
    ),
    Holding(
        "case_ratings",
        "评价",
        ("reporter_id",),
        mine="t.reporter_id = :person",
        erase=("update case_ratings set text = null where reporter_id = :person and text is not null",),
    ),
    Holding(
        "cases",
        "诉求",
        ("reporter_id", "recorder_id", "handler_id", "owner_id"),
        mine="t.reporter_id = :person",
        erase=(
            f"""update cases set title = '{WITHDRAWN}', text = '{WITHDRAWN}', reporter_alias = null,
                  version = version + 1, updated_at = :now
                where reporter_id = :person""",
        ),
    ),
    Holding("case_requests", "延期、退回等申请", ("asker_id", "decider_id")),
    Holding("case_urges", "催办", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "case_words",
        "诉求检索词",
        ("case_id",),
        erase=(f"update case_words set words = '{{}}' where case_id in ({_MY_CASES})",),
    ),
    Holding(
        "content_checks",
        "内容审核",
        ("author_id", "openid", "decided_by"),
        mine="t.author_id = :person",
        hidden=("trace_id", "suggest", "label"),
        erase=("delete from content_checks where author_id = :person",),
    ),
    Holding(
        "uploads",
        "附件（文件随后由附件清理删除）",
        ("owner_id",),
        mine="t.owner_id = :person",
        erase=(
            """update uploads set subject_kind = null, subject_id = null, purpose = null, content = 'pending'
               where owner_id = :person""",
        ),
    ),
    Holding(
        "risk_ratings",
        "微信风险等级",
        ("person_id", "openid"),
        mine="t.person_id = :person",
        erase=("delete from risk_ratings where person_id = :person",),
    ),
    Holding(
        "needs",
        "微心愿与志愿求助",
        ("author_id", "recorder_id"),
        mine="t.author_id = :person",
        hidden=("behalf_name_sealed", "behalf_phone_sealed"),
        erase=(
            f"""update needs set title = '{WITHDRAWN}', text = '{WITHDRAWN}', rating_text = null,
                  risks = case when risks is not null then '{WITHDRAWN}' end,
                  behalf_name_sealed = null, behalf_phone_sealed = null,
                  version = version + 1, updated_at = :now
                where author_id = :person""",
        ),
    ),
    Holding(
        "claims",
        "认领",
        ("member_id", "transfer_to_id"),
        mine="t.member_id = :person",
        erase=("update claims set text = null, release_reason = null where member_id = :person",),
    ),
    Holding(
        "offers",
        "派单",
        ("member_id", "made_by"),
        mine="t.member_id = :person",
        erase=("update offers set reasons = '{}' where member_id = :person",),
    ),
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
    Holding("rewards", "积分奖品的设置人", ("made_by",)),
    Holding(
        "appointments",
        "预约接待",
        ("person_id", "secretary_id"),
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
    Holding("case_exclusions", "不计入统计的提出人与确认人", ("proposed_by", "confirmed_by")),
    *DELIBERATION,
    Holding("polls", "表决的发起人", ("created_by",)),
    Holding("casters", "谁可以代选民投票", ("person_id",), mine="t.person_id = :person"),
    Holding("representatives", "户代表", ("person_id", "named_by"), mine="t.person_id = :person"),
    Holding(
        "proxies", "委托投票", ("holder_id", "recorded_by", "confirmed_by"), mine="t.holder_id = :person"
    ),
    Holding("proxy_loads", "受托计数", ("holder_id",), mine="t.holder_id = :person"),
    Holding("paper_entries", "纸质票录入人", ("entered_by", "second_by")),
    Holding("teams", "志愿队伍负责人", ("leader_id",)),
    Holding(
        "team_members",
        "志愿队伍成员",
        ("person_id",),
        mine="t.person_id = :person",
        erase=("update team_members set left_at = :now where person_id = :person and left_at is null",),
    ),
    Holding(
        "qualifications",
        "资格",
        ("membership_id",),
        mine="t.membership_id in (select id from memberships where person_id = :person)",
        erase=(
            """delete from qualifications where membership_id in (
                 select id from memberships where person_id = :person)""",
        ),
    ),
    Holding(
        "residencies",
        "居住关系",
        ("person_id", "decided_by"),
        mine="t.person_id = :person",
        erase=(
            """update residencies set reason = null, version = version + 1, updated_at = :now,
                 state = case when state in ('pending', 'verified') then 'ended' else state end
               where person_id = :person""",
        ),
    ),
    Holding(
        "memberships",
        "报到登记",
        ("person_id", "decided_by"),
        mine="t.person_id = :person",
        erase=(
            """update memberships set reason = null, work_unit = null, availability = null, skills = '{}',
                 version = version + 1, updated_at = :now,
                 state = case when state in ('pending', 'verified') then 'ended' else state end
               where person_id = :person""",
        ),
    ),
    Holding(
        "grants",
        "授权",
        ("person_id", "granted_by"),
        mine="t.person_id = :person",
        erase=(
            """update grants set until = greatest(since, :now)
               where person_id = :person and (until is null or until > :now)""",
        ),
    ),
    Holding(
        "officials",
        "公职信息",
        ("person_id",),
        mine="t.person_id = :person",
        erase=("delete from officials where person_id = :person",),
    ),
    Holding(
        "credentials",
        "控制台登录",
        ("person_id",),
        mine="t.person_id = :person",
        hidden=("password_hash", "totp_sealed", "totp_step"),
        erase=("delete from credentials where person_id = :person",),
    ),
    Holding(
        "events",
        "操作留痕",
        ("actor_id", "subject_id"),
        mine="t.actor_id = :person or (t.subject_kind = 'person' and t.subject_id = :person)",
    ),
    Holding("calendar_versions", "日历版本的导入人", ("created_by",)),
    Holding("place_settings", "地域设定的更新人", ("created_by",)),
    Holding("import_runs", "导入批次的操作人", ("started_by",)),
    Holding(
        "wechat_identities",
        "微信身份",
        ("person_id", "openid", "unionid"),
        mine="t.person_id = :person",
        erase=(
            """update wechat_identities set openid = 'erased:' || id, unionid = null
               where person_id = :person""",
        ),
    ),
    Holding(
        "people",
        "账号",
        ("id", "phone_sealed", "phone_index"),
        mine="t.id = :person",
        hidden=("phone_sealed", "phone_index"),
        erase=(
            f"""update people set state = 'erased', nickname = '{GONE}', avatar = null, phone_sealed = null,
                  phone_index = null, version = version + 1, updated_at = :now
                where id = :person""",
        ),
    ),
)
"""In the order of a 注销: what is found through a column comes before the column is emptied."""


def erasing() -> Iterator[TextClause]:
    """The statements of a 注销, in order."""
    for holding in HOLDINGS:
        yield from (text(statement) for statement in holding.erase)


def exporting() -> Iterator[tuple[Holding, TextClause]]:
    """For each table with something to tell, the statement that gives its rows as one JSON array."""
    for holding in HOLDINGS:
        if holding.mine:
            hidden = ", ".join(f"'{name}'" for name in holding.hidden)
            rows = f"to_jsonb(t) - array[{hidden}]::text[]"
            yield (
                holding,
                text(
                    f"""select coalesce(jsonb_agg({rows}), '[]'::jsonb)
                        from {holding.table} t where {holding.mine}"""
                ),
            )
