"""Who may do what: roles, permissions, and the map between them. docs/permissions.md is written from here.

Reach is role × place: a grant at a place reaches everything under it. Being reporter, handler or household
member is a column of the subject and never a grant.
"""

from enum import StrEnum

from api.rules.places import UnitKind


class Role(StrEnum):
    """角色"""

    grid_worker = "grid_worker"
    community_worker = "community_worker"
    deputy = "deputy"
    secretary = "secretary"
    property_staff = "property_staff"
    oversight_member = "oversight_member"
    property_manager = "property_manager"
    merchant_staff = "merchant_staff"
    town_supervisor = "town_supervisor"
    operator = "operator"
    auditor = "auditor"


ROLE_TITLES: dict[Role, str] = {
    Role.grid_worker: "网格员",
    Role.community_worker: "社区工作者",
    Role.deputy: "社区副主任",
    Role.secretary: "书记",
    Role.property_staff: "物业人员",
    Role.oversight_member: "监督委员会成员",
    Role.property_manager: "物业经理",
    Role.merchant_staff: "商家人员",
    Role.town_supervisor: "街道督办",
    Role.operator: "县级运营",
    Role.auditor: "审计",
}


class Permission(StrEnum):
    """权限"""

    case_read = "case.read"
    case_note = "case.note"
    case_dispatch = "case.dispatch"
    case_handle = "case.handle"
    case_verify = "case.verify"
    case_record = "case.record"
    case_callback = "case.callback"
    case_decide = "case.decide"
    content_review = "content.review"
    need_read = "need.read"
    need_screen = "need.screen"
    need_dispatch = "need.dispatch"
    need_record = "need.record"
    need_callback = "need.callback"
    reward_write = "reward.write"
    team_write = "team.write"
    activity_read = "activity.read"
    activity_write = "activity.write"
    certificate_issue = "certificate.issue"
    home_read = "home.read"
    home_write = "home.write"
    residency_verify = "residency.verify"
    membership_verify = "membership.verify"
    person_read = "person.read"
    person_unmask = "person.unmask"
    person_block = "person.block"
    grant_read = "grant.read"
    grant_write = "grant.write"
    place_write = "place.write"
    calendar_write = "calendar.write"
    setting_write = "setting.write"
    import_run = "import.run"
    poll_read = "poll.read"
    poll_manage = "poll.manage"
    poll_record = "poll.record"
    audit_read = "audit.read"
    queue_read = "queue.read"
    queue_retry = "queue.retry"
    topic_read = "topic.read"
    topic_run = "topic.run"
    topic_screen = "topic.screen"
    topic_oversee = "topic.oversee"
    disclosure_read = "disclosure.read"
    disclosure_write = "disclosure.write"
    disclosure_review = "disclosure.review"


PERMISSION_TITLES: dict[Permission, str] = {
    Permission.case_read: "查看辖区内的诉求（含不公开的）",
    Permission.case_note: "写内部备注、看内部备注",
    Permission.case_dispatch: "派单、撤换承办",
    Permission.case_handle: "签收、询问、答复、办结本单位的诉求",
    Permission.case_verify: "核查他人办结的诉求",
    Permission.case_record: "代居民录入诉求、登记网格事件",
    Permission.case_callback: "回访由别的单位承办、评价不满意的诉求",
    Permission.case_decide: "裁决申诉、挂账、街道延期与督办",
    Permission.content_review: "审核居民发布的内容",
    Permission.need_read: "查看辖区内的微心愿和志愿求助（含未公开的）",
    Permission.need_screen: "审核微心愿和志愿求助",
    Permission.need_dispatch: "向党员和志愿者派单、处理退单与异议",
    Permission.need_record: "代居民提出微心愿和志愿求助",
    Permission.need_callback: "回访并代为确认",
    Permission.reward_write: "维护积分兑换品、发放兑换",
    Permission.team_write: "维护服务队",
    Permission.activity_read: "查看辖区内的志愿活动（含未发布的）和参加的人",
    Permission.activity_write: "发布志愿活动、管理名额、补录与复核时长",
    Permission.certificate_issue: "出具和撤销志愿服务记录证明",
    Permission.home_read: "查看楼栋房屋",
    Permission.home_write: "维护小区与房屋",
    Permission.residency_verify: "核实居住关系",
    Permission.membership_verify: "核实报到与志愿者登记",
    Permission.person_read: "查看人员（隐去号码）",
    Permission.person_unmask: "凭理由查看完整号码（留痕）",
    Permission.person_block: "停用与恢复账号",
    Permission.grant_read: "查看授权",
    Permission.grant_write: "授予与收回角色",
    Permission.place_write: "维护地域",
    Permission.calendar_write: "维护工作日历",
    Permission.setting_write: "设定各地域的时限",
    Permission.import_run: "批量导入",
    Permission.poll_read: "查看辖区内的表决、选民册和谁已投票",
    Permission.poll_manage: "发起、开始、截止、作废表决",
    Permission.poll_record: "双人代录纸质票与委托",
    Permission.audit_read: "查询全部事件",
    Permission.queue_read: "查看队列状态",
    Permission.queue_retry: "重投失败的任务",
    Permission.topic_read: "查看辖区内的议题（含未公开的）",
    Permission.topic_run: "发起和推进协商议事，记录会议与进展",
    Permission.topic_screen: "代表党组织初审议题、推进党组织负责的环节",
    Permission.topic_oversee: "代表监督委员会推进其负责的环节",
    Permission.disclosure_read: "查看辖区内尚未公开的公开事项",
    Permission.disclosure_write: "起草、公开、归档公开事项",
    Permission.disclosure_review: "代表监督委员会审核公开内容",
}

_DESK = {
    Permission.case_read,
    Permission.case_note,
    Permission.case_handle,
    Permission.case_record,
    Permission.case_callback,
    Permission.home_read,
    Permission.person_read,
    Permission.poll_read,
    Permission.poll_record,
    Permission.topic_read,
    Permission.topic_run,
    Permission.disclosure_read,
    Permission.disclosure_write,
    Permission.need_read,
    Permission.need_screen,
    Permission.need_dispatch,
    Permission.need_record,
    Permission.need_callback,
    Permission.reward_write,
    Permission.team_write,
    Permission.activity_read,
    Permission.activity_write,
}
_LEAD = _DESK | {
    Permission.certificate_issue,
    Permission.topic_screen,
    Permission.case_dispatch,
    Permission.case_verify,
    Permission.content_review,
    Permission.residency_verify,
    Permission.membership_verify,
    Permission.grant_read,
    Permission.poll_manage,
}

GRANTED: dict[Role, frozenset[Permission]] = {
    Role.grid_worker: frozenset(
        {
            Permission.case_read,
            Permission.case_record,
            Permission.case_callback,
            Permission.home_read,
            Permission.topic_read,
            Permission.need_read,
            Permission.need_record,
            Permission.need_callback,
            Permission.activity_read,
        }
    ),
    Role.community_worker: frozenset(
        _DESK
        | {
            Permission.case_dispatch,
            Permission.case_verify,
            Permission.content_review,
            Permission.residency_verify,
            Permission.membership_verify,
        }
    ),
    Role.deputy: frozenset(_LEAD),
    Role.secretary: frozenset(_LEAD | {Permission.person_unmask}),
    Role.property_staff: frozenset({Permission.case_note, Permission.case_handle}),
    Role.property_manager: frozenset({Permission.case_note, Permission.case_handle}),
    Role.merchant_staff: frozenset({Permission.case_note, Permission.case_handle}),
    Role.oversight_member: frozenset(
        {
            Permission.topic_read,
            Permission.topic_oversee,
            Permission.disclosure_read,
            Permission.disclosure_review,
        }
    ),
    Role.town_supervisor: frozenset(
        {
            Permission.topic_read,
            Permission.topic_run,
            Permission.topic_screen,
            Permission.disclosure_read,
            Permission.disclosure_review,
            Permission.case_read,
            Permission.case_note,
            Permission.case_dispatch,
            Permission.case_verify,
            Permission.case_callback,
            Permission.case_decide,
            Permission.person_read,
            Permission.grant_read,
            Permission.poll_read,
            Permission.poll_manage,
            Permission.need_read,
            Permission.need_screen,
            Permission.activity_read,
        }
    ),
    Role.operator: frozenset(
        set(Permission)
        - {
            Permission.case_handle,
            Permission.case_note,
            Permission.person_unmask,
            Permission.poll_manage,
            Permission.poll_record,
            Permission.topic_oversee,
            Permission.disclosure_review,
            Permission.certificate_issue,
        }
    ),
    Role.auditor: frozenset(
        {
            Permission.case_read,
            Permission.need_read,
            Permission.activity_read,
            Permission.person_read,
            Permission.grant_read,
            Permission.poll_read,
            Permission.audit_read,
            Permission.queue_read,
            Permission.topic_read,
            Permission.disclosure_read,
        }
    ),
}

UNIT_ROLES: frozenset[Role] = frozenset({Role.property_staff, Role.property_manager, Role.merchant_staff})
"""Held at one unit, never at a place: they reach the cases of that unit and nothing else (docs/adr/0009)."""

CONSOLE_ROLES: frozenset[Role] = frozenset(set(Role) - UNIT_ROLES)
"""Who may have a console login; the others work in the mini-program."""

LEADS: tuple[Role, ...] = (Role.secretary, Role.deputy)
"""Who answers for a community when a clock breaks, the first found first."""

SERVES: dict[UnitKind, frozenset[Role]] = {
    UnitKind.secretary_desk: frozenset({Role.community_worker, Role.deputy, Role.secretary}),
    UnitKind.property_company: frozenset({Role.property_staff, Role.property_manager}),
    UnitKind.grid_team: frozenset({Role.grid_worker}),
    UnitKind.errand_desk: frozenset({Role.community_worker}),
    UnitKind.merchant: frozenset({Role.merchant_staff}),
}
"""Whose grant at the unit itself, or at its own place, makes them its members."""

OWN_UNIT_ONLY: frozenset[UnitKind] = frozenset(kind for kind, roles in SERVES.items() if roles <= UNIT_ROLES)
"""Units whose members are named one by one: a neighbouring company at the same place is none of them."""

HEADS: dict[UnitKind, frozenset[Role]] = SERVES | {
    UnitKind.secretary_desk: frozenset({Role.deputy, Role.secretary}),
    UnitKind.property_company: frozenset({Role.property_manager}),
}
"""Which of them lead the unit; where no role stands out, each does."""


def roles_with(permission: Permission) -> list[Role]:
    """The roles that carry `permission`, in the enum's order."""
    return [role for role in Role if permission in GRANTED[role]]


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    return frozenset().union(*(GRANTED[role] for role in roles))


def capacity(roles: frozenset[Role]) -> str:
    """The title the public timeline shows for somebody acting with these roles: the nearest to the people."""
    order = (
        Role.property_staff,
        Role.property_manager,
        Role.merchant_staff,
        Role.grid_worker,
        Role.oversight_member,
        Role.community_worker,
        Role.deputy,
        Role.secretary,
        Role.town_supervisor,
        Role.operator,
        Role.auditor,
    )
    return next((ROLE_TITLES[role] for role in order if role in roles), "居民")
