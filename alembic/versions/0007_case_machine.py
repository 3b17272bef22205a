"""The case machine: requests on a case, tasks of other units, urging, the ladder's rungs and both clocks."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHECKS = (
    ("cases", "fk_cases_owner_id", "foreign key (owner_id) references people (id) on delete restrict"),
    ("cases", "fk_cases_continues_id", "foreign key (continues_id) references cases (id) on delete restrict"),
    ("cases", "ck_cases_level_range", "check (level between 0 and 4)"),
    ("cases", "ck_cases_suspended_at_most", "check (suspended_days between 0 and 90)"),
    ("cases", "ck_cases_tasks_counted", "check (tasks_open >= 0)"),
    (
        "cases",
        "ck_cases_referred_where",
        "check (state <> 'referred' or (outside_system is not null and outside_number is not null))",
    ),
    ("cases", "ck_cases_rejected_why", "check (state <> 'rejected' or reject_reason is not null)"),
)
"""Added without a look at the rows there are, then validated: writers wait for no scan."""


def upgrade() -> None:
    op.create_table(
        "case_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "return",
                "extend",
                "suspend",
                "assist",
                "supervise",
                "reject",
                "appeal",
                name="requestkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "approved",
                "refused",
                "lapsed",
                name="requeststate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=True),
        sa.Column(
            "level",
            sa.Enum(
                "community",
                "town",
                name="extensionlevel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "reject_reason",
            sa.Enum(
                "other_area",
                "in_court",
                "police_matter",
                "labour_dispute",
                "petition_concluded",
                "emergency",
                "private_affair",
                "unclear",
                name="rejectreason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "suspend_reason",
            sa.Enum(
                "funding",
                "season",
                "programme",
                "appraisal",
                "third_party",
                "legacy",
                name="suspendreason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("units", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("asker_id", sa.Uuid(), nullable=True),
        sa.Column("asker_title", sa.Text(), nullable=False),
        sa.Column("decider_id", sa.Uuid(), nullable=True),
        sa.Column("decider_title", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'extend') = (level is not null)", name=op.f("ck_case_requests_extension_level")
        ),
        sa.CheckConstraint(
            "(kind = 'reject') = (reject_reason is not null)", name=op.f("ck_case_requests_reject_reason")
        ),
        sa.CheckConstraint(
            "(kind = 'suspend') = (suspend_reason is not null)", name=op.f("ck_case_requests_suspend_reason")
        ),
        sa.CheckConstraint(
            "(kind in ('extend', 'suspend')) = (days is not null)", name=op.f("ck_case_requests_days_counted")
        ),
        sa.CheckConstraint(
            "kind <> 'suspend' or days between 1 and 30", name=op.f("ck_case_requests_reviewed")
        ),
        sa.CheckConstraint(
            "level is null or days <= case level when 'town' then 10 else 5 end",
            name=op.f("ck_case_requests_most"),
        ),
        sa.CheckConstraint(
            "asker_id is null or asker_id <> decider_id", name=op.f("ck_case_requests_two_persons")
        ),
        sa.ForeignKeyConstraint(
            ["asker_id"], ["people.id"], name=op.f("fk_case_requests_asker_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_requests_case_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["decider_id"], ["people.id"], name=op.f("fk_case_requests_decider_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["units.id"], name=op.f("fk_case_requests_unit_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_requests")),
    )
    op.create_index("ix_case_requests_case", "case_requests", ["case_id", "id"], unique=False)
    op.create_index(
        "uq_case_requests_appeal",
        "case_requests",
        ["case_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'appeal'"),
    )
    op.create_index(
        "uq_case_requests_extended",
        "case_requests",
        ["case_id", "level"],
        unique=True,
        postgresql_where=sa.text("kind = 'extend' and state = 'approved'"),
    )
    op.create_index(
        "uq_case_requests_pending",
        "case_requests",
        ["case_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "case_urges",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_urges_case_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_case_urges_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("case_id", "day", name=op.f("pk_case_urges")),
    )
    op.create_table(
        "case_tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "finished",
                "waived",
                name="taskstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_tasks_case_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["case_requests.id"], name=op.f("fk_case_tasks_request_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["units.id"], name=op.f("fk_case_tasks_unit_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_tasks")),
    )
    op.create_index(op.f("ix_case_tasks_case_id"), "case_tasks", ["case_id"], unique=False)
    op.create_index("ix_case_tasks_request", "case_tasks", ["request_id", "id"], unique=False)
    op.add_column(
        "cases", sa.Column("transfers", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "cases", sa.Column("returns", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "cases", sa.Column("tasks_open", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "cases", sa.Column("suspended_days", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "cases", sa.Column("contacted_cycle", sa.SmallInteger(), server_default=sa.text("1"), nullable=False)
    )
    op.add_column(
        "cases", sa.Column("confirm_owed", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column(
        "cases", sa.Column("callback_owed", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("cases", sa.Column("hazard", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("cases", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.add_column("cases", sa.Column("plan", sa.Text(), nullable=True))
    op.add_column(
        "cases",
        sa.Column(
            "reject_reason",
            sa.Enum(
                "other_area",
                "in_court",
                "police_matter",
                "labour_dispute",
                "petition_concluded",
                "emergency",
                "private_affair",
                "unclear",
                name="rejectreason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
    )
    op.add_column("cases", sa.Column("outside_system", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("outside_number", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("continues_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_cases_live",
        "cases",
        ["state", "path", "id"],
        unique=False,
        postgresql_where=sa.text(
            "state in ('submitted', 'dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled', 'awaiting_rating')"
        ),
    )
    op.create_index("uq_cases_continues", "cases", ["continues_id"], unique=True)
    op.add_column(
        "deadlines", sa.Column("rungs", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("deadlines", sa.Column("warn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "deadlines", sa.Column("warned", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.drop_index("ix_deadlines_due", table_name="deadlines")
    op.create_index(
        "ix_deadlines_due",
        "deadlines",
        [sa.text("least(warn_at, due_at)")],
        unique=False,
        postgresql_where=sa.text("met_at is null and cancelled_at is null and fired_at is null"),
    )
    # What was said before the cycles were told apart counts for the cycle it was said in at the latest.
    op.execute("update cases set contacted_cycle = cycle where cycle > 1 and first_contact_at is not null")
    for table, name, rule in CHECKS:
        op.execute(f"alter table {table} add constraint {name} {rule} not valid")
    for table, name, _ in CHECKS:
        op.execute(f"alter table {table} validate constraint {name}")


def downgrade() -> None:
    for table, name, _ in reversed(CHECKS):
        op.execute(f"alter table {table} drop constraint {name}")
    op.drop_index(
        "ix_deadlines_due",
        table_name="deadlines",
        postgresql_where=sa.text("met_at is null and cancelled_at is null and fired_at is null"),
    )
    op.create_index(
        "ix_deadlines_due",
        "deadlines",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("met_at is null and cancelled_at is null and fired_at is null"),
    )
    op.drop_column("deadlines", "warned")
    op.drop_column("deadlines", "warn_at")
    op.drop_column("deadlines", "rungs")
    op.drop_index("uq_cases_continues", table_name="cases")
    op.drop_index(
        "ix_cases_live",
        table_name="cases",
        postgresql_where=sa.text(
            "state in ('submitted', 'dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled', 'awaiting_rating')"
        ),
    )
    op.drop_column("cases", "continues_id")
    op.drop_column("cases", "outside_number")
    op.drop_column("cases", "outside_system")
    op.drop_column("cases", "reject_reason")
    op.drop_column("cases", "plan")
    op.drop_column("cases", "owner_id")
    op.drop_column("cases", "hazard")
    op.drop_column("cases", "callback_owed")
    op.drop_column("cases", "confirm_owed")
    op.drop_column("cases", "contacted_cycle")
    op.drop_column("cases", "suspended_days")
    op.drop_column("cases", "tasks_open")
    op.drop_column("cases", "returns")
    op.drop_column("cases", "transfers")
    op.drop_index("ix_case_tasks_request", table_name="case_tasks")
    op.drop_index(op.f("ix_case_tasks_case_id"), table_name="case_tasks")
    op.drop_table("case_tasks")
    op.drop_table("case_urges")
    op.drop_index(
        "uq_case_requests_pending", table_name="case_requests", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index(
        "uq_case_requests_extended",
        table_name="case_requests",
        postgresql_where=sa.text("kind = 'extend' and state = 'approved'"),
    )
    op.drop_index(
        "uq_case_requests_appeal", table_name="case_requests", postgresql_where=sa.text("kind = 'appeal'")
    )
    op.drop_index("ix_case_requests_case", table_name="case_requests")
    op.drop_table("case_requests")
