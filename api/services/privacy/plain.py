"""个人信息登记的另一半: columns that could hold words but hold nobody's, each group with its reason.

A test holds both halves against the tables: a new column with text, JSON or bytes stands in one of them, or fails.
"""

PLAIN: dict[str, tuple[str, ...]] = {
    "代码、种类、状态和路径，取值由程序规定": (
        "activities.path activities.qualifications certificates.number disclosures.path disclosures.period",
        "dispatch_batches.path dispatch_settings.weights papers.subject_kind polls.turnout appointments.path",
        "case_messages.author_title case_reach.audience case_requests.asker_title",
        "case_requests.decider_title cases.number cases.path cases.routing_rule content_checks.path",
        "content_checks.subject_kind content_checks.suggest content_checks.trace_id deadlines.kind",
        "deadlines.limits deadlines.pauses deadlines.segments deadlines.service_hours deadlines.subject_kind",
        "events.actor_title events.from_state events.move events.subject_kind events.to_state import_runs.kind",
        "import_runs.sha256 jobs.name media_verdicts.suggest media_verdicts.trace_id needs.path",
        "needs.qualifications notice_preferences.muted notices.kind notices.subject_kind",
        "points_entries.source_kind polls.path privacy_consents.version program_codes.kind",
        "program_codes.media_type program_codes.scene progress.author_title subscription_consents.template",
        "subscription_messages.platform_id subscription_messages.template topic_attendances.capacity",
        "topic_places.path topic_stages.limits topic_stages.title topic_stages.voters topics.path",
        "uploads.media_type uploads.subject_kind wechat_identities.app wechat_pushes.kind",
    ),
    "只有程序自己的话、编号和数；人写的在 event_words（tests/test_said.py 看住）": (
        "events.data events.text points_entries.reason service_records.reason",
    ),
    "错误的种类和位置，不含内容（api/kit/mishaps.py）": (
        "deliveries.error jobs.error subscription_messages.error",
    ),
    "地点、单位和设施": (
        "assets.name branches.name companies.name companies.phone companies.service_hours estates.name",
        "homes.room merchants.address merchants.hours merchants.introduction merchants.name merchants.phone",
        "places.code places.name places.path places.path_end teams.introduction teams.name units.address",
        "units.hours units.name units.phone units.service_hours",
    ),
    "以单位名义写的、已公开的文书": (
        "place_settings.note place_settings.terms",
        "calendar_versions.days calendar_versions.note cases.outside_number cases.outside_system",
        "certificates.contact certificates.handler_name disclosures.body disclosures.opinion disclosures.title",
        "milestones.title polls.options polls.text polls.title progress.text rewards.text rewards.title",
        "topic_meetings.conclusion topic_meetings.minutes topic_meetings.title topic_meetings.venue",
    ),
    "导入的文件名和行错误，180 天后清空（保存期限）": ("import_runs.faults import_runs.file_name",),
    "选票、封存和指纹：只有代号、选项、盐和散列": (
        "ballots.choices ballots.leaf ballots.once ballots.salt ballots.slot event_leaves.leaf",
        "event_leaves.salt paper_entries.choices poll_keys.sealed poll_records.content poll_records.leaf",
        "polls.outcome polls.roll_hash polls.rule polls.rule_hash polls.turnout_hash sealed_leaves.leaf",
        "seals.hash seals.previous seals.root seals.signature",
    ),
    "算出来的坐标和计数、平台画的图，和字体缺的字": (
        "certificates.missing opinion_maps.data papers.missing program_codes.image",
    ),
}
"""Reason → columns as `table.column`, some to a line."""


def plain() -> set[tuple[str, str]]:
    """The columns, as (table, column)."""
    names = (name for lines in PLAIN.values() for line in lines for name in line.split())
    return {(table, column) for table, _, column in (name.partition(".") for name in names)}
