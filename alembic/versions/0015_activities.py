"""志愿活动, 服务记录, 证明: activities and seats, minutes served, certificates; members of teams are confirmed."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LIVE = """state in ('waitlisted', 'offered', 'confirmed', 'checked_in', 'checked_out', 'hours_pending', 'credited',
  'no_show', 'removed')"""
RANGE = "create type uuidrange as range (subtype = uuid)"
"""A person as a range of one: GiST compares ranges of any type by itself, and no extension is needed."""
NOWHERE_TWICE = """alter table seats add constraint ex_seats_one_place_at_a_time exclude using gist (
  uuidrange(person_id, person_id, '[]') with &&, during with &&) where (state in ('confirmed', 'checked_in'))"""
TRIGGERS = (
    """create trigger service_records_append_only before update or delete on service_records
  for each row execute function forbid_change()""",
    """create trigger service_records_no_truncate before truncate on service_records
  for each statement execute function forbid_change()""",
)
"""Minutes are taken back by counter-entries alone."""


def upgrade() -> None:
    op.execute(RANGE)
    op.create_table(
        "attendants",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("suspended_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_attendants_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_attendants")),
    )
    op.create_table(
        "certificates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("name_masked", sa.Text(), nullable=False),
        sa.Column(
            "id_kind",
            sa.Enum(
                "resident_id",
                "passport",
                "travel_permit",
                "other",
                name="idkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("id_masked", sa.Text(), nullable=False),
        sa.Column("identity_index", sa.LargeBinary(), nullable=True),
        sa.Column("volunteer_number", sa.Text(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("lines", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("handler_name", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "issued",
                "refused",
                "revoked",
                "withdrawn",
                name="certificatestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("again", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=True),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state not in ('issued', 'revoked') or issued_at is not null",
            name=op.f("ck_certificates_issued_once"),
        ),
        sa.CheckConstraint(
            "issued_by is null or issued_by <> person_id", name=op.f("ck_certificates_not_for_oneself")
        ),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_certificates_minutes_count")),
        sa.CheckConstraint("until >= since", name=op.f("ck_certificates_period")),
        sa.ForeignKeyConstraint(
            ["community_id"], ["places.id"], name=op.f("fk_certificates_community_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["issued_by"], ["people.id"], name=op.f("fk_certificates_issued_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_certificates_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("number", name=op.f("uq_certificates_number")),
    )
    op.create_index("ix_certificates_community", "certificates", ["community_id", "id"], unique=False)
    op.create_index("ix_certificates_person", "certificates", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_certificates_unprinted",
        "certificates",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'issued' and printed_at is null"),
    )
    op.create_index(
        "uq_certificates_requested",
        "certificates",
        ["person_id", "community_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.create_table(
        "activities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("spot", sa.Text(), nullable=False),
        sa.Column(
            "content",
            sa.Enum(
                "pending",
                "pass",
                "review",
                "risky",
                name="contentstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "published",
                "ended",
                "cancelled",
                name="activitystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "open_to",
            sa.Enum(
                "community", "everybody", name="opento", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("registered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("qualifications", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("min_age", sa.SmallInteger(), nullable=True),
        sa.Column("max_age", sa.SmallInteger(), nullable=True),
        sa.Column("insured", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("radius", sa.SmallInteger(), server_default=sa.text("500"), nullable=False),
        sa.Column("seats", sa.SmallInteger(), nullable=False),
        sa.Column("free", sa.SmallInteger(), nullable=False),
        sa.Column("queue", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("waiting", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_ticket", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_seated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at <= starts_at + interval '1 day'", name=op.f("ck_activities_length")),
        sa.CheckConstraint(
            "(latitude is null) = (longitude is null)", name=op.f("ck_activities_whole_position")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_activities_stretch")),
        sa.CheckConstraint("free between 0 and seats", name=op.f("ck_activities_free_in_seats")),
        sa.CheckConstraint(
            "max_age is null or min_age is null or max_age >= min_age", name=op.f("ck_activities_ages")
        ),
        sa.CheckConstraint("seats between 1 and 500", name=op.f("ck_activities_seats_range")),
        sa.CheckConstraint("waiting between 0 and 500", name=op.f("ck_activities_waiting_range")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["people.id"], name=op.f("fk_activities_author_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["places.id"], name=op.f("fk_activities_community_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_activities_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_activities_team_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index("ix_activities_author", "activities", ["author_id", "id"], unique=False)
    op.create_index(
        "ix_activities_coming",
        "activities",
        ["starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_index("ix_activities_path", "activities", ["path", "starts_at", "id"], unique=False)
    op.create_index(
        "ix_activities_series",
        "activities",
        ["series_id", "starts_at"],
        unique=False,
        postgresql_where=sa.text("series_id is not null"),
    )
    op.create_table(
        "seats",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waitlisted",
                "offered",
                "confirmed",
                "checked_in",
                "checked_out",
                "hours_pending",
                "credited",
                "cancelled",
                "cancelled_late",
                "no_show",
                "removed",
                "lapsed",
                "called_off",
                name="seatstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("offered_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("minutes_automatic", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("minutes_added", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(minutes_automatic + minutes_added) * interval '1 minute' <= upper(during) - lower(during)",
            name=op.f("ck_seats_minutes_in_length"),
        ),
        sa.CheckConstraint(
            "minutes_automatic >= 0 and minutes_added >= 0", name=op.f("ck_seats_minutes_count")
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name=op.f("fk_seats_activity_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_seats_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seats")),
        sa.UniqueConstraint("activity_id", "ticket", name=op.f("uq_seats_activity_id_ticket")),
    )
    op.create_index("ix_seats_person", "seats", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_seats_queue",
        "seats",
        ["activity_id", "ticket"],
        unique=False,
        postgresql_where=sa.text("state = 'waitlisted'"),
    )
    op.create_index(
        "uq_seats_live",
        "seats",
        ["activity_id", "person_id"],
        unique=True,
        postgresql_where=sa.text(LIVE),
    )
    op.create_table(
        "added_hours",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("seat_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("minutes", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "confirmed",
                "refused",
                name="addingstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_by is null)", name=op.f("ck_added_hours_decided_by_somebody")
        ),
        sa.CheckConstraint(
            "decided_by is null or decided_by not in (proposed_by, person_id)",
            name=op.f("ck_added_hours_second_person"),
        ),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_added_hours_minutes_count")),
        sa.CheckConstraint("proposed_by <> person_id", name=op.f("ck_added_hours_not_for_oneself")),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name=op.f("fk_added_hours_activity_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["people.id"], name=op.f("fk_added_hours_decided_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_added_hours_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["people.id"], name=op.f("fk_added_hours_proposed_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["seat_id"], ["seats.id"], name=op.f("fk_added_hours_seat_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_added_hours")),
    )
    op.create_index("ix_added_hours_activity", "added_hours", ["activity_id", "id"], unique=False)
    op.create_index(
        "uq_added_hours_waiting",
        "added_hours",
        ["seat_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_table(
        "attendances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seat_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "came_by",
            sa.Enum("qr", "position", name="checkedby", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("came_metres", sa.Integer(), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_by", sa.Text(), nullable=True),
        sa.Column("left_metres", sa.Integer(), nullable=True),
        sa.CheckConstraint("left_at is null or left_at >= came_at", name=op.f("ck_attendances_order")),
        sa.CheckConstraint("left_by in ('qr', 'position')", name=op.f("ck_attendances_left_how")),
        sa.CheckConstraint("ordinal between 1 and 3", name=op.f("ck_attendances_pairs_a_day")),
        sa.ForeignKeyConstraint(
            ["seat_id"], ["seats.id"], name=op.f("fk_attendances_seat_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendances")),
        sa.UniqueConstraint("seat_id", "day", "ordinal", name=op.f("uq_attendances_seat_id_day_ordinal")),
    )
    op.create_index(
        "uq_attendances_open",
        "attendances",
        ["seat_id"],
        unique=True,
        postgresql_where=sa.text("left_at is null"),
    )
    op.create_table(
        "service_records",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("seat_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "automatic",
                "added",
                "counter",
                name="recordkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("minutes", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("added_id", sa.Uuid(), nullable=True),
        sa.Column("counters_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'added') = (added_id is not null)",
            name=op.f("ck_service_records_added_has_its_proposal"),
        ),
        sa.CheckConstraint(
            "(kind = 'automatic') = (recorded_by is null)",
            name=op.f("ck_service_records_automatic_by_nobody"),
        ),
        sa.CheckConstraint(
            "(kind = 'counter') = (counters_id is not null)",
            name=op.f("ck_service_records_counter_has_its_entry"),
        ),
        sa.CheckConstraint(
            "(kind = 'counter') = (reason is not null)",
            name=op.f("ck_service_records_counter_has_its_reason"),
        ),
        sa.CheckConstraint(
            "case when kind = 'counter' then minutes < 0 else minutes > 0 end",
            name=op.f("ck_service_records_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name=op.f("fk_service_records_activity_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["added_id"], ["added_hours.id"], name=op.f("fk_service_records_added_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["places.id"], name=op.f("fk_service_records_community_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["counters_id"],
            ["service_records.id"],
            name=op.f("fk_service_records_counters_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_service_records_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["people.id"], name=op.f("fk_service_records_recorded_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["seat_id"], ["seats.id"], name=op.f("fk_service_records_seat_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_records")),
    )
    op.create_index("ix_service_records_activity", "service_records", ["activity_id", "id"], unique=False)
    op.create_index(
        "ix_service_records_community", "service_records", ["person_id", "community_id", "day"], unique=False
    )
    op.create_index("ix_service_records_person", "service_records", ["person_id", "id"], unique=False)
    op.create_index(
        "uq_service_records_added",
        "service_records",
        ["added_id"],
        unique=True,
        postgresql_where=sa.text("added_id is not null"),
    )
    op.create_index(
        "uq_service_records_automatic",
        "service_records",
        ["seat_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'automatic'"),
    )
    op.create_index(
        "uq_service_records_counters",
        "service_records",
        ["counters_id"],
        unique=True,
        postgresql_where=sa.text("counters_id is not null"),
    )
    op.add_column(
        "team_members",
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "member",
                "refused",
                "left",
                "removed",
                name="teammemberstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="member",
            nullable=False,
        ),
    )
    op.add_column("team_members", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column(
        "team_members", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    op.add_column(
        "team_members",
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.add_column("teams", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column(
        "teams",
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.execute("update team_members set state = 'left' where left_at is not null")
    op.create_check_constraint(
        op.f("ck_team_members_left_has_its_time"),
        "team_members",
        "(left_at is null) = (state in ('pending', 'member'))",
    )
    op.execute(NOWHERE_TWICE)
    for statement in TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_team_members_left_has_its_time"), "team_members", type_="check")
    op.drop_column("teams", "updated_at")
    op.drop_column("teams", "version")
    op.drop_column("team_members", "updated_at")
    op.drop_column("team_members", "version")
    op.drop_column("team_members", "reason")
    op.drop_column("team_members", "state")
    op.drop_index(
        "uq_service_records_counters",
        table_name="service_records",
        postgresql_where=sa.text("counters_id is not null"),
    )
    op.drop_index(
        "uq_service_records_automatic",
        table_name="service_records",
        postgresql_where=sa.text("kind = 'automatic'"),
    )
    op.drop_index(
        "uq_service_records_added",
        table_name="service_records",
        postgresql_where=sa.text("added_id is not null"),
    )
    op.drop_index("ix_service_records_person", table_name="service_records")
    op.drop_index("ix_service_records_community", table_name="service_records")
    op.drop_index("ix_service_records_activity", table_name="service_records")
    op.drop_table("service_records")
    op.drop_index(
        "uq_attendances_open", table_name="attendances", postgresql_where=sa.text("left_at is null")
    )
    op.drop_table("attendances")
    op.drop_index(
        "uq_added_hours_waiting", table_name="added_hours", postgresql_where=sa.text("state = 'proposed'")
    )
    op.drop_index("ix_added_hours_activity", table_name="added_hours")
    op.drop_table("added_hours")
    op.drop_index(
        "uq_seats_live",
        table_name="seats",
        postgresql_where=sa.text(LIVE),
    )
    op.drop_index("ix_seats_queue", table_name="seats", postgresql_where=sa.text("state = 'waitlisted'"))
    op.drop_index("ix_seats_person", table_name="seats")
    op.drop_table("seats")
    op.drop_index(
        "ix_activities_series", table_name="activities", postgresql_where=sa.text("series_id is not null")
    )
    op.drop_index("ix_activities_path", table_name="activities")
    op.drop_index(
        "ix_activities_coming", table_name="activities", postgresql_where=sa.text("state = 'published'")
    )
    op.drop_index("ix_activities_author", table_name="activities")
    op.drop_table("activities")
    op.drop_index(
        "uq_certificates_requested",
        table_name="certificates",
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.drop_index(
        "ix_certificates_unprinted",
        table_name="certificates",
        postgresql_where=sa.text("state = 'issued' and printed_at is null"),
    )
    op.drop_index("ix_certificates_person", table_name="certificates")
    op.drop_index("ix_certificates_community", table_name="certificates")
    op.drop_table("certificates")
    op.drop_table("attendants")
    op.execute("drop type uuidrange")
