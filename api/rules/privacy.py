"""个人信息保护: what consent is asked for, the way to 注销, and how long what is kept."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.rules.clocks import Limit, natural_days


class Purpose(StrEnum):
    """处理个人信息的目的：服务协议与隐私政策、手机号、位置、精选展示头像昵称、参与统计"""

    service = "service"
    phone = "phone"
    location = "location"
    profile = "profile"
    statistics = "statistics"


PURPOSE_TITLES: dict[Purpose, str] = {
    Purpose.service: "服务协议与隐私政策",
    Purpose.phone: "手机号",
    Purpose.location: "位置",
    Purpose.profile: "展示昵称和头像",
    Purpose.statistics: "参与统计",
}


class ErasureState(StrEnum):
    """注销状态：待办理、已撤回、已完成"""

    requested = "requested"
    cancelled = "cancelled"
    done = "done"


class ErasureStanding(StrEnum):
    """What somebody is to a 注销: 本人、系统"""

    self = "self"
    system = "system"


class ErasureSource(StrEnum):
    """注销由谁提出：本人、微信平台（注销微信账号）"""

    person = "person"
    platform = "platform"


ERASURE_TITLES: dict[str, str] = {
    ErasureState.requested: "待办理",
    ErasureState.cancelled: "已撤回",
    ErasureState.done: "已完成",
}

_E, _S = ErasureState, ErasureStanding

ERASURES: Lifecycle[ErasureState, ErasureStanding, None] = Lifecycle(
    "erasure",
    "注销",
    _E.requested,
    [
        Move("cancel", "撤回注销", (_E.requested,), _E.cancelled, frozenset({_S.self})),
        Move(
            "carry_out",
            "完成注销",
            (_E.requested,),
            _E.done,
            frozenset({_S.system}),
            note="到期由系统办理，不可恢复",
        ),
    ],
)

COOLING_OFF: Limit = natural_days(14)
"""The law and the platform want it done within 15 days; the day of the request is left out of the count."""


class ExportState(StrEnum):
    """导出状态：准备中、可下载、已过期、失败"""

    pending = "pending"
    ready = "ready"
    expired = "expired"
    failed = "failed"


EXPORT_KEPT = timedelta(hours=24)
"""How long an export lies ready."""
LINK_LIVES = timedelta(minutes=10)
"""How long one signed address of it is good."""


@dataclass(frozen=True, slots=True)
class Retention:
    """保存期限: rows of `table` whose `since` is older than `kept` are deleted, or have `cleared` blanked."""

    table: str
    what: str
    since: str
    kept: timedelta
    where: str = ""
    """A further condition in SQL."""
    cleared: tuple[str, ...] = ()
    """Assignments in SQL instead of a deletion."""
    why: str = ""


RETENTION: tuple[Retention, ...] = (
    Retention(
        "idempotency_keys", "幂等键与应答", "created_at", timedelta(hours=24), why="重试窗口，与接口约定一致"
    ),
    Retention(
        "wechat_pushes",
        "微信平台推送",
        "received_at",
        timedelta(days=30),
        where="done_at is not null",
        why="去重与核对；平台最多重推数分钟",
    ),
    Retention(
        "data_exports",
        "个人信息导出文件",
        "ready_at",
        EXPORT_KEPT,
        where="state = 'ready'",
        cleared=("content = null", "state = 'expired'"),
        why="导出文件只供本人短时下载",
    ),
    Retention(
        "subscription_messages",
        "订阅消息正文",
        "created_at",
        timedelta(days=30),
        where="state not in ('pending', 'sending') and fields <> '{}'::jsonb",
        cleared=("fields = '{}'::jsonb", "page = ''"),
        why="送达核对；账本本身长期保存",
    ),
    Retention(
        "notices",
        "站内通知的文字",
        "created_at",
        timedelta(days=365),
        where="text <> ''",
        cleared=("title = '已归档'", "text = ''"),
        why="一年内可查阅",
    ),
    Retention(
        "import_runs",
        "导入的文件名和行错误",
        "started_at",
        timedelta(days=180),
        where="finished_at is not null and (file_name <> '' or faults <> '[]'::jsonb)",
        cleared=("file_name = ''", "faults = '[]'::jsonb"),
        why="更正和复查导入；名单的行可能提到人",
    ),
    Retention(
        "program_codes", "小程序码图片", "created_at", timedelta(days=180), why="可随时重新生成，不含个人信息"
    ),
)
"""The one policy: the job carries it out, docs/retention.md prints it, a test holds it against the tables."""

KEPT_FOREVER: dict[str, str] = {
    "events": "操作留痕（审计），不少于 200 天，不含任何人写的话",
    "event_words": "操作留痕中的话，随留痕保存，注销时清空",
    "subscription_consents": "订阅授权账本，注销后只余无身份的流水",
    "privacy_consents": "同意记录，作为处理个人信息的依据",
    "erasures": "注销受理凭据",
}
