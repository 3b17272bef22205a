"""个人信息登记: which tables hold what of a person, what of it the person is given, and what a 注销 leaves.

The one registry: a test holds it against the tables, so that a new table with a person in it cannot be forgotten.
Votes, events and ledgers keep pointing at the person's row, which becomes a tombstone: an id without anybody.
"""

from collections.abc import Iterator

from sqlalchemy import TextClause, text

from api.rules.roles import ROLE_TITLES
from api.services.privacy.deliberation import DELIBERATION
from api.services.privacy.holding import GONE, MY_IDENTITIES, MY_SUBJECTS, MY_TOPICS, Holding
from api.services.privacy.matters import MATTERS
from api.services.privacy.volunteering import VOLUNTEERING

_FORGOTTEN = "select event_id from event_words where forgotten_for = :erasure"
_TOLD_OF_ME = f"""n.person_id = :person or n.subject_id in ({MY_SUBJECTS} union all {MY_TOPICS})
                  or n.event_id in ({_FORGOTTEN})"""
"""Notices to the person, of the person's own affairs, and those that repeat what the person said elsewhere."""

OFFICES = sorted(ROLE_TITLES.values())
"""Who acted as one of these acted for the public: what was said so belongs to the office and stays."""

HOLDINGS: tuple[Holding, ...] = (
    Holding(
        "event_words",
        "操作留痕中的话和名字（留痕本身只有散列，封存仍可核验）",
        ("about_id", "salt"),
        words=("told", "words"),
        mine="""t.about_id = :person
                or t.event_id in (select id from events where actor_id = :person)""",
        hidden=("salt",),
        erase=(
            f"""update event_words set told = null, words = null, salt = null, forgotten_for = :erasure
                where forgotten_for is null and event_id in (
                  select event_id from event_words where about_id = :person
                  union all
                  select id from events where actor_id = :person and actor_title <> all(:offices)
                  union all
                  select id from events where subject_id in ({MY_SUBJECTS}))""",
        ),
    ),
    Holding(
        "household_lines",
        "住户名册（仅号码的单向散列）",
        ("phone_index",),
        mine="t.phone_index = (select phone_index from people where id = :person)",
        hidden=("phone_index",),
        erase=(
            """delete from household_lines l using people p
               where p.id = :person and l.phone_index = p.phone_index""",
        ),
    ),
    Holding(
        "member_lines",
        "成员名册（仅号码的单向散列）",
        ("phone_index",),
        words=("work_unit", "skills", "times", "qualifications"),
        mine="t.phone_index = (select phone_index from people where id = :person)",
        hidden=("phone_index",),
        erase=(
            """delete from member_lines l using people p
               where p.id = :person and l.phone_index = p.phone_index""",
        ),
    ),
    Holding(
        "idempotency_keys",
        "幂等键",
        ("person_id",),
        words=("key", "fingerprint"),
        untold="只为重试保存一天的凭据",
        erase=("delete from idempotency_keys where person_id = :person",),
    ),
    Holding(
        "idempotency_answers",
        "幂等应答（随幂等键删除）",
        ("person_id",),
        words=("key", "body"),
        untold="重复的应答，内容在其他各表",
        erase=("delete from idempotency_answers where person_id = :person",),
    ),
    Holding(
        "wechat_pushes",
        "微信平台推送",
        ("openid",),
        words=("key", "content"),
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
        words=("fields", "page"),
        mine="t.person_id = :person",
        erase=(
            """update subscription_messages m
                set openid = 'erased:' || m.id,
                    state = case when m.state = 'pending' then 'failed' else m.state end
                where m.person_id = :person""",
            f"""update subscription_messages m set fields = '{{}}'::jsonb, page = ''
                from notices n where n.id = m.notice_id and (m.person_id = :person or {_TOLD_OF_ME})""",
        ),
    ),
    Holding(
        "notices",
        "站内通知",
        ("person_id",),
        words=("title", "text"),
        mine="t.person_id = :person",
        erase=(f"update notices n set title = '{GONE}', text = '' where {_TOLD_OF_ME}",),
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
        mine=f"t.identity_id in ({MY_IDENTITIES})",
    ),
    Holding("privacy_consents", "同意记录", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "data_exports",
        "个人信息导出",
        ("person_id",),
        mine="t.person_id = :person",
        words=("content",),
        hidden=("content",),
        erase=("delete from data_exports where person_id = :person",),
    ),
    Holding("erasures", "注销申请", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "risk_ratings",
        "微信风险等级",
        ("person_id", "openid"),
        words=("client_ip",),
        mine="t.person_id = :person",
        erase=("delete from risk_ratings where person_id = :person",),
    ),
    *MATTERS,
    *DELIBERATION,
    *VOLUNTEERING,
    Holding("teams", "志愿队伍负责人", ("leader_id",), mine="t.leader_id = :person"),
    Holding(
        "team_members",
        "志愿队伍成员",
        ("person_id",),
        mine="t.person_id = :person",
        words=("reason",),
        erase=(
            "update team_members set left_at = :now, state = 'left' where person_id = :person and left_at is null",
            "update team_members set reason = null where person_id = :person and reason is not null",
        ),
    ),
    Holding(
        "qualifications",
        "资格",
        ("membership_id",),
        words=("name",),
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
        words=("reason",),
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
        words=("reason", "work_unit", "availability", "skills", "times", "birth_year", "insured_until"),
        mine="t.person_id = :person",
        erase=(
            """update memberships set reason = null, work_unit = null, availability = null, skills = '{}', times = '{}',
                 birth_year = null, insured_until = null, version = version + 1, updated_at = :now,
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
        words=("name", "title", "hours", "introduction"),
        mine="t.person_id = :person",
        erase=("delete from officials where person_id = :person",),
    ),
    Holding(
        "credentials",
        "控制台登录",
        ("person_id",),
        words=("username", "password_hash", "totp_sealed"),
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
    Holding("calendar_versions", "日历版本的导入人", ("created_by",), untold="工作日历，与本人无关"),
    Holding("place_settings", "地域设定的更新人", ("created_by",), mine="t.created_by = :person"),
    Holding(
        "import_runs", "导入批次的操作人", ("started_by",), mine="t.started_by = :person", hidden=("faults",)
    ),
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
        words=("nickname", "avatar"),
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
