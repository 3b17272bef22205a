"""社区派单: batches, their lines, and the settings they are worked out with. 成员名册: rosters by number."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dispatch_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("wish", "help", name="needkind", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "ready",
                "applying",
                "applied",
                "discarded",
                "failed",
                "expired",
                name="batchstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("settings_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at_once", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("members", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("matched", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cost", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gini", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("applied_by", sa.Uuid(), nullable=True),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('queued', 'failed', 'discarded') or computed_at is not null",
            name=op.f("ck_dispatch_batches_computed"),
        ),
        sa.CheckConstraint(
            "(made_by is null) = (slot is not null)", name=op.f("ck_dispatch_batches_by_somebody_or_schedule")
        ),
        sa.ForeignKeyConstraint(
            ["applied_by"], ["people.id"], name=op.f("fk_dispatch_batches_applied_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["people.id"], name=op.f("fk_dispatch_batches_made_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_dispatch_batches_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_batches")),
    )
    op.create_index("ix_dispatch_batches_path", "dispatch_batches", ["path", "id"], unique=False)
    op.create_index(
        "ix_dispatch_batches_work",
        "dispatch_batches",
        ["state", "id"],
        unique=False,
        postgresql_where=sa.text("state in ('queued', 'applying')"),
    )
    op.create_index(
        "uq_dispatch_batches_slot",
        "dispatch_batches",
        ["place_id", "slot"],
        unique=True,
        postgresql_where=sa.text("slot is not null"),
    )
    op.create_table(
        "dispatch_settings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("weights", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "mode",
            sa.Enum(
                "off",
                "preview",
                "apply",
                name="dispatchmode",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("hours", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["people.id"], name=op.f("fk_dispatch_settings_made_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_dispatch_settings_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_settings")),
        sa.UniqueConstraint("place_id", "version", name=op.f("uq_dispatch_settings_place_id_version")),
    )
    op.create_table(
        "dispatch_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "offered",
                "stale",
                "dropped",
                "unmatched",
                name="linestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("cost", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "nobody",
                "own_household",
                "qualification",
                "age",
                "insurance",
                "time",
                "asked",
                "busy",
                "outbid",
                name="cause",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'offered') = (offer_id is not null)", name=op.f("ck_dispatch_lines_offered_has_offer")
        ),
        sa.CheckConstraint(
            "(state = 'unmatched') = (cause is not null)", name=op.f("ck_dispatch_lines_unmatched_has_cause")
        ),
        sa.CheckConstraint(
            "(state = 'unmatched') = (member_id is null)", name=op.f("ck_dispatch_lines_unmatched_has_nobody")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["dispatch_batches.id"],
            name=op.f("fk_dispatch_lines_batch_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["people.id"], name=op.f("fk_dispatch_lines_member_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["need_id"], ["needs.id"], name=op.f("fk_dispatch_lines_need_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_lines")),
        sa.UniqueConstraint("batch_id", "need_id", name=op.f("uq_dispatch_lines_batch_id_need_id")),
    )
    op.create_index("ix_dispatch_lines_batch", "dispatch_lines", ["batch_id", "state", "id"], unique=False)
    op.create_index(
        "ix_dispatch_lines_member",
        "dispatch_lines",
        ["member_id"],
        unique=False,
        postgresql_where=sa.text("member_id is not null"),
    )

    op.create_table(
        "member_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "party",
                "volunteer",
                name="membershipkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=True),
        sa.Column("work_unit", sa.Text(), nullable=True),
        sa.Column("skills", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("times", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("birth_year", sa.SmallInteger(), nullable=True),
        sa.Column("insured_until", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column(
            "qualifications", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("birth_year between 1900 and 2200", name=op.f("ck_member_lines_birth_year_range")),
        sa.ForeignKeyConstraint(
            ["branch_id"], ["branches.id"], name=op.f("fk_member_lines_branch_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_member_lines_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_lines")),
        sa.UniqueConstraint(
            "phone_index", "kind", "place_id", name=op.f("uq_member_lines_phone_index_kind_place_id")
        ),
    )


def downgrade() -> None:
    op.drop_table("member_lines")
    op.drop_table("dispatch_lines")
    op.drop_table("dispatch_settings")
    op.drop_table("dispatch_batches")
