"""个人信息登记中志愿活动的各表: hours and seats stay as a ledger without anybody's name, certificates end."""

from api.services.privacy.holding import GONE, WITHDRAWN, Holding

VOLUNTEERING: tuple[Holding, ...] = (
    Holding(
        "activities",
        "志愿活动（名额、时长和时间留作记录）",
        ("author_id",),
        words=("title", "text", "spot", "reason"),
        mine="t.author_id = :person",
        erase=(
            f"""update activities set reason = null, title = '{WITHDRAWN}', text = '{WITHDRAWN}', spot = '{WITHDRAWN}',
                  version = version + 1, updated_at = :now
                where author_id = :person""",
        ),
    ),
    Holding(
        "seats",
        "活动名额",
        ("person_id",),
        words=("reason",),
        mine="t.person_id = :person",
        erase=("update seats set reason = null where person_id = :person and reason is not null",),
    ),
    Holding(
        "attendances",
        "签到签退",
        ("seat_id", "came_by", "left_by"),
        mine="t.seat_id in (select id from seats where person_id = :person)",
    ),
    Holding("attendants", "报名限制", ("person_id",), mine="t.person_id = :person"),
    Holding(
        "added_hours",
        "补录时长",
        ("person_id", "proposed_by", "decided_by"),
        words=("reason", "refusal"),
        mine="t.person_id = :person",
        erase=(f"update added_hours set reason = '{GONE}', refusal = null where person_id = :person",),
    ),
    Holding(
        "service_records",
        "服务记录（账本，只增不改）",
        ("person_id", "recorded_by"),
        mine="t.person_id = :person",
    ),
    Holding(
        "certificates",
        "志愿服务记录证明（查验时只余“已注销”）",
        ("person_id", "issued_by", "name_sealed", "identity_index"),
        words=("name_masked", "id_masked", "volunteer_number", "lines", "reason", "pdf"),
        mine="t.person_id = :person",
        hidden=("name_sealed", "identity_index", "pdf"),
        erase=(
            f"""update certificates set name_sealed = null, name_masked = '{GONE}', id_masked = '', pdf = null,
                  identity_index = null, volunteer_number = null, lines = '[]'::jsonb, reason = '持证人已注销',
                  state = case when state = 'issued' then 'revoked'
                    when state = 'requested' then 'withdrawn' else state end,
                  version = version + 1, updated_at = :now
                where person_id = :person""",
        ),
    ),
)
